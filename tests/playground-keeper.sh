#!/usr/bin/env bash
# Runs the model of `make playground` (tests/playground.sh) and prints its address. When its stdin
# closes, that script has ended, and the shell, the servers, the model and all files end too.
#
#     tests/playground-keeper.sh PROGRAMS
set -uo pipefail
trap '' INT TERM HUP
scratch=$OCCTL_PLAYGROUND

# What has the playground's mark in its environment, but for this script.
marked() {
    local entry pid
    for entry in /proc/[0-9]*/environ; do
        pid=${entry//[!0-9]/}
        if [[ $pid != "$$" ]] && grep -qzx "OCCTL_PLAYGROUND=$scratch" "$entry" 2>/dev/null; then
            echo "$pid"
        fi
    done
}

coproc MODEL { exec "$1/examples/scripted-model" --until-stdin-closes; }
IFS= read -r url <&"${MODEL[0]}"
echo "$url"
exec >&-

# The script says nothing: this returns when it has ended.
cat >/dev/null
# The shell is still there if the script was killed alone.
shell=$(cat "$scratch/shell" 2>/dev/null)
if [[ -n $shell ]] && marked | grep -qx "$shell"; then
    kill -KILL "$shell"
fi
# Servers are stopped as a user stops them; what is left then is killed.
timeout 20 "$1/occtl" stop --all --quiet >/dev/null 2>&1
for pid in $(marked); do
    kill -KILL "$pid" 2>/dev/null
done
rm -rf "$scratch"
