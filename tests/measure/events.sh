#!/usr/bin/env bash
# A million events of about 300 bytes that belong to other conversations: CPU and memory of `events
# -s`, and of `curl -N >/dev/null` on the same stream of the same server at the same time.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export OCCTL_OPENCODE=$EXAMPLES/stand-in STAND_IN_FAULTS=$SCRATCH/faults.json
others=${BENCH_OTHERS:-1000000}
echo '{}' >"$STAND_IN_FAULTS"
session=$("$OCCTL" start -q -w "$SCRATCH/work")
reach "$session"
ours=$("$OCCTL" send "$session" --title t -q hello)
"$OCCTL" wait "$session" -s "$ours" -q >/dev/null
/usr/bin/time -o "$SCRATCH/curl" -f '%U %S %M' \
    curl -sN -H "$AUTHORIZATION" "$URL/event?directory=$DIRECTORY" >/dev/null &
curl=$!
/usr/bin/time -o "$SCRATCH/occtl" -f '%U %S %M' \
    "$OCCTL" events "$session" -s "$ours" >"$SCRATCH/lines" 2>/dev/null &
occtl=$!
# Both must listen first, or they would miss the first events.
while (($(ss -Htn state established "dport = :${URL##*:}" | wc -l) < 2)); do sleep 0.05; done
sleep 0.5
echo "{\"events\":{\"flood\":$others}}" >"$STAND_IN_FAULTS"
"$OCCTL" send "$session" --title others -q go >/dev/null
# The next prompt of our own conversation comes behind all of them.
while [[ $("$OCCTL" status "$session" --no-git --json | jq -r .state) != idle ]]; do sleep 0.2; done
echo '{}' >"$STAND_IN_FAULTS"
"$OCCTL" send "$session" -s "$ours" -q again >/dev/null
while ! grep -q session.idle "$SCRATCH/lines"; do sleep 0.1; done
sleep "${BENCH_DRAIN:-10}"
"$OCCTL" stop "$session" >/dev/null
wait "$curl" "$occtl" || true
cpu() { awk '{ print $1 + $2 }' <(tail -1 "$1"); }
curl=$(cpu "$SCRATCH/curl") occtl=$(cpu "$SCRATCH/occtl")
read -r _ _ memory <<<"$(tail -1 "$SCRATCH/occtl")"
row "CPU of $others events of others" "3 x curl -N ($curl s)" \
    "$occtl s ($(ratio "$occtl" "($curl + 0.001)") x)" "$occtl <= 3 * $curl"
row "memory of that" "8192 KiB" "$memory KiB" "$memory <= 8192"
