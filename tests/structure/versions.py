#!/usr/bin/env python3
"""The version is the same wherever it stands: versions.py SOURCE_FOLDER MESON_VERSION"""
import pathlib
import re
import sys

root, meson = pathlib.Path(sys.argv[1]), sys.argv[2]
base = (root / "include/powalloc/base.h").read_text()
header = ".".join(re.search(rf"PA_VERSION_{part} (\d+)", base)[1] for part in ("MAJOR", "MINOR", "PATCH"))
changelog = re.search(r"^## \[?(\d+\.\d+\.\d+)", (root / "CHANGELOG.md").read_text(), flags=re.M)[1]
print(f"meson {meson}, base.h {header}, CHANGELOG {changelog}")
sys.exit(not meson == header == changelog)
