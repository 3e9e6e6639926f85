#!/bin/sh
# Takes the results of `powalloc reproduce all --out DIR` into the documentation: scripts/results.sh DIR
set -eu
from=$(cd "$1" && pwd)
cd "$(dirname "$0")/../docs"
trap 'rm -rf results.md.new images/results.new' EXIT
mkdir -p images/results.new
sed -e '1s/$/ {#results}/' -e 's|](\([a-z0-9-]*\)\.png)|](images/results/\1.png)|' "$from/results.md" >results.md.new
cp "$from"/*.png images/results.new
rm -rf images/results
mv images/results.new images/results
mv results.md.new results.md
