#!/usr/bin/env bash
# A store of 10,000 records: what a change and a list cost, and how much memory they need.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p -m 700 "$OCCTL_DATA_DIR"
jq -n '{schema: 1, next_port: 19100, sessions: ([range(10000) | tostring |
    {key: ("oc-" + ("0000000" + .)[-8:]), value: {
        id: ("oc-" + ("0000000" + .)[-8:]), port: (9100 + tonumber), pid: 4190000,
        pid_start_time: 1, boot_id: "00000000-0000-4000-8000-000000000000", status: "running",
        created_at: "2026-01-01T00:00:00.000000", created_at_utc: "2026-01-01T00:00:00Z",
        last_activity: "2026-01-01T00:00:00.000000", last_activity_utc: "2026-01-01T00:00:00Z",
        config_path: ("/srv/project-" + .), workdir: ("/srv/project-" + .),
        opencode: "/usr/local/bin/opencode", password: ("0" * 64),
        opencode_version: "1.18.33", allow_occtl_commands: false}}] | from_entries)}' \
    >"$OCCTL_DATA_DIR/store.json"
chmod 600 "$OCCTL_DATA_DIR/store.json"
# The same change as opencode-ctl 0.4.0 makes it, but stored as safely.
cat >"$SCRATCH/change.py" <<'END'
import json, os, sys

path = sys.argv[1]
with open(path) as file:
    store = json.load(file)
store["sessions"]["oc-00005000"]["last_activity"] = "2026-01-01T00:00:00.000001"
with open(path + ".new", "w") as file:
    json.dump(store, file, indent=2)
    file.flush()
    os.fsync(file.fileno())
os.rename(path + ".new", path)
END
cp "$OCCTL_DATA_DIR/store.json" "$SCRATCH/store.json"
for _ in 1 2 3 4 5; do took python3 "$SCRATCH/change.py" "$SCRATCH/store.json"; done >"$SCRATCH/changes"
python=$(median <"$SCRATCH/changes")
# measure NAME LIMIT_MS COMMAND…: the median of 15 runs, how much of it is processor time (the rest
# is spent waiting for the disk and for other programs), and the largest memory.
measure() {
    local name=$1 limit=$2 began ended took memory TIMEFORMAT='%U %S' work
    shift 2
    rm -f "$SCRATCH/times" "$SCRATCH/memory"
    for ((round = 0; round < 15; round++)); do
        now began
        "$@" >/dev/null
        now ended
        echo $((ended - began)) >>"$SCRATCH/times"
        /usr/bin/time -a -o "$SCRATCH/memory" -f %M "$@" >/dev/null
    done
    took=$(median <"$SCRATCH/times")
    work=$({ time for ((round = 0; round < 15; round++)); do "$@" >/dev/null; done; } 2>&1 |
        awk '{ printf "%.1f", ($1 + $2) * 1000 / 15 }')
    memory=$(sort -n "$SCRATCH/memory" | tail -1)
    row "$name, 10,000 records" "$limit ms, or $share of Python's json ($(ms "$python"))" \
        "$(ms "$took"), of which $work of processor" "$(within "$took" $((limit * 1000)) "$python" "$share")"
    row "memory: $name, 10,000 records" "8192 KiB" "$memory KiB" "$memory <= 8192"
}
share=0.2 measure "touch" 50 "$OCCTL" touch oc-00005000
share=0.4 measure "list -q" 100 "$OCCTL" list -q
# Dead sessions have no server to ask; the rest of `list` is what git costs.
share=2 measure "list --no-git" 500 "$OCCTL" list --no-git
# There is no server to stop, and `stop --all` would look for each of the ten thousand.
rm -rf "$OCCTL_DATA_DIR"
