#!/usr/bin/env bash
# Long histories: the memory of what reads them, and what an export costs beside `curl -o`.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export OCCTL_OPENCODE=$EXAMPLES/stand-in STAND_IN_FAULTS=$SCRATCH/faults.json
# prepare MESSAGES BYTES CONVERSATIONS: starts a session with such a conversation.
prepare() {
    echo "{\"messages\": $1, \"message_bytes\": $2, \"bulk_conversations\": $3}" >"$STAND_IN_FAULTS"
    session=$("$OCCTL" start -q -w "$SCRATCH/work" -t 120)
    reach "$session"
    conversation=$("$OCCTL" sessions "$session" --json |
        jq -r '[.conversations[] | select(.title == "Prepared") | .id][0]')
}
# memory NAME COMMAND…: its largest resident memory.
memory() {
    local name=$1 size
    shift
    /usr/bin/time -o "$SCRATCH/size" -f %M "$@" >/dev/null 2>"$SCRATCH/said" ||
        echo "histories.sh: $name: $(head -1 "$SCRATCH/said")" >&2
    size=$(tail -1 "$SCRATCH/size")
    row "memory: $name" "8192 KiB" "$size KiB" "$size <= 8192"
}

prepare 20000 5000 0
# Processor seconds of a command, the median of five.
cpu() {
    for _ in 1 2 3 4 5; do
        rm -f "$SCRATCH/by-curl" "$SCRATCH/by-occtl"
        /usr/bin/time -o "$SCRATCH/cpu" -f '%U %S' "$@" >/dev/null
        awk '{ print $1 + $2 }' "$SCRATCH/cpu"
    done | median
}
# The server names no next page without a limit, so curl gets the whole history at once.
curl=$(cpu curl -s -H "$AUTHORIZATION" -o "$SCRATCH/by-curl" \
    "$URL/session/$conversation/message?directory=$DIRECTORY")
occtl=$(cpu "$OCCTL" export "$session" -s "$conversation" -o "$SCRATCH/by-occtl")
bytes=$(wc -c <"$SCRATCH/by-occtl")
row "export of $((bytes / 1000000)) MB" "4 x CPU of curl -o ($curl s)" \
    "$occtl s ($(ratio "$occtl" "($curl + 0.001)") x)" "$occtl <= 4 * $curl"
rm -f "$SCRATCH/by-curl" "$SCRATCH/by-occtl"
"$OCCTL" stop "$session" >/dev/null

prepare 20000 10000 5000
history="a history of 200 MB"
memory "export, $history" "$OCCTL" export "$session" -s "$conversation"
memory "export --format markdown, $history" \
    "$OCCTL" export "$session" -s "$conversation" --format markdown
memory "tail, $history" "$OCCTL" tail "$session" -s "$conversation"
memory "tail -n 20000, $history" "$OCCTL" tail "$session" -s "$conversation" -n 20000
memory "usage, $history" "$OCCTL" usage "$session" -s "$conversation"
memory "usage --since, $history" "$OCCTL" usage "$session" --since yesterday
memory "last, $history" "$OCCTL" last "$session" -s "$conversation"
memory "summary, $history" "$OCCTL" summary "$session" -s "$conversation"
memory "sessions, 5,000 conversations" "$OCCTL" sessions "$session"
memory "children --tree, 5,000 conversations" "$OCCTL" children "$session" --tree
memory "list --all-conversations, 5,000 of them" "$OCCTL" list --all-conversations
"$OCCTL" stop "$session" >/dev/null
