#!/usr/bin/env bash
# `make scale-figures`: what the runs of a benchmark need on this machine, as docs/scale.md has it, with
# the real OpenCode and a scripted model. Memory and bytes are exact; times are those of this machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/scale/lib.sh
start_bench_model --steady
write_bench_plan figures
cd "$scratch"

# Runs a benchmark, and prints the most memory that all its processes have at once, and the processor
# time of a run. A page that several processes share counts once (PSS).
cat >watch.py <<'END'
import os, resource, signal, subprocess, sys, time

jobs, runs = sys.argv[1:]
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
run = subprocess.Popen(["occtl", "bench", "run", "plan.json", "-o", f"jobs-{jobs}", "--jobs", jobs,
                        "--limit", runs],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def parents():
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                found[int(name)] = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            pass
    return found

def memory(process, key):
    try:
        with open(f"/proc/{process}/smaps_rollup") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith(key))
    except OSError:
        return 0

def descends(process, known):
    while process and process != run.pid:
        process = known.get(process, 0)
    return process == run.pid

most, own = 0, 0
try:
    while run.poll() is None:
        known = parents()
        family = [process for process in known if descends(process, known)]
        most = max(most, sum(memory(process, "Pss:") for process in family))
        own = max(own, memory(run.pid, "Pss:"))
        time.sleep(0.1)
finally:
    run.terminate()
    run.wait()
spent = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu = (spent.ru_utime + spent.ru_stime) / int(runs)
print(f"--jobs {jobs}: at most {most // 1024} MiB in all, {own // 1024} MiB of them the parent's; "
      f"{cpu:.1f} s of a processor a run")
sys.exit(run.returncode)
END
echo "Memory and processor:"
watch=''
stop_all() {
    [[ -z $watch ]] || { kill "$watch" && wait "$watch"; } 2>/dev/null || true
}
for jobs in 1 2 4; do
    python3 watch.py $jobs $((jobs > 2 ? 8 : 4)) &
    watch=$!
    wait $watch
    watch=''
done

echo "Disk, of 8 runs:"
night=jobs-4
artifacts=$night/artifacts
echo "artifacts: $(($(du -s --apparent-size -B1 $artifacts | cut -f1) / 8)) bytes and" \
    "$(($(find $artifacts -type f | wc -l) / 8)) files a run," \
    "$(($(du -s -B1 $artifacts | cut -f1) / 8)) bytes of disk"
echo "kept trees of failed runs: $(($(du -s -B1 $night/kept | cut -f1) / \
    $(find $night/kept -mindepth 1 -maxdepth 1 | wc -l))) bytes of disk each"
echo "results: $(($(cat $night/results-*.jsonl | wc -c) / 8)) bytes a line"

# Nights that were never run: lines of the first one with other ids, and with invented turns of a real
# model, 150 s in the middle and 900 s at most, for 0.002 dollars and 1,000 tokens a second.
cat >night.py <<'END'
import json, math, os, random, subprocess, sys

tasks, repeats = int(sys.argv[1]), int(sys.argv[2])
plan = json.load(open("plan.json"))
plan["tasks"] = [{"id": f"t{at}", "instruction": "Do it.", "check": ["true"]} for at in range(tasks)]
plan["repeats"] = repeats
runs = 2 * tasks * repeats
name = f"night-{runs}"
os.mkdir(name)
json.dump(plan, open(f"plan-{runs}.json", "w"))
json.dump(plan, open(f"{name}/plan.json", "w"))
json.dump({"schema": 1, "batch": name, "shards": 1}, open(f"{name}/batch.json", "w"))
said = subprocess.run(["occtl", "bench", "status", name, "--json"], capture_output=True, check=True)
like = [json.loads(line) for line in open("jobs-4/results-1-of-1.jsonl")]
luck = random.Random(1)
with open(f"{name}/results-1-of-1.jsonl", "w") as file:
    for at, run in enumerate(json.loads(said.stdout)["runs"]):
        line = dict(like[at % len(like)], batch=name)
        line.update({key: run[key] for key in ["run_id", "task", "arm", "repeat"]})
        turn = min(900, 150 * math.exp(0.6 * luck.gauss(0, 1)))
        line.update(agent_ms=int(1000 * turn), cost_usd=round(0.002 * turn, 4))
        line["tokens"] = dict(line["tokens"], cache_read=int(1000 * turn))
        file.write(json.dumps(line, separators=(",", ":")) + "\n")
END
# memory COMMAND…: prints its largest resident memory and its time.
memory() {
    local status=0
    /usr/bin/time -o size -f '%M %U' "$@" >out 2>&1 || status=$?
    ((status == 0 || status == 2)) || cat out
    read -r size user < <(tail -1 size)
    echo "  $((size / 1024)) MiB, $user s of a processor: $*"
}
for size in "5 1" "50 10" "1000 50"; do
    # shellcheck disable=SC2086
    python3 night.py $size
done
for runs in 10 1000 100000; do
    echo "A night of $runs runs, whose results are $(cat night-$runs/results-* | wc -c) bytes:"
    if ((runs > 10)); then
        memory occtl bench status night-$runs
        memory occtl bench report night-$runs
        memory occtl bench compare night-$runs
        memory occtl bench run plan-$runs.json -o night-$runs
    fi
    for machines in 1 4 64; do
        memory occtl bench run plan-$runs.json -o new --dry-run --from night-$runs --jobs 8 \
            --shards $machines
        grep '^occtl: as runs' out
    done
done
