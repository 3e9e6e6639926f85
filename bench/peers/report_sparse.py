#!/usr/bin/env python3
"""Makes docs/performance_sparse.md from the results of run.py --parts sparse.

    report_sparse.py OUT.md RESULTS.json ...
"""

import sys

import numpy

import library as lib
import report

HEADER = """# Performance on sparse channels {#performance_sparse}

This page is made by `bench/peers/report_sparse.py` from what the commands below measured; `bench/README.md` says how to
do so. Contestants take turns in one process, on one core and one thread each: ratios are medians over the turns, of
which long runs get fewer; those of more than two seconds count once. Denormals are flushed to zero for all.

"""
TIMES = """
## Times

Ad hoc networks as dense as those of 20 links, with channels up to 30 m ({edges} edges a link). All contestants get the
same rows in the same order, in which neighbours are close in memory, and may bring the indices into any form
beforehand; what is made of a slot's values counts, such as gains from amplitudes, or the values of the transpose in its
order. Sixteen samples are one graph of sixteen parts for the peers.

- *H z* and *H^T z* are products alone; REGNN has 8 layers of 5 taps, UWMMSE is the paper's of 4 layers, WMMSE makes 10
  iterations. Training is forward and backward.
- SciPy: `csr_array`, for the transpose whichever is faster, the same arrays read by columns or rows of its own.
- PyTorch, sparse: `sparse_csr_tensor` with 32-bit indices (or `sparse_coo_tensor`, were it faster); the transpose has
  rows of its own, the gradient of a product is the product with it.
- PyTorch, gather and add: `index_select`, times the edge's weight, `index_add_`. PyTorch Geometric: the same by its
  `MessagePassing`.

`us` is the library's time a sample; behind it, how many times longer others take, each checked first to give the same
result. Below 1, in bold, the other one is faster; *differs* stands for results outside the tolerance (relative 1e-6 in
double precision, 2e-2 in single), or none. The tolerance for gradients of UWMMSE in single precision is 1e-1: links
that it has silenced keep a least amplitude in the library (@ref pa_policy_allocate_f32()), from which some come back
within the layers.

"""
STREAM = """
## Products and memory

What a product of {links} links must move at least: a value and a 32-bit index an edge, and every number of its vectors
once. The rate is that of reading an array of {gib:.0f} GiB in order, {rate:.1f} GB/s, measured in the same run; more
than that comes from a cache that keeps some of the matrix from one product to the next.

"""


def goal(rows):
    ratios = [time["ratio"] for row in rows for name, time in row["times"].items() if name != lib.NAME]
    return f"It is three times as fast or more in {sum(ratio >= 3 for ratio in ratios)} of them.\n"


def least_bytes(row):
    columns, size = int(row["work"].split()[2]), numpy.dtype(row["precision"]).itemsize
    return row["edges"] * (size + 4) + 2 * columns * row["links"] * size


def stream_table(rows, rate):
    lines = []
    for row in rows:
        ns, size = row["times"][lib.NAME]["ns"], least_bytes(row)
        lines.append([row["work"], report.PRECISIONS[row["precision"]], report.number(size / 1e6),
                      report.number(ns / 1e6), report.number(size / ns), f"{100 * size / ns / rate:.0f} %"])
    return report.markdown(["product", "precision", "MB", "ms", "GB/s", "of the rate"], lines)


def main():
    out, *files = sys.argv[1:]
    found = report.read(files)
    parts = [results["sparse"] for results in found]
    rows = [row for part in parts for row in part["rows"]]
    per_link = [row["edges"] / row["links"] for row in rows]
    text = HEADER + report.machines(found) + TIMES.format(edges=f"{min(per_link):.0f} to {max(per_link):.0f}")
    text += report.batches_table(rows, "us", 1e3) + goal(rows)
    part = max(parts, key=lambda part: max(row["links"] for row in part["rows"]))
    products = [row for row in part["rows"] if " z, " in row["work"]]
    links = max(row["links"] for row in products)
    text += STREAM.format(links=links, gib=part["stream, bytes"] / 2**30, rate=part["stream, GB/s"])
    text += stream_table([row for row in products if row["links"] == links], part["stream, GB/s"])
    with open(out, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
