#!/usr/bin/env bash
# `make playground`: a shell in a project that is set up with a scripted model, in which the examples
# of README.md can be typed as they stand. Without a terminal it reads commands from its stdin.
#
# Nothing outlives the shell, however it ends: a process of its own group, the keeper, has the other
# end of a pipe of this script. When that closes, it ends all that is left and removes the directory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. tests/demo-lib.sh

export OCCTL_PLAYGROUND=$scratch OCCTL_DATA_DIR=$scratch/data
# OpenCode leaves files in the temporary directory.
export XDG_RUNTIME_DIR=$scratch/run XDG_CACHE_HOME=$scratch/cache TMPDIR=$scratch/tmp
mkdir -m 700 "$scratch/run"
mkdir "$scratch/bin" "$scratch/my-project" "$TMPDIR"
coproc KEEPER { exec setsid bash tests/playground-keeper.sh "$programs" 2>/dev/null; }
IFS= read -r url <&"${KEEPER[0]}"
# From here on the keeper cleans up, and a signal may end this script at once.
trap - EXIT INT TERM HUP

# Every OpenCode that is started in the shell knows the model, those of benchmarks too. None fetches
# a list of models or packages: that would need the network, and seconds.
echo '{}' >"$scratch/models.json"
scripted_config "$url" >"$scratch/opencode.json"
cat >"$scratch/bin/opencode" <<END
#!/bin/sh
export OPENCODE_CONFIG='$scratch/opencode.json' OPENCODE_MODELS_PATH='$scratch/models.json'
export OPENCODE_DISABLE_LSP_DOWNLOAD=1 npm_config_registry=http://127.0.0.1:1
exec '$opencode' "\$@"
END
chmod +x "$scratch/bin/opencode"
export PATH=$scratch/bin:$PATH
cd "$scratch/my-project"
echo '# My project' >README.md
if command -v git >/dev/null; then
    git init --quiet .
    git add .
    git -c user.name=you -c user.email=you@example.org commit --quiet -m 'Begin'
fi
# `occtl list` shows that there is something uncommitted.
echo 'Say hello.' >ideas.md

shell=(bash)
if [[ -t 0 ]]; then
    cat >"$scratch/rc" <<'END'
PS1='playground$ '
HISTFILE=
END
    cat <<'END'
A playground: a project, a real OpenCode, and a model that is a script on this machine. It repeats
what it is told, and does what stands in [[…]]. For example:

  occtl start --name web
  occtl send web --stream 'Say hello.'
  occtl send web --wait --json '[[bash date > today]]' | jq .outcome
  occtl stop web

`occtl help` lists the commands. `exit` ends the playground, and everything in it.
END
    shell=(bash --noprofile --rcfile "$scratch/rc" -i)
fi
# The keeper is told which process the shell is, for this script may be killed alone.
status=0
bash -c 'echo $$ >"$0"; exec "$@"' "$scratch/shell" "${shell[@]}" || status=$?
rm -f "$scratch/shell"
exec {KEEPER[1]}>&-
wait "$KEEPER_PID" || true
# The status of what was typed last is no failure of the playground.
[[ -t 0 ]] || exit "$status"
