#!/bin/sh
cc -Wall -Werror -o "$TMPDIR/words" words.c || exit 1
bad=0
expect() {
    got=$(printf "$2" | "$TMPDIR/words")
    [ "$got" = "$1" ] || { echo "'$2': $got instead of $1"; bad=1; }
}
expect 0 ''
expect 0 ' \n\t\r'
expect 1 'one'
expect 3 ' a  b\tc\n'
expect 2 'a\r\nb'
expect 1 'a.b,c'
exit $bad
