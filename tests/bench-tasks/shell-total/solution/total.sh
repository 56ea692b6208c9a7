#!/bin/sh
# total.sh FILE: the sum of the second column.
awk -F, 'NR > 1 && NF > 1 { sum += $2 } END { print sum + 0 }' "$1"
