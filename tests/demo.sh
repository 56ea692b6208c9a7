#!/usr/bin/env bash
# `make demo`: the main work from start to end, on the real OpenCode with a scripted model.
#
# Everything happens in a temporary directory with a home of its own. Nothing of it stays, also when
# a command fails or on Ctrl-C.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. tests/demo-lib.sh

export OCCTL_OPENCODE=$opencode OCCTL_DATA_DIR=$scratch/data
# Offline, and without the packages that OpenCode installs into a fresh home.
export OPENCODE_DISABLE_MODELS_FETCH=1 OPENCODE_DISABLE_LSP_DOWNLOAD=1
export npm_config_registry=http://127.0.0.1:1

stop_all() { occtl stop --all --quiet >/dev/null || true; }

mkdir -p "$scratch/project"
start_model
scripted_config "$url" >"$scratch/project/opencode.json"
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
