#!/usr/bin/env bash
# `make test-slurm`: an array of four shards on a Slurm of one node, with the real OpenCode and a
# scripted model. One task is cancelled, one is requeued, one gets the signal that comes before a time
# limit, and the node is drained meanwhile.
#
# Slurm and its authentication (Debian's slurmctld, slurmd, slurm-client and munge) are started here,
# on loopback and free ports, with all their files in a temporary directory. Nothing of it stays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

skip() {
    echo "make test-slurm: skipped: $*"
    exit 0
}
PATH=$PATH:/usr/sbin:/sbin
for program in slurmctld slurmd munged sbatch scancel scontrol squeue python3; do
    [[ -n $(command -v $program) ]] ||
        skip "there is no $program (Debian: slurmctld slurmd slurm-client munge)"
done
guide=$PWD/docs/scale.md
. tests/scale/lib.sh

daemons=()
stop_all() {
    [[ -z ${MODEL_PID:-} ]] || kill -CONT "$MODEL_PID" 2>/dev/null || true
    [[ -n ${SLURM_CONF:-} ]] || return 0
    scancel --user="$(id -un)" 2>/dev/null || true
    ((${#daemons[@]} < 3)) || until_true no_jobs || true
    # The last one first: munged is asked to the end.
    for ((at = ${#daemons[@]} - 1; at >= 0; at--)); do
        kill "${daemons[at]}" 2>/dev/null || true
        wait "${daemons[at]}" 2>/dev/null || true
    done
    # What they have started has their configuration in its environment.
    local process
    for process in $(grep -lsz "^SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ | cut -d/ -f3); do
        [[ $process == "$$" ]] || kill -KILL "$process" 2>/dev/null || true
    done
}
no_jobs() { [[ -z $(squeue --noheader 2>&1) ]]; }

one_machine

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
slurm=$scratch/slurm
mkdir -p "$slurm"/{state,spool}
head -c 128 /dev/urandom >"$slurm/munge.key"
chmod 600 "$slurm/munge.key"
cat >"$slurm/slurm.conf" <<END
ClusterName=occtl
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
AuthType=auth/munge
# A requeued task waits until its credentials have run out, two minutes otherwise.
AuthInfo=socket=$slurm/munge.socket,cred_expire=5
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmdPidFile=$slurm/slurmd.pid
SlurmctldLogFile=$slurm/slurmctld.log
SlurmdLogFile=$slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=1
SlurmdParameters=config_overrides
ReturnToService=2
RequeueExit=12,143
NodeName=node NodeHostname=localhost NodeAddr=127.0.0.1 CPUs=2
PartitionName=all Nodes=node Default=YES MaxTime=INFINITE State=UP
END
export SLURM_CONF=$slurm/slurm.conf

munged --foreground --force --socket="$slurm/munge.socket" --key-file="$slurm/munge.key" \
    --pid-file="$slurm/munged.pid" --seed-file="$slurm/munged.seed" \
    --log-file="$slurm/munged.log" >"$slurm/munged.out" 2>&1 &
daemons+=($!)
until_true test -S "$slurm/munge.socket" || skip "munged does not start: $(tail -1 "$slurm/munged.out")"
slurmctld -D >"$slurm/slurmctld.out" 2>&1 &
daemons+=($!)
slurmd -D -N node >"$slurm/slurmd.out" 2>&1 &
daemons+=($!)
node_is() { [[ $(scontrol --oneliner show node node) == *" State=$1 "* ]]; }
until_true node_is IDLE || {
    tail -n 5 "$slurm"/*.out "$slurm"/*.log >&2
    skip "the node does not come up"
}

# The script of the guide, with the numbers of this machine.
awk '/^```bash$/ { block = ""; inside = 1; next }
     /^```$/ && inside { inside = 0; if (block ~ /#SBATCH/) printf "%s", block }
     inside { block = block $0 "\n" }' "$guide" |
    sed -E 's/^(#SBATCH --array)=.*/\1=1-4/; s/^(#SBATCH --cpus-per-task)=.*/\1=1/
            s/^(#SBATCH --mem)=.*/\1=0/; s/--jobs [0-9]+/--jobs 1/' >nightly.sbatch
grep -q '^exec occtl' nightly.sbatch
night=$scratch/night

state() { scontrol --oneliner show job "$1" 2>/dev/null | grep -o ' JobState=[A-Z]*' | cut -d= -f2; }
is_in() { [[ $(state "$1") == "$2" ]]; }

echo
echo "An array of four tasks on a node with room for two; the model is silent:"
kill -STOP "$MODEL_PID"
show sbatch --parsable nightly.sbatch plan.json night | tee job
job=$(tail -1 job)
until_true are_asking 2
show scontrol update nodename=node state=drain reason=test
show scancel "${job}_1"
show scontrol requeue "${job}_2"
until_true is_in "${job}_1" CANCELLED
until_true is_in "${job}_2" PENDING
until_true node_is IDLE+DRAIN
for task in 2 3 4; do
    is_in "${job}_$task" PENDING
done
show squeue
show occtl bench status night
echo
echo "The node comes back, and the model speaks again:"
kill -CONT "$MODEL_PID"
show scontrol update nodename=node state=resume
# The task that was cancelled is submitted again, alone; the directory tells how many there are.
show sbatch --parsable --array=1 nightly.sbatch plan.json night | tee job
# What Slurm sends before the time limit ends the task with 143, and it is started again by itself.
until_true test -s night/results-3-of-4.jsonl
show scancel --batch --signal=TERM "${job}_3"
until_true no_jobs
show occtl bench status night
for task in "$(tail -1 job)_1" "${job}_2" "${job}_3" "${job}_4"; do
    is_in "$task" COMPLETED || {
        echo "task $task is $(state "$task")" >&2
        tail -n 20 slurm-*.out >&2
        exit 1
    }
done
[[ $(scontrol --oneliner show job "${job}_3") == *" Restarts=1 "* ]]
same_runs one night 3
# Another night must not be told that it is done.
if OCCTL_BATCH=another sbatch --wait --array=1 nightly.sbatch plan.json night; then
    exit 1
fi
echo "A finished night is not taken for another one."
