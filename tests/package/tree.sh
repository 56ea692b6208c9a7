# Lays out what is installed beside the program. Sourced by dist.sh and deb.sh, which set `program`
# and `out`; sets `version`. The bytes and modes of all files depend on the sources alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export LC_ALL=C TZ=UTC
umask 022
version=$("$program" version)
# When the sources were last changed; without git that is not known.
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || echo 0)}"
export SOURCE_DATE_EPOCH
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/occtl-package.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# put MODE FROM TO: a file of the package.
put() {
    install -D -m "$1" "$2" "$3"
}

# completions BASH ZSH FISH: the files for the three shells.
completions() {
    local shell
    for shell in bash zsh fish; do
        install -d "$(dirname "$1")"
        "$program" completions "$shell" >"$1"
        shift
    done
}

# Gives all files below a directory the one date.
date_all() {
    find "$1" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
}
