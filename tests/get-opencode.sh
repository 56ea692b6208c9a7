#!/usr/bin/env bash
# Installs one version of OpenCode into target/opencode/VERSION and prints the path of its program.
#
#     tests/get-opencode.sh [VERSION]
#
# What is there already stays. The install is made beside its place and moved there when it is whole, so one
# that was broken off, or one that somebody else makes at the same time, is never taken for a good one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=${1:-$(<tests/opencode-version)}
case $(uname -m) in
    x86_64) package=opencode-linux-x64 ;;
    aarch64 | arm64) package=opencode-linux-arm64 ;;
    *) echo "get-opencode: there is no OpenCode for $(uname -m)" >&2; exit 1 ;;
esac
place=target/opencode/$version
program=$place/node_modules/$package/bin/opencode
if [[ -x $program ]]; then
    echo "$program"
    exit
fi
if ! command -v npm >/dev/null; then
    echo "get-opencode: OpenCode $version is missing and npm is not there to install it: install Node.js with npm" >&2
    exit 1
fi

mkdir -p target/opencode
partial=$(mktemp -d "target/opencode/.$version.XXXXXX")
trap 'rm -rf "$partial"' EXIT
echo "installing $package@$version into $place" >&2
npm install --prefix "$partial" --no-audit --no-fund --ignore-scripts --loglevel=error \
    "$package@$version" </dev/null >&2
# A package of the right name may still be of another libc or processor.
found=$(HOME=$PWD/$partial/home XDG_DATA_HOME='' XDG_CONFIG_HOME='' XDG_CACHE_HOME='' XDG_STATE_HOME='' \
    "$partial/node_modules/$package/bin/opencode" --version </dev/null) || {
    echo "get-opencode: OpenCode $version does not run on this machine" >&2
    exit 1
}
if [[ $found != "$version" ]]; then
    echo "get-opencode: asked for OpenCode $version, got $found" >&2
    exit 1
fi
rm -rf "$partial/home"
chmod 755 "$partial"
# Renamed in one step. If somebody else was quicker theirs is as good; anything else there is a ruin.
if ! mv -T "$partial" "$place" 2>/dev/null && [[ ! -x $program ]]; then
    rm -rf "$place"
    mv -T "$partial" "$place"
fi
echo "$program"
