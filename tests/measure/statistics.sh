#!/usr/bin/env bash
# The statistics of `occtl bench`: what tests and intervals of a large night cost.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

declare -A bars=(["exact test"]=50 ["bootstrap"]=1000)
while IFS=$'\t' read -r what took; do
    bar=${bars[$what]:-}
    if [[ -n $bar ]]; then
        row "$what, 500 tasks" "$bar ms" "$(ms "$took")" "$took <= $bar * 1000"
    fi
done < <("$EXAMPLES/statistics-speed")
