#!/usr/bin/env bash
# `list` with 40 live servers, each in a git repository of its own. The bar is a twentieth of the
# 2.2 s that opencode-ctl 0.4.0 took, or 1.5 times what git alone needs for the same 40.
# BENCH_REAL=1 adds 40 real servers to the stand-ins (12 GB of memory).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

each_status() {
    for ((number = 0; number < 40; number++)); do git -C "$SCRATCH/work/$number" status --porcelain; done
}
measure() {
    local began ended limit=110000 git
    for ((number = 0; number < 40; number++)); do
        git init -q "$SCRATCH/work/$number"
    done
    seq 0 39 | xargs -P 4 -I{} "$OCCTL" start -q -t 120 -w "$SCRATCH/work/{}" >/dev/null
    for ((round = 0; round < 15; round++)); do
        now began
        "$OCCTL" list >"$SCRATCH/list"
        now ended
        echo $((ended - began)) >>"$SCRATCH/times"
    done
    [[ $(grep -c ' idle ' "$SCRATCH/list") == 40 ]] || echo "list.sh: not all 40 are idle" >&2
    for _ in 1 2 3 4 5; do took each_status; done >"$SCRATCH/gits"
    local took
    took=$(median <"$SCRATCH/times") git=$(median <"$SCRATCH/gits")
    row "list, 40 $1" "110 ms (2.2 s / 20), or 1.5 x git alone ($(ms "$git"))" "$(ms "$took")" \
        "$(within "$took" "$limit" "$git" 1.5)"
    memory=$(/usr/bin/time -f %M "$OCCTL" list 2>&1 >/dev/null)
    row "memory: list, 40 $1" "8192 KiB" "$memory KiB" "$memory <= 8192"
    "$OCCTL" stop --all --force --quiet >/dev/null
    rm -f "$SCRATCH/times"
}
OCCTL_OPENCODE=$EXAMPLES/stand-in measure "stand-ins"
if [[ -n ${BENCH_REAL:-} ]]; then
    warm_home
    measure "real servers"
fi
