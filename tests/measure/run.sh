#!/usr/bin/env bash
# `make measure`: runs the measurements beside it and prints bar and figure of each. If it runs all of
# them, it writes the table, with the machine and the versions, into docs/performance.md as well.
# `make measure ONLY="send start"` runs some.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export STATIC
STATIC=$(cd ../.. && realpath "${STATIC:?the path of the static binary: make measure knows it}")
for tool in curl jq strace ss python3 /usr/bin/time; do
    command -v "$tool" >/dev/null || { echo "make measure needs $tool" >&2; exit 1; }
done
all=(version size threads memory store histories completion send latency start nothing list stream events
    bench statistics)
wanted=("$@")
((${#wanted[@]})) || wanted=("${all[@]}")
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
line() { printf '%-46s %-44s %-58s %s\n' "$@"; }
line what bar figure ''
for name in "${wanted[@]}"; do
    # One that fails is a row too, and the others go on.
    { "./$name.sh" || printf '%s\tmeasured\tit failed\tMISSED\n' "$name"; } |
        while IFS=$'\t' read -r what bar figure verdict; do
            line "$what" "$bar" "$figure" "$verdict"
            # A `|` within a cell would end it.
            printf '| %s | %s | %s | %s |\n' "${what//|/\\|}" "${bar//|/\\|}" "${figure//|/\\|}" \
                "$verdict" >>"$rows"
        done
done
missed=$(grep -c '| MISSED |$' "$rows" || true)
echo "$missed of $(wc -l <"$rows") bars are missed"
(($#)) && exit

# What the machine is, without its name.
facts() {
    local cpu memory
    cpu=$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)
    memory=$(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)
    echo "Measured on $(date -u +%Y-%m-%d) on $(nproc) x ${cpu:-an unknown processor}, $memory GiB of memory,"
    echo "Linux $(uname -r | grep -o '^[0-9]*\.[0-9]*'), $(getconf GNU_LIBC_VERSION), with"
    echo "occtl $("$STATIC" version), OpenCode $(cat ../opencode-version), $(rustc --version | cut -d' ' -f1-2)"
    echo "and $(curl --version | head -1 | cut -d' ' -f1-2)."
    echo
    echo "| what | bar | figure | |"
    echo "| --- | --- | --- | --- |"
    cat "$rows"
}
document=../../docs/performance.md
facts >"$rows.facts"
python3 - "$document" "$rows.facts" <<'END'
import sys

document, facts = sys.argv[1:]
text = open(document).read()
begin, end = "<!-- make measure writes this -->\n", "<!-- until here -->\n"
before, rest = text.split(begin)
_, after = rest.split(end)
new = before + begin + open(facts).read() + end + after
with open(document, "w") as out:
    out.write(new)
END
rm -f "$rows.facts"
echo "written into docs/performance.md"
