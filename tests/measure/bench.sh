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

# The processor time of a process alone, in nanoseconds. It is read when the process has ended and
# before it is waited for.
cat >"$SCRATCH/alone.py" <<'END'
import os, subprocess, sys

null = subprocess.DEVNULL
process = subprocess.Popen(sys.argv[1:], stdout=null, stderr=null)
os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
print(open(f"/proc/{process.pid}/schedstat").read().split()[0])
sys.exit(process.wait())
END
# night NAME RUNS JOBS: makes a batch of so many runs; sets `took` to its microseconds, and `busy` to
# the nanoseconds that its parent used.
night() {
    local began ended
    plan "$SCRATCH/$1.json" "$2" 1 1 "$stand_in"
    now began
    busy=$(python3 "$SCRATCH/alone.py" \
        "$OCCTL" bench run "$SCRATCH/$1.json" -o "$SCRATCH/$1" --jobs "$3")
    now ended
    took=$((ended - began))
}
# What twice as many runs cost more is the cost of runs: a batch reads its plan once, and starts a
# server before the first run.
runs=16
night few $runs 1
once=$took
night twice $((2 * runs)) 1
in_batch=$(((took - once) / runs))
# The same prompt by hand.
cd "$SCRATCH/work"
export OCCTL_OPENCODE=$stand_in
now began
for ((run = 0; run < runs; run++)); do "$OCCTL" run -q 'Do it.' -m scripted/echo >/dev/null; done
now ended
by_hand=$(((ended - began) / runs))
row "a run of bench, of $runs" "occtl run by hand ($(ms $by_hand)) + 100 ms" "$(ms $in_batch)" \
    "$in_batch <= $by_hand + 100000"
runs=30
# Each batch is short, and what else the machine does in that time is counted with it.
for round in 1 2 3; do
    night "half$round" $runs 2
    once=$busy
    night "whole$round" $((2 * runs)) 2
    echo $(((busy - once) / runs / 1000))
done >"$SCRATCH/parents"
parent=$(median <"$SCRATCH/parents")
each_true() { for ((run = 0; run < 200; run++)); do /bin/true; done; }
for _ in 1 2 3; do took each_true; done >"$SCRATCH/trues"
true=$(($(median <"$SCRATCH/trues") / 200))
row "CPU of the parent of bench, a run of $runs" "1 ms, or a call of /bin/true ($(ms "$true"))" \
    "$(ms "$parent")" "$(within "$parent" 1000 "$true" 1)"

# The most memory of a process in KiB, read until it is gone.
follow() {
    local peak
    while peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$1/status" 2>/dev/null); do
        most=${peak:-$most}
        sleep 0.02
    done
}

# 10,000 runs, of which a few are done: the parent has them all in memory.
most=0
plan "$SCRATCH/wide.json" 1000 2 5 "$stand_in"
"$OCCTL" bench run "$SCRATCH/wide.json" -o "$SCRATCH/wide" --limit 4 >/dev/null 2>&1 &
follow $!
wait $! || true
row "memory: bench run of 10,000 runs" "16384 KiB" "$most KiB" "0 < $most && $most <= 16384"

# fill PLAN RESULTS: makes a finished batch, out of one line that was recorded and the artifacts of its
# run.
fill() {
    "$OCCTL" bench run "$1" -o "$2" --limit 1 >/dev/null 2>&1 || true
    "$OCCTL" bench status "$2" --json >"$SCRATCH/status"
    python3 - "$2" "$SCRATCH/status" "$SCRATCH/few" <<'END'
import glob, json, os, shutil, sys

night, status, few = sys.argv[1:]
recorded = lambda place: glob.glob(place + "/results-*.jsonl")[0]
template = json.loads(open(recorded(few)).readline())
own = json.loads(open(recorded(night)).readline())
for key in ["batch", "plan_sha256", "opencode_sha256", "catalogue_sha256"]:
    template[key] = own[key]
runs = json.load(open(status))["runs"]
with open(recorded(night), "a") as out:
    for number, run in enumerate(runs):
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
# one NAME SECONDS KIB COMMAND…: how long a command takes and its largest memory. `jq`, if that is
# set, is what jq needs to read the same lines, in microseconds.
one() {
    local name=$1 limit=$2 most=$3 took size status bar
    shift 3
    for _ in 1 2 3; do
        rm -rf "$SCRATCH/html"
        status=0
        /usr/bin/time -o "$SCRATCH/cost" -f '%e %M' "$@" >"$SCRATCH/said" 2>&1 || status=$?
        # 2: nothing is left; 10: an arm is worse.
        [[ $status =~ ^(0|2|10)$ ]] || echo "bench.sh: $name: $(tail -1 "$SCRATCH/said")" >&2
        tail -1 "$SCRATCH/cost"
    done >"$SCRATCH/costs"
    took=$(awk '{ print $1 }' "$SCRATCH/costs" | median)
    size=$(awk '{ print $2 }' "$SCRATCH/costs" | sort -n | tail -1)
    bar="$limit s${jq:+, or 0.3 x jq ($(ms "$jq"))}"
    row "$name" "$bar, $most KiB" "$took s, $size KiB" \
        "($(within "$took * 1000000" "$limit * 1000000" "${jq:-0}" 0.3)) && $size <= $most"
}
plan "$SCRATCH/night.json" 500 40 5 /bin/true
fill "$SCRATCH/night.json" "$SCRATCH/night"
read_by_jq() { jq -c .result "$SCRATCH"/night/results-*.jsonl; }
jq=$(took read_by_jq)
# It finds out that nothing is left.
one "bench run that goes on, 100,000 results" 1 65536 \
    "$OCCTL" bench run "$SCRATCH/night.json" -o "$SCRATCH/night"
one "bench status, 100,000 results" 1 65536 "$OCCTL" bench status "$SCRATCH/night"
one "bench report, 100,000 results" 1 65536 "$OCCTL" bench report "$SCRATCH/night"
one "bench compare, 100,000 results" 1 65536 \
    "$OCCTL" bench compare "$SCRATCH/night:a0" "$SCRATCH/night:a1"
jq=
plan "$SCRATCH/thousand.json" 100 2 5 /bin/true
fill "$SCRATCH/thousand.json" "$SCRATCH/thousand"
one "bench report --html, 1,000 runs" 5 65536 \
    "$OCCTL" bench report "$SCRATCH/thousand" --html "$SCRATCH/html"
