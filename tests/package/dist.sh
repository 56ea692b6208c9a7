#!/usr/bin/env bash
# `make dist`: an archive with the program, its man pages, its completions and the licence.
#
#     dist.sh PROGRAM MACHINE OUT [OWN]
#
# Writes OUT/occtl-VERSION-MACHINE-linux.tar.gz with a file of its checksum, and prints both paths. The
# same program and the same commit give the same bytes. OWN is the same program for this machine, if
# PROGRAM does not run here.
packed=$1 machine=$2 out=$3 program=${4:-$1}
. "$(dirname "${BASH_SOURCE[0]}")/tree.sh"
name=occtl-$version-$machine-linux
tree=$work/$name
put 755 "$packed" "$tree/bin/occtl"
"$program" man -o "$tree/share/man/man1"
completions "$tree/share/bash-completion/completions/occtl" \
    "$tree/share/zsh/site-functions/_occtl" "$tree/share/fish/vendor_completions.d/occtl.fish"
for file in LICENSE README.md docs/changelog.md; do
    put 644 "$file" "$tree/share/doc/occtl/$(basename "$file")"
done
(cd "$tree" && find . -type f -printf '%P\n' | sort | xargs sha256sum >"$work/SHA256SUMS")
put 644 "$work/SHA256SUMS" "$tree/share/doc/occtl/SHA256SUMS"
date_all "$tree"
tar --create --format=ustar --sort=name --owner=0 --group=0 --numeric-owner \
    --mode='u=rwX,go=rX' --directory "$work" "$name" | gzip -n -9 >"$work/archive"
mv "$work/archive" "$out/$name.tar.gz"
(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "$out/$name.tar.gz"
echo "$out/$name.tar.gz.sha256"
