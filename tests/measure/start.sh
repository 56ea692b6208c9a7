#!/usr/bin/env bash
# `start` and a bare `opencode serve`, from the command to an answer about the directory: one by
# one, and 16 at once.
#
# No other program may use the ports from 7300 meanwhile. The bare server is asked as soon as it
# says that it listens; no client could know sooner.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

use_model
warm_home
bare() {
    local port=$1 line
    cd "$SCRATCH/work"
    exec 3< <(exec setsid "$REAL" serve --hostname 127.0.0.1 --port "$port" 2>/dev/null)
    local server=$!
    while IFS= read -r line <&3; do
        [[ $line == *'listening on'* ]] && break
    done
    curl -sf "http://127.0.0.1:$port/path?directory=$SCRATCH/work" >/dev/null ||
        echo "port $port does not answer" >&2
    now ended
    echo "$ended $server" >>"$SCRATCH/bare"
}
by_occtl() {
    cd "$SCRATCH/work"
    "$OCCTL" start -q -t 120 >>"$SCRATCH/ids"
}
# several WHAT COUNT: notes how many microseconds it takes until all of them answer.
several() {
    local began ended
    rm -f "$SCRATCH/bare" "$SCRATCH/ids"
    now began
    for ((number = 0; number < $2; number++)); do
        "$1" $((7300 + number)) &
        jobs+=($!)
    done
    wait "${jobs[@]}"
    now ended
    jobs=()
    echo $((ended - began)) >>"$SCRATCH/$1.$2"
    if [[ $1 == bare ]]; then
        local pids
        mapfile -t pids < <(awk '{ print $2 }' "$SCRATCH/bare")
        kill "${pids[@]}"
        while kill -0 "${pids[@]}" 2>/dev/null; do sleep 0.05; done
    else
        [[ $(sort -u "$SCRATCH/ids" | wc -l) == "$2" ]] ||
            echo "start.sh: not all of $2 started" >&2
        "$OCCTL" stop --all --quiet >/dev/null
    fi
}
jobs=()
one_bare() { several bare 1; }
one_by_occtl() { several by_occtl 1; }
many_bare() { several bare 16; }
many_by_occtl() { several by_occtl 16; }
# said COUNT NAME FACTOR: the row of that many starts.
said() {
    local bare occtl ratio
    bare=$(median <"$SCRATCH/bare.$1") occtl=$(median <"$SCRATCH/by_occtl.$1")
    ratio=$(compared "by_occtl.$1" "bare.$1")
    row "$2" "$3 x opencode serve ($(ms "$bare"))" "$(ms "$occtl") ($(ratio "$ratio" 1) x)" \
        "$ratio <= $3"
}
rounds=${BENCH_ROUNDS:-24}
in_turns "$rounds" one_bare one_by_occtl
said 1 "start" 1.05
in_turns $(((rounds + 7) / 8)) many_bare many_by_occtl
said 16 "16 starts at once" 1.10
