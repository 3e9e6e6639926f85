#!/usr/bin/env python3
"""Dependencies point one way: layers.py SOURCE_FOLDER"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])

# The rooms that a room may include.
MAY = {
    "base": {"base"},
    "la": {"base", "la"},
    "io": {"base", "io"},
    "net": {"base", "la", "net"},
    "policy": {"base", "la", "io", "net", "policy"},
    "train": {"base", "la", "io", "net", "policy", "train"},
}
# What only some files may see.
ONLY = {
    r"<blis\.h>": r"la/la_blis\.c",
    r"<cjson/": r"io/.*",
    r"<immintrin\.h>": r"la/.*",
    r"<pthread\.h>": r"base/.*",
}
# Compiler extensions for vectors stay in one room.
EXTENSIONS = re.compile(r"vector_size|__builtin_shufflevector|__builtin_ia32_(?!pause)|_mm\d*_(?!pause)")

wrong = []
for path in sorted((root / "lib").rglob("*.[ch]")):
    name = path.relative_to(root / "lib").as_posix()
    room, text = name.split("/")[0], path.read_text()
    for include in re.findall(r'#include (["<][^">]*[">])', text):
        if include.startswith('"'):
            target = (path.parent / include.strip('"')).resolve().relative_to((root / "lib").resolve())
            if target.parts[0] not in MAY[room]:
                wrong.append(f"{name} includes {target}")
        for pattern, owners in ONLY.items():
            if re.match(pattern, include) and not re.fullmatch(owners, name):
                wrong.append(f"{name} includes {include}")
    if room != "la" and EXTENSIONS.search(text):
        wrong.append(f"{name} has vector extensions")
for folder in "tools", "examples":
    for path in sorted((root / folder).rglob("*.[ch]")):
        for include in re.findall(r'#include (["<][^">]*[">])', path.read_text()):
            here = (path.parent / include.strip('"')).resolve()
            if "lib/" in include or (include.startswith('"') and (root / folder).resolve() not in here.parents):
                wrong.append(f"{path.relative_to(root)} includes {include}: only the public headers")
print("\n".join(wrong))
sys.exit(bool(wrong))
