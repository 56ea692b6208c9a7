#!/bin/sh
rustc -o "$TMPDIR/median" median.rs || exit 1
bad=0
expect() {
    want=$1
    shift
    got=$("$TMPDIR/median" "$@")
    [ "$got" = "$want" ] || { echo "$*: $got instead of $want"; bad=1; }
}
expect 3 3
expect 9 10 9 8
expect 2 1 2 3 100
expect -5 -5 -10 7
got=$("$TMPDIR/median" 2>/dev/null)
status=$?
[ "$status" = 2 ] && [ -z "$got" ] || { echo "no arguments: status $status"; bad=1; }
exit $bad
