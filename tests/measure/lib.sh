# Sourced by the measurements beside it: a temporary directory with a home of its own, and
# arithmetic.
#
# Each measurement prints rows `what<TAB>bar<TAB>figure<TAB>verdict`. Most bars are relative to
# something that is measured in the same run, so that they can be met on a slow machine as well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# chroot is there, which is not on the PATH of every user.
PATH+=:/usr/sbin:/sbin

# What is shipped is what is measured.
OCCTL=$(realpath "${STATIC:?the path of the static binary: make measure knows it}")
EXAMPLES=${EXAMPLES:-$PWD/target/release/examples}
REAL=${REAL:-$PWD/$(tests/get-opencode.sh "${OPENCODE_VERSION:-}")}
for name in "${!OPENCODE@}" "${!OCCTL_@}" "${!XDG@}"; do
    unset "$name"
done
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/occtl-bench.XXXXXX")
export HOME=$SCRATCH/home OCCTL_DATA_DIR=$SCRATCH/data OCCTL_OPENCODE=$REAL TZ=UTC
export OPENCODE_DISABLE_MODELS_FETCH=1 OPENCODE_DISABLE_LSP_DOWNLOAD=1 OPENCODE_DISABLE_AUTOUPDATE=1
export npm_config_registry=http://127.0.0.1:1
mkdir -p "$HOME" "$SCRATCH/work"

clean_up() {
    "$OCCTL" stop --all --force --quiet >/dev/null 2>&1 || true
    if [[ -n ${MODEL_PID:-} ]]; then
        kill "$MODEL_PID" 2>/dev/null || true
    fi
    rm -rf "$SCRATCH"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Starts the scripted model and configures it for the directory $SCRATCH/work.
use_model() {
    coproc MODEL { exec "$EXAMPLES/scripted-model" --until-stdin-closes; }
    local url
    IFS= read -r url <&"${MODEL[0]}"
    cat >"$SCRATCH/work/opencode.json" <<END
{"model":"scripted/echo","small_model":"scripted/echo","autoupdate":false,"share":"disabled",
 "provider":{"scripted":{"npm":"@ai-sdk/openai-compatible","name":"Scripted",
  "options":{"baseURL":"$url","apiKey":"none"},
  "models":{"echo":{"name":"Echo","limit":{"context":200000,"output":8192}}}}}}
END
}

# Starts and stops a real server once, because the first start in a home does more work. Then it notes
# that the package for plugins is installed, as OpenCode does once in every home from which it reaches
# npm's registry: otherwise each server loads a package manager and tries it again.
warm_home() {
    local settings=$HOME/.config/opencode needed
    "$OCCTL" stop "$("$OCCTL" start -q -w "$SCRATCH/work" -t 120)" >/dev/null
    needed='"dependencies":{"@opencode-ai/plugin":"'$("$REAL" --version)'"}'
    mkdir -p "$settings/node_modules"
    echo "{$needed}" >"$settings/package.json"
    echo '{"lockfileVersion":3,"packages":{"":{'"$needed"'}}}' >"$settings/package-lock.json"
}

# now VARIABLE: sets it to the time in microseconds.
now() { printf -v "$1" '%s' "${EPOCHREALTIME/./}"; }

# The median of the numbers on stdin.
median() {
    sort -n | awk '{ a[NR] = $1 }
        END { print (NR % 2) ? a[(NR + 1) / 2] : (a[NR / 2] + a[NR / 2 + 1]) / 2 }'
}

# Microseconds as milliseconds.
ms() { awk -v us="$1" 'BEGIN { printf "%.1f ms", us / 1000 }'; }

# Whether an expression of awk holds.
holds() { awk "BEGIN { exit !($1) }"; }

# row WHAT BAR FIGURE CONDITION: prints a row; the bar is met if the condition holds.
row() {
    local verdict=ok
    holds "$4" || verdict=MISSED
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$verdict"
}

# within FIGURE LIMIT REFERENCE SHARE: the condition of a bar in microseconds that a slow machine cannot
# be blamed for: LIMIT, or that share of what another program needs for the same in this run.
within() { echo "$1 <= $2 || $1 <= $3 * $4"; }

# took COMMAND…: prints how many microseconds it takes.
took() {
    local began ended
    now began
    "$@" >/dev/null 2>&1 || true
    now ended
    echo $((ended - began))
}

# ratio A B: how many times B fits into A.
ratio() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }

# in_turns ROUNDS ONE OTHER: takes turns, so that both meet the same machine, and changes which of them
# is first. Each notes its own microseconds as the last line of $SCRATCH/ONE and $SCRATCH/OTHER.
in_turns() {
    local round
    for ((round = 0; round < $1; round++)); do
        if ((round % 2)); then "$3" && "$2"; else "$2" && "$3"; fi
    done
}

# compared ONE OTHER: the median of ONE/OTHER over the rounds. A machine whose speed changes on the way
# changes both sides of a round.
compared() {
    paste "$SCRATCH/$1" "$SCRATCH/$2" | awk '{ printf "%.4f\n", $1 / $2 }' | median
}

# reach SESSION: sets URL, AUTHORIZATION and DIRECTORY for requests of curl to its server.
reach() {
    local record pair
    record=$(jq -c --arg id "$1" '.sessions[$id]' "$OCCTL_DATA_DIR/store.json")
    URL=http://127.0.0.1:$(jq -r .port <<<"$record")
    pair=$(printf 'opencode:%s' "$(jq -r .password <<<"$record")" | base64 -w0)
    AUTHORIZATION="authorization: Basic $pair"
    DIRECTORY=$(jq -r .workdir <<<"$record")
}
