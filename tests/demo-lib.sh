# What the demos share. Sourced with the repository as the working directory: finds OpenCode, makes a
# temporary directory with a home of its own, and removes it again, also when a command fails or on
# Ctrl-C.

opencode=${OCCTL_OPENCODE:-$(command -v opencode || true)}
if [[ -z $opencode ]]; then
    opencode=$PWD/$(tests/get-opencode.sh)
fi
# A test builds no release.
programs=${DEMO_PROGRAMS:-$PWD/target/release}
# The user's own settings must not reach the server.
for name in "${!OPENCODE@}" "${!OCCTL@}" "${!XDG@}"; do
    # Which ports are free is a matter of the machine.
    [[ $name == OCCTL_PORT_RANGE ]] || unset "$name"
done
scratch=$(mktemp -d "${TMPDIR:-/tmp}/occtl-demo.XXXXXX")
mkdir -p "$scratch/home"
export PATH=$programs:$PATH HOME=$scratch/home

# A script may define it anew, for what must end before the directory is removed.
stop_all() { :; }

clean_up() {
    status=$?
    trap '' INT TERM HUP
    stop_all
    if [[ -n ${MODEL_PID:-} ]]; then
        kill "$MODEL_PID" 2>/dev/null || true
    fi
    rm -rf "$scratch"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

bold='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' plain=$'\e[0m'
fi

# Prints a configuration of OpenCode with the scripted model at an address.
scripted_config() {
    cat <<END
{
  "model": "scripted/echo", "small_model": "scripted/echo",
  "autoupdate": false, "share": "disabled",
  "provider": { "scripted": {
    "npm": "@ai-sdk/openai-compatible", "name": "Scripted",
    "options": { "baseURL": "$1", "apiKey": "none" },
    "models": { "echo": { "name": "Echo", "limit": { "context": 200000, "output": 8192 },
                          "cost": { "input": 1, "output": 2 } } }
  } }
}
END
}

# Shows a command line as a user would type it, and runs it.
show() {
    local line='' word
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_./=:-]+$ ]] || word="'$word'"
        line+=" $word"
    done
    printf '\n%s$%s%s\n' "$bold" "$line" "$plain"
    "$@"
}

# Starts the scripted model and sets `url`. The model ends when its stdin does, so that it cannot
# outlive the script.
start_model() {
    coproc MODEL { exec "$programs/examples/scripted-model" --until-stdin-closes "$@"; }
    IFS= read -r url <&"${MODEL[0]}"
}

# Copies the benchmark's tasks, and starts the scripted model that solves some of them; words go to
# the model.
start_bench_model() {
    export TMPDIR=$scratch/tmp
    mkdir -p "$TMPDIR"
    cp -R tests/bench-tasks "$scratch/tasks"
    start_model --solve "$scratch/tasks" "$@"
}

# Writes the plan of the benchmark, with two arms of the scripted model, as plan.json.
write_bench_plan() {
    # The list of all models of the world costs each server a second, and the packages that OpenCode
    # installs into a fresh home cost more. Nothing here needs either.
    echo '{}' >"$scratch/models.json"
    python3 - "$1" "$url" "$opencode" "$scratch" <<'END'
import json, sys

name, url, opencode, scratch = sys.argv[1:]
models = {name: {"name": name, "limit": {"context": 200000, "output": 8192},
                 "cost": {"input": 1, "output": 2}} for name in ["good", "poor"]}
config = {"autoupdate": False, "share": "disabled", "small_model": "scripted/good",
          "provider": {"scripted": {"npm": "@ai-sdk/openai-compatible", "name": "Scripted",
                                    "options": {"baseURL": url, "apiKey": "none"},
                                    "models": models}}}
arms = [{"id": name, "model": f"scripted/{name}", "config": config, "opencode": opencode}
        for name in models]
plan = {"schema": 1, "name": name, "seed": 1, "repeats": 1, "tasks": ["tasks/*"],
        "env": {"OPENCODE_MODELS_PATH": f"{scratch}/models.json", "BUN_JSC_useFTLJIT": "0",
                "npm_config_registry": "http://127.0.0.1:1"},
        "base": "good", "arms": arms}
with open(f"{scratch}/plan.json", "w") as file:
    json.dump(plan, file, indent=2)
END
}
