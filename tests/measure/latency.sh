#!/usr/bin/env bash
# How long after `curl -N` prints an event its text is on occtl's stdout. Loops of this
# script read both and note the time.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

use_model
session=$("$OCCTL" start -q -w "$SCRATCH/work" -t 120)
reach "$session"
"$OCCTL" send "$session" --wait --title t warm >/dev/null
curl -sN -H "$AUTHORIZATION" "$URL/event?directory=$DIRECTORY" 2>/dev/null |
    while IFS= read -r line; do
        if [[ $line =~ \"delta\":\"(w[0-9]+) ]]; then
            echo "${BASH_REMATCH[1]} ${EPOCHREALTIME/./}"
        fi
    done >"$SCRATCH/curl" &
listener=$!
# The last word has no space after it and is not read; there are enough others.
"$OCCTL" send "$session" --stream --title t '[[slow 41 50]]' | while IFS= read -r -d ' ' word; do
    echo "$word ${EPOCHREALTIME/./}"
done >"$SCRATCH/occtl"
"$OCCTL" stop "$session" >/dev/null
wait "$listener" || true
sort "$SCRATCH/curl" >"$SCRATCH/curl.sorted"
sort "$SCRATCH/occtl" | join - "$SCRATCH/curl.sorted" | awk '{ print $2 - $3 }' >"$SCRATCH/behind"
behind=$(median <"$SCRATCH/behind")
first=$(join <(head -1 "$SCRATCH/occtl") <(grep '^w1 ' "$SCRATCH/curl") | awk '{ print $2 - $3 }')
worst=$(sort -n "$SCRATCH/behind" | tail -1)
figure="first $(ms "$first"), median of $(wc -l <"$SCRATCH/behind") $(ms "$behind")"
row "text after curl -N has it" "5 ms" "$figure, worst $(ms "$worst")" \
    "$first <= 5000 && $behind <= 5000"
