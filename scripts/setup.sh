#!/bin/sh
# Installs the Debian packages that are missing, configures build/ and builds.
#   scripts/setup.sh [run|test|cross]    run: what the library and the command need; test: what the tests need too;
#                                        cross: what the tests for arm64 need on top of that, nothing is configured
set -eu
cd "$(dirname "$0")/.."

packages="gcc libc6-dev meson ninja-build pkg-config libblis-dev libcjson-dev gnuplot-nox"
if [ "${1:-run}" = test ]; then
  packages="$packages g++ check clang libclang-rt-14-dev libomp-dev libopenmpi-dev openmpi-bin valgrind doxygen python3 python3-venv"
fi

if [ "${1:-run}" = cross ]; then
  packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross libblis-dev:arm64 libcjson-dev:arm64 check:arm64 qemu-user"
fi

missing=
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  as_root=
  [ "$(id -u)" = 0 ] || as_root=sudo
  echo "installing$missing" >&2
  [ "${1:-run}" != cross ] || $as_root dpkg --add-architecture arm64
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
fi

[ "${1:-run}" != cross ] || exit 0

if [ "${1:-run}" = test ] && [ ! -f build-python/ready ]; then # what the tests of the bindings need, from PyPI
  python3 -m venv --clear build-python
  build-python/bin/pip install --quiet --disable-pip-version-check numpy tree-sitter tree-sitter-julia >&2
  touch build-python/ready
fi

if [ ! -f build/build.ninja ]; then
  meson setup build -Dtests="$([ "${1:-run}" = test ] && echo true || echo false)" >&2
elif [ "${1:-run}" = test ]; then
  meson configure build -Dtests=true >&2
fi
ninja -C build >&2
