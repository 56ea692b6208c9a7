#!/usr/bin/env bash
# From nothing to the answer: `occtl run` and `opencode run` with the same prompt, in turns, in the
# same warm home.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

use_model
warm_home
# timed FILE COMMAND…: notes how long it takes.
timed() {
    local began ended file=$SCRATCH/$1
    shift
    now began
    (cd "$SCRATCH/work" && "$@" >/dev/null 2>&1 </dev/null)
    now ended
    echo $((ended - began)) >>"$file"
}
by_opencode() { timed opencode "$REAL" run hi; }
by_occtl() { timed occtl "$OCCTL" run -q -t 120 hi; }
# The first round finds the catalogue and the database of the program, and is not counted.
in_turns 1 by_opencode by_occtl
rm "$SCRATCH/opencode" "$SCRATCH/occtl"
in_turns "${BENCH_ROUNDS:-16}" by_opencode by_occtl
opencode=$(median <"$SCRATCH/opencode") occtl=$(median <"$SCRATCH/occtl")
ratio=$(compared occtl opencode)
row "run from nothing to the answer" "0.75 x opencode run ($(ms "$opencode"))" \
    "$(ms "$occtl") ($(ratio "$ratio" 1) x)" "$ratio <= 0.75"
