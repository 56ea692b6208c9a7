#!/usr/bin/env bash
# `occtl version` and /bin/true: what every call costs before it does its work.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

runs=300
each() {
    local began ended
    now began
    for ((run = 0; run < runs; run++)); do "$@" >/dev/null; done
    now ended
    echo $(((ended - began) / runs))
}
for _ in {1..9}; do
    each /bin/true >>"$SCRATCH/true"
    each "$OCCTL" version >>"$SCRATCH/version"
done
true=$(median <"$SCRATCH/true") version=$(median <"$SCRATCH/version")
row "occtl version" "1.5 x /bin/true ($(ms "$true")) + 0.2 ms" "$(ms "$version")" \
    "$version <= 1.5 * $true + 200"
