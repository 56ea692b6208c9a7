# What the tests of several machines share. Sourced with the repository as the working directory.

PATH=$(rustc --print sysroot)/bin:$PATH
. tests/demo-lib.sh

# Every night of the test is the same batch, so that its runs have the same ids.
export OCCTL_BATCH=night

# Waits until a command succeeds, for fifteen minutes at most: the machine may be busy.
until_true() {
    local end=$((SECONDS + 900))
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS > end)); then
            echo "this did not come true: $*" >&2
            return 1
        fi
        sleep 0.2
    done
}

# Makes the plan's runs in one process, as the night to compare with.
one_machine() {
    start_bench_model --steady
    write_bench_plan scale
    cd "$scratch"
    echo "One machine makes the runs of the plan:"
    show occtl bench run plan.json -o one --jobs 2
}

# How many connections to the model are open.
asking() {
    local port=${url#http://127.0.0.1:}
    port=$(printf ':%04X' "${port%%/*}")
    # The third field of a line is the other end, and 01 is an open connection.
    awk -v port="$port" '$3 ~ port "$" && $4 == "01"' /proc/net/tcp | wc -l
}

# Whether so many runs go on, and as many have asked the model.
are_asking() { (($(runs_on) >= $1 && $(asking) >= $1)); }

# How many runs go on.
runs_on() { find "${night:?}/running" -name '[0-9a-f]*.json' | wc -l; }

# Compares the runs of two nights, without what must differ: times, processes, attempts. In the
# second one so many attempts must have been interrupted.
same_runs() {
    python3 - "$@" <<'END'
import glob, json, sys

SAME = ["run_id", "task", "arm", "repeat", "block", "result", "stop", "score", "check_exit",
        "steps", "tool_calls", "tokens", "cost_usd", "plan_sha256", "task_sha256",
        "config_sha256", "opencode_sha256", "diff_added", "diff_removed"]

def night(directory):
    runs, attempts = {}, 0
    for name in glob.glob(f"{directory}/results-*.jsonl"):
        for line in open(name):
            line = json.loads(line)
            attempts += 1
            old = runs.get(line["run_id"])
            if old is None or line["attempt"] > old["attempt"]:
                runs[line["run_id"]] = line
    return runs, attempts

(one, _), (other, attempts) = map(night, sys.argv[1:3])
if one.keys() != other.keys() or len(one) != 16:
    sys.exit(f"{len(one)} runs are compared with {len(other)} others")
wrong = [f"{run['task']} {run['arm']}: {key} is {other[id][key]} and not {run[key]}"
         for id, run in one.items() for key in SAME if other[id][key] != run[key]]
if wrong:
    sys.exit("\n".join(wrong))
shards = sorted({run["shard"] for run in other.values()})
print(f"The {len(other)} runs of the shards {', '.join(shards)} are those of one machine; "
      f"{attempts - len(other)} attempts were interrupted.")
if len(shards) != 4 or attempts - len(other) < int(sys.argv[3]):
    sys.exit("it was to be four shards, and more interruptions")
END
}
