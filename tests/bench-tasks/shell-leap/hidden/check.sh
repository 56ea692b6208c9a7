#!/bin/sh
# Each line: a year, and what is to be printed.
bad=0
while read -r year want; do
    got=$(sh ./leap.sh "$year" 2>/dev/null)
    [ "$got" = "$want" ] || { echo "$year: $got instead of $want"; bad=1; }
done <<END
2024 yes
2023 no
1900 no
2000 yes
4 yes
2100 no
END
for word in x -4 '' 4.5; do
    got=$(sh ./leap.sh "$word" 2>/dev/null)
    status=$?
    [ "$status" = 2 ] && [ -z "$got" ] || { echo "'$word': status $status"; bad=1; }
done
exit $bad
