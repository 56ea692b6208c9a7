#!/usr/bin/env bash
# The largest resident memory of each command, on a real server.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

use_model
bar=8192
# memory NAME COMMAND…: runs it, and prints a row.
memory() {
    local name=$1 size
    shift
    size=$(/usr/bin/time -o "$SCRATCH/size" -f %M "$@" >"$SCRATCH/out" && tail -1 "$SCRATCH/size")
    row "memory: $name" "$bar KiB" "$size KiB" "$size <= $bar"
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
memory "send --wait -, a prompt of 1 MB" \
    "$OCCTL" send "$session" --wait --title t - <"$SCRATCH/prompt"
memory "stop" "$OCCTL" stop "$session"

# One event of 20 MB from the stand-in: a text, and the result of a tool.
bar=65536
export OCCTL_OPENCODE=$EXAMPLES/stand-in STAND_IN_FAULTS=$SCRATCH/faults.json
session=$("$OCCTL" start -q -w "$SCRATCH/work")
for what in text result; do
    turn='{"bytes": 20000000}'
    [[ $what == text ]] || turn='{"tool": {"name": "bash", "input": {}, "bytes": 20000000}}'
    echo "{\"turn\": $turn}" >"$STAND_IN_FAULTS"
    for how in --wait --json --stream; do
        memory "send $how, a $what of 20 MB" "$OCCTL" send "$session" --wait --title t $how hello
    done
done
