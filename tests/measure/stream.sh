#!/usr/bin/env bash
# A million events of about 300 bytes, of which nine in ten belong to other conversations: CPU and
# memory of `send --stream`, and of `curl -N | jq -c` on the same stream of the same server at the
# same time.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export OCCTL_OPENCODE=$EXAMPLES/stand-in STAND_IN_FAULTS=$SCRATCH/faults.json
others=${BENCH_OTHERS:-900000} own=${BENCH_OWN:-100000}
echo "{\"events\":{\"flood\":$others},\"turn\":{\"tokens\":$own}}" >"$STAND_IN_FAULTS"
session=$("$OCCTL" start -q -w "$SCRATCH/work")
reach "$session"
/usr/bin/time -o "$SCRATCH/curl" -f '%U %S %M' \
    curl -sN -H "$AUTHORIZATION" "$URL/event?directory=$DIRECTORY" |
    tee >(wc -lc >"$SCRATCH/bytes") |
    /usr/bin/time -o "$SCRATCH/jq" -f '%U %S %M' \
        jq -cR 'select(startswith("data: ")) | .[6:] | fromjson' |
    tail -n 1 >"$SCRATCH/last" &
listener=$!
# curl must listen first, or it would miss the first events.
while ! ss -Htn state established "dport = :${URL##*:}" | grep -q .; do sleep 0.05; done
sleep 0.5
/usr/bin/time -o "$SCRATCH/occtl" -f '%U %S %M %e' \
    "$OCCTL" send "$session" --stream --title t -t 600 go >"$SCRATCH/text"
words=$(tr ' ' '\n' <"$SCRATCH/text" | grep -c '^w[0-9]')
# curl ends with the server. By then jq must have read everything, so that all of them read the
# same.
sleep "${BENCH_DRAIN:-20}"
"$OCCTL" stop "$session" >/dev/null
wait "$listener" || true
while [[ ! -s $SCRATCH/bytes ]]; do sleep 0.1; done
read -r lines bytes <"$SCRATCH/bytes"
cpu() { awk '{ print $1 + $2 }' <(tail -1 "$1"); }
curl=$(cpu "$SCRATCH/curl") jq=$(cpu "$SCRATCH/jq") occtl=$(cpu "$SCRATCH/occtl")
read -r _ _ memory wall <<<"$(tail -1 "$SCRATCH/occtl")"
[[ $words == "$own" ]] || echo "stream.sh: $words of $own words arrived" >&2
row "CPU of $((lines / 2)) events of $((bytes * 2 / lines)) bytes" \
    "curl -N | jq -c ($curl + $jq s) / 10" \
    "$occtl s ($(ratio "($curl + $jq)" "$occtl") x less, wall $wall s)" \
    "($curl + $jq) >= 10 * $occtl"
row "memory of that" "8192 KiB" "$memory KiB" "$memory <= 8192"
