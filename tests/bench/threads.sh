#!/usr/bin/env bash
# No command starts a thread. Without -f only occtl itself is traced; a first thread could only come from it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

git init -q "$SCRATCH/work"
export OCCTL_OPENCODE=$EXAMPLES/stand-in
threads() {
    strace -qq -e trace=clone,clone3 -o "$SCRATCH/trace" "$OCCTL" "$@" >"$SCRATCH/out"
    cat "$SCRATCH/trace" >>"$SCRATCH/all"
}
threads version
threads start -q -w "$SCRATCH/work"
session=$(<"$SCRATCH/out")
threads list
threads status "$session"
threads send "$session" hello
threads send "$session" --wait hello
threads send "$session" --stream hello
threads stop "$session"
count=$(grep -c CLONE_THREAD "$SCRATCH/all" || true)
row "threads, all commands" "0" "$count (and $(grep -vc CLONE_THREAD "$SCRATCH/all" || true) processes)" "$count == 0"
