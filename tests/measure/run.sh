#!/usr/bin/env bash
# `make measure`: runs the measurements beside it (all of them, or those in the arguments), and prints
# bar and figure of each.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
for tool in curl jq strace /usr/bin/time; do
    command -v "$tool" >/dev/null || { echo "make measure needs $tool" >&2; exit 1; }
done
if [[ $# == 0 ]]; then
    set -- version size threads memory store send latency start nothing list stream events statistics
fi
line() { printf '%-40s %-42s %-58s %s\n' "$@"; }
line what bar figure ''
for name in "$@"; do
    ./"$name.sh" | while IFS=$'\t' read -r what bar figure verdict; do
        line "$what" "$bar" "$figure" "$verdict"
    done
done
