#!/usr/bin/env python3
"""Writes the path gains of tests/data/topologies.safetensors as FOLDER/s0.npy, ...: python3 bench/topologies.py FOLDER"""
import json
import pathlib
import struct
import sys

data = (pathlib.Path(__file__).parent.parent / "tests/data/topologies.safetensors").read_bytes()
start = 8 + struct.unpack("<Q", data[:8])[0]
for name, tensor in json.loads(data[8:start]).items():
    if not name.endswith(".path_gain"):
        continue
    first, last = tensor["data_offsets"]
    shape = ", ".join(str(n) for n in tensor["shape"])
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({shape}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    path = pathlib.Path(sys.argv[1], name.replace(".path_gain", "") + ".npy")
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data[start + first : start + last])
