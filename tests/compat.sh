#!/usr/bin/env bash
# Runs the tests on the real OpenCode once for each version that occtl supports, and prints a table.
#
#     tests/compat.sh [FILTER]     without a filter: all of them
#
# COMPAT_VERSIONS='1.1.11 1.18.33' selects versions.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

read -ra versions <<<"${COMPAT_VERSIONS:-1.1.11 1.1.65 1.2.27 1.3.2 1.14.34 1.15.13 1.18.33}"
filter=${1:-real::}
out=target/compat
mkdir -p "$out"
cargo build --quiet --examples && cargo test --quiet --test main --no-run || exit 1

failed=0
for version in "${versions[@]}"; do
    log=$out/$version.log
    echo "OpenCode $version …" >&2
    if ! tests/get-opencode.sh "$version" >"$log"; then
        failed=1
        continue
    fi
    OCCTL_TEST_OPENCODE_VERSION=$version RUST_BACKTRACE=0 cargo test --quiet --test main -- \
        --show-output "$filter" >>"$log" 2>&1 || failed=1
done

printf '%-10s %7s %7s  %s\n' version passed failed 'what failed'
for version in "${versions[@]}"; do
    awk -v version="$version" '
        /^test result:/ { passed += $4; lost += $6 }
        /^(successes|failures):$/ { lost_ones = /^failures/ }
        /^---- .* stdout ----$/ && lost_ones { names = names " " $2 }
        END { printf "%-10s %7d %7d %s\n", version, passed, lost, names == "" ? " -" : names }
    ' "$out/$version.log"
done
# A promise that a version cannot keep is not a failure: tests/real/versions.rs names them.
for version in "${versions[@]}"; do
    grep -h '^not on ' "$out/$version.log" | sort -u
done
[[ $failed == 0 ]] || echo "details: $out/VERSION.log" >&2
exit "$failed"
