#!/usr/bin/env bash
# Installs one version of OpenCode into target/opencode/VERSION and prints the path of its program.
#
#     tests/get-opencode.sh [VERSION]
#
# A version that is installed already stays. A new one is installed beside its place and moved there
# when it is complete, so that an interrupted installation, or one that another process makes at the
# same time, is never taken for a complete one.
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
    echo "get-opencode: OpenCode $version is missing, and so is npm, which installs it:" \
        "install Node.js with npm" >&2
    exit 1
fi

mkdir -p target/opencode
partial=$(mktemp -d "target/opencode/.$version.XXXXXX")
trap 'rm -rf "$partial"' EXIT
echo "installing $package@$version into $place" >&2
npm install --prefix "$partial" --no-audit --no-fund --ignore-scripts --loglevel=error \
    "$package@$version" </dev/null >&2
# The package may be for another libc or processor.
found=$(env -u XDG_DATA_HOME -u XDG_CONFIG_HOME -u XDG_CACHE_HOME -u XDG_STATE_HOME \
    HOME="$PWD/$partial/home" \
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
# Renamed in one step. If another process was quicker, its installation is as good as this one;
# anything else in that place is broken.
if ! mv -T "$partial" "$place" 2>/dev/null && [[ ! -x $program ]]; then
    rm -rf "$place"
    mv -T "$partial" "$place"
fi
echo "$program"
