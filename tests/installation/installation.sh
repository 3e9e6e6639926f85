#!/bin/sh
# Installs into a temporary prefix and builds a stranger's program against it in every supported way, then as a subproject:
# installation.sh SOURCE_FOLDER MESON
set -eu
source=$1
meson=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
here=$source/tests/installation

"$meson" setup "$work/build" "$source" --prefix "$work/prefix" --libdir lib -Dtests=false >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$meson" install -C "$work/build" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
export PKG_CONFIG_PATH="$work/prefix/lib/pkgconfig" LD_LIBRARY_PATH="$work/prefix/lib"

cp "$here/consumer.c" "$work/consumer.cpp"
shared="$(pkg-config --cflags --libs powalloc)"
static="$(pkg-config --cflags powalloc) $work/prefix/lib/libpowalloc.a $(pkg-config --static --libs-only-l powalloc | sed 's/-lpowalloc//')"
cc -std=c99 -Wall -Wextra -Wpedantic -Werror "$here/consumer.c" $shared -o "$work/c_shared"
cc -std=c11 -Wall -Wextra -Wpedantic -Werror "$here/consumer.c" $static -o "$work/c_static"
c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror "$work/consumer.cpp" $shared -o "$work/cpp_shared"
c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror "$work/consumer.cpp" $static -o "$work/cpp_static"
for program in c_shared c_static cpp_shared cpp_static; do "$work/$program" >"$work/$program.out"; done
for program in c_static cpp_shared cpp_static; do cmp "$work/c_shared.out" "$work/$program.out"; done
ldd "$work/c_static" | grep -q libpowalloc && { echo "the static program needs the shared library"; exit 1; }
if pkg-config --exists powalloc-mpi; then
  cc -std=c11 "$source/examples/mpi_train.c" $(pkg-config --cflags --libs powalloc-mpi) -o "$work/mpi_shared"
fi
[ "$(pkg-config --modversion powalloc)" = "$(sed 's/.*libpowalloc \([0-9.]*\):.*/\1/' "$work/c_shared.out")" ]
"$work/prefix/bin/powalloc" --version >/dev/null
[ "$(find "$work/prefix/share/powalloc/models" -name "*.safetensors" | wc -l)" -ge 5 ]
for model in "$work"/prefix/share/powalloc/models/*.safetensors; do # the files that ship are those that are built in
  name=builtin:$(basename "$model" .safetensors)
  [ "$("$work/prefix/bin/powalloc" info "$model")" = "$("$work/prefix/bin/powalloc" info "$name")" ]
done

mkdir -p "$work/project/subprojects"
ln -s "$source" "$work/project/subprojects/powalloc"
cp "$here/consumer.c" "$work/project"
cp "$here/subproject.meson" "$work/project/meson.build"
unset PKG_CONFIG_PATH LD_LIBRARY_PATH
"$meson" setup "$work/subbuild" "$work/project" >"$work/log" 2>&1 && "$meson" test -C "$work/subbuild" >"$work/log" 2>&1 ||
  { cat "$work/log"; exit 1; }
