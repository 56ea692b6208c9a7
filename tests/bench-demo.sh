#!/usr/bin/env bash
# `make bench-demo`: a benchmark from start to end, on the real OpenCode with a scripted model.
#
# The model `good` solves three tasks in four and `poor` one in four, so what must come out is known,
# and anything else is a failure. Everything happens in a temporary directory. Nothing of it stays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The compiler itself and not the one of rustup, which looks for its home.
PATH=$(rustc --print sysroot)/bin:$PATH
. tests/demo-lib.sh

start_bench_model
write_bench_plan demo
cd "$scratch"

echo "OpenCode is $opencode; its models are a script on this machine that solves a known share."
show occtl bench check plan.json --jobs 2
show occtl bench run plan.json -o results --jobs 2
show occtl bench status results
show occtl bench show results text-changes/good/1
show occtl bench report results --html report
show occtl bench compare results
echo "The status is $?."

# What must have come out.
pages=$(find report -name '*.html' | wc -l)
if ((pages != 17)); then
    echo "the report has $pages pages, not one for each run and one for all" >&2
    exit 1
fi
occtl bench status results --json >status.json
occtl bench compare results --json >verdict.json
strict=0 loose=0
occtl bench compare results --strict >/dev/null || strict=$?
occtl bench compare results --alpha 0.1 >/dev/null || loose=$?
if ((strict != 11 || loose != 10)); then
    echo "the status is $strict with --strict and $loose with --alpha 0.1, and not 11 and 10" >&2
    exit 1
fi
python3 - <<'END'
import json, sys

arms = json.load(open("status.json"))["arms"]
got = {arm: [counts[key] for key in ["runs", "pass", "fail", "unscored"]]
       for arm, counts in arms.items()}
want = {"good": [8, 6, 2, 0], "poor": [8, 2, 6, 0]}
if got != want:
    sys.exit(f"the benchmark gives {got} and not {want}")
# Each arm solves what the other does not: six tasks lost and two won, of eight tosses of a coin.
verdict = json.load(open("verdict.json"))
got = [verdict["verdict"], round(verdict["candidates"][0]["p_worse"], 9)]
if got != ["inconclusive", 0.08984375]:
    sys.exit(f"the verdict is {got}")
END
echo
echo "As expected: good passes 6 of 8, poor 2 of 8. When each task ran once, chance does as much in 9 of"
echo "100 nights, which is too often for an alarm: the verdict is that nothing is shown."
