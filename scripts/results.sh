#!/bin/sh
# Takes the results of `powalloc reproduce all --out DIR` into the documentation: scripts/results.sh DIR
set -eu
from=$(cd "$1" && pwd)
cd "$(dirname "$0")/../docs"
trap 'rm -f results.md.new' EXIT
sed -e '1s/$/ {#results}/' -e 's|](\([a-z0-9-]*\)\.png)|](images/results/\1.png)|' "$from/results.md" >results.md.new
mkdir -p images/results
rm -f images/results/*.png
cp "$from"/*.png images/results/
mv results.md.new results.md
