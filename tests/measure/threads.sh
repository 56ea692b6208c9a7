#!/usr/bin/env bash
# No command starts a thread, or reads a device, which an empty root does not have. Only occtl itself is traced (without -f), because only it could start
# its first thread.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

git init -q "$SCRATCH/work"
export OCCTL_OPENCODE=$EXAMPLES/stand-in
threads() {
    strace -qq -e trace=clone,clone3,openat -o "$SCRATCH/trace" "$OCCTL" "$@" >"$SCRATCH/out"
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
processes=$(grep '^clone' "$SCRATCH/all" | grep -vc CLONE_THREAD || true)
devices=$(grep '"/dev/' "$SCRATCH/all" | grep -vc '"/dev/null"' || true)
row "threads, all commands" "0" "$count (and $processes processes)" "$count == 0"
row "devices read, all commands" "0" "$devices" "$devices == 0"
