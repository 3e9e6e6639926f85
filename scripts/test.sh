#!/bin/sh
# Sets up the machine and runs all tests; ends with a line "N passed, N failed".
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh test

passed=0
failed=0

# run NAME COMMAND...: one stage, counted by the tests that meson reports in it, or as one test.
stage() {
  name=$1
  shift
  echo "== $name"
  log=$(mktemp)
  status=0
  "$@" >"$log" 2>&1 || status=$?
  ok=$(sed -n 's/^Ok: *\([0-9]*\).*/\1/p' "$log" | tail -n 1)
  bad=$(sed -n 's/^\(Fail\|Timeout\|Unexpected Pass\): *\([0-9]*\).*/\2/p' "$log" | awk '{n += $1} END {print n + 0}')
  if [ -z "$ok" ]; then
    ok=$([ $status = 0 ] && echo 1 || echo 0)
    bad=$([ $status = 0 ] && echo 0 || echo 1)
  elif [ $status != 0 ] && [ "$bad" = 0 ]; then
    bad=1
  fi
  if [ $status = 0 ]; then tail -n 12 "$log"; else cat "$log"; fi
  rm -f "$log"
  passed=$((passed + ok))
  failed=$((failed + bad))
}

# meson's own setup of a variant, then its tests.
variant() {
  folder=$1
  shift
  [ -f "$folder/build.ninja" ] || meson setup "$folder" -Dtests=true -Dwerror=true "$@"
  ninja -C "$folder"
  meson test -C "$folder" --print-errorlogs
}

stage "gcc" variant build-gcc
stage "clang" env CC=clang CXX=clang++ sh -c '[ -f build-clang/build.ninja ] || meson setup build-clang -Dtests=true -Dwerror=true; ninja -C build-clang && meson test -C build-clang --print-errorlogs --no-suite mpi --no-suite structure --no-suite docs'
stage "address and undefined behaviour sanitizers" env CK_FORK=no sh -c '
  [ -f build-sanitize/build.ninja ] || meson setup build-sanitize -Dtests=true -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
  ninja -C build-sanitize && meson test -C build-sanitize --print-errorlogs --suite unit --suite command'
stage "valgrind" env CK_FORK=no meson test -C build-gcc --print-errorlogs --suite short --timeout-multiplier 20 \
  --wrap "valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite"

# Kernels and what is built of them on NEON.
if [ "$(dpkg --print-architecture)" = amd64 ]; then
  sh scripts/setup.sh cross
  stage "arm64" sh -c '
    [ -f build-arm64/build.ninja ] || meson setup build-arm64 --cross-file scripts/arm64.ini -Dtests=true -Dtools=false -Dwerror=true
    ninja -C build-arm64 && meson test -C build-arm64 --print-errorlogs --timeout-multiplier 5 la la_f32 uwmmse regnn policy'
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
