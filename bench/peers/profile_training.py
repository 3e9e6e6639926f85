#!/usr/bin/env python3
"""Where the time of a training step goes, by sampling with perf; the library needs frame pointers and lines. See
README.md."""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import library as lib  # noqa: E402
import run as benchmark  # noqa: E402

WORKS = [("uwmmse", 20), ("uwmmse", 50), ("regnn", 20), ("regnn", 50)]
# What a step consists of, by the innermost of these functions that a sample is in.
STAGES = {
    "draw of states": ["pa__source_fill"],
    "packing": ["begin", "pack", "square", "build_shift", "pa__gains_begin", "pa__gains_direct"],
    "forward": ["forward", "block_forward"],
    "rates and their slope": ["block_rate", "block_rate_slope"],
    "backward": ["backward", "block_backward"],
    "reductions": ["gather_samples", "unpack"],
    "draw of powers": ["pa__output_mean", "pa__output_draw_many"],
    "reward callback": ["pa_reward_capacity"],
    "means and duals": ["judge_step", "move_duals", "set_prices"],
    "slope of the outputs": ["value_samples", "advantages", "score_gradient", "add_exact"],
    "checks of rewards": ["probe", "check_policy", "check_signal"],
    "Adam": ["pa__adam_step"],
}
STAGE_OF = {function: stage for stage, functions in STAGES.items() for function in functions}
STEP = "step"
SHOWN = 4  # functions of a stage


def train(library, kind, links, seconds):
    """Trains for so many seconds; prints the nanoseconds of a step."""
    run = lib.Library(library).training(kind, links)
    steps = max(10, int(seconds * 1e9 / (run(20) / 20)))
    print(run(steps) / steps)


def samples_of(kind, links, options):
    """Call stacks [[(offset, symbol, object)]], innermost first, and the nanoseconds of a step."""
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "perf.data")
        command = ["perf", "record", "--quiet", "--event", "cpu-clock:u", "--freq", "4000", "-g", "--output", data,
                   sys.executable, __file__, "--library", options.library, "--seconds", str(options.seconds), "--train",
                   kind, str(links)]
        ns = float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        script = subprocess.run(["perf", "script", "--no-inline", "--input", data, "--fields", "ip,sym,dso"],
                                stdout=subprocess.PIPE, text=True, check=True).stdout
    frame = re.compile(r"\s*([0-9a-f]+) (.*) \((.*)\)$")
    stacks = [[frame.match(line).groups() for line in lines.splitlines() if frame.match(line)]
              for lines in re.split(r"\n\s*\n", script)]
    return [[(int(offset, 16) - (depth > 0), symbol, where) for depth, (offset, symbol, where) in enumerate(stack)]
            for stack in stacks], ns


def inlined(library, offsets):
    """Functions and files at each offset, innermost first."""
    text = subprocess.run(["addr2line", "--exe", library, "--inlines", "--functions", "--addresses"],
                          input="\n".join(f"{offset:#x}" for offset in offsets), stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    found = {}
    for part in re.split(r"^0x", text, flags=re.M)[1:]:
        address, *lines = part.splitlines()
        files = [place.rsplit(":", 1)[0] for place in lines[1::2]]
        found[int(address, 16)] = list(zip(lines[::2], files))
    return found


def profile(kind, links, options):
    """Rows of a stage and a function with their parts of a step."""
    stacks, ns = samples_of(kind, links, options)
    ours = os.path.basename(options.library)
    known = inlined(options.library, {offset for stack in stacks for offset, _, where in stack if where.endswith(ours)})
    counts, total = collections.Counter(), 0
    for stack in stacks:
        calls = [call for offset, symbol, where in stack for call in
                 (known[offset] if where.endswith(ours) else [(symbol, os.path.basename(where))])]
        names = [function for function, _ in calls]
        if STEP not in names:
            continue
        total += 1
        stage = next((STAGE_OF[name] for name in names[: names.index(STEP)] if name in STAGE_OF), "the rest")
        function, file = next(call for call in calls if not call[1].endswith(".h"))
        counts[stage, function, "/".join(file.split("/")[-2:])] += 1
    rows = [{"stage": stage, "function": function, "file": file, "part": count / total}
            for (stage, function, file), count in counts.most_common()]
    return {"work": kind, "links": links, "ns": ns, "samples": total, "rows": rows}


def stages_of(found):
    """Of each stage its part of the step and its functions, the longest first."""
    stages = collections.defaultdict(list)
    for row in found["rows"]:
        stages[row["stage"]].append(row)
    parts = {stage: sum(row["part"] for row in rows) for stage, rows in stages.items()}
    return [(stage, parts[stage], stages[stage]) for stage in sorted(parts, key=parts.get, reverse=True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", default="build-profile/bench/libprobe.so")
    parser.add_argument("--seconds", type=float, default=8, help="of each training")
    parser.add_argument("--train", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--out", help="writes the results to this JSON file")
    options = parser.parse_args()
    options.library = os.path.abspath(options.library)
    if options.train:
        train(options.library, options.train[0], int(options.train[1]), options.seconds)
        return
    machine = benchmark.machine(lib.Library(options.library), "bench/peers/profile_training.py")
    found = {"machine": machine, "profile": []}
    for kind, links in WORKS:
        found["profile"].append(profile(kind, links, options))
        print(f"{kind}, {links} links: {found['profile'][-1]['ns'] / 1e3:.0f} us a step")
        for stage, part, rows in stages_of(found["profile"][-1]):
            print(f"  {100 * part:5.1f} % {stage:22}", ", ".join(
                f"{row['function']} ({row['file']}) {100 * row['part']:.1f}" for row in rows[:SHOWN]))
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
