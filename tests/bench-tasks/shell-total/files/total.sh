#!/bin/sh
# total.sh FILE: the sum of the second column.
sum=0
while IFS=, read -r _ number _; do
    [ -n "$number" ] || break
    sum=$((sum + number))
done <"$1"
echo "$sum"
