#!/bin/sh
# Every public header compiles alone, and twice, in the languages that users have: headers.sh INCLUDE_FOLDER [COMPILER_ARGUMENT...]
set -eu
include=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for header in "$include"/powalloc/*.h; do
  name=powalloc/$(basename "$header")
  printf '#include <%s>\n#include <%s>\nextern int x;\nint x;\n' "$name" "$name" >"$work/unit.c"
  cp "$work/unit.c" "$work/unit.cpp"
  for compiler in gcc clang; do
    command -v $compiler >/dev/null || continue
    for standard in c99 c11; do
      $compiler -std=$standard -Wall -Wextra -Wpedantic -Wconversion -Werror -I "$include" "$@" -fsyntax-only "$work/unit.c" ||
        { echo "$name, $compiler -std=$standard"; exit 1; }
    done
  done
  for compiler in g++ clang++; do
    command -v $compiler >/dev/null || continue
    for standard in c++11 c++17; do
      $compiler -std=$standard -Wall -Wextra -Wpedantic -Wconversion -Werror -I "$include" "$@" -fsyntax-only "$work/unit.cpp" ||
        { echo "$name, $compiler -std=$standard"; exit 1; }
    done
  done
done
