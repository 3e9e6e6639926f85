#!/usr/bin/env python3
"""Makes docs/performance.md and its picture from the results of run.py and profile_training.py.

    report.py OUT.md PICTURE.png RESULTS.json ...
"""

import json
import os
import subprocess
import sys

import library as lib
from profile_training import SHOWN, stages_of

PRECISIONS = {"float64": "double", "float32": "single"}
HEADER = """# Performance {#performance}

This page is made by `bench/peers/report.py` from what the commands below measured; `bench/README.md` says how to do so.
Contestants take turns in one process, on one core unless two threads are spoken of: ratios are medians over the turns.
Denormals are flushed to zero for all. Sparse channels of large networks have a page of their own, @ref
performance_sparse.

"""
BATCHES = """
## Batches

Channels are plain row-major arrays, `[batch][links][links]`; what it takes to bring them into another layout counts.
`ns` is the library's time a sample; behind it, how many times longer others take, each checked first to give the same
result. Below 1, in bold, the other one is faster; *differs* stands for results outside the tolerance (relative 1e-6 in
double precision, 2e-2 in single), or none.

"""
LATENCIES = """
## Single samples

One call a sample, each timed by itself; reading the clock takes {clock:.0f} ns of it. The highest times are the
system's, which takes the core away.

"""
THREADS = """
## Two threads

What two threads of a `pa_pool` gain over one, on two cores: whole training steps (UWMMSE: 64 states, the paper's
architecture; REGNN: model-free, 16 states of 8 actions), and allocations.

"""
ARCHITECTURES = """
## UWMMSE's architectures

How many times longer the extended architecture takes than the paper's.

"""
KERNELS = """
## Kernels

The limit of a product is the later of reading its matrices, at the rate at which so much data was read, and of all
multiplications at FMA peak. Above 100 %: reading it was faster than in that test.

"""
PROFILE = """
## Where a training step goes

By sampling whole training runs of one thread {times} times in all; what is before the first and after the last step,
and looks at held-out states, do not count.

"""


def all_of(found, part):
    return [row for results in found for row in results.get(part, [])]


def same_rows(rows, *keys):
    """Rows of all results with the same work, by these keys."""
    table = {}
    for row in rows:
        table.setdefault(tuple(row[key] for key in keys), []).append(row)
    return table


def markdown(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def number(x):
    return f"{x:.0f}" if x >= 10 else f"{x:.1f}" if x >= .95 else f"{x:.2f}"


def cell(name, times, failed):
    if name not in times:
        return "*differs*" if any(name.startswith(module) for module in failed) else ""
    ratio = times[name]["ratio"]
    return f"**{number(ratio)}**" if ratio < 1 else number(ratio)


def batches_table(rows, unit="ns", of_unit=1):
    """The library's times in a unit of so many ns, and the ratios of the others."""
    names = []
    for row in rows:
        names += [name for name in row["times"] if name != lib.NAME and name not in names]
    lines, behind, count = [], 0, 0
    for (work, precision, links, batch), same in sorted(
            same_rows(rows, "work", "precision", "links", "batch").items(),
            key=lambda item: ([row["work"] for row in rows].index(item[0][0]), item[0][1] == "float32", item[0][2])):
        times = {name: time for row in same for name, time in row["times"].items() if name != lib.NAME}
        failed = [name for row in same for name in row["failed"]]
        ours = min(row["times"][lib.NAME]["ns"] for row in same)
        behind += sum(time["ratio"] < 1 for time in times.values())
        count += len(times)
        lines.append([work, PRECISIONS[precision], str(links), str(batch), number(ours / of_unit),
                      *(cell(name, times, failed) for name in names)])
    text = markdown(["work", "precision", "links", "samples", unit, *names], lines)
    return text + f"\nThe library is behind in {behind} of {count} cells.\n"


def latency_table(rows):
    keys = ("50", "99", "99.9", "99.99", "maximum")
    return markdown(["work", "precision", "links", "median, us", "p99", "p99.9", "p99.99", "maximum", "calls"],
                    [[row["work"], PRECISIONS[row["precision"]], str(row["links"]),
                      *(number(row[key] / 1e3) for key in keys), str(row["calls"])] for row in rows])


def threads_table(rows):
    lines = []
    for row in rows:
        gain = f"{row['speed-up']:.2f}" if row["speed-up"] >= 1 else f"**{row['speed-up']:.2f}**"
        lines.append([row["work"], str(row["links"]), str(row["batch"] or ""), number(row["ns"] / 1e3), gain])
    return markdown(["work", "links", "samples", "one thread, us", "two threads, times as fast"], lines)


def architectures_table(rows):
    return markdown(["precision", "links", "samples", "forward", "forward and backward"],
                    [[PRECISIONS[row["precision"]], str(row["links"]), str(row["batch"]),
                      f"{row['forward']['ratio']:.2f}", f"{row['gradient']['ratio']:.2f}"] for row in rows])


def kernel_tables(kernels):
    peak, bandwidth = kernels["FMA peak, GFLOP/s"], kernels["read bandwidth, GB/s"]
    text = ("FMA peak " + ", ".join(f"{rate:.0f} GFLOP/s {PRECISIONS[dtype]}" for dtype, rate in peak.items())
            + "; reading " + ", ".join(f"{rate:.0f} GB/s from {level}" for level, rate in bandwidth.items()) + ".\n\n")
    functions = kernels["functions"]
    text += markdown(["ns a number", *(PRECISIONS[dtype] for dtype in functions)],
                     [[name, *(f"{functions[dtype][name]:.2f}" for dtype in functions)]
                      for name in next(iter(functions.values()))])
    rows = []
    for key, same in same_rows(kernels["products"], "links", "columns", "transposed", "interleaved").items():
        links, columns, transposed, interleaved = key
        layout = "several samples" if interleaved else "one sample"
        row = [str(links), str(columns), "H^T" if transposed else "H", layout]
        for product in same:
            row += [number(product["ns"]), f"{100 * product['limit']:.0f} % ({product['by']})"]
        rows.append(row)
    columns = [text for dtype in peak for text in (f"ns a sample, {PRECISIONS[dtype]}", "of the limit")]
    return text + "\n" + markdown(["links", "vectors", "product with", "layout", *columns], rows)


def profile_table(profile):
    rows = []
    for stage, part, functions in stages_of(profile):
        inside = ", ".join(f"`{row['function']}` ({row['file']}) {100 * row['part']:.0f} %" for row in functions[:SHOWN]
                           if row["part"] >= .005)
        rows.append([stage, number(part * profile["ns"] / 1e3), f"{100 * part:.1f} %", inside])
    title = f"### {profile['work'].upper()}, {profile['links']} links: {profile['ns'] / 1e3:.0f} us a step\n\n"
    return title + markdown(["", "us", "part", "most of it, in parts of the step"], rows) + "\n"


def machines(found):
    lines = []
    for results in found:
        m = results["machine"]
        lines.append(f"- {m['processor']}, {m['cores']} cores, {m['instruction set']}, libpowalloc {m['library']}, "
                     f"{m['date']}: `{m['command']}`")
    return "\n".join(lines) + "\n"


def picture(path, found):
    """Time a sample against the links, of the library, of plain C, and of the fastest other peer."""
    blocks, plots = [], []
    rows = [row for row in all_of(found, "batches") + all_of(found, "growth") if row["precision"] == "float64"]
    for index, work in enumerate(("regnn", "uwmmse", "wmmse")):
        points = {}
        for (kind, links), same in same_rows(rows, "work", "links").items():
            if kind == work:
                ours = min(row["times"][lib.NAME]["ns"] for row in same)
                ratios = {name: time["ratio"] for row in same for name, time in row["times"].items()}
                plain = [ratio for name, ratio in ratios.items() if "BLIS" in name]
                others = [ratio for name, ratio in ratios.items() if "BLIS" not in name and name != lib.NAME]
                points[links] = [ours / 1e3 * times for times in (1, min(plain, default=float("nan")),
                                                                 min(others, default=float("nan")))]
        if not points:
            continue
        lines = "\n".join(f"{links} {' '.join(map(str, times))}" for links, times in sorted(points.items()))
        blocks.append(f"$data{index} << EOD\n{lines}\nEOD\n")
        for column, style, who in ((2, "lw 2 pt 7", ""), (3, "dt 2 pt 4", ", C over BLIS"),
                                   (4, "dt 3 pt 6", ", fastest other")):
            plots.append(f"$data{index} using 1:{column} with linespoints lc {index + 1} {style} title '{work}{who}'")
    script = "".join(blocks) + f"""
set terminal pngcairo size 900,600
set output '{path}'
set logscale xy
set xrange [8:1250]
set xtics (10, 20, 50, 100, 200, 500, 1000)
set xlabel 'links'
set ylabel 'time a sample, us'
set key left top
set grid
plot {', '.join(plots)}
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def read(files):
    found = []
    for name in files:
        with open(name, encoding="utf-8") as file:
            found.append(json.load(file))
    return found


def main():
    out, image, *files = sys.argv[1:]
    found = read(files)
    text = HEADER + machines(found)
    if all_of(found, "batches"):
        picture(image, found)
        text += BATCHES + batches_table(all_of(found, "batches") + all_of(found, "growth"))
        text += f"\n![Time a sample in a batch, double precision]({os.path.basename(image)})\n"
    for part, introduction, table in (("latencies", LATENCIES, latency_table), ("threads", THREADS, threads_table),
                                      ("architectures", ARCHITECTURES, architectures_table)):
        rows = all_of(found, part)
        if rows:
            text += introduction.format(clock=max(row.get("clock", 0) for row in rows)) + table(rows)
    for results in found:
        if "kernels" in results:
            text += KERNELS + kernel_tables(results["kernels"])
    profiles = all_of(found, "profile")
    if profiles:
        text += PROFILE.format(times=sum(profile["samples"] for profile in profiles))
        text += "".join(map(profile_table, profiles))
    with open(out, "w", encoding="utf-8") as file:
        file.write(text.rstrip("\n") + "\n")


if __name__ == "__main__":
    main()
