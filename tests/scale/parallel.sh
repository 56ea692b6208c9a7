#!/usr/bin/env bash
# `make test-parallel`: four shards under GNU parallel (Debian's parallel), with the real OpenCode and
# a scripted model. parallel is interrupted and continued.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

for program in parallel python3; do
    [[ -n $(command -v $program) ]] || {
        echo "make test-parallel: skipped: there is no $program"
        exit 0
    }
done
guide=$PWD/docs/scale.md
. tests/scale/lib.sh

work=''
stop_all() {
    [[ -z ${MODEL_PID:-} ]] || kill -CONT "$MODEL_PID" 2>/dev/null || true
    if [[ -n $work ]]; then
        kill "$work" 2>/dev/null || true
        kill "$work" 2>/dev/null || true
        wait "$work" 2>/dev/null || true
    fi
}

one_machine
# The line of the guide, for four shards of which two go on at once.
line=$(grep '^parallel ' "$guide" | sed -E 's:/8:/4:; s/1 2 3 4 5 6 7 8/1 2 3 4/; s/-j[0-9]+/-j2/
    s/--jobs [0-9]+/--jobs 1/; s/(-o) [a-z]+/\1 night/')
[[ $line == *" -j2 "*"--shard {}/4 --jobs 1 ::: 1 2 3 4" ]]
night=$scratch/night

echo
echo "Two of four shards go on; the model is silent, and parallel is interrupted:"
kill -STOP "$MODEL_PID"
printf '\n%s$ %s%s\n' "$bold" "$line" "$plain"
bash -c "exec $line" &
work=$!
until_true are_asking 2
# At the first signal parallel only starts nothing more; at the second it ends what runs.
kill -TERM "$work"
# On a quick machine it has ended by then.
sleep 1
kill -TERM "$work" 2>/dev/null || true
status=0
wait "$work" || status=$?
work=''
((status != 0))
show occtl bench status night
echo
echo "The model speaks again, and the same line goes on:"
kill -CONT "$MODEL_PID"
printf '\n%s$ %s%s\n' "$bold" "$line" "$plain"
bash -c "$line"
show occtl bench status night
same_runs one night 2
