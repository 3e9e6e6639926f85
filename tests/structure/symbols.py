#!/usr/bin/env python3
"""The exported symbols are those that the headers declare and the map lists; the library calls nothing that touches the
process: symbols.py INCLUDE_FOLDER MAP SHARED STATIC"""
import pathlib
import re
import subprocess
import sys

include, version_map, shared, static = map(pathlib.Path, sys.argv[1:])

# What a library must leave alone: output, the end of the process, locale, environment, signals, hidden state.
FORBIDDEN = set("""printf vprintf puts putchar perror stdout stderr stdin exit _exit abort atexit setlocale getenv setenv putenv
    signal sigaction rand srand random time localtime gmtime strtok system popen fork""".split())


def nm(*arguments):
    lines = subprocess.run(["nm", *arguments], check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.split() for line in lines if line and not line.endswith(":")]


def differences(name, found, expected):
    for symbol in sorted(found - expected):
        print(f"{name}: {symbol} is one too many")
    for symbol in sorted(expected - found):
        print(f"{name}: {symbol} is missing")
    return found != expected


declared = set()
for header in (include / "powalloc").glob("*.h"):
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
    declared |= set(re.findall(r"PA_API[^;(]*?\b(pa_\w+)\(", text))
mapped = set(re.findall(r"^\s+(pa_\w+);", version_map.read_text(), flags=re.M))
exported = {line[-1].split("@")[0] for line in nm("-D", "--defined-only", shared) if line[-2] != "A"}
defined = {line[-1] for line in nm("-g", "--defined-only", static)}
used = {line[-1].split("@")[0] for line in nm("-u", static)}

wrong = differences(version_map.name, mapped, declared)
wrong |= differences(shared.name, exported, declared)
for symbol in sorted(name for name in defined if not re.match(r"pa__?[a-z]", name)):
    print(f"{static.name}: {symbol} is not in the library's name space")
    wrong = True
for symbol in sorted(used & FORBIDDEN):
    print(f"{static.name} calls {symbol}")
    wrong = True
sys.exit(wrong)
