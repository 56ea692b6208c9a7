#!/usr/bin/env bash
# The static binary: its size, and that it works where there is no other file.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

size=$(wc -c <"$OCCTL")
row "static binary" "3670016 bytes (3.5 MiB)" "$size bytes" "$size <= 3670016"
root=$SCRATCH/root
mkdir "$root"
cp "$OCCTL" "$root/occtl"
enter() {
    if [[ $(id -u) == 0 ]]; then
        env -i OCCTL_DATA_DIR=/data "$(command -v chroot)" "$root" /occtl "$@"
    else
        env -i OCCTL_DATA_DIR=/data "$(command -v unshare)" -r \
            "$(command -v chroot)" "$root" /occtl "$@"
    fi
}
for command in version list; do
    said=$(enter "$command" 2>&1) && works=1 || works=0
    row "$command in an empty root" "works" "${said%%$'\n'*}" "$works"
done
