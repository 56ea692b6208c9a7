#!/bin/sh
bad=0
expect() {
    got=$(sh ./total.sh "$TMPDIR/in.csv" 2>/dev/null)
    [ "$got" = "$1" ] || { echo "$2: $got instead of $1"; bad=1; }
}
printf 'name,price\ntea,3\ncake,4\n' >"$TMPDIR/in.csv"
expect 7 'a plain file'
printf 'name,price\ntea,3\n\ncake,4\n' >"$TMPDIR/in.csv"
expect 7 'an empty line'
printf 'name,price\ntea,3\ncake,40' >"$TMPDIR/in.csv"
expect 43 'no newline at the end'
printf 'name,price\n' >"$TMPDIR/in.csv"
expect 0 'only a heading'
exit $bad
