#!/bin/sh
# Writes the first inputs of the fuzz targets to DIRECTORY: recorded stores and event streams, and
# the examples of the manual.
set -eu
[ $# = 1 ] || { echo "usage: seeds.sh DIRECTORY" >&2; exit 2; }
mkdir -p "$1/store" "$1/sse" "$1/words"
into=$(cd "$1" && pwd)
cd "$(dirname "$0")"
cp ../data/store-*.json "$into/store"
printf '{"sessions":{},"next_port":9100}' > "$into/store/empty"
for stream in ../data/*.sse; do
	# The first byte is the size of the pieces in which the target reads the rest.
	{ printf '\100'; cat "$stream"; } > "$into/sse/$(basename "$stream")"
done
# A file for each example, with a line for each of its words.
grep -o 'occtl [a-z][^`)]*' ../../docs/cli.md | sort -u | awk -v into="$into/words" '{
	file = into "/example-" NR
	for (at = 2; at <= NF; at++) printf "%s%s", $at, (at < NF ? "\n" : "") > file
	close(file)
}'
