#!/usr/bin/env bash
# `send --wait` and the two requests of curl that do the same, in turns, on one warm real server.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

use_model
session=$("$OCCTL" start -q -w "$SCRATCH/work" -t 120)
reach "$session"
request() { curl -s -H "$AUTHORIZATION" -H 'content-type: application/json' -d "$@"; }
# After an answer the server works on for a moment. The program that asks next would pay for that.
by_curl() {
    local a b c d id body='{"parts":[{"type":"text","text":"'$prompt'"}]}'
    sleep 0.2
    now a
    request '{"title":"t"}' "$URL/session" >"$SCRATCH/session"
    now b
    id=$(jq -r .id "$SCRATCH/session")
    now c
    request "$body" "$URL/session/$id/message" >/dev/null
    now d
    echo $((b - a + d - c)) >>"$SCRATCH/curl.times"
}
by_occtl() {
    local a b
    sleep 0.2
    now a
    "$OCCTL" send "$session" --wait --title t "$prompt" >/dev/null
    now b
    echo $((b - a)) >>"$SCRATCH/occtl.times"
}
for prompt in '[[tokens 20]]' '[[slow 20 50]]'; do
    # The first rounds warm the server up.
    in_turns 6 by_curl by_occtl
    rm "$SCRATCH"/*.times
    in_turns 30 by_curl by_occtl
    curl=$(median <"$SCRATCH/curl.times") occtl=$(median <"$SCRATCH/occtl.times")
    ratio=$(compared occtl.times curl.times)
    row "send --wait '$prompt'" "1.1 x two curl calls ($(ms "$curl"))" \
        "$(ms "$occtl") ($(ratio "$ratio" 1) x)" "$ratio <= 1.1"
done
