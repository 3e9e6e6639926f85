#!/usr/bin/env python3
"""Times libpowalloc beside what else computes the same, in alternation in this process, on one core. See README.md."""

import argparse
import ctypes
import importlib
import json
import os
import platform
import statistics
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"]:
    os.environ[variable] = "1"
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import numpy  # noqa: E402

import library as lib  # noqa: E402
import tasks  # noqa: E402

PEERS = ["peer_numpy", "peer_torch", "peer_jax", "peer_onnx"]
ENOUGH = 2e6  # ns in one measurement
LATENCY = {"quick": 10**4, "full": 10**6}


def peers():
    for name in PEERS:
        try:
            yield importlib.import_module(name)
        except ImportError as missing:
            print(f"without {name.removeprefix('peer_')}: {missing}", file=sys.stderr)


def timed(function):
    def run(times):
        start = time.perf_counter_ns()
        for _ in range(times):
            function()
        return time.perf_counter_ns() - start

    return run


def measure(contestants, rounds, seconds):
    """Nanoseconds of a run of each, [round], in alternation; the first runs are not counted."""
    times, results, end = {}, {name: [] for name in contestants}, time.monotonic() + seconds
    for name, run in contestants.items():
        run(1)
        times[name] = max(1, int(ENOUGH / max(run(1), 1)))
    for done in range(rounds):
        for name, run in contestants.items():
            results[name].append(run(times[name]) / times[name])
        if done >= 4 and time.monotonic() > end:
            break
    return results


def compare(task, modules, options):
    """A row: of each contestant the median in ns a sample, and how many times slower than the library."""
    contestants = {lib.NAME: task.ours()[1]}
    for module in modules:
        try:
            for name, function in module.contestants(task).items():
                task.check(name, function())
                contestants[name] = timed(function)
        except Exception as failed:  # a peer that cannot do a task is left out of it, visibly
            print(f"{module.NAME}: {task.kind}, {task.links} links, {task.dtype}: {failed}", file=sys.stderr)
    results = measure(contestants, options.rounds, options.seconds)
    ours = results[lib.NAME]
    row = {"work": task.kind, "links": task.links, "batch": task.batch, "precision": str(task.dtype), "times": {}}
    for name, found in results.items():
        ratio = statistics.median(a / b for a, b in zip(found, ours))
        row["times"][name] = {"ns": statistics.median(found) / task.batch, "ratio": ratio}
    return row


def show(row):
    precision = {"float64": "f64", "float32": "f32"}[row["precision"]]
    print(f"{row['work']:16} {precision} M={row['links']:<4} B={row['batch']:<3} {row['times'][lib.NAME]['ns']:11.0f} ns")
    for name, found in row["times"].items():
        if name != lib.NAME:
            print(f"    {found['ratio']:8.1f} x  {name}")
    sys.stdout.flush()


def latencies(library, options):
    """Of single samples: median and what lies above it."""
    rows = []
    for kind in tasks.FORWARD:
        for dtype in options.precisions:
            for links in options.links:
                if links > 100:
                    continue
                task = tasks.Task(library, kind, links, 1, dtype)
                one = max(task.ours()[1](3) / 3, 1)
                count = min(LATENCY["quick" if options.quick else "full"], max(1000, int(4e9 / one)))
                each = library.latency(task.policy, task.h, task.noise, count)
                quantiles = {q: float(numpy.percentile(each, q)) for q in (50, 99, 99.99)}
                rows.append({"work": kind, "links": links, "precision": str(numpy.dtype(dtype)), "calls": count,
                             "median": quantiles[50], "p99": quantiles[99], "p99.99": quantiles[99.99],
                             "maximum": float(each.max())})
                print(describe_latency(rows[-1]))
    return rows


def describe_latency(row):
    return (f"{row['work']:10} {row['precision']} M={row['links']:<4} median {row['median']:8.0f}  p99 {row['p99']:8.0f}  "
            f"p99.99 {row['p99.99']:8.0f}  maximum {row['maximum']:9.0f} ns of {row['calls']} calls")


def kernels(library):
    """Products against the limits that were measured just before."""
    c, found = library.c, {}
    peak = c.probe_peak(0)
    found["FMA peak, GFLOP/s"] = {"f64": peak, "f32": c.probe_peak(1)}
    sizes = {"L1": 16 << 10, "L2": 256 << 10, "L3": 8 << 20, "DRAM": 512 << 20}
    bandwidth = {name: c.probe_bandwidth(ctypes.c_size_t(size)) for name, size in sizes.items()}
    found["read bandwidth, GB/s"] = bandwidth
    print("FMA peak", {k: round(v, 1) for k, v in found["FMA peak, GFLOP/s"].items()}, "bandwidth",
          {k: round(v, 1) for k, v in bandwidth.items()})
    samples = ctypes.c_size_t()
    found["products"] = []
    for links in (10, 20, 50, 100, 200, 500, 1000):
        size = 8 * links * links
        level = next((name for name, most in (("L1", 32 << 10), ("L2", 512 << 10), ("L3", 16 << 20)) if size <= most), "DRAM")
        for columns in (1, 4, 8):
            for transposed in (0, 1):
                for interleaved in (0, 1):
                    if interleaved and links > 32:
                        continue
                    ns = c.probe_product(ctypes.c_size_t(links), ctypes.c_size_t(columns), transposed, interleaved,
                                         ctypes.byref(samples))
                    flops = 2 * links * links * columns * samples.value / ns
                    rate = size * samples.value / ns
                    limit = max(size * samples.value / bandwidth[level],
                                2 * links * links * columns * samples.value / peak)
                    found["products"].append({"links": links, "columns": columns, "transposed": transposed,
                                              "interleaved": interleaved, "ns": ns / samples.value,
                                              "limit": limit / ns, "of peak": flops / peak, "GB/s": rate})
                    print(f"H x M={links:<4} F={columns} {'T' if transposed else ' '} "
                          f"{'interleaved' if interleaved else 'single     '} {ns / samples.value:10.1f} ns "
                          f"{100 * limit / ns:5.0f} % of the limit ({level}), {100 * flops / peak:4.0f} % of FMA peak")
    for which, name in enumerate(("rayleigh", "exp", "log", "sigmoid")):
        found[name] = c.probe_function(which)
        print(f"{name:10} {found[name]:6.2f} ns a number")
    return found


def machine(library):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    return {"processor": model, "instruction set": library.c.pa_instruction_set().decode(),
            "system": platform.platform(), "library": library.c.pa_version_text().decode(),
            "date": time.strftime("%Y-%m-%d"), "command": " ".join(["bench/peers/run.py", *sys.argv[1:]])}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", default="build/bench/libprobe.so", help="built with -Dbench=true")
    parser.add_argument("--links", default="20,50,100,500")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--precisions", default="float64,float32")
    parser.add_argument("--work", default=",".join(tasks.FORWARD + tasks.TRAINING))
    parser.add_argument("--parts", default="kernels,latencies,peers")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--seconds", type=float, default=10, help="of a comparison, at most")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="20 and 50 links, few rounds, nothing compiled")
    parser.add_argument("--out", help="writes the results to this JSON file")
    options = parser.parse_args()
    if options.quick:
        options.links, options.rounds, options.seconds = "20,50", 7, 2
    options.links = [int(n) for n in options.links.split(",")]
    options.precisions = options.precisions.split(",")
    options.work = options.work.split(",")
    options.parts = options.parts.split(",")
    return options


def main():
    options = arguments()
    os.sched_setaffinity(0, {options.core})
    library = lib.Library(os.path.abspath(options.library))
    found = {"machine": machine(library)}
    print(found["machine"])
    if "kernels" in options.parts:
        found["kernels"] = kernels(library)
    if "latencies" in options.parts:
        found["latencies"] = latencies(library, options)
    if "peers" in options.parts:
        modules, found["peers"] = list(peers()), []
        for kind in options.work:
            for dtype in options.precisions:
                for links in options.links:
                    task = tasks.Task(library, kind, links, options.batch, dtype,
                                      not options.quick and links <= 100 and kind != "wmmse")
                    found["peers"].append(compare(task, modules, options))
                    show(found["peers"][-1])
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
