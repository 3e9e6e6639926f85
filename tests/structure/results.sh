#!/bin/sh
# Results are taken into the documentation whole, and without a page or pictures nothing is touched: results.sh SOURCE_FOLDER
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/scripts" "$work/docs/images/results" "$work/from"
cp "$1/scripts/results.sh" "$work/scripts"
echo old >"$work/docs/results.md"
echo old >"$work/docs/images/results/old.png"

untouched() {
  if sh "$work/scripts/results.sh" "$work/from" 2>/dev/null; then exit 1; fi
  [ "$(cat "$work/docs/results.md")" = old ]
  [ "$(find "$work/docs" -type f | wc -l)" = 2 ]
}
untouched
printf '# Results\n![a](new-1.png)\n' >"$work/from/results.md"
untouched
echo new >"$work/from/new-1.png"
sh "$work/scripts/results.sh" "$work/from"
[ "$(cat "$work/docs/results.md")" = "$(printf '# Results {#results}\n![a](images/results/new-1.png)')" ]
[ "$(ls "$work/docs/images/results")" = new-1.png ]
