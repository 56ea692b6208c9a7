#!/usr/bin/env bash
# `make demo`: the main work from start to end, on the real OpenCode with a scripted model.
#
# Everything happens in a temporary directory with a home of its own. Nothing of it stays, also when
# a command fails or on Ctrl-C.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

opencode=${OCCTL_OPENCODE:-$(command -v opencode || true)}
if [[ -z $opencode ]]; then
    opencode=$PWD/$(tests/get-opencode.sh)
fi
# The user's own settings must not reach the server.
for name in "${!OPENCODE@}" "${!OCCTL@}" "${!XDG@}"; do
    unset "$name"
done
scratch=$(mktemp -d "${TMPDIR:-/tmp}/occtl-demo.XXXXXX")
export PATH=$PWD/target/release:$PATH
export OCCTL_OPENCODE=$opencode OCCTL_DATA_DIR=$scratch/data HOME=$scratch/home
# Offline, and without the packages that OpenCode installs into a fresh home.
export OPENCODE_DISABLE_MODELS_FETCH=1 OPENCODE_DISABLE_LSP_DOWNLOAD=1
export npm_config_registry=http://127.0.0.1:1

clean_up() {
    status=$?
    trap '' INT TERM HUP
    occtl stop --all --quiet >/dev/null || true
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

mkdir -p "$scratch/home" "$scratch/project"
# The model ends when its stdin does, so that it cannot outlive this script.
coproc MODEL { exec target/release/examples/scripted-model --until-stdin-closes; }
IFS= read -r url <&"${MODEL[0]}"
cat >"$scratch/project/opencode.json" <<END
{
  "model": "scripted/echo", "small_model": "scripted/echo",
  "autoupdate": false, "share": "disabled",
  "provider": { "scripted": {
    "npm": "@ai-sdk/openai-compatible", "name": "Scripted",
    "options": { "baseURL": "$url", "apiKey": "none" },
    "models": { "echo": { "name": "Echo", "limit": { "context": 200000, "output": 8192 },
                          "cost": { "input": 1, "output": 2 } } }
  } }
}
END
cd "$scratch/project"

echo "OpenCode is $opencode; its model is a script on this machine that answers as the prompt says."
show occtl start --name demo
show occtl list
show occtl send demo --stream '[[slow 12 100]]'
show occtl send demo --wait --json 'Good morning, model.'
show occtl stop demo

cat <<'END'

That was a scripted model. For a real one, give OpenCode a provider once (`opencode auth login`, or
a key in the environment such as ANTHROPIC_API_KEY). Then, in a project of yours:

  S=$(occtl start -q)
  occtl send $S --stream -m anthropic/claude-sonnet-4-5 'What is in this directory?'
  occtl stop $S
END
