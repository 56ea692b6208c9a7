#!/usr/bin/env bash
# `occtl bench`: what a run costs over `occtl run` by hand, what its parent costs, and what a batch
# of 100,000 results costs to go on with and to report.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export TMPDIR=$SCRATCH/tmp STAND_IN_FAULTS=$SCRATCH/faults.json
mkdir "$TMPDIR"
echo '{}' >"$STAND_IN_FAULTS"
stand_in=$EXAMPLES/stand-in
# plan FILE TASKS ARMS REPEATS OPENCODE: writes a plan of tasks that need no files and always pass.
plan() {
    jq -n --argjson tasks "$2" --argjson arms "$3" --argjson repeats "$4" --arg opencode "$5" '{
        schema: 1, name: "measure", seed: 1, repeats: $repeats, pass_env: ["STAND_IN_FAULTS"],
        tasks: [range($tasks) | {id: "t\(.)", instruction: "Do it.", check: ["true"]}],
        arms: [range($arms) | {id: "a\(.)", model: "scripted/echo", opencode: $opencode}]}' >"$1"
}

# A run of a batch, and the same prompt by hand.
runs=12
plan "$SCRATCH/few.json" $runs 1 1 "$stand_in"
cd "$SCRATCH/work"
export OCCTL_OPENCODE=$stand_in
now began
for ((run = 0; run < runs; run++)); do "$OCCTL" run -q 'Do it.' -m scripted/echo >/dev/null; done
now ended
by_hand=$(((ended - began) / runs))
now began
"$OCCTL" bench run "$SCRATCH/few.json" -o "$SCRATCH/few" --jobs 1 >/dev/null 2>&1
now ended
in_batch=$(((ended - began) / runs))
row "a run of bench, of $runs" "occtl run by hand ($(ms $by_hand)) + 100 ms" "$(ms $in_batch)" \
    "$in_batch <= $by_hand + 100000"

# The processor time and the memory of the parent alone, read until it is gone.
follow() {
    local pid=$1
    while read -r busy _ 2>/dev/null <"/proc/$pid/schedstat"; do
        nanoseconds=$busy
        peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status" 2>/dev/null || true)
        most=${peak:-$most}
        sleep 0.02
    done
}
runs=60 most=0
plan "$SCRATCH/more.json" $runs 1 1 "$stand_in"
"$OCCTL" bench run "$SCRATCH/more.json" -o "$SCRATCH/more" --jobs 2 >/dev/null 2>&1 &
follow $!
wait $! || true
row "CPU of the parent of $runs runs, each" "1 ms" "$(ms $((nanoseconds / runs / 1000)))" \
    "$nanoseconds <= $runs * 1000000"

# 10,000 runs, of which a few are done: the parent has them all in memory.
most=0
plan "$SCRATCH/wide.json" 1000 2 5 "$stand_in"
"$OCCTL" bench run "$SCRATCH/wide.json" -o "$SCRATCH/wide" --limit 4 >/dev/null 2>&1 &
follow $!
wait $! || true
row "memory: bench run of 10,000 runs" "16384 KiB" "$most KiB" "0 < $most && $most <= 16384"

# fill PLAN RESULTS LEFT: makes a batch of which so many runs are left, out of one line that was
# recorded and the artifacts of its run.
fill() {
    "$OCCTL" bench run "$1" -o "$2" --limit 1 >/dev/null 2>&1 || true
    "$OCCTL" bench status "$2" --json >"$SCRATCH/status"
    python3 - "$2" "$SCRATCH/status" "$SCRATCH/few" "$3" <<'END'
import glob, json, os, shutil, sys

night, status, few, left = sys.argv[1:]
recorded = lambda place: glob.glob(place + "/results-*.jsonl")[0]
template = json.loads(open(recorded(few)).readline())
own = json.loads(open(recorded(night)).readline())
for key in ["batch", "plan_sha256", "opencode_sha256", "catalogue_sha256"]:
    template[key] = own[key]
runs = json.load(open(status))["runs"]
with open(recorded(night), "a") as out:
    for number, run in enumerate(runs[:len(runs) - int(left)]):
        line = dict(template, attempt=9)
        for key in ["run_id", "task", "arm", "repeat"]:
            line[key] = run[key]
        line["result"] = "pass" if number % 3 else "fail"
        if len(runs) <= 1000:
            line["artifacts"] = f"artifacts/{run['run_id']}/9"
            shutil.copytree(f"{few}/{template['artifacts']}", f"{night}/{line['artifacts']}")
        out.write(json.dumps(line, separators=(",", ":")) + "\n")
END
}
# one NAME SECONDS KIB COMMAND…: how long a command takes and its largest memory.
one() {
    local name=$1 limit=$2 most=$3 took size
    shift 3
    for _ in 1 2 3; do
        rm -rf "$SCRATCH/html"
        /usr/bin/time -o "$SCRATCH/cost" -f '%e %M' "$@" >"$SCRATCH/said" 2>&1 ||
            echo "bench.sh: $name: $(tail -1 "$SCRATCH/said")" >&2
        tail -1 "$SCRATCH/cost"
    done >"$SCRATCH/costs"
    took=$(awk '{ print $1 }' "$SCRATCH/costs" | median)
    size=$(awk '{ print $2 }' "$SCRATCH/costs" | sort -n | tail -1)
    row "$name" "$limit s, $most KiB" "$took s, $size KiB" "$took <= $limit && $size <= $most"
}
plan "$SCRATCH/night.json" 500 40 5 /bin/true
fill "$SCRATCH/night.json" "$SCRATCH/night" 100
one "bench run that goes on, 100,000 results" 1 65536 \
    "$OCCTL" bench run "$SCRATCH/night.json" -o "$SCRATCH/night" --dry-run
one "bench status, 100,000 results" 1 65536 "$OCCTL" bench status "$SCRATCH/night"
one "bench report, 100,000 results" 1 65536 "$OCCTL" bench report "$SCRATCH/night"
plan "$SCRATCH/thousand.json" 100 2 5 /bin/true
fill "$SCRATCH/thousand.json" "$SCRATCH/thousand" 0
one "bench report --html, 1,000 runs" 5 65536 \
    "$OCCTL" bench report "$SCRATCH/thousand" --html "$SCRATCH/html"
