"""Writes model files into a C source: embed.py OUT.c MODEL.safetensors ..."""
import pathlib
import sys

out, *models = map(pathlib.Path, sys.argv[1:])
lines, table = ['#include "io/builtin.h"', ""], []
for k, path in enumerate(sorted(models)):
    data = path.read_bytes()
    lines.append(f"static const unsigned char model{k}[] = {{{','.join(map(str, data))}}};")
    table.append(f'    {{"{path.stem}", model{k}, {len(data)}}},')
lines += ["", "const pa__builtin pa__builtins[] = {", *table, "    {NULL, NULL, 0}};", ""]
out.write_text("\n".join(lines))
