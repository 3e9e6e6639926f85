#!/usr/bin/env python3
"""Times libpowalloc beside what else computes the same, in alternation in this process, on one core. See README.md."""

import argparse
import ctypes
import importlib
import json
import math
import os
import platform
import shlex
import statistics
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"]:
    os.environ[variable] = "1"
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import numpy  # noqa: E402

import library as lib  # noqa: E402
import sparse  # noqa: E402
import sparse_tasks  # noqa: E402
import tasks  # noqa: E402

PEERS = ["peer_blis", "peer_numpy", "peer_torch", "peer_jax", "peer_onnx"]
SPARSE_PEERS = ["peer_scipy", "peer_torch_sparse", "peer_gather", "peer_geometric"]
ENOUGH = 2e6  # ns in one measurement
LONG = 2e9  # ns of a run on sparse channels that is timed when it is checked, and not again
ENOUGH_OF_THREADS = 2e7  # the same where threads have to wake up first
MOST_AMPLITUDES = 1 << 22  # in a batch
GROWTH_LINKS = [10, 20, 50, 100, 200, 500, 1000]
QUICK_LINKS = 200
SPARSE_BATCHES = [(1000, 16)]
STREAM = 4 << 30  # bytes: no cache comes near
SINGLE_SAMPLE_LINKS = [10, 20, 50]
MOST_COMPILED = 50  # links: torch.compile takes longer than all the others together


def peers(names):
    for name in names:
        try:
            yield importlib.import_module(name)
        except ImportError as missing:
            print(f"without {name.removeprefix('peer_')}: {missing}", file=sys.stderr)


def timed(function):
    """Nanoseconds of so many runs; functions in C bring their own."""

    def run(times):
        start = time.perf_counter_ns()
        for _ in range(times):
            function()
        return time.perf_counter_ns() - start

    return getattr(function, "timed", run)


def measure(contestants, rounds, seconds, enough=ENOUGH):
    """Nanoseconds of a run of each, [round], in alternation; the first runs are not counted. For the first five turns a
    contestant has all of the seconds, for more its part of them: long runs get fewer turns."""
    times, results, part = {}, {name: [] for name in contestants}, 1e9 * seconds / len(contestants)
    for name, run in contestants.items():
        run(1)
        times[name] = max(1, int(enough / max(run(1), 1)))
    for done in range(rounds):
        for name, run in contestants.items():
            if times[name] * sum(results[name]) < (part if done >= 5 else 1e9 * seconds):
                results[name].append(run(times[name]) / times[name])
    return results


def ratio(found, base):
    return statistics.median(a / b for a, b in zip(found, base))


def compare(task, modules, options, long=math.inf):
    """A row: of each contestant the median in ns a sample, and how many times slower than the library. A peer whose first
    run is a long one has no other."""
    row = {"work": task.kind, "links": task.links, "batch": task.batch, "precision": str(task.dtype), "times": {},
           "failed": []}
    contestants, results = {lib.NAME: task.ours[1]}, {}
    for module in modules:
        try:
            for name, function in module.contestants(task).items():
                start = time.perf_counter_ns()
                result = function()
                took = time.perf_counter_ns() - start
                task.check(name, result)
                if took > long:
                    results[name] = [took]
                else:
                    contestants[name] = timed(function)
        except Exception as failed:  # a peer that cannot do a task is left out of it, visibly
            print(f"{module.NAME}: {task.kind}, {task.links} links, {task.dtype}: {failed}", file=sys.stderr)
            row["failed"].append(module.NAME)
    results = {**measure(contestants, options.rounds, options.seconds), **results}
    ours = results[lib.NAME]
    for name, found in results.items():
        row["times"][name] = {"ns": statistics.median(found) / task.batch, "ratio": ratio(found, ours)}
    return row


def show(row):
    precision = {"float64": "f64", "float32": "f32"}[row["precision"]]
    ours = row["times"][lib.NAME]["ns"]
    print(f"{row['work']:16} {precision} M={row['links']:<7} B={row['batch']:<3} {ours:11.0f} ns")
    for name, found in row["times"].items():
        if name != lib.NAME:
            print(f"    {found['ratio']:8.1f} x  {name}")
    sys.stdout.flush()


def batch_of(kind, links, most):
    """Fewer large samples: a batch of them fills the caches anyway, and WMMSE takes long."""
    amplitudes = MOST_AMPLITUDES // 4 if kind == "wmmse" else MOST_AMPLITUDES
    return min(most, max(1, amplitudes // links**2))


def of_peers(library, options, works, precisions, sizes):
    modules, rows = list(peers(PEERS)), []
    for kind in works:
        for dtype in precisions:
            for links in sizes:
                compiles = not options.quick and links <= MOST_COMPILED and kind != "wmmse"
                task = tasks.Task(library, kind, links, batch_of(kind, links, options.batch), dtype, compiles)
                rows.append(compare(task, modules, options))
                show(rows[-1])
    return rows


def batches(library, options):
    return of_peers(library, options, options.work, options.precisions, options.links)


def growth(library, options):
    """More sizes, for the picture."""
    kinds = [kind for kind in options.work if kind in tasks.FORWARD]
    sizes = [n for n in GROWTH_LINKS if n not in options.links and not (options.quick and n > QUICK_LINKS)]
    return of_peers(library, options, kinds, ["float64"], sizes)


def sparse_channels(library, options):
    """Large networks: the peers on sparse channels, and the rate at which so much data would be read in order."""
    found = {"stream, bytes": STREAM, "stream, GB/s": bandwidth(library, STREAM), "rows": []}
    print(f"reads {found['stream, GB/s']:.1f} GB/s from an array of {STREAM >> 20} MiB")
    modules = list(peers(SPARSE_PEERS))
    for links, batch in [(n, 1) for n in options.sparse_links] + SPARSE_BATCHES:
        network = sparse.Network(*library.sparse_adhoc(links, batch, sparse_tasks.CUTOFF))
        for kind in sparse_tasks.work(batch, options.work):
            for dtype in options.precisions:
                row = compare(sparse_tasks.task(library, kind, network, dtype), modules, options, LONG)
                found["rows"].append({**row, "edges": network.graph.edges})
                show(row)
    return found


def latencies(library, options):
    """Of single samples: median and what lies above it."""
    rows = []
    for kind in ("regnn", "uwmmse"):
        for dtype in options.precisions:
            for links in SINGLE_SAMPLE_LINKS:
                task = tasks.Task(library, kind, links, 1, dtype)
                each, clock = library.latency(task.policy, task.h, task.noise, options.calls)
                row = {"work": kind, "links": links, "precision": str(task.dtype), "calls": options.calls,
                       "clock": clock, "maximum": float(each.max())}
                row.update((str(q), float(numpy.percentile(each, q))) for q in (50, 99, 99.9, 99.99))
                rows.append(row)
                print(f"{kind:10} {dtype} M={links:<4} median {row['50']:8.0f}  p99 {row['99']:8.0f}  p99.9 "
                      f"{row['99.9']:8.0f}  p99.99 {row['99.99']:8.0f}  maximum {row['maximum']:9.0f} ns, the clock "
                      f"{clock:.0f} ns of it")
    return rows


def architectures(library, options):
    """How much longer the extended architecture of UWMMSE takes than the paper's."""
    rows = []
    for dtype in options.precisions:
        for links in options.links:
            task = tasks.Task(library, "uwmmse", links, batch_of("uwmmse", links, options.batch), dtype)
            models = {"paper": library.uwmmse(lib.PAPER), "extended": library.uwmmse(lib.EXTENDED)}
            forward = {name: library.allocate(policy, task.h, task.noise)[1] for name, (policy, _) in models.items()}
            gradient = {name: library.gradient(policy, task.h, task.noise, flat.size)[1]
                        for name, (policy, flat) in models.items()}
            row = {"links": links, "precision": str(task.dtype), "batch": task.batch}
            for name, contestants in (("forward", forward), ("gradient", gradient)):
                found = measure(contestants, options.rounds, options.seconds / 4)
                row[name] = {"ns": statistics.median(found["paper"]) / task.batch,
                             "ratio": ratio(found["extended"], found["paper"])}
            rows.append(row)
            print(f"uwmmse {dtype} M={links:<4} extended over paper: forward {row['forward']['ratio']:.2f}, "
                  f"forward and backward {row['gradient']['ratio']:.2f}")
    return rows


def threads(library, options):
    """Two threads against one: whole training steps, large batches, one large sample."""
    os.sched_setaffinity(0, options.cores)
    pool = library.pool(2)
    works = [(f"{kind} training step", links, None, [library.training(kind, links, p) for p in (None, pool)])
             for kind in ("uwmmse", "regnn") for links in (20, 50)]
    for kind in tasks.FORWARD:
        for links, batch in ((20, 4096), (50, 4096), (1000, 1)):
            task = tasks.Task(library, kind, links, batch, "float64")
            works.append((kind, links, batch, [library.allocate(task.policy, task.h, task.noise, p)[1]
                                               for p in (None, pool)]))
    rows = []
    for work, links, batch, runs in works:
        found = measure(dict(zip((1, 2), runs)), options.rounds, options.seconds, ENOUGH_OF_THREADS)
        rows.append({"work": work, "links": links, "batch": batch, "ns": statistics.median(found[1]),
                     "speed-up": ratio(found[1], found[2]), "rounds": len(found[1])})
        print(f"{work:22} M={links:<4} B={batch or '-':<4} {rows[-1]['ns'] / 1e3:10.1f} us, two threads: "
              f"{rows[-1]['speed-up']:.2f} times as fast")
    library.c.pa_pool_free(pool)
    os.sched_setaffinity(0, {options.core})
    return rows


# ---- kernels ----

SUFFIXES = {"float64": "", "float32": "_f32"}
LEVELS = {"L1": 16 << 10, "L2": 256 << 10, "L3": 8 << 20, "DRAM": 512 << 20}
FUNCTIONS = ["rayleigh", "exp", "log", "sigmoid"]


def bandwidth(library, size):
    return library.c.probe_bandwidth(ctypes.c_size_t(size))


def product(library, dtype, links, columns, transposed, interleaved, found):
    """A product against its limit: the later of reading the matrices from where they are and of all multiplications."""
    samples, probe = ctypes.c_size_t(), getattr(library.c, "probe_product" + SUFFIXES[dtype])
    ns = probe(ctypes.c_size_t(links), ctypes.c_size_t(columns), transposed, interleaved, ctypes.byref(samples))
    flops, size = 2 * links**2 * columns * samples.value, numpy.dtype(dtype).itemsize * links**2 * samples.value
    size_class = max(size, LEVELS["L1"])
    if size_class not in found["rates"]:
        found["rates"][size_class] = bandwidth(library, size_class)
    reading, adding = size / found["rates"][size_class], flops / found["FMA peak, GFLOP/s"][dtype]
    return {"precision": dtype, "links": links, "columns": columns, "transposed": transposed,
            "interleaved": interleaved, "ns": ns / samples.value, "limit": max(reading, adding) / ns,
            "by": "reading" if reading > adding else "FMA", "of peak": adding / ns, "GB/s": size / ns}


def kernels(library, options):
    """Products against the limits that were measured just before."""
    found = {"FMA peak, GFLOP/s": {dtype: library.c.probe_peak(SUFFIXES[dtype] != "") for dtype in options.precisions},
             "read bandwidth, GB/s": {name: bandwidth(library, size) for name, size in LEVELS.items()},
             "rates": {}, "products": [], "functions": {}}
    print("FMA peak", found["FMA peak, GFLOP/s"], "bandwidth", found["read bandwidth, GB/s"])
    for dtype in options.precisions:
        for links in (10, 20, 50, 100, 200, 500, 1000):
            for columns in (1, 5, 8):
                for transposed in (0, 1):
                    for interleaved in (0, 1) if links <= 32 else (0,):
                        row = product(library, dtype, links, columns, transposed, interleaved, found)
                        found["products"].append(row)
                        print(f"{dtype} H{'^T' if transposed else '  '} M={links:<4} F={columns} "
                              f"{'interleaved' if interleaved else 'single     '} {row['ns']:10.1f} ns "
                              f"{100 * row['limit']:5.0f} % of the limit ({row['by']}), "
                              f"{100 * row['of peak']:4.0f} % of FMA peak")
        function = getattr(library.c, "probe_function" + SUFFIXES[dtype])
        found["functions"][dtype] = {name: function(which) for which, name in enumerate(FUNCTIONS)}
        print(dtype, {name: round(ns, 2) for name, ns in found["functions"][dtype].items()}, "ns a number")
    return found


# ---- the command ----

PARTS = {"kernels": kernels, "latencies": latencies, "architectures": architectures, "threads": threads,
         "batches": batches, "growth": growth, "sparse": sparse_channels}

def machine(library, command):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
                 platform.machine())
    return {"processor": model, "cores": os.cpu_count(), "instruction set": library.c.pa_instruction_set().decode(),
            "system": platform.platform(), "library": library.c.pa_version_text().decode(),
            "date": time.strftime("%Y-%m-%d"), "command": command}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", default="build/bench/libprobe.so", help="built with -Dbench=true")
    parser.add_argument("--links", default="20,50,100,500")
    parser.add_argument("--batch", type=int, default=64, help="samples of a batch, fewer of many links")
    parser.add_argument("--precisions", default="float64,float32")
    parser.add_argument("--sparse-links", default="1000,10000,100000,1000000")
    parser.add_argument("--work", default=",".join(tasks.FORWARD + tasks.TRAINING))
    parser.add_argument("--parts", default=",".join(part for part in PARTS if part != "sparse"))
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--seconds", type=float, default=2.5,
                        help="of a comparison; up to 5 turns take so many of each contestant")
    parser.add_argument("--calls", type=int, default=10**6, help="single samples")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="little of everything: 20 and 50 links, no WMMSE")
    parser.add_argument("--out", help="writes the results to this JSON file")
    options = parser.parse_args()
    given = [(name, value) for name, value in vars(options).items()
             if value != parser.get_default(name) and name not in ("library", "core", "out")]
    words = ["--" + name.replace("_", "-") + ("" if value is True else f" {shlex.quote(str(value))}")
             for name, value in given]
    command = " ".join(["bench/peers/run.py", *words])
    if options.quick:
        quick = {"links": "20,50", "sparse_links": "1000,10000", "rounds": 5, "seconds": .5, "calls": 10**4,
                 "work": ",".join(kind for kind in tasks.FORWARD + tasks.TRAINING if kind != "wmmse")}
        for name, value in quick.items():
            if getattr(options, name) == parser.get_default(name):
                setattr(options, name, value)
    for name in ("links", "sparse_links"):
        setattr(options, name, [int(n) for n in getattr(options, name).split(",")])
    for name in ("precisions", "work", "parts"):
        setattr(options, name, getattr(options, name).split(","))
    options.cores = os.sched_getaffinity(0)
    return options, command


def main():
    options, command = arguments()
    os.sched_setaffinity(0, {options.core})
    library = lib.Library(os.path.abspath(options.library))
    library.c.probe_flush_denormals()
    found = {"machine": machine(library, command)}
    print(found["machine"])
    for part in options.parts:
        start = time.monotonic()
        found[part] = PARTS[part](library, options)
        print(f"{part}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
