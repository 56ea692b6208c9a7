#!/usr/bin/env bash
# `make demo`: the main job, end to end, on the real OpenCode with a scripted model.
#
# Everything happens in a scratch directory with a home of its own, and nothing stays: not when a command
# fails, and not on Ctrl-C.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

opencode=${OCCTL_OPENCODE:-$(command -v opencode || true)}
if [[ -z $opencode ]]; then
    opencode=$PWD/$(tests/get-opencode.sh)
fi
# Nothing of the user's own set-up may reach the server.
for name in "${!OPENCODE@}" "${!OCCTL@}" "${!XDG@}"; do
    unset "$name"
done
scratch=$(mktemp -d "${TMPDIR:-/tmp}/occtl-demo.XXXXXX")
export PATH=$PWD/target/release:$PATH
export OCCTL_OPENCODE=$opencode OCCTL_DATA_DIR=$scratch/data HOME=$scratch/home
# Offline, and without the packages that a fresh home would be given in the background.
export OPENCODE_DISABLE_MODELS_FETCH=1 OPENCODE_DISABLE_LSP_DOWNLOAD=1 npm_config_registry=http://127.0.0.1:1

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

# Shows a command line as one would type it, and runs it.
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
# It ends when its stdin does, so it cannot outlive this script.
coproc MODEL { exec target/release/examples/scripted-model --until-stdin-closes; }
IFS= read -r url <&"${MODEL[0]}"
cat >"$scratch/project/opencode.json" <<END
{
  "model": "scripted/echo", "small_model": "scripted/echo", "autoupdate": false, "share": "disabled",
  "provider": { "scripted": {
    "npm": "@ai-sdk/openai-compatible", "name": "Scripted",
    "options": { "baseURL": "$url", "apiKey": "none" },
    "models": { "echo": { "name": "Echo", "limit": { "context": 200000, "output": 8192 },
                          "cost": { "input": 1, "output": 2 } } }
  } }
}
END
cd "$scratch/project"

echo "OpenCode is $opencode; its model is a script on this machine that says what it is told to."
show occtl start --name demo
show occtl list
show occtl send demo --stream '[[slow 12 100]]'
show occtl send demo --wait --json 'Good morning, model.'
show occtl stop demo

cat <<'END'

That was a scripted model. With a real one: let OpenCode know a provider, once (`opencode auth login`, or a
key in the environment such as ANTHROPIC_API_KEY), and then, in a project of yours:

  S=$(occtl start -q)
  occtl send $S --stream -m anthropic/claude-sonnet-4-5 'What is in this directory?'
  occtl stop $S
END
