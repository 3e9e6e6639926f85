#!/bin/sh
# Takes the results of `powalloc reproduce all --out DIR` into the documentation: scripts/results.sh DIR
set -eu
from=$(cd "$1" && pwd)
cd "$(dirname "$0")/../docs"
mkdir -p images/results
sed -e '1s/$/ {#results}/' -e 's|](\([a-z0-9-]*\)\.png)|](images/results/\1.png)|' "$from/results.md" >results.md
for picture in "$from"/*.png; do cp "$picture" images/results/; done
