#!/bin/sh
case $1 in
'' | *[!0-9]* | 0*) exit 2 ;;
esac
if [ $(($1 % 4)) -eq 0 ] && { [ $(($1 % 100)) -ne 0 ] || [ $(($1 % 400)) -eq 0 ]; }; then
    echo yes
else
    echo no
fi
