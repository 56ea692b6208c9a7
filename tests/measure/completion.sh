#!/usr/bin/env bash
# How long a shell waits for what it completes, with a project of 5,000 conversations.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export OCCTL_OPENCODE=$EXAMPLES/stand-in STAND_IN_FAULTS=$SCRATCH/faults.json
echo '{"bulk_conversations": 5000}' >"$STAND_IN_FAULTS"
session=$("$OCCTL" start -q -w "$SCRATCH/work" -t 120)
# completed WHAT WORDS…: how long the words take to be completed.
completed() {
    local what=$1 began ended took candidates
    shift
    for ((round = 0; round < 15; round++)); do
        now began
        "$OCCTL" complete words -- "$@" >"$SCRATCH/candidates"
        now ended
        echo $((ended - began))
    done >"$SCRATCH/times"
    took=$(median <"$SCRATCH/times")
    candidates=$(($(wc -l <"$SCRATCH/candidates") - 1))
    row "completion of $what" "100 ms, and some" \
        "$(ms "$took"), $candidates candidates" "$took <= 100000 && $candidates > 0"
}
completed "a session" status ''
completed "one conversation in 5,000" tail "$session" -s ''
completed "a model" send "$session" -m ''
"$OCCTL" stop "$session" >/dev/null
