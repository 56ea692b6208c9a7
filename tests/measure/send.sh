#!/usr/bin/env bash
# `send --wait` and the two requests of curl that do the same, in turns, on one warm real server.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

use_model
session=$("$OCCTL" start -q -w "$SCRATCH/work" -t 120)
reach "$session"
request() { curl -s -H "$AUTHORIZATION" -H 'content-type: application/json' -d "$@"; }
by_curl() {
    local a b c d id prompt='{"parts":[{"type":"text","text":"'$1'"}]}'
    now a
    request '{"title":"t"}' "$URL/session" >"$SCRATCH/session"
    now b
    id=$(jq -r .id "$SCRATCH/session")
    now c
    request "$prompt" "$URL/session/$id/message" >/dev/null
    now d
    echo $((b - a + d - c))
}
by_occtl() {
    local a b
    now a
    "$OCCTL" send "$session" --wait --title t "$1" >/dev/null
    now b
    echo $((b - a))
}
for prompt in '[[tokens 20]]' '[[slow 20 50]]'; do
    rm -f "$SCRATCH"/*.times
    # After an answer the server works on for a moment. The program that asks next would pay for that,
    # and mostly that was occtl, because curl takes longer to begin.
    for ((round = 0; round < 25; round++)); do
        sleep 0.2
        by_curl "$prompt" >>"$SCRATCH/curl.times"
        sleep 0.2
        by_occtl "$prompt" >>"$SCRATCH/occtl.times"
    done
    # The first five rounds warm the server up.
    curl=$(tail -n +6 "$SCRATCH/curl.times" | median)
    occtl=$(tail -n +6 "$SCRATCH/occtl.times" | median)
    row "send --wait '$prompt'" "1.1 x two curl calls ($(ms "$curl"))" \
        "$(ms "$occtl") ($(ratio "$occtl" "$curl") x)" "$occtl <= 1.1 * $curl"
done
