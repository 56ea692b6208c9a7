#!/bin/sh
cc -Wall -Werror -o "$TMPDIR/reverse" reverse.c || exit 1
bad=0
for pair in abc:cba x:x : 'a b:b a'; do
    got=$("$TMPDIR/reverse" "${pair%%:*}")
    status=$?
    [ "$status" = 0 ] && [ "$got" = "${pair#*:}" ] || { echo "$pair: $got ($status)"; bad=1; }
done
exit $bad
