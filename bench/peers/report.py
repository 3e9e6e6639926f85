#!/usr/bin/env python3
"""Makes docs/performance.md and its picture from the results of run.py.

    report.py OUT.md PICTURE.png RESULTS.json ...
"""

import json
import subprocess
import sys

import library as lib

PRECISIONS = {"float64": "double", "float32": "single"}
HEADER = """# Performance {#performance}

Measured by `bench/peers/run.py`, everything on one core of one machine, in alternation: ratios are medians of pairs. This
page is made by `bench/peers/report.py` from what it wrote; `bench/README.md` says how to do both.

Channels are plain row-major arrays, `[batch][links][links]`; what it takes to bring them into another layout counts.
`ns` is the library's time a sample; behind it, how many times longer others take, each checked first to give the same
result.
"""


def rows_of(found, keys):
    """Rows of all results with the same work, by key."""
    table = {}
    for results in found:
        for row in results.get("peers", []):
            table.setdefault(tuple(row[key] for key in keys), []).append(row)
    return table


def markdown(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def number(x):
    return f"{x:.0f}" if x >= 10 else f"{x:.1f}"


def peers_table(found):
    names = []
    for results in found:
        for row in results.get("peers", []):
            names += [name for name in row["times"] if name != lib.NAME and name not in names]
    rows = []
    for (work, links, batch, precision), same in rows_of(found, ("work", "links", "batch", "precision")).items():
        times = {name: time for row in same for name, time in row["times"].items() if name != lib.NAME}
        ours = min(row["times"][lib.NAME]["ns"] for row in same)
        ratios = [f"{number(times[name]['ratio'])}" if name in times else "" for name in names]
        rows.append([work, PRECISIONS[precision], str(links), number(ours), *ratios])
    return markdown(["work", "precision", "links", "ns", *names], rows)


def latency_table(found):
    rows = []
    for results in found:
        for row in results.get("latencies", []):
            rows.append([row["work"], PRECISIONS[row["precision"]], str(row["links"]), *(number(row[key] / 1e3)
                         for key in ("median", "p99", "p99.99", "maximum")), str(row["calls"])])
    return markdown(["work", "precision", "links", "median, us", "p99", "p99.99", "maximum", "calls"], rows)


def kernel_tables(found):
    text = ""
    for results in found:
        kernels = results.get("kernels")
        if not kernels:
            continue
        peak, bandwidth = kernels["FMA peak, GFLOP/s"], kernels["read bandwidth, GB/s"]
        text += (f"FMA peak {peak['f64']:.0f} GFLOP/s double, {peak['f32']:.0f} single; reading "
                 + ", ".join(f"{rate:.0f} GB/s from {level}" for level, rate in bandwidth.items()) + ". A number takes "
                 + ", ".join(f"{kernels[name]:.1f} ns ({name})" for name in ("rayleigh", "exp", "log", "sigmoid"))
                 + ".\n\n")
        rows = [[str(p["links"]), str(p["columns"]), "H^T" if p["transposed"] else "H",
                 "several samples" if p["interleaved"] else "one sample", number(p["ns"]), f"{100 * p['limit']:.0f} %",
                 f"{100 * p['of peak']:.0f} %"] for p in kernels["products"]]
        text += markdown(["links", "vectors", "product with", "layout", "ns a sample", "of the limit", "of FMA peak"], rows)
    return text


def machines(found):
    lines = []
    for results in found:
        m = results["machine"]
        lines.append(f"- {m['processor']}, {m['instruction set']}, {m['date']}: `{m['command']}`")
    return "\n".join(lines) + "\n"


def picture(path, found):
    """Time a sample against the links, of the library and of the fastest peer."""
    series, plots = [], []
    for work in ("regnn", "uwmmse", "wmmse"):
        points = {}
        for (kind, links, precision), same in rows_of(found, ("work", "links", "precision")).items():
            if kind == work and precision == "float64":
                ours = min(row["times"][lib.NAME]["ns"] for row in same)
                others = [ours * time["ratio"] for row in same for name, time in row["times"].items() if name != lib.NAME]
                points[links] = (ours, min(others, default=float("nan")))
        if not points:
            continue
        index = len(series)
        series.append("\n".join(f"{links} {ours / 1e3} {peer / 1e3}" for links, (ours, peer) in sorted(points.items())))
        plots += [f"$data{index} using 1:2 with linespoints lc {index + 1} pt 7 title '{work}'",
                  f"$data{index} using 1:3 with linespoints lc {index + 1} dt 2 pt 6 title '{work}, fastest other'"]
    script = "".join(f"$data{k} << EOD\n{text}\nEOD\n" for k, text in enumerate(series)) + f"""
set terminal pngcairo size 800,500
set output '{path}'
set logscale xy
set xlabel 'links'
set ylabel 'time a sample, us'
set key left top
set grid
plot {', '.join(plots)}
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main():
    out, image, *files = sys.argv[1:]
    found = []
    for name in files:
        with open(name, encoding="utf-8") as file:
            found.append(json.load(file))
    picture(image, found)
    text = HEADER + "\n" + machines(found)
    text += "\n## Batches of 64\n\n" + peers_table(found)
    text += f"\n![Time a sample, batches of 64, double precision]({image.rsplit('/', 1)[-1]})\n"
    text += "\n## Single samples\n\nThe times of every call, the clock's own included.\n\n" + latency_table(found)
    text += "\n## Kernels\n\nThe limit is the later of reading the matrix from the cache that holds it and of all "
    text += "multiplications at FMA peak.\n\n" + kernel_tables(found)
    with open(out, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
