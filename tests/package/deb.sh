#!/usr/bin/env bash
# `make deb`: a package for Debian and its relatives.
#
#     deb.sh PROGRAM OUT
#
# Writes OUT/occtl_VERSION-1_ARCHITECTURE.deb and prints its path. The same program and the same commit
# give the same bytes.
command -v dpkg-deb >/dev/null || {
    echo "make deb needs dpkg-deb: apt-get install dpkg" >&2
    exit 1
}
program=$1 out=$2
. "$(dirname "${BASH_SOURCE[0]}")/tree.sh"
architecture=$(dpkg --print-architecture)
tree=$work/tree share=$work/tree/usr/share
put 755 "$program" "$tree/usr/bin/occtl"
"$program" man -o "$share/man/man1"
completions "$share/bash-completion/completions/occtl" \
    "$share/zsh/vendor-completions/_occtl" "$share/fish/vendor_completions.d/occtl.fish"
for file in README.md docs/security.md; do
    put 644 "$file" "$share/doc/occtl/$(basename "$file")"
done
put 644 docs/changelog.md "$share/doc/occtl/changelog"
maintainer='The occtl authors'
cat >"$share/doc/occtl/changelog.Debian" <<END
occtl ($version-1) unstable; urgency=medium

  * Version $version; /usr/share/doc/occtl/changelog.gz says what is new.

 -- $maintainer  $(date -ud "@$SOURCE_DATE_EPOCH" '+%a, %d %b %Y %H:%M:%S %z')
END
{
    cat <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: occtl

Files: *
Copyright: $(sed -n 's/^Copyright (c) //p' LICENSE)
License: Expat
END
    # A line of a field that goes on begins with a blank, and an empty one is a dot.
    sed -n '/^Permission/,$p' LICENSE | sed 's/^$/./; s/^/ /'
} >"$share/doc/occtl/copyright"
gzip -n -9 "$share"/man/man1/*.1 "$share"/doc/occtl/changelog*
find "$tree" -type d -exec chmod 755 {} +
find "$tree" -type f ! -path '*/bin/*' -exec chmod 644 {} +
mkdir "$tree/DEBIAN"
cat >"$tree/DEBIAN/control" <<END
Package: occtl
Version: $version-1
Section: utils
Priority: optional
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size "$tree/usr" | cut -f 1)
Recommends: git
Description: start, drive and stop OpenCode servers from scripts
 One static program for containers, shell pipelines and cron jobs: it starts
 servers of OpenCode, sends prompts, waits for answers with a limit, and stops
 what it has started. Its exit status says what became of a prompt. It also
 runs benchmarks of models, agents and prompts.
 .
 OpenCode itself is not part of it: npm install -g opencode-ai
END
(cd "$tree" && find usr -type f | sort | xargs md5sum) >"$tree/DEBIAN/md5sums"
chmod 644 "$tree"/DEBIAN/*
date_all "$tree"
file=$out/occtl_$version-1_$architecture.deb
dpkg-deb --root-owner-group --threads-max=1 "-Z${DEB_COMPRESSION:-xz}" --build "$tree" "$work/deb" >/dev/null
mv "$work/deb" "$file"
echo "$file"
