#!/usr/bin/env bash
# From nothing to the answer: `occtl run` and `opencode run` with the same prompt, in turns, in the
# same warm home.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

use_model
warm_home
by_opencode() {
    (cd "$SCRATCH/work" && "$REAL" run hi >/dev/null 2>&1 </dev/null)
}
by_occtl() {
    (cd "$SCRATCH/work" && "$OCCTL" run -q -t 120 hi >/dev/null </dev/null)
}
rounds=${BENCH_ROUNDS:-9}
# The first round finds the catalogue and the database of the program, and is not counted.
for ((round = 0; round <= rounds; round++)); do
    for way in by_opencode by_occtl; do
        now began
        "$way"
        now ended
        ((round == 0)) || echo $((ended - began)) >>"$SCRATCH/$way"
    done
done
opencode=$(median <"$SCRATCH/by_opencode") occtl=$(median <"$SCRATCH/by_occtl")
row "run from nothing to the answer" "0.75 x opencode run ($(ms "$opencode"))" \
    "$(ms "$occtl") ($(ratio "$occtl" "$opencode") x)" "$occtl <= 0.75 * $opencode"
