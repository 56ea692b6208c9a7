#!/usr/bin/env bash
# The largest resident size of each command, on a real server.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

use_model
# memory NAME COMMAND…
memory() {
    local name=$1 size
    shift
    size=$(/usr/bin/time -o "$SCRATCH/size" -f %M "$@" >"$SCRATCH/out" && tail -1 "$SCRATCH/size")
    row "memory: $name" "8192 KiB" "$size KiB" "$size <= 8192"
}
memory "version" "$OCCTL" version
memory "help send" "$OCCTL" help send
memory "start" "$OCCTL" start -q -w "$SCRATCH/work" -t 120
session=$(<"$SCRATCH/out")
memory "status" "$OCCTL" status "$session"
memory "list" "$OCCTL" list
memory "send" "$OCCTL" send "$session" hello
memory "send --wait" "$OCCTL" send "$session" --wait hello
memory "send --wait --json, 4000 tokens" "$OCCTL" send "$session" --wait --json '[[tokens 4000]]'
memory "send --stream, 4000 tokens" "$OCCTL" send "$session" --stream '[[tokens 4000]]'
head -c 1000000 /dev/zero | tr '\0' x >"$SCRATCH/prompt"
memory "send --wait -, a prompt of 1 MB" "$OCCTL" send "$session" --wait --title t - <"$SCRATCH/prompt"
memory "stop" "$OCCTL" stop "$session"
