#!/usr/bin/env python3
"""Tests of the powalloc command as its users meet it: test_command.py PATH_OF_THE_BINARY [unittest options]

Standard library only: the .npy and safetensors files are read and written by the few lines below, and what the command
computes is computed again here in plain Python.
"""
import ast
import csv
import io
import json
import math
import os
import random
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

COMMAND = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "powalloc"
PATIENCE = 480  # seconds until a command counts as hung, sanitizers and valgrind included
VERBS = ["simulate", "allocate", "evaluate", "train", "reproduce", "info"]
DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

ENVIRONMENT = dict(os.environ, LC_ALL="C")
# What the command still holds when it ends is the system's to take back.
ENVIRONMENT["ASAN_OPTIONS"] = "detect_leaks=0:allocator_may_return_null=1:" + ENVIRONMENT.get("ASAN_OPTIONS", "")


# ---- files ----

def flatten(value):
    return [x for part in value for x in flatten(part)] if isinstance(value, list) else [float(value)]


def shape_of(value):
    return [len(value)] + shape_of(value[0]) if isinstance(value, list) else []


def nest(flat, shape):
    if not shape:
        return flat[0]
    step = len(flat) // shape[0] if shape[0] else 0
    return [nest(flat[k * step:(k + 1) * step], shape[1:]) for k in range(shape[0])]


def npy_bytes(value, descr="<f8", shape=None, fortran=False, version=(1, 0)):
    """The bytes of a .npy file; in Fortran order the flat values are written as they come."""
    flat, shape = flatten(value), shape_of(value) if shape is None else shape
    text = "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }" % (descr, fortran, "".join("%d, " % n for n in shape))
    fixed = 6 + 2 + (2 if version == (1, 0) else 4)
    text += " " * (-(fixed + len(text) + 1) % 64) + "\n"
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    code = {"<f8": "<%dd", "<f4": "<%df", ">f8": ">%dd", "<i8": "<%dq", "<i4": "<%di"}[descr] % len(flat)
    data = struct.pack(code, *(map(int, flat) if "i" in descr else flat))
    return b"\x93NUMPY" + bytes(version) + length + text.encode("latin1") + data


def npy_value(content):
    assert content[:6] == b"\x93NUMPY" and content[6:8] == b"\x01\x00", "written as version 1.0"
    length, = struct.unpack("<H", content[8:10])
    assert (10 + length) % 64 == 0, "data start at a multiple of 64"
    header = ast.literal_eval(content[10:10 + length].decode("latin1"))
    code, size = {"<f8": ("d", 8), "<i8": ("q", 8), "<i4": ("i", 4), "|S3": ("3s", 3)}[header["descr"]]
    assert header["fortran_order"] is False, header
    data = content[10 + length:]
    assert len(data) == size * math.prod(header["shape"]), "as many bytes as the shape says"
    return nest([x for x, in struct.iter_unpack("<" + code, data)], list(header["shape"]))


def read_npy(path):
    with open(path, "rb") as file:
        return npy_value(file.read())


def csr_members(matrix, samples=None, index="<i4"):
    """Members of SciPy's file of a matrix, those of a batch if its samples are given."""
    columns = [[j for j, x in enumerate(row) if x] for row in matrix]
    data = [[h[i][j] for i, row in enumerate(columns) for j in row] for h in samples or [matrix]]
    return {"indices": npy_bytes(sum(columns, []), descr=index),
            "indptr": npy_bytes([sum(map(len, columns[:k])) for k in range(len(matrix) + 1)], descr=index),
            "format": npy_bytes([], shape=[]).replace(b"<f8", b"|S3") + b"csr",
            "shape": npy_bytes(shape_of(matrix), descr="<i8"), "data": npy_bytes(data if samples else data[0])}


def reversed_pairs(words):
    """Options with their values, the last first."""
    return [word for k in range(len(words) - 2, -1, -2) for word in words[k:k + 2]]


def npz_bytes(members, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name + ".npy", content)
    return file.getvalue()


def read_npz(path):
    """Sparse channels as full ones [B][M][M], and how many entries there are."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        found = {name[:-4]: npy_value(archive.read(name)) for name in archive.namelist()}
    assert found["format"] == b"csr" and found["shape"] == [len(found["indptr"]) - 1] * 2, found
    full = []
    for data in found["data"] if shape_of(found["data"])[1:] else [found["data"]]:
        full.append([[0.0] * found["shape"][1] for _ in range(found["shape"][0])])
        for i, row in enumerate(full[-1]):
            begin, end = found["indptr"][i:i + 2]
            assert found["indices"][begin:end] == sorted(set(found["indices"][begin:end])), "columns ascend"
            for e in range(begin, end):
                row[found["indices"][e]] = data[e]
    return full, len(found["indices"])


def safetensors_bytes(metadata, tensors):
    header, data = {"__metadata__": metadata}, b""
    for name, value in tensors.items():
        start = len(data)
        flat = flatten(value)
        data += struct.pack("<%dd" % len(flat), *flat)
        header[name] = {"dtype": "F64", "shape": shape_of(value), "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def read_safetensors(path):
    with open(path, "rb") as file:
        content = file.read()
    length, = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8:8 + length]), content[8 + length:]
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        assert entry["dtype"] == "F64", entry
        tensors[name] = nest(list(struct.unpack("<%dd" % ((last - first) // 8), data[first:last])), entry["shape"])
    return metadata, tensors


# ---- what the command should compute ----

def interference(h, p, j, noise):
    return noise + sum(h[i][j] ** 2 * p[i] for i in range(len(p)) if i != j)


def rates_of(h, p, noise):
    return [math.log2(1 + h[j][j] ** 2 * p[j] / interference(h, p, j, noise)) for j in range(len(p))]


def wmmse(h, noise, pmax, iterations, weights=None):
    links = range(len(h))
    weights = weights or [1.0] * len(h)
    v = [math.sqrt(pmax)] * len(h)
    for _ in range(iterations):
        i_n = [interference(h, [x * x for x in v], j, noise) for j in links]
        total = [i_n[j] + (h[j][j] * v[j]) ** 2 for j in links]
        u = [h[j][j] * v[j] / total[j] for j in links]
        w = [weights[j] * total[j] / i_n[j] for j in links]
        v = [min(max(h[i][i] * u[i] * w[i] / sum(h[i][j] ** 2 * u[j] ** 2 * w[j] for j in links), 0), math.sqrt(pmax))
             for i in links]
    return [x * x for x in v]


def convolve(f, x, layer):
    """gc(X) = diag(F) X w0 + b0 + F X w1 + b1"""
    n, columns = len(f), len(layer["w0"][0])
    fx = [[sum(f[i][j] * x[j][c] for j in range(n)) for c in range(len(x[0]))] for i in range(n)]
    return [[sum(f[i][i] * x[i][c] * layer["w0"][c][o] + fx[i][c] * layer["w1"][c][o] for c in range(len(x[0])))
             + layer["b0"][o] + layer["b1"][o] for o in range(columns)] for i in range(n)]


def uwmmse(h, noise, pmax, tensors, layers, scale=1.0, start=1.0):
    """UWMMSE of the paper, out of the tensors of a file."""
    links = range(len(h))
    f = [[scale * x for x in row] for row in h]
    v = [start * math.sqrt(pmax)] * len(h)
    for k in range(1, layers + 1):
        factor = {}
        for s in "ab":
            part = {gc: {t: tensors["layer%d.%s.%s.%s" % (k, s, gc, t)] for t in ("w0", "w1", "b0", "b1")}
                    for gc in ("gc1", "gc2")}
            hidden = [[max(x, 0) for x in row] for row in convolve(f, [[1.0]] * len(h), part["gc1"])]
            factor[s] = [1 / (1 + math.exp(-row[0])) for row in convolve(f, hidden, part["gc2"])]
        i_n = [interference(h, [x * x for x in v], j, noise) for j in links]
        total = [i_n[j] + (h[j][j] * v[j]) ** 2 for j in links]
        u = [h[j][j] * v[j] / total[j] for j in links]
        w = [factor["a"][j] * total[j] / i_n[j] + factor["b"][j] for j in links]
        v = [min(max(h[i][i] * u[i] * w[i] / (sum(h[i][j] ** 2 * u[j] ** 2 * w[j] for j in links)
                                              + tensors["layer%d.mu" % k]), 0), math.sqrt(pmax)) for i in links]
    return [x * x for x in v]


# ---- the harness ----

class CommandTest(unittest.TestCase):
    """A test in a folder of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="powalloc-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return name

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def npy(self, name, value, **options):
        return self.write(name, npy_bytes(value, **options))

    def array(self, name):
        return read_npy(self.path(name))

    def json(self, name):
        return json.loads(self.read(name))

    def files(self):
        return sorted(os.listdir(self.folder))

    def full_device(self):
        """A device that is always full. Never that of the system: a command that replaced it would do so for all."""
        if os.geteuid() != 0:
            return "/dev/full"
        try:
            os.mknod(self.path("full"), stat.S_IFCHR | 0o666, os.makedev(1, 7))
            open(self.path("full"), "wb").close()
        except OSError:
            self.skipTest("no device can be made here")
        return "full"

    def start(self, *words, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ENVIRONMENT, **options}
        child = subprocess.Popen([COMMAND, *map(str, words)], cwd=self.folder, stdin=subprocess.DEVNULL, text=True, **options)

        def end():
            if child.poll() is None:
                child.kill()
            child.communicate()
        self.addCleanup(end)
        return child

    def run_command(self, *words, **options):
        child = self.start(*words, **options)
        out, err = child.communicate(timeout=PATIENCE)
        err = "".join(line for line in err.splitlines(True) if "WARNING: AddressSanitizer failed to allocate" not in line)
        self.assertNotIn("Sanitizer", err)
        self.assertNotIn("runtime error", err)
        return child.returncode, out, err

    def done(self, *words, **options):
        """Runs what must succeed, and quietly; returns standard output."""
        status, out, err = self.run_command(*words, **options)
        self.assertEqual((status, err), (DONE, ""), words)
        return out

    def refused(self, status, words, *parts, **options):
        """Runs what must end with this status, one line that has all the parts, no output and no new file."""
        before = {name: os.stat(self.path(name)).st_mtime_ns for name in self.files()}
        found, out, err = self.run_command(*words, **options)
        self.assertEqual(found, status, (words, err))
        self.assertEqual(out or "", "", words)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertTrue(err.startswith("powalloc"), err)
        for part in parts:
            self.assertIn(part, err)
        self.assertEqual({name: os.stat(self.path(name)).st_mtime_ns for name in self.files()}, before, words)
        return err

    def close(self, a, b, relative=1e-9):
        a, b = flatten(a), flatten(b)
        self.assertEqual(len(a), len(b))
        for x, y in zip(a, b):
            self.assertTrue(math.isclose(x, y, rel_tol=relative, abs_tol=1e-12), (x, y))


def channels(batch, links, seed=1, scale=1.0):
    draw = random.Random(seed)
    return [[[scale * (draw.uniform(.5, 2) if i == j else draw.uniform(.05, .6)) for j in range(links)] for i in range(links)]
            for _ in range(batch)]


NETWORK = ["--noise-power", "-91dB", "--pmax", "1"]
SMALL = ["--model", "uwmmse", "--links", "4", *NETWORK, "--batch", "8", "--set", "trainer.held_out=40",
         "--set", "trainer.held_out_every=20"]


class Help(CommandTest):
    def test_verbs(self):
        text = self.done("--help")
        self.assertEqual(self.done("-h"), text)
        for verb in VERBS:
            self.assertRegex(text, r"(?m)^  %s +\w" % verb)
            own = self.done(verb, "--help")
            self.assertTrue(own.startswith("usage: powalloc %s" % verb), own)
            self.assertEqual(self.done(verb, "-h"), own)

    def test_pinned_options(self):
        network = "--network --links --cells --density --reference-links --cutoff --remainder --seed --path-gain"
        pinned = {"simulate": network + " --samples --out --layout",
                  "allocate": "--policy --model --channel --noise-power --pmax --out --iterations --state --weights --seed "
                              "--rates --sample --probabilities",
                  "evaluate": network + " --policy --model --channel --noise-power --pmax --json --networks --baseline "
                              "--csv --plot --power-budget-per-link --progress",
                  "train": network + " --model --architecture --channel --noise-power --pmax --power-budget --iterations "
                           "--batch --seed --out --checkpoint --resume --progress --json",
                  "reproduce": "--out --quick --list --progress",
                  "info": "--json"}
        for verb, options in pinned.items():
            text = self.done(verb, "--help")
            for option in options.split():
                self.assertRegex(text, r"(?m)^  %s( |$)" % option, verb)

    def test_help_fits_a_terminal_and_every_option_has_a_text(self):
        for verb in VERBS:
            for line in self.done(verb, "--help").splitlines():
                self.assertLessEqual(len(line), 140)
                if line.startswith("  -"):
                    self.assertRegex(line, r"^  (-h, --help|--[a-z-]+( \S+)?) +\S")

    def test_version(self):
        self.assertRegex(self.done("--version"), r"^powalloc \d+\.\d+\.\d+ ")

    def test_list(self):
        self.assertIn("uwmmse-table1 ", self.done("reproduce", "--list"))


class Usage(CommandTest):
    def test_no_verb(self):
        status, out, err = self.run_command()
        self.assertEqual((status, out), (USAGE, ""))
        self.assertIn("usage: powalloc", err)

    def test_unknown_verb(self):
        self.refused(USAGE, ["frobnicate"], '"frobnicate" is not a verb', "--help")
        self.refused(USAGE, ["trian"], "did you mean train?")

    def test_unknown_option_suggests(self):
        self.refused(USAGE, ["allocate", "--polcy", "wmmse"], "unknown option --polcy", "did you mean --policy")
        self.refused(USAGE, ["allocate", "--noise", "1"], "did you mean --noise-power")
        self.refused(USAGE, ["simulate", "--sample=3"], "unknown option --sample;", "did you mean --samples")
        self.refused(USAGE, ["simulate", "--" + "x" * 300, "3"], "unknown option", "--help")

    def test_missing_value(self):
        self.refused(USAGE, ["simulate", "--out"], "--out needs a value")
        self.refused(USAGE, ["simulate", "--out", "--links", "3"], "--out needs a value")
        self.refused(USAGE, ["train", "--resume=1"], "--resume takes no value")

    def test_missing_options(self):
        self.npy("h.npy", channels(1, 2))
        whole = {"--channel": "h.npy", "--noise-power": "1", "--pmax": "1", "--out": "p.npy"}
        for gone in whole:
            words = [w for name, value in whole.items() if name != gone for w in (name, value)]
            self.refused(USAGE, ["allocate", "--policy", "equal", *words], gone + " is missing")
        words = [w for pair in whole.items() for w in pair]
        self.refused(USAGE, ["allocate", *words], "give one --policy or one --model")
        self.refused(USAGE, ["allocate", *words, "--policy", "equal", "--policy", "wmmse"], "not 2")
        self.refused(USAGE, ["allocate", *words, "--policy", "equal", "--bandwidth", "1e6"], "--noise-power or --bandwidth")
        self.refused(USAGE, ["evaluate", "--channel", "h.npy", *NETWORK], "--policy or --model")
        self.refused(USAGE, ["evaluate", "--policy", "equal", "--pmax", "1"], "--noise-power is missing")
        self.refused(USAGE, ["evaluate", "--policy", "equal", "--noise-power", "1"], "--pmax is missing")
        self.refused(USAGE, ["simulate"], "--out is missing")
        self.refused(USAGE, ["train", *NETWORK, "--out", "m"], "--model is missing")
        self.refused(USAGE, ["train", "--model", "uwmmse", *NETWORK], "--out is missing")
        self.refused(USAGE, ["train", *SMALL, "--out", "m", "--resume"], "--resume needs --checkpoint")
        self.refused(USAGE, ["reproduce"], "--list")
        self.refused(USAGE, ["reproduce", "uwmmse-table1"], "--out is missing")
        self.refused(USAGE, ["info"], "one file")
        self.refused(USAGE, ["info", "h.npy", "h.npy"], "one file")

    def test_values(self):
        for words, part in [(["--links", "three"], '"three" is not a number'),
                            (["--links", "2.5"], "2.5"), (["--links", "0"], "0"), (["--links", "-3"], "-3"),
                            (["--links", "30:10"], "30:10"), (["--links", "1:2:3"], "1:2:3"),
                            (["--density", "0"], "density"), (["--density", "nan"], "nan"),
                            (["--samples", "0"], "--samples"), (["--samples", "-1"], "-1"), (["--samples", " -1"], "-1"),
                            (["--samples", "1.5"], "1.5"), (["--samples", "1" * 30], "1" * 30),
                            (["--seed", "-1"], "-1"), (["--seed", ""], "--seed"),
                            (["--network", "cellular"], '"cellular" is neither adhoc nor multicell'),
                            (["--network", "multicell", "--cells", "0"], "cells"),
                            (["--constant-density", "2"], "constant_density"),
                            (["--path-loss-exponent", "inf"], "inf"), (["--min-distance", "-1"], "min_distance"),
                            (["--links", "2:4"], "--links"), (["stray"], '"stray"')]:
            self.refused(USAGE, ["simulate", "--out", "h.npy", *words], part)
        for words, part in [(["--iterations", "0"], "--iterations"), (["--batch", "0"], "--batch"),
                            (["--threads", "0"], "--threads"), (["--layers", "0"], "layers"), (["--hidden", "0"], "hidden"),
                            (["--architecture", "big"], '"big" is neither paper nor extended'),
                            (["--set", "trainer.clip"], "KEY=VALUE"), (["--set", "trainer.clop=1"], "trainer.clop"),
                            (["--set", "trainer.clip=much"], "much"), (["--set", "trainer.clip=-2"], "trainer.clip"),
                            (["--set", "policy.iterations=3"], "policy.iterations"), (["--progress", "loud"], "loud"),
                            (["--power-budget", "3"], "--power-budget")]:
            self.refused(USAGE, ["train", *SMALL, "--out", "m", *words], part)
        self.refused(USAGE, ["train", "--model", "cnn", *NETWORK, "--out", "m"], '"cnn"')
        self.refused(USAGE, ["train", *SMALL, "--out", "m", "--from", "n", "--layers", "3"], "--from")
        self.refused(USAGE, ["evaluate", "--policy", "equal", *NETWORK, "--samples", "0"], "--samples")
        self.refused(USAGE, ["evaluate", "--policy", "equal", *NETWORK, "--links", "2:4"], "--links")
        self.refused(USAGE, ["reproduce", "table-9", "--out", "d"], '"table-9"', "--list")
        self.refused(USAGE, ["reproduce", "uwmmse-table1", "--out", "d", "--threads", "0"], "--threads")
        self.refused(USAGE, ["reproduce", "uwmmse-table1", "--out", "d", "--topologies", "0"], "--topologies")

    def test_equals_sign_and_last_one_counts(self):
        self.done("simulate", "--links=9", "--links=3", "--samples=2", "--out=h.npy")
        self.assertEqual(shape_of(self.array("h.npy")), [2, 3, 3])


class Simulate(CommandTest):
    def test_shape_and_reproducibility(self):
        words = ["simulate", "--links", "5", "--samples", "3"]
        self.done(*words, "--seed", "7", "--out", "a.npy")
        self.done(*words, "--seed", "7", "--out", "b.npy")
        self.done(*words, "--seed", "8", "--out", "c.npy")
        self.assertEqual(self.read("a.npy"), self.read("b.npy"))
        self.assertNotEqual(self.read("a.npy"), self.read("c.npy"))
        h = self.array("a.npy")
        self.assertEqual(shape_of(h), [3, 5, 5])
        self.assertTrue(all(x > 0 and math.isfinite(x) for x in flatten(h)))
        self.assertNotEqual(h[0], h[1])
        self.assertEqual(self.files(), ["a.npy", "b.npy", "c.npy"])

    def test_more_samples_begin_with_the_same(self):
        self.done("simulate", "--links", "4", "--samples", "2", "--out", "few.npy")
        self.done("simulate", "--links", "4", "--samples", "5", "--out", "many.npy")
        self.assertEqual(self.array("many.npy")[:2], self.array("few.npy"))

    def test_layout(self):
        self.done("simulate", "--links", "6", "--seed", "3", "--samples", "2000", "--out", "h.npy", "--layout", "l.json")
        layout, h = self.json("l.json"), self.array("h.npy")
        self.assertEqual((layout["network"], layout["seed"], layout["links"]), ("adhoc", 3, 6))
        for i, (x, y) in enumerate(layout["transmitters"]):
            for j, at in enumerate(layout["receivers"]):
                gain = math.dist((x, y), at) ** -2.2
                self.assertTrue(math.isclose(layout["path_gain"][i][j], gain, rel_tol=1e-9))
                mean = sum(sample[i][j] for sample in h) / len(h)  # of a Rayleigh distribution of scale 1: sqrt(pi / 2)
                self.assertTrue(.9 < mean / (gain * math.sqrt(math.pi / 2)) < 1.1, (i, j, mean, gain))

    def test_geometry_options(self):
        def gains(*words):
            self.done("simulate", "--links", "6", "--out", "h.npy", "--layout", "l.json", *words)
            return self.json("l.json")
        plain = gains()
        steep = gains("--path-loss-exponent", "4")
        self.assertEqual(steep["transmitters"], plain["transmitters"])
        self.close(steep["path_gain"], [[g ** (4 / 2.2) for g in row] for row in plain["path_gain"]], 1e-9)
        far = gains("--min-distance", "1000")
        self.close(far["path_gain"], [[1000 ** -2.2] * 6] * 6)
        dense = gains("--density", "4")
        widest = lambda layout: max(abs(x) for at in layout["transmitters"] for x in at)
        self.close(widest(dense), widest(plain) / 4, 1e-9)
        bigger = gains("--reference-links", "24", "--constant-density", "0")
        self.assertGreater(widest(bigger), 1.5 * widest(plain))

    def test_multicell(self):
        self.done("simulate", "--network", "multicell", "--links", "6", "--cells", "2", "--samples", "4", "--out", "h.npy",
                  "--layout", "l.json")
        layout, h = self.json("l.json"), self.array("h.npy")
        self.assertEqual((layout["network"], layout["cells"]), ("multicell", 2))
        self.assertLessEqual(len({tuple(at) for at in layout["receivers"]}), 2)
        for sample in h:  # links with one receiver hear the same
            columns = list(zip(*sample))
            for a in range(6):
                for b in range(6):
                    if layout["receivers"][a] == layout["receivers"][b]:
                        self.assertEqual(columns[a], columns[b])

    def test_path_gain(self):
        gain = [[2.0, .1, 0.0], [.2, 1.0, .3], [.4, .5, 3.0]]
        self.npy("gain.npy", gain)
        self.write("gain.csv", "\n".join(",".join(map(str, row)) for row in gain) + "\n")
        self.done("simulate", "--path-gain", "gain.npy", "--samples", "3000", "--out", "h.npy", "--seed", "5")
        self.done("simulate", "--path-gain", "gain.csv", "--samples", "3000", "--out", "h2.npy", "--seed", "5")
        self.assertEqual(self.read("h.npy"), self.read("h2.npy"))
        h = self.array("h.npy")
        for i in range(3):
            for j in range(3):
                square = sum(sample[i][j] ** 2 for sample in h) / len(h)
                self.assertTrue(math.isclose(square, 2 * gain[i][j] ** 2, rel_tol=.12), (i, j, square))

    def test_family_of_densities_draws_one_size(self):
        self.done("simulate", "--links", "4", "--density", "0.5:5", "--samples", "9", "--out", "h.npy")
        self.assertEqual(shape_of(self.array("h.npy")), [9, 4, 4])
        self.refused(FAILED, ["simulate", "--links", "4", "--density", "0.5:5", "--out", "x.npy", "--layout", "l.json"], "family")

    def test_single_link(self):
        self.done("simulate", "--links", "1", "--out", "h.npy")
        self.assertEqual(shape_of(self.array("h.npy")), [1, 1, 1])

    def test_too_much(self):
        self.refused(FAILED, ["simulate", "--links", "100", "--samples", "99999999999", "--out", "h.npy"], "memory")
        self.refused(FAILED, ["simulate", "--links", "100", "--samples", str(2 ** 64 - 1), "--out", "h.npy"])


class Allocate(CommandTest):
    NOISE = .01

    def setUp(self):
        super().setUp()
        self.h = channels(5, 4)
        self.npy("h.npy", self.h)

    def powers(self, *words, channel="h.npy", noise=NOISE, pmax=2):
        self.done("allocate", "--channel", channel, "--noise-power", noise, "--pmax", pmax, "--out", "p.npy", *words)
        return self.array("p.npy")

    def test_rates(self):
        for policy in ["full-power", "equal", "random", "wmmse", "wmmse-truncated"]:
            p = self.powers("--policy", policy, "--rates", "r.npy")
            self.assertEqual(shape_of(p), [5, 4])
            self.assertTrue(all(0 <= x <= 2 for x in flatten(p)), policy)
            self.close(self.array("r.npy"), [rates_of(h, q, self.NOISE) for h, q in zip(self.h, p)])
        self.assertEqual(self.files(), ["h.npy", "p.npy", "r.npy"])

    def test_powers(self):
        self.assertEqual(self.powers("--policy", "full-power"), [[2.0] * 4] * 5)
        self.assertEqual(self.powers("--policy", "equal"), [[2.0] * 4] * 5)
        self.assertEqual(self.powers("--policy", "equal", "--sum-power", "1"), [[.25] * 4] * 5)
        self.assertEqual({sum(p) for p in self.powers("--policy", "random")}, {4.0})
        for sample in self.powers("--policy", "wmmse", "--sum-power", "1"):
            self.assertLessEqual(sum(sample), 1 + 1e-9)

    def test_wmmse(self):
        for iterations in (0, 1, 4, 30):
            expected = [wmmse(h, self.NOISE, 2, iterations) for h in self.h]
            self.close(self.powers("--policy", "wmmse", "--iterations", iterations), expected, 1e-8)
        self.close(self.powers("--policy", "wmmse-truncated"), [wmmse(h, self.NOISE, 2, 4) for h in self.h], 1e-8)
        self.assertEqual(self.powers("--policy", "wmmse"), self.powers("--policy", "wmmse", "--iterations", 100))

    def test_weights(self):
        weights = [1.0, 4.0, .5, 2.0]
        self.npy("w.npy", weights)
        p = self.powers("--policy", "wmmse", "--iterations", "6", "--weights", "w.npy", "--rates", "r.npy")
        self.close(p, [wmmse(h, self.NOISE, 2, 6, weights) for h in self.h], 1e-8)
        self.close(self.array("r.npy"), [rates_of(h, q, self.NOISE) for h, q in zip(self.h, p)])

    def test_budget(self):
        p = self.powers("--policy", "wmmse-priced", "--power-budget", "2")
        self.assertTrue(math.isclose(sum(flatten(p)) / 5, 2, rel_tol=1e-3), p)
        self.refused(USAGE, ["allocate", "--policy", "wmmse-priced", "--channel", "h.npy", *NETWORK, "--out", "q.npy"],
                     "--power-budget")

    def test_units(self):
        small = channels(2, 3, scale=1e-6)
        self.npy("small.npy", small)
        expected = self.powers("--policy", "wmmse", channel="small.npy", noise="2e-13", pmax="1")
        for noise, pmax in [("2e-13W", "1W"), ("2e-10mW", "1000mW"), ("2e-7uW", "1e6uW"), ("2e-13 W", "30dBm"),
                            ("%.17gdBm" % (10 * math.log10(2e-10)), "0dBW"), ("%.17gdB" % (10 * math.log10(2e-13)), "0dB")]:
            self.close(self.powers("--policy", "wmmse", channel="small.npy", noise=noise, pmax=pmax), expected, 1e-6)
        near = self.powers("--policy", "wmmse", "--rates", "a.npy", channel="small.npy", noise="-97dBm", pmax="30dBm")
        self.close(self.array("a.npy"), [rates_of(h, p, 10 ** -12.7) for h, p in zip(small, near)], 1e-9)

    def test_thermal_noise(self):
        self.done("allocate", "--policy", "full-power", "--channel", "h.npy", "--bandwidth", "1e7", "--noise-figure", "7",
                  "--pmax", "1", "--out", "p.npy", "--rates", "r.npy")
        noise = 1.380649e-23 * 290 * 1e7 * 10 ** .7
        self.close(self.array("r.npy"), [rates_of(h, [1.0] * 4, noise) for h in self.h])

    def test_one_matrix_is_a_batch_of_one(self):
        self.npy("one.npy", self.h[0])
        self.write("one.csv", "\n".join(",".join(map(repr, row)) for row in self.h[0]))
        expected = self.powers("--policy", "wmmse")[:1]
        self.assertEqual(self.powers("--policy", "wmmse", channel="one.npy"), expected)
        self.assertEqual(self.powers("--policy", "wmmse", channel="one.csv"), expected)

    def test_kinds_of_npy(self):
        expected = self.powers("--policy", "wmmse")
        for version in [(1, 0), (2, 0), (3, 0)]:
            self.npy("v.npy", self.h, version=version)
            self.assertEqual(self.powers("--policy", "wmmse", channel="v.npy"), expected)
        columns_first = [self.h[b][i][j] for j in range(4) for i in range(4) for b in range(5)]
        self.npy("f.npy", columns_first, shape=[5, 4, 4], fortran=True)
        self.assertEqual(self.powers("--policy", "wmmse", channel="f.npy"), expected)
        self.npy("single.npy", self.h, descr="<f4")
        self.close(self.powers("--policy", "wmmse", "--iterations", "4", channel="single.npy"),
                   self.powers("--policy", "wmmse", "--iterations", "4"), 1e-3)

    def test_csv_out(self):
        expected = self.powers("--policy", "wmmse")
        self.done("allocate", "--policy", "wmmse", "--channel", "h.npy", "--noise-power", self.NOISE, "--pmax", "2",
                  "--out", "p.csv")
        found = [[float(x) for x in line.split(",")] for line in self.read("p.csv").decode().split()]
        self.assertEqual(found, expected)

    def test_a_sample_does_not_depend_on_its_batch(self):
        whole = self.powers("--policy", "wmmse")
        for b in range(5):
            self.npy("one.npy", [self.h[b]])
            self.close(self.powers("--policy", "wmmse", channel="one.npy"), [whole[b]], 1e-12)

    def test_seeds_of_random_selection(self):
        a, b = self.powers("--policy", "random", "--seed", "1"), self.powers("--policy", "random", "--seed", "2")
        self.assertEqual(a, self.powers("--policy", "random", "--seed", "1"))
        self.assertNotEqual(a, b)

    def test_replaces_a_file_and_follows_a_link(self):
        self.write("real.npy", "old")
        os.symlink("real.npy", self.path("link.npy"))
        self.done("allocate", "--policy", "equal", "--channel", "h.npy", *NETWORK, "--out", "link.npy")
        self.assertTrue(os.path.islink(self.path("link.npy")))
        self.assertEqual(self.array("real.npy"), [[1.0] * 4] * 5)

    def test_what_policies_do_not_take(self):
        words = ["allocate", "--policy", "wmmse", "--channel", "h.npy", *NETWORK, "--out", "p.npy"]
        self.npy("x.npy", [1.0] * 4)
        self.refused(USAGE, [*words, "--state", "x.npy"], "--state", "wmmse")
        self.refused(USAGE, [*words, "--sample"], "--sample", "wmmse")
        self.refused(USAGE, [*words, "--probabilities", "pi.npy"], "--probabilities", "wmmse")

    def test_unknown_policy(self):
        self.refused(USAGE, ["allocate", "--policy", "wmse", "--channel", "h.npy", *NETWORK, "--out", "p.npy"], '"wmse"',
                     "full-power, equal, random, threshold, wmmse,")


def paper_model(layers, hidden, seed, scalars=None):
    """Random tensors of UWMMSE as in its paper, by the names that file_formats.md gives."""
    draw = random.Random(seed)
    tensors = dict(scalars or {})
    matrix = lambda rows, columns: [[draw.gauss(0, .7) for _ in range(columns)] for _ in range(rows)]
    for k in range(1, layers + 1):
        for s in "ab":
            for gc, rows, columns in [("gc1", 1, hidden), ("gc2", hidden, 1)]:
                for t in ("w0", "w1"):
                    tensors["layer%d.%s.%s.%s" % (k, s, gc, t)] = matrix(rows, columns)
                for t in ("b0", "b1"):
                    tensors["layer%d.%s.%s.%s" % (k, s, gc, t)] = matrix(1, columns)[0]
        tensors["layer%d.mu" % k] = abs(draw.gauss(0, .1))
    metadata = {"format": "powalloc", "format_version": "1", "kind": "uwmmse", "layers": str(layers), "hidden": str(hidden)}
    return metadata, tensors


class Sparse(CommandTest):
    """Channels in SciPy's .npz files, and networks with a cut-off."""
    NETWORK = ["--links", "30", "--reference-links", "10", "--seed", "3", "--cutoff", "15"]

    def test_simulated_channels_are_in_the_order_of_the_links(self):
        self.done("simulate", *self.NETWORK, "--samples", "2", "--out", "h.npz", "--layout", "l.json")
        layout = self.json("l.json")
        h, entries = read_npz(self.path("h.npz"))
        near = [[i == j or math.dist(t, r) <= 15 for j, r in enumerate(layout["receivers"])]
                for i, t in enumerate(layout["transmitters"])]
        self.assertEqual([[x > 0 for x in row] for row in h[0]], near)
        self.assertEqual([[x > 0 for x in row] for row in h[1]], near)
        self.assertEqual((entries, layout["cutoff"]), (sum(map(sum, near)), 15))
        self.assertNotEqual(h[0], h[1])
        self.done("simulate", *self.NETWORK, "--out", "one.npz")
        self.assertEqual(read_npz(self.path("one.npz"))[0], h[:1])
        self.assertIn("entries          %d\n" % entries, self.done("info", "h.npz"))

    def test_allocations_are_those_of_full_matrices(self):
        h = channels(2, 6)
        for sample in h:
            for i, j in (0, 3), (4, 1), (5, 5):
                sample[i][j] = 0.0
        self.npy("h.npy", h)
        for index in "<i4", "<i8":
            self.write("h.npz", npz_bytes(csr_members(h[0], h, index)))
            for policy in ["--policy", "wmmse"], ["--model", "builtin:uwmmse-robust"]:
                for kind in "npy", "npz":
                    self.done("allocate", *policy, "--channel", "h." + kind, "--noise-power", ".1", "--pmax", "2",
                              "--out", kind + "-p.npy", "--rates", kind + "-r.npy")
                self.close(self.array("npz-p.npy"), self.array("npy-p.npy"))
                self.close(self.array("npz-r.npy"), self.array("npy-r.npy"))

    def test_evaluate_and_train(self):
        self.done("simulate", *self.NETWORK, "--samples", "20", "--out", "h.npz")
        for source in self.NETWORK, ["--channel", "h.npz"], ["--path-gain", "gain.npz"]:
            if source[-1] == "gain.npz":
                self.write("gain.npz", npz_bytes(csr_members(read_npz(self.path("h.npz"))[0][0])))
            for precision in "double", "single":
                self.done("train", "--model", "uwmmse", *source, *NETWORK, "--iterations", "20", "--batch", "8", "--out", "m",
                          "--set", "trainer.held_out=20", "--precision", precision, "--json", "t.json")
                self.assertTrue(.5 < self.json("t.json")["ratio_to_wmmse"] < 1.2)
            self.done("evaluate", *source, *NETWORK, "--policy", "wmmse", "--model", "m", "--json", "e.json",
                      *([] if source[0] == "--channel" else ["--samples", "20"]))
            self.assertEqual(self.json("e.json")["rows"][0]["ratio_to_wmmse"], 1)
        self.assertEqual(self.json("e.json")["samples"], 20)
        self.refused(FAILED, ["evaluate", "--policy", "optimal", *self.NETWORK, *NETWORK], "full channel matrices")
        self.refused(FAILED, ["train", "--model", "igcnet", *self.NETWORK, *NETWORK, "--out", "n"], "full channel matrices")

    def test_bad_files(self):
        good = csr_members([[1.0, 0, .5], [0, 1.0, .5], [0, 0, 1.0]])
        whole = npz_bytes(good)

        def but(name, value, **options):
            return npz_bytes(dict(good, **{name: value if isinstance(value, bytes) else npy_bytes(value, **options)}))
        at = whole.index(good["data"]) + 130
        cases = [(npz_bytes(good, compression=zipfile.ZIP_DEFLATED), "compressed=False"), (b"", "not a .npz"),
                 (whole[:-30], "not a .npz"), (whole[:at] + b"?" + whole[at + 1:], "data.npy is damaged"),
                 (npz_bytes({k: v for k, v in good.items() if k != "indptr"}), "no member indptr.npy"),
                 (but("format", good["format"].replace(b"csr", b"csc")), "tocsr()"),
                 (but("shape", [3, 4], descr="<i8"), "[3,4], must be square"), (but("shape", [3], descr="<i8"), "two numbers"),
                 (but("indices", [0, 3, 1, 2, 2], descr="<i4"), "indices[1] is 3, must be 0 to 2"),
                 (but("indices", [0, -1, 1, 2, 2], descr="<i8"), "indices[1] is -1"),
                 (but("indices", [0, 2 ** 32, 1, 2, 2], descr="<i8"), "indices[1] is 4294967296"),
                 (but("indices", [2, 0, 1, 2, 2], descr="<i4"), "row 0 has column 0 after a higher one"),
                 (but("indices", [0, 0, 1, 2, 2], descr="<i4"), "row 0 has column 0 twice"),
                 (but("indices", [0, 2, 1, 2], descr="<i4"), "indptr ends with 5, there are 4 indices"),
                 (but("indices", [0.0, 2.0, 1.0, 2.0, 2.0]), 'indices: type "<f8" is not read, only <i8 and <i4'),
                 (but("indptr", [0, 2, 5], descr="<i4"), "indptr has 3 numbers"),
                 (but("indptr", [0, 4, 2, 5], descr="<i4"), "indptr[2] is 2, less than 4"),
                 (but("data", [1.0] * 4), "data must be [5] or [B,5]"), (but("data", [], shape=[0, 5]), "no samples"),
                 (but("data", [1, 2, 1, 1, 1], descr="<i8"), 'data: type "<i8" is not read'),
                 (but("data", [1.0, 2.0, math.nan, 1.0, 1.0]), "h[0][2] is nan")]
        self.write("good.npz", whole)
        words = ["--noise-power", "1", "--pmax", "1"]
        self.done("allocate", "--policy", "wmmse", "--channel", "good.npz", *words, "--out", "old.npy")
        for content, part in cases:
            self.write("bad.npz", content)
            self.refused(FAILED, ["allocate", "--policy", "wmmse", "--channel", "bad.npz", *words, "--out", "old.npy"],
                         "bad.npz: ", part)

    def left_out(self, links=30, seed=3):
        """Mean power gains from beyond the cut-off, of all positions in the layout."""
        words = ["--links", links, "--reference-links", "10", "--seed", seed, "--cutoff", "15"]
        out = self.done("simulate", *words, "--out", "h.npz", "--layout", "l.json")
        layout = self.json("l.json")
        exact = [sum(2 * math.dist(t, r) ** -4.4 for i, t in enumerate(layout["transmitters"])
                     if i != j and math.dist(t, r) > 15) for j, r in enumerate(layout["receivers"])]
        for x, mean, most in zip(exact, layout["left_out"]["mean"], layout["left_out"]["most"]):
            self.assertLessEqual(x * (1 - 1e-9), most)
            self.assertAlmostEqual(mean / x, 1, delta=.05)
        return layout["left_out"], out

    def test_what_the_cutoff_leaves_out_is_told(self):
        physics = ["--noise-power", "2e-5", "--pmax", "4"]
        per_link, out = self.left_out()
        mean, most = 4 * sum(per_link["mean"]) / 30 / 2e-5, 4 * max(per_link["most"]) / 2e-5
        self.assertEqual(out, "beyond the cut-off: %.3g W (at most %.3g W) with 1 W at every transmitter\n"
                         % (sum(per_link["mean"]) / 30, max(per_link["most"])))
        told = "\nbeyond the cut-off: %.3g times the noise (at most %.3g) at full power; " % (mean, most)
        train = ["train", "--model", "uwmmse", "--iterations", "2", "--out", "m.safetensors"]
        for verb in ["evaluate", "--policy", "equal", "--samples", "3"], train:
            for remainder, counts in ([], "none of it counts"), (["--remainder", ".25"], "0.25 of it counts"):
                out = self.done(*verb, *self.NETWORK, *physics, *remainder, "--json", "o.json")
                self.assertIn(told + counts + "\n", out)
                source = self.json("o.json")["source"]
                self.close([source["left_out_over_noise"]["mean"], source["left_out_over_noise"]["most"]], [mean, most])
                self.assertEqual(source.get("remainder"), .25 if remainder else None)
            json.loads(self.done(*verb, *self.NETWORK, *physics, "--json", "-"))
        # Over networks: the mean of the means, and the largest bound.
        other, _ = self.left_out(seed=4)
        out = self.done("evaluate", "--policy", "equal", "--samples", "3", *self.NETWORK, *physics, "--networks", "2")
        self.assertIn("beyond the cut-off: %.3g times the noise (at most %.3g)"
                      % ((mean + 4 * sum(other["mean"]) / 30 / 2e-5) / 2, max(most, 4 * max(other["most"]) / 2e-5)), out)
        # Nothing can be said of channels from files, or is left out without a cut-off.
        self.done("simulate", "--links", "4", "--out", "full.npy", "--layout", "l.json")
        self.assertNotIn("left_out", self.json("l.json"))
        for words in ["--channel", "h.npz"], ["--links", "4"]:
            out = self.done("evaluate", "--policy", "equal", *words, "--samples", "3", *physics, "--json", "o.json")
            self.assertNotIn("beyond", out)
            self.assertNotIn("left_out", self.read("o.json").decode())
        json.loads(self.done("simulate", *self.NETWORK, "--out", "h.npz", "--layout", "-"))

    def test_remainders_count_as_noise(self):
        """With all distances alike every receiver is left with the same remainder: that of a noise power."""
        network = ["--links", "6", "--seed", "3", "--cutoff", "1e-3", "--min-distance", "1e3", "--pmax", "2"]
        beyond = 5 * 2 * 2 * 1e3 ** -4.4
        evaluate = ["evaluate", "--policy", "full-power", "--policy", "wmmse", "--samples", "10", *network]
        train = ["train", "--model", "uwmmse", "--iterations", "3", "--out", "m.safetensors", *network]
        for verb, rates in (evaluate, lambda json: [row["sum_rate"] for row in json["rows"]]), \
                (train, lambda json: [json["held_out_sum_rate"], json["wmmse_sum_rate"]]):
            found = []
            for noise, remainder in (1e-12, .75), (1e-12 + .75 * beyond, 0), (1e-12, 0):
                self.done(*verb, "--noise-power", repr(noise), "--remainder", remainder, "--json", "o.json")
                found.append(rates(self.json("o.json")))
            self.close(found[0], found[1])
            self.assertGreater(found[2][0], 1.5 * found[0][0])

    def test_wrong_remainders(self):
        physics = ["--noise-power", "1e-6", "--pmax", "1", "--remainder"]
        self.done("simulate", *self.NETWORK, "--out", "h.npz")
        self.write("gain.npz", npz_bytes(csr_members(read_npz(self.path("h.npz"))[0][0])))
        for verb in ["evaluate", "--policy", "equal"], ["train", "--model", "uwmmse", "--out", "m"]:
            self.refused(USAGE, [*verb, *self.NETWORK, *physics, "1.5"], "network.remainder is 1.5, must be 0 to 1")
            self.refused(USAGE, [*verb, *self.NETWORK, *physics, "-1"], "network.remainder is -1")
            for words in [], ["--channel", "h.npz"], ["--path-gain", "gain.npz"], ["--path-gain", "gain.npz", "--cutoff", "3"]:
                self.refused(USAGE, [*verb, *words, *physics, ".5"], "--remainder: of a network with --cutoff")
        self.refused(USAGE, ["simulate", *self.NETWORK, "--remainder", "1", "--out", "x.npz"], "without the noise")

    def test_wrong_usage(self):
        for words, part in ((["--cutoff", "10", "--out", "h.npy"], "go to a .npz"), (["--out", "h.npz"], "give --cutoff"),
                            (["--cutoff", "-1", "--out", "h.npz"], "network.cutoff is -1"),
                            (["--cutoff", "10", "--network", "multicell", "--out", "h.npz"], "not of multicell"),
                            (["--cutoff", "10", "--density", "1:2", "--out", "h.npz"], "not of a family")):
            self.refused(USAGE, ["simulate", *words], part)
        h = channels(2, 3)
        self.write("two.npz", npz_bytes(csr_members(h[0], h)))
        self.refused(FAILED, ["simulate", "--path-gain", "two.npz", "--out", "h.npz"], "two.npz: ", "not 2")


class Models(CommandTest):
    """Model files that were made elsewhere."""

    def setUp(self):
        super().setUp()
        self.h = channels(3, 4, seed=2)
        self.npy("h.npy", self.h)
        self.words = ["allocate", "--model", "m.safetensors", "--channel", "h.npy", "--noise-power", ".01", "--pmax", "2",
                      "--out", "p.npy"]

    def model(self, metadata, tensors):
        self.write("m.safetensors", safetensors_bytes(metadata, tensors))

    def test_converted_weights(self):
        for layers, hidden, scalars in [(1, 1, {}), (4, 5, {}), (2, 3, {"gcn.scale": .3, "v0": .5})]:
            metadata, tensors = paper_model(layers, hidden, seed=layers, scalars=scalars)
            self.model(metadata, tensors)
            self.done(*self.words)
            self.close(self.array("p.npy"), [uwmmse(h, .01, 2, tensors, layers, scalars.get("gcn.scale", 1), scalars.get("v0", 1))
                                             for h in self.h], 1e-7)

    def test_unknown_metadata_is_no_matter(self):
        metadata, tensors = paper_model(2, 2, 1)
        self.model(dict(metadata, author="me", note="\u2014 \u00fc"), tensors)
        self.done(*self.words)
        self.assertIn("author", self.done("info", "m.safetensors"))

    def test_refused(self):
        metadata, tensors = paper_model(2, 2, 1)
        whole = safetensors_bytes(metadata, tensors)
        first = "layer1.a.gc1.w0"
        cases = [(safetensors_bytes(dict(metadata, kind="wombat"), tensors), "wombat"),
                 (safetensors_bytes(dict(metadata, format="other"), tensors), "other"),
                 (safetensors_bytes(dict(metadata, format_version="2"), tensors), "2"),
                 (safetensors_bytes(dict(metadata, layers="3"), tensors), "layer3"),
                 (safetensors_bytes(dict(metadata, layers="many"), tensors), "many"),
                 (safetensors_bytes(dict(metadata, layers="1"), tensors), "layer2"),
                 (safetensors_bytes(metadata, {**tensors, "extra": 1.0}), "extra"),
                 (safetensors_bytes(metadata, {n: t for n, t in tensors.items() if n != first}), first),
                 (safetensors_bytes(metadata, {**tensors, first: [[1.0]]}), first),
                 (safetensors_bytes(metadata, {**tensors, first: [[math.nan, 1.0]]}), first),
                 (safetensors_bytes(metadata, {**tensors, "layer2.mu": math.inf}), "layer2.mu"),
                 (whole + b"x", ""), (whole[:-1], ""), (whole[:100], ""), (whole[:8], ""), (whole[:3], "too short"), (b"", ""),
                 (b"\xff" * 8 + whole[8:], ""), (whole.replace(b'"F64"', b'"I64"', 1), "I64"), (npy_bytes([1.0]), "")]
        for content, part in cases:
            self.write("m.safetensors", content)
            self.refused(FAILED, self.words, "m.safetensors", part)
            self.refused(FAILED, ["evaluate", "--model", "m.safetensors", *NETWORK, "--links", "3"], "m.safetensors", part)
            self.refused(FAILED, ["train", "--model", "uwmmse", "--from", "m.safetensors", *NETWORK, "--out", "n"],
                         "m.safetensors", part)
        for length in range(0, len(whole), 97):
            self.write("m.safetensors", whole[:length])
            self.refused(FAILED, self.words, "m.safetensors")

    def test_missing(self):
        self.refused(FAILED, self.words, "m.safetensors", "No such file")
        self.refused(FAILED, [*self.words[:2], ".", *self.words[3:]], "directory")

    def test_checkpoint_is_no_model(self):
        self.done("train", *SMALL, "--iterations", "3", "--out", "n", "--checkpoint", "m.safetensors")
        self.refused(FAILED, self.words, "m.safetensors", "checkpoint")


class BadInput(CommandTest):
    """Every file that a verb reads: the message names it, the element and the reason; nothing is written."""

    def verbs(self, name):
        return [["allocate", "--policy", "wmmse", "--channel", name, *NETWORK, "--out", "p.npy", "--rates", "r.npy"],
                ["evaluate", "--policy", "wmmse", "--channel", name, *NETWORK, "--json", "e.json"],
                ["train", "--model", "uwmmse", "--channel", name, *NETWORK, "--out", "m.st", "--checkpoint", "c.st"]]

    def test_channels(self):
        good = channels(2, 3)

        def with_one(value):
            bad = json.loads(json.dumps(good))
            bad[1][0][2] = value
            return npy_bytes(bad)
        whole = npy_bytes(good)
        cases = [(with_one(math.nan), ["[1][0][2]", "nan"]), (with_one(math.inf), ["[1][0][2]", "inf"]),
                 (with_one(-.5), ["[1][0][2]", "-0.5"]), (with_one(1e200), ["[1][0][2]"]),
                 (whole[:-1], ["144 bytes", "143"]), (whole + b"\0", ["144 bytes", "145"]), (whole[:40], []), (whole[:7], []),
                 (b"", []), (b"hello", []), (npy_bytes(good, descr="<i8"), ["<i8"]), (npy_bytes(good, descr=">f8"), [">f8"]),
                 (npy_bytes([1.0, 2.0]), ["[M,M]"]), (npy_bytes([[1.0, 2.0]]), ["not square"]),
                 (npy_bytes([[[[1.0]]]]), ["4 dimensions"]), (npy_bytes([], shape=[0, 0]), ["empty"]),
                 (npy_bytes([], shape=[0, 3, 3]), ["empty"]), (npy_bytes([], shape=[2 ** 40, 2 ** 40]), []),
                 (whole.replace(b"'fortran_order'", b"'fortran_other'"), []),
                 (whole.replace(b"\x01\x00", b"\x09\x00", 1), ["9.0"])]
        for content, parts in cases:
            self.write("bad.npy", content)
            for words in self.verbs("bad.npy"):
                self.refused(FAILED, words, "bad.npy: ", *parts)

    def test_missing_channels(self):
        for words in self.verbs("none.npy"):
            self.refused(FAILED, words, "none.npy: ", "No such file")
        for words in self.verbs("."):
            self.refused(FAILED, words, "directory")

    def test_csv(self):
        for content in ["1,2\n3\n", "1,2\n3,x\n", "", "1,2\n3,nan\n", "1;2\n3;4\n"]:
            self.write("bad.csv", content)
            for words in self.verbs("bad.csv")[:2]:
                self.refused(FAILED, words, "bad.csv")

    def test_one_state_is_too_few_to_train_on(self):
        self.npy("one.npy", channels(1, 3))
        self.refused(FAILED, self.verbs("one.npy")[2], "one.npy: ", "needs 2")

    def test_weights(self):
        self.npy("h.npy", channels(2, 3))
        for values, parts in [([1.0, 2.0], ["2 values", "3 links"]), ([1.0, -1.0, 1.0], ["[1]", "-1"]),
                              ([1.0, math.nan, 1.0], ["[1]", "nan"])]:
            self.npy("w.npy", values)
            for words in self.verbs("h.npy"):
                self.refused(FAILED, [*words, "--weights", "w.npy"], "w.npy: ", *parts)

    def test_path_gains(self):
        for value, parts in [([[1.0, 2.0]], ["square"]), ([[1.0, -2.0], [1.0, 1.0]], ["-2"]),
                             ([[1.0, math.nan], [1.0, 1.0]], ["nan"]), ([[[1.0]]], ["square"])]:
            self.npy("g.npy", value)
            self.refused(FAILED, ["simulate", "--path-gain", "g.npy", "--out", "h.npy"], "g.npy: ", *parts)
            self.refused(FAILED, ["evaluate", "--policy", "wmmse", "--path-gain", "g.npy", *NETWORK], "g.npy: ", *parts)

    def test_powers(self):
        self.npy("h.npy", channels(2, 3))
        words = ["allocate", "--policy", "wmmse", "--channel", "h.npy", "--out", "p.npy"]
        for noise, part in [("0", "0"), ("-1", "-1"), ("1x", '"x"'), ("1dbm", '"dbm"'), ("W", '"W"'), ("", ""), ("nan", "nan"),
                            ("inf", "inf"), ("4000dB", "4000dB")]:
            self.refused(USAGE, [*words, "--pmax", "1", "--noise-power", noise], "--noise-power", part)
            self.refused(USAGE, [*words, "--noise-power", "1", "--pmax", noise], "--pmax", part)
        self.refused(USAGE, [*words, "--pmax", "1", "--bandwidth", "0"], "bandwidth")
        self.refused(USAGE, [*words, "--pmax", "1", "--bandwidth", "1e6", "--noise-figure", "-3"], "noise figure")


class Outputs(CommandTest):
    """What cannot be written fails, is named, and leaves nothing behind."""

    def commands(self, out):
        self.npy("h.npy", channels(3, 3))
        channel = ["--channel", "h.npy", *NETWORK]
        return [["simulate", "--links", "3", "--out", out], ["simulate", "--links", "3", "--out", "x.npy", "--layout", out],
                ["allocate", "--policy", "equal", *channel, "--out", out],
                ["allocate", "--policy", "equal", *channel, "--out", "p.npy", "--rates", out],
                ["evaluate", "--policy", "equal", *channel, "--json", out], ["info", "h.npy", "--json", out],
                ["train", *SMALL, "--iterations", "20", "--out", out],
                ["train", *SMALL, "--iterations", "20", "--out", "m.st", "--checkpoint", out],
                ["train", *SMALL, "--iterations", "20", "--out", "m.st", "--json", out]]

    def test_folder_that_is_not_there(self):
        for words in self.commands("none/out.npy"):
            self.refused(FAILED, words, "none/out.npy", "No such file")
        self.refused(FAILED, ["reproduce", "uwmmse-table1", "--quick", "--out", "none/deep"], "none/deep")

    def test_a_folder(self):
        os.mkdir(self.path("d"))
        for words in self.commands("d"):
            self.refused(FAILED, words, "d: ", "directory")

    def test_files_that_would_overwrite_each_other(self):
        self.npy("h.npy", channels(3, 3))
        os.symlink("h.npy", self.path("link.npy"))
        channel = ["--policy", "equal", "--channel", "h.npy", *NETWORK]
        for words, parts in [
                (["train", *SMALL, "--out", "a", "--json", "a"], ["--out", "--json", "a"]),
                (["train", *SMALL, "--out", "a", "--checkpoint", "./a"], ["--out", "--checkpoint"]),
                (["train", "--from", "h.npy", *SMALL[4:], "--out", "h.npy"], ["--from", "--out"]),
                (["evaluate", *channel, "--csv", "h.npy"], ["--channel", "--csv", "h.npy"]),
                (["evaluate", *channel, "--csv", "link.npy"], ["--channel", "--csv"]),
                (["evaluate", "--model", "m", *channel, "--json", "m"], ["--model", "--json", "m"]),
                (["evaluate", *channel, "--csv", "x", "--json", "x"], ["--csv", "--json", "x"]),
                (["evaluate", *channel, "--csv", "-", "--json", "-"], ["--csv", "--json", "-"]),
                (["allocate", *channel, "--out", "p.npy", "--rates", "p.npy"], ["--out", "--rates", "p.npy"]),
                (["simulate", "--path-gain", "h.npy", "--out", "h.npy"], ["--path-gain", "--out"]),
                (["info", "h.npy", "--json", "h.npy"], ["h.npy", "--json"])]:
            self.refused(USAGE, words, "same file", *parts)
        self.done("evaluate", *channel, "--csv", "/dev/null", "--json", "/dev/null")

    def test_names_of_models_in_the_library(self):
        self.refused(USAGE, ["train", *SMALL, "--out", "builtin:x"], "--out", "builtin:x")

    def test_below_a_file(self):
        for words in self.commands("h.npy/out"):
            self.refused(FAILED, words, "h.npy/out", "Not a directory")
        self.refused(FAILED, ["reproduce", "uwmmse-table1", "--quick", "--out", "h.npy"], "h.npy")

    def test_full(self):
        full = self.full_device()
        for words in self.commands(full):
            status, _, err = self.run_command(*words)
            self.assertEqual(status, FAILED, words)
            self.assertIn("%s: cannot be written: No space left" % full, err)
            self.assertTrue(stat.S_ISCHR(os.stat(self.path(full)).st_mode), "the device is still there")
            self.assertFalse([name for name in self.files() if "tmp" in name or name.startswith(full + ".")])

    def test_pipes_are_written_to(self):
        os.mkfifo(self.path("pipe"))
        reader = os.open(self.path("pipe"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        for words in self.commands("pipe"):
            status, _, err = self.run_command(*words)
            self.assertEqual((status, err), (DONE, ""), words)
            self.assertTrue(stat.S_ISFIFO(os.stat(self.path("pipe")).st_mode), words)
            self.assertTrue(os.read(reader, 1 << 20), words)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_standard_output_full(self):
        self.npy("h.npy", channels(3, 3))
        for words in [["--help"], ["--version"], ["simulate", "--help"], ["reproduce", "--list"], ["info", "h.npy"],
                      ["info", "h.npy", "--json", "-"], ["evaluate", "--policy", "equal", "--channel", "h.npy", *NETWORK],
                      ["train", *SMALL, "--iterations", "2", "--out", "m.st"]]:
            with open("/dev/full", "w") as full:
                status, _, err = self.run_command(*words, stdout=full)
            self.assertEqual(status, FAILED, words)
            self.assertIn("standard output", err)

    def test_standard_output_closed_by_its_reader(self):
        self.npy("h.npy", channels(3, 3))
        for words in [["--help"], ["evaluate", "--policy", "equal", "--channel", "h.npy", *NETWORK]]:
            reading, writing = os.pipe()
            os.close(reading)
            status, _, err = self.run_command(*words, stdout=writing)
            os.close(writing)
            self.assertIn(status, (FAILED, -signal.SIGPIPE))

    def test_mode_of_new_files(self):
        self.npy("h.npy", channels(3, 3))
        mask = os.umask(0o027)
        try:
            self.done("simulate", "--links", "3", "--out", "x.npy", "--layout", "l.json")
        finally:
            os.umask(mask)
        for name in ("x.npy", "l.json"):
            self.assertEqual(os.stat(self.path(name)).st_mode & 0o777, 0o640, name)


class Info(CommandTest):
    def test_array(self):
        self.npy("h.npy", channels(3, 4))
        text = self.done("info", "h.npy", "--json", "i.json")
        self.assertIn("[3, 4, 4]", text)
        found = self.json("i.json")
        self.assertEqual((found["file"], found["shape"], found["not_finite"]), ("h.npy", [3, 4, 4], 0))
        values = flatten(self.array("h.npy"))
        self.assertEqual((found["lowest"], found["highest"]), (min(values), max(values)))
        direct = sorted(h[i][i] for h in self.array("h.npy") for i in range(4))
        self.close(found["median_direct"], (direct[5] + direct[6]) / 2)
        self.assertEqual(json.loads(self.done("info", "h.npy", "--json", "-")), found)

    def test_odd_arrays(self):
        self.npy("a.npy", [1.0, math.nan, math.inf])
        self.assertEqual(json.loads(self.done("info", "a.npy", "--json", "-"))["not_finite"], 2)
        self.npy("b.npy", [], shape=[0])
        self.assertEqual(json.loads(self.done("info", "b.npy", "--json", "-"))["shape"], [0])
        self.npy("c.npy", [math.nan])
        json.loads(self.done("info", "c.npy", "--json", "-"))
        self.write("d.csv", "1,2\n3,4\n")
        self.assertEqual(json.loads(self.done("info", "d.csv", "--json", "-"))["shape"], [2, 2])
        self.npy("e.npy", [[[5.0]]])
        self.assertIn("median direct", self.done("info", "e.npy"))

    def test_model(self):
        metadata, tensors = paper_model(2, 3, 1)
        self.write("m.safetensors", safetensors_bytes(dict(metadata, trained="by hand"), tensors))
        text = self.done("info", "m.safetensors", "--json", "i.json")
        self.assertIn("by hand", text)
        found = self.json("i.json")
        self.assertEqual((found["kind"], found["layers"], found["hidden"]), ("uwmmse", "2", "3"))
        self.assertEqual(found["parameters"], sum(len(flatten(t)) for t in tensors.values()))
        self.assertEqual(found["tensors"], {name: shape_of(t) for name, t in tensors.items()})
        self.assertRegex(text, r"(?m)^parameters +%d$" % found["parameters"])

    def test_refused(self):
        self.refused(FAILED, ["info", "none.npy"], "none.npy", "No such file")
        self.refused(FAILED, ["info", "."], "directory")
        self.write("x.npy", "hello")
        self.refused(FAILED, ["info", "x.npy"], "x.npy")
        self.write("x.txt", "hello")
        self.refused(FAILED, ["info", "x.txt"], "x.txt")


class Evaluate(CommandTest):
    NOISE = .01

    def table(self, *words):
        """Standard output and --json of the same run."""
        text = self.done("evaluate", *words, "--json", "e.json")
        return text, self.json("e.json")

    def test_numbers(self):
        h = channels(6, 4)
        self.npy("h.npy", h)
        weights = [1.0, 3.0, .5, 2.0]
        self.npy("w.npy", weights)
        for extra, weight in [([], [1.0] * 4), (["--weights", "w.npy"], weights)]:
            names = ["full-power", "wmmse-truncated", "wmmse"]
            options = ["--channel", "h.npy", "--noise-power", str(self.NOISE), "--pmax", "2", *extra]
            text, found = self.table(*options, *[w for name in names for w in ("--policy", name)])
            self.assertEqual([row["policy"] for row in found["rows"]], names)
            self.assertEqual(found["samples"], 6)
            sums, totals = {}, {}
            for name in names:
                self.done("allocate", "--policy", name, *options, "--out", "p.npy")
                p = self.array("p.npy")
                sums[name] = [sum(w * r for w, r in zip(weight, rates_of(one, q, self.NOISE))) for one, q in zip(h, p)]
                totals[name] = [sum(q) for q in p]
            mean = lambda x: sum(x) / len(x)
            for row in found["rows"]:
                x, y = sums[row["policy"]], sums["wmmse"]
                ratio = mean(x) / mean(y)
                t = 2.5706  # 97.5 % of Student's t, 5 degrees of freedom
                self.close([row["sum_rate"], row["ratio_to_wmmse"], row["total_power"]],
                           [mean(x), ratio, mean(totals[row["policy"]])])
                self.close(row["sum_rate_95"], t * math.sqrt(sum((v - mean(x)) ** 2 for v in x) / 5 / 6), 1e-4)
                residual = sum((v - ratio * z) ** 2 for v, z in zip(x, y))
                self.assertTrue(math.isclose(row["ratio_to_wmmse_95"], t * math.sqrt(residual / 5 / 6) / mean(y),
                                             rel_tol=1e-4, abs_tol=1e-9))
                self.assertNotIn("constraints_met", row, "nothing was asked")
                self.assertGreater(row["seconds_median"], 0)
                self.assertGreaterEqual(row["seconds_p99"], row["seconds_median"])

    def test_table_agrees_with_json(self):
        text, found = self.table("--links", "4", "--samples", "50", *NETWORK, "--policy", "equal", "--policy", "wmmse")
        lines = text.splitlines()
        self.assertEqual(len(lines), 3)
        for line, row in zip(lines[1:], found["rows"]):
            cells = re.split(r" {2,}", line.strip())
            value = lambda name, decimals: "%.*f +- %.*f" % (decimals, row[name], decimals, row[name + "_95"])
            self.assertEqual(cells, [row["policy"], value("sum_rate", 3), value("ratio_to_wmmse", 4), value("total_power", 3),
                                     "-", "%.2f" % (1e6 * row["seconds_median"]),
                                     "%.2f" % (1e6 * row["seconds_p99"])])
        self.assertEqual(found["source"]["links"], 4)
        self.assertEqual(found["samples"], 50)
        self.assertIn("version", found)

    def test_json_to_standard_output_is_all_there_is(self):
        out = self.done("evaluate", "--links", "3", "--samples", "5", *NETWORK, "--policy", "equal", "--json", "-")
        self.assertEqual(len(json.loads(out)["rows"]), 1)

    def test_seeds(self):
        def rate(*words):
            return self.table("--links", "4", "--samples", "20", *NETWORK, "--policy", "wmmse", *words)[1]["rows"][0]["sum_rate"]
        self.assertEqual(rate("--seed", "1"), rate("--seed", "1"))
        self.assertNotEqual(rate("--seed", "1"), rate("--seed", "2"))

    def test_sources(self):
        self.npy("g.npy", [[1.0, .1], [.1, 1.0]])
        for words in [["--path-gain", "g.npy"], ["--network", "multicell", "--links", "6", "--cells", "3"],
                      ["--links", "4", "--density", "2"], ["--links", "4", "--density", "0.5:2"],
                      ["--links", "4", "--reference-links", "8", "--constant-density", "0"], ["--links", "1"]]:
            _, found = self.table(*words, "--samples", "10", *NETWORK, "--policy", "wmmse")
            self.assertEqual(found["samples"], 10)
            self.close(found["rows"][0]["ratio_to_wmmse"], 1)

    def test_weights_on_a_network(self):
        self.npy("w.npy", [2.0] * 4)
        options = ["--links", "4", "--samples", "20", *NETWORK, "--policy", "wmmse"]
        plain, double = self.table(*options)[1], self.table(*options, "--weights", "w.npy")[1]
        self.close(double["rows"][0]["sum_rate"], 2 * plain["rows"][0]["sum_rate"])
        self.npy("w.npy", [2.0] * 3)
        self.refused(FAILED, ["evaluate", *options, "--weights", "w.npy"], "w.npy: ", "3 values")

    def test_one_sample_has_no_interval(self):
        self.npy("h.npy", channels(1, 3))
        text, found = self.table("--channel", "h.npy", *NETWORK, "--policy", "equal")
        self.assertNotIn("sum_rate_95", found["rows"][0])
        self.assertNotIn("nan", text)

    def test_several_of_each(self):
        for k in (1, 2):
            self.write("m%d" % k, safetensors_bytes(*paper_model(2, 2, k)))
        _, found = self.table("--links", "3", "--samples", "9", *NETWORK, "--model", "m1", "--policy", "random", "--model", "m2",
                              "--policy", "wmmse-priced", "--power-budget", "1", "--sum-power", "1")
        self.assertEqual([row["policy"] for row in found["rows"]], ["random", "wmmse-priced", "m1", "m2"])

    def test_constraints(self):
        options = ["--links", "4", "--samples", "30", *NETWORK, "--sum-power", "1.5"]
        _, found = self.table(*options, "--policy", "full-power", "--policy", "wmmse", "--policy", "equal")
        self.assertEqual([row["constraints_met"] for row in found["rows"]], [0, 1, 1])
        self.assertIn("  100.0  ", self.table(*options, "--policy", "equal")[0])
        _, found = self.table("--links", "4", "--samples", "1000", *NETWORK, "--policy", "wmmse-priced", "--power-budget", "1")
        self.assertTrue(math.isclose(found["rows"][0]["total_power"], 1, rel_tol=.2))

    def test_a_model_by_hand(self):
        metadata, tensors = paper_model(3, 2, 5)
        self.write("m", safetensors_bytes(metadata, tensors))
        h = channels(4, 3)
        self.npy("h.npy", h)
        _, found = self.table("--channel", "h.npy", "--noise-power", ".01", "--pmax", "1", "--model", "m")
        expected = [sum(rates_of(one, uwmmse(one, .01, 1, tensors, 3), .01)) for one in h]
        self.close(found["rows"][0]["sum_rate"], sum(expected) / 4, 1e-7)


class Leaderboard(CommandTest):
    """Several sizes and networks in one evaluation."""
    NOISE = .01
    NAMES = ["wmmse-truncated", "full-power", "wmmse"]
    COMMON = ["--noise-power", str(NOISE), "--pmax", "2", *[w for name in NAMES for w in ("--policy", name)]]
    SEVERAL = ["--links", "3,5", "--networks", "3", "--seed", "4", "--samples", "30", "--noise-power", "-91dB", "--pmax", "1"]
    STUDENT = {2: 12.706, 3: 4.3027, 6: 2.5706}  # 97.5 % of Student's t by the number of values

    def board(self, *words):
        text = self.done("evaluate", *words, "--json", "e.json")
        return text, self.json("e.json")

    def three_files(self):
        files = {"a.npy": channels(6, 4, 1), "b.npy": channels(6, 4, 2, .1), "c.npy": channels(6, 3, 3)}
        for name, h in files.items():
            self.npy(name, h)
        return files

    def sample_rates(self, name, h):
        """Rates [sample][link] by allocate's powers."""
        found = {}
        for policy in self.NAMES:
            self.done("allocate", "--policy", policy, "--channel", name, *self.COMMON[:4], "--out", "p.npy")
            found[policy] = [rates_of(one, p, self.NOISE) for one, p in zip(h, self.array("p.npy"))]
        return found

    def mean(self, x):
        return sum(x) / len(x)

    def half_width(self, x):
        return self.STUDENT[len(x)] * math.sqrt(sum((v - self.mean(x)) ** 2 for v in x) / (len(x) - 1) / len(x))

    def percentile_5(self, x):
        """Linear between order statistics, as NumPy's default is."""
        x, place = sorted(x), .05 * (len(x) - 1)
        below = int(place)
        return x[below] + (place - below) * (x[min(below + 1, len(x) - 1)] - x[below])

    def expected(self, rates, policy, baseline):
        sums = {name: [sum(one) for one in rates[name]] for name in rates}
        of_links = [self.mean(link) for link in zip(*rates[policy])]
        return {"sum_rate": self.mean(sums[policy]), "sum_rate_95": self.half_width(sums[policy]),
                "ratio_to_wmmse": self.mean(sums[policy]) / self.mean(sums["wmmse"]),
                "ratio_to_baseline": self.mean(sums[policy]) / self.mean(sums[baseline]),
                "difference": self.mean(sums[policy]) - self.mean(sums[baseline]),
                "difference_95": self.half_width([x - y for x, y in zip(sums[policy], sums[baseline])]),
                "jain": sum(of_links) ** 2 / len(of_links) / sum(x * x for x in of_links),
                "link_rate_p5": self.percentile_5(of_links), "rate_p5": self.percentile_5(flatten(rates[policy]))}

    def agree(self, row, expected):
        for key, value in expected.items():
            self.assertTrue(math.isclose(row[key], value, rel_tol=1e-4 if key.endswith("_95") else 1e-9, abs_tol=1e-9),
                            (row["policy"], key, row[key], value))
        if row["difference_95"]:
            self.assertEqual(row["significant"], abs(expected["difference"]) > expected["difference_95"])

    def test_numbers(self):
        files = self.three_files()
        for baseline in ("wmmse-truncated", "wmmse"):
            words = [w for name in files for w in ("--channel", name)] + ["--baseline", baseline] * (baseline == "wmmse")
            text, found = self.board(*words, *self.COMMON)
            self.assertEqual(found["baseline"], baseline)
            self.assertEqual([n["channel"] for n in found["networks"]], list(files))
            self.assertNotIn("source", found)
            alone = {}
            for k, (name, h) in enumerate(files.items()):
                rates = self.sample_rates(name, h)
                for policy in self.NAMES:
                    alone[k, policy] = self.expected(rates, policy, baseline)
            self.assertEqual([(row["network"], row["policy"]) for row in found["rows"]], list(alone))
            for row in found["rows"]:
                self.assertEqual(row["links"], len(files[found["networks"][row["network"]]["channel"]][0]))
                self.agree(row, alone[row["network"], row["policy"]])
            self.assertEqual([(r["links"], r["networks"], r["interval_over"], r["policy"]) for r in found["over_networks"]],
                             [(*size, name) for size in ((4, 2, "networks"), (3, 1, "samples")) for name in self.NAMES])
            for row in found["over_networks"][:3]:
                pair = [alone[k, row["policy"]] for k in (0, 1)]
                over = {key: self.mean([one[key] for one in pair]) for key in pair[0] if not key.endswith("_95")}
                over.update({key + "_95": self.half_width([one[key] for one in pair]) for key in list(over)})
                self.agree(row, over)
                times = [same for same in found["rows"] if same["network"] < 2 and same["policy"] == row["policy"]]
                for key in ("seconds_median", "seconds_p99"):
                    self.close(row[key], self.mean([one[key] for one in times]))
            for row in found["over_networks"][3:]:
                self.agree(row, alone[2, row["policy"]])

    def test_a_clear_difference_is_significant_and_none_is_not(self):
        self.npy("h.npy", [[[1.0 + .1 * k, 0], [0, 1]] for k in range(6)])
        names = ["equal", "full-power", "threshold"]
        text, found = self.board("--channel", "h.npy", "--noise-power", "1", "--pmax", "1", "--power-budget", "1", "--baseline",
                                 "full-power", *[w for name in names for w in ("--policy", name)])
        self.assertEqual([row["significant"] for row in found["rows"]], [False, False, True])
        self.assertLess(found["rows"][2]["difference"], 0)
        lines = {line.split()[0]: line for line in text.splitlines() if line}
        self.assertIn("0.000 +- 0.000", lines["equal"])
        self.assertEqual([lines[name].count("*") for name in names], [0, 0, 1])

    def test_a_network_among_several_is_as_alone(self):
        words = ["--policy", "random", "--policy", "wmmse", "--policy", "wmmse-priced", "--policy", "threshold",
                 "--power-budget-per-link", ".2"]
        _, found = self.board(*self.SEVERAL, *words)
        self.assertEqual([(n["links"], n["seed"], n["samples"]) for n in found["networks"]],
                         [(m, s, 30) for m in (3, 5) for s in (4, 5, 6)])
        timeless = lambda row: {k: v for k, v in row.items() if not k.startswith("seconds") and k != "network"}
        for network, (links, seed) in enumerate([(m, s) for m in (3, 5) for s in (4, 5, 6)]):
            _, alone = self.board(*self.SEVERAL, "--links", links, "--seed", seed, "--networks", "1", *words[:-2],
                                  "--power-budget", .2 * links)
            self.assertEqual([timeless(row) for row in found["rows"] if row["network"] == network],
                             [timeless(row) for row in alone["rows"]])
            self.assertEqual(alone["source"]["seed"], seed)

    def test_table(self):
        words = [*self.SEVERAL, "--policy", "wmmse", "--policy", "equal", "--policy", "wmmse-truncated"]
        text, found = self.board(*words, "--baseline", "equal")
        self.assertLessEqual(max(map(len, text.splitlines())), 100)
        blocks = text.split("\n\n")
        self.assertEqual(len(blocks), 4)
        self.assertIn("vs equal", blocks[0])
        self.assertIn("* differs from equal", blocks[3])
        for block, links in zip(blocks[1:], (3, 5)):
            lines = block.splitlines()
            self.assertTrue(lines[0].startswith("%d links, networks of seeds 4 to 6, 30 states each" % links), lines[0])
            for line, row in zip(lines[1:], [row for row in found["over_networks"] if row["links"] == links]):
                cells = re.split(r" {2,}", line.strip())
                value = lambda name, decimals: "%.*f +- %.*f" % (decimals, row[name], decimals, row[name + "_95"])
                self.assertEqual(cells[:3], [row["policy"], value("sum_rate", 2), value("ratio_to_wmmse", 3)])
                if row["policy"] != "equal":
                    self.assertEqual(cells[3], value("difference", 3) + " *" * row["significant"])
                self.assertEqual(cells[4:7], ["%.2f" % row["total_power"], "%.2f" % row["jain"], "-"])

    def test_intervals_of_many_samples(self):
        h, t = channels(31, 3), 2.0423  # 97.5 % of Student's t, 30 degrees of freedom
        self.npy("h.npy", h)
        _, found = self.board("--channel", "h.npy", *self.COMMON[:4], "--policy", "full-power")
        sums = [sum(rates_of(one, [2.0] * 3, self.NOISE)) for one in h]
        mean = self.mean(sums)
        expected = t * math.sqrt(sum((x - mean) ** 2 for x in sums) / 30 / 31)
        self.close(found["rows"][0]["sum_rate_95"], expected, 2e-4)

    def test_names_of_models_in_the_library(self):
        text, _ = self.board(*self.SEVERAL, "--model", "builtin:uwmmse-adhoc20", "--model", "builtin:uwmmse-robust")
        first = [line.split("  ")[0] for line in text.split("\n\n")[1].splitlines()[1:]]
        self.assertEqual(first, ["uwmmse-adhoc20", "uwmmse-robust"])

    def test_long_and_equal_names_fit(self):
        os.makedirs(self.path("one"))
        os.makedirs(self.path("two"))
        model = safetensors_bytes(*paper_model(2, 2, 1))
        names = ["one/a-very-long-name-of-a-model.safetensors", "two/a-very-long-name-of-a-model.safetensors", "one/m.safetensors"]
        for name in names:
            self.write(name, model)
        text, found = self.board(*self.SEVERAL, *[w for name in names for w in ("--model", name)])
        self.assertLessEqual(max(map(len, text.splitlines())), 100)
        first = [line.split("  ")[0] for line in text.split("\n\n")[1].splitlines()[1:]]
        self.assertEqual(len(set(first)), 3)
        self.assertEqual(first[2], "m")
        self.assertEqual([row["policy"] for row in found["rows"][:3]], names)

    def test_csv(self):
        words = [*self.SEVERAL, "--policy", "wmmse", "--policy", "equal"]
        self.done("evaluate", *words, "--csv", "e.csv", "--json", "e.json")
        rows = list(csv.DictReader(self.read("e.csv").decode().splitlines()))
        found = self.json("e.json")
        self.assertEqual(len(rows), 12)
        for row, same in zip(rows, found["rows"]):
            network = found["networks"][same["network"]]
            self.assertEqual((int(row["network"]), int(row["links"]), int(row["samples"]), row["policy"]),
                             (network["seed"], network["links"], 30, same["policy"]))
            self.assertEqual(int(row["significant"]), same["significant"])
            self.assertEqual(row["constraints_met"], "")
            for key in set(row) - {"network", "links", "samples", "policy", "significant", "constraints_met"}:
                self.close(float(row[key]), same[key], 1e-8)
        status, out, err = self.run_command("evaluate", *words, "--csv", "-")
        self.assertEqual((status, err), (DONE, ""))
        self.assertEqual([row["sum_rate"] for row in csv.DictReader(out.splitlines())], [row["sum_rate"] for row in rows])

    def test_csv_of_odd_names_and_of_what_is_not_there(self):
        name = 'odd, "name".npy'
        self.npy(name, [[0.0, 0.0], [0.0, 0.0]])
        self.done("evaluate", "--channel", name, *self.COMMON, "--csv", "e.csv")
        row = next(csv.DictReader(self.read("e.csv").decode().splitlines()))
        self.assertEqual(row["network"], name)
        self.assertEqual([row[key] for key in ("sum_rate", "sum_rate_95", "ratio_to_wmmse", "jain", "significant")],
                         ["0", "", "", "", ""])

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_plot(self):
        self.three_files()
        policies = ["--policy", "wmmse", "--policy", "equal", "--policy", "wmmse-truncated"]
        for words in [[*self.SEVERAL, *policies], [*self.SEVERAL, *policies, "--links", "4"],
                      [*self.SEVERAL[6:], "--links", "3", "--policy", "wmmse"],
                      ["--channel", "a.npy", "--channel", "c.npy", *self.COMMON]]:
            before = self.files()
            self.done("evaluate", *words, "--plot", "it's a $x.svg")
            self.done("evaluate", *words, "--plot", "p.PNG")
            svg = self.read("it's a $x.svg").decode()
            self.assertTrue(svg.startswith("<?xml") and svg.rstrip().endswith("</svg>"))
            for name in words[words.index("--policy") + 1::2]:
                if name in self.NAMES:
                    self.assertIn(name, svg)
            self.assertEqual(self.read("p.PNG")[:8], b"\x89PNG\r\n\x1a\n")
            self.assertEqual(sorted(set(self.files()) - set(before) - {"it's a $x.svg", "p.PNG"}), [])

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_title_of_a_plot(self):
        self.three_files()
        a, b, c = (["--channel", name] for name in ("a.npy", "b.npy", "c.npy"))
        for files, over in [(a + b, "over the networks"), (a + c, "over the states"),
                            (a + b + c, "over the networks, or the states of a single one")]:
            self.done("evaluate", *files, *self.COMMON, "--plot", "p.svg")
            words = "".join(re.findall(r">([^<]*)<", self.read("p.svg").decode()))
            self.assertRegex(" ".join(words.split()), "95 % intervals " + over + r"(?!, or)")

    def test_a_plot_of_nothing(self):
        self.npy("h.npy", [[0.0, 0.0], [0.0, 0.0]])
        found, _, err = self.run_command("evaluate", "--channel", "h.npy", *self.COMMON, "--plot", "p.svg")
        self.assertEqual(found, FAILED)
        self.assertIn("nothing to draw", err)
        self.assertEqual(self.files(), ["h.npy"])

    def test_wrong_usage(self):
        self.three_files()
        self.npy("g.npy", [[1.0, .1], [.1, 1.0]])
        base = ["evaluate", *NETWORK, "--policy", "equal"]
        for words, part in [(["--links", "3,3"], "3 is there twice"), (["--links", "3,"], "--links"), (["--links", ",3"], "--links"),
                            (["--links", "3,x"], '"x"'), (["--links", "3,0"], "--links: 0"), (["--links", ""], "--links"),
                            (["--links", ",".join(map(str, range(1, 80)))], "at most"),
                            (["--networks", "0"], "--networks"), (["--baseline", "wmmse"], '"wmmse"'),
                            (["--plot", "p.pdf"], "p.pdf"), (["--plot", "-"], "--plot"),
                            (["--csv", "-", "--json", "-"], "--csv and --json"),
                            (["--path-gain", "g.npy", "--links", "2,3"], "--links"),
                            (["--path-gain", "g.npy", "--networks", "2"], "--networks"),
                            (["--channel", "a.npy", "--links", "2,3"], "--links"),
                            (["--channel", "a.npy", "--networks", "2"], "--networks"),
                            (["--channel", "a.npy", "--channel", "b.npy", "--state", "x.npy"], "--state"),
                            (["--channel", "a.npy", "--channel", "a.npy"], "a.npy is there twice"),
                            (["--policy", "threshold", "--power-budget", "0"], "> 0 W"),
                            (["--policy", "threshold"], "--power-budget"), (["--power-budget-per-link", "x"], "per-link"),
                            (["--policy", "threshold", "--power-budget", "1", "--power-budget-per-link", "1"], "not both")]:
            self.refused(USAGE, [*base, *words], part)
        self.refused(FAILED, [*base, "--plot", "none/p.svg"], "none/p.svg")
        self.refused(FAILED, [*base, "--csv", "none/e.csv"], "none/e.csv")

    def test_what_cannot_run_is_refused_before_any_work(self):
        outputs = ["--json", "e.json", "--csv", "e.csv", "--plot", "p.svg"]
        self.done("train", "--model", "regnn", "--channel", self.npy("h.npy", channels(4, 3)), *NETWORK, "--state",
                  self.npy("x.npy", [[[1.0, 2.0]] * 3] * 4), "--set", "regnn.state_features=2", "--iterations", "1", "--out", "m")
        self.refused(FAILED, ["evaluate", "--policy", "equal", "--model", "m", "--links", "3,5", *NETWORK, *outputs],
                     "m cannot run on 3 links", "node state")
        self.done("train", "--model", "fcnn", "--links", "3", *NETWORK, "--iterations", "1", "--out", "f")
        self.refused(FAILED, ["evaluate", "--policy", "wmmse", "--model", "f", "--links", "3,5", *NETWORK, *outputs],
                     "f cannot run on 5 links")
        self.npy("w.npy", [1.0] * 3)
        self.npy("r.npy", [.1] * 3)
        for option, name in [("--weights", "w.npy"), ("--min-rate", "r.npy")]:
            self.refused(FAILED, ["evaluate", "--policy", "equal", "--links", "3,5", *NETWORK, option, name, *outputs], name,
                         "5 links")
        bad = channels(4, 3)
        bad[3][1][2] = math.nan
        self.npy("bad.npy", bad)
        self.refused(FAILED, ["evaluate", "--policy", "equal", "--channel", "h.npy", "--channel", "bad.npy", *NETWORK, *outputs],
                     "bad.npy: ", "[3][1][2]")

    def test_progress(self):
        status, out, err = self.run_command("evaluate", *self.SEVERAL, "--policy", "equal", "--progress", "json")
        self.assertEqual(status, DONE)
        last = json.loads(err.splitlines()[-1])
        self.assertEqual((last["done"], last["total"]), (6, 6))


class Train(CommandTest):
    def train(self, out, *words):
        self.done("train", *SMALL, "--out", out, *words)
        return read_safetensors(self.path(out))

    def weights(self, name):
        return read_safetensors(self.path(name))[1]

    def progress(self, name):
        """Steps done by a checkpoint: the first of its numbers."""
        return int(self.weights(name)["progress"][0])

    def test_model(self):
        metadata, tensors = self.train("m.safetensors", "--iterations", "30", "--json", "t.json")
        self.assertEqual({k: metadata[k] for k in ("format", "format_version", "kind", "layers", "hidden", "architecture")},
                         {"format": "powalloc", "format_version": "1", "kind": "uwmmse", "layers": "4", "hidden": "5",
                          "architecture": "extended"})
        self.assertIn("--iterations 30", metadata["trained"])
        self.assertEqual(shape_of(tensors["layer4.b.gc1.w0"]), [4, 5])
        found = self.json("t.json")
        self.assertTrue(found["complete"])
        self.assertEqual(found["model"], "m.safetensors")
        self.close(found["ratio_to_wmmse"], found["held_out_sum_rate"] / found["wmmse_sum_rate"])
        self.assertEqual(self.files(), ["m.safetensors", "t.json"])

    def test_paper_architecture_has_the_pinned_tensors(self):
        metadata, tensors = self.train("m", "--architecture", "paper", "--layers", "2", "--hidden", "3", "--iterations", "5")
        wanted = paper_model(2, 3, 1)[1]
        optional = {"gcn.scale", "v0"}
        self.assertEqual({n: shape_of(t) for n, t in tensors.items() if n not in optional},
                         {n: shape_of(t) for n, t in wanted.items()})
        h = channels(2, 3)
        self.npy("h.npy", h)
        self.done("allocate", "--model", "m", "--channel", "h.npy", "--noise-power", ".01", "--pmax", "1", "--out", "p.npy")
        self.close(self.array("p.npy"), [uwmmse(one, .01, 1, tensors, 2, tensors.get("gcn.scale", 1), tensors.get("v0", 1))
                                         for one in h], 1e-7)

    def test_it_learns(self):
        self.done("train", *SMALL, "--batch", "32", "--set", "trainer.held_out=400", "--iterations", "400", "--out", "m",
                  "--json", "t.json")
        found = self.json("t.json")
        self.assertGreater(found["ratio_to_wmmse"], .97)
        out = self.done("evaluate", "--links", "4", *NETWORK, "--policy", "full-power", "--model", "m", "--json", "-")
        rows = json.loads(out)["rows"]
        self.assertGreater(rows[1]["sum_rate"], rows[0]["sum_rate"])
        self.assertGreater(rows[1]["ratio_to_wmmse"], .95)

    def test_seeds_and_threads(self):
        """The same command writes the same bytes; only the note of how it was made differs between thread counts."""
        words = ["--iterations", "60", "--batch", "32"]
        self.train("m", *words, "--seed", "5", "--threads", "2")
        first = self.read("m")
        self.train("m", *words, "--seed", "5", "--threads", "2")
        self.assertEqual(self.read("m"), first)
        self.train("n", *words, "--seed", "5", "--threads", "1")
        note = lambda content: re.sub(rb"--(out|threads) \w+", b"", content)[8:]
        self.assertEqual(note(self.read("n")), note(first))
        self.train("o", *words, "--seed", "6")
        self.assertNotEqual(self.weights("o"), self.weights("m"))

    def test_keys(self):
        base = self.train("a", "--iterations", "20")[1]
        self.assertNotEqual(self.train("b", "--iterations", "20", "--set", "trainer.learning_rate=0.02")[1], base)
        self.assertNotEqual(self.train("c", "--iterations", "20", "--batch", "9")[1], base)
        self.assertEqual(self.train("d", "--iterations", "20", "--set=trainer.clip=5")[1], base)

    def test_families(self):
        self.train("m", "--links", "2:5", "--density", "0.5:5", "--iterations", "20", "--json", "t.json")
        source = self.json("t.json")["source"]
        self.assertEqual((source["links_min"], source["links"], source["density_min"], source["density"]), (2, 5, .5, 5))
        for links in (2, 7):
            self.done("evaluate", "--links", links, "--samples", "5", *NETWORK, "--model", "m")
        self.refused(USAGE, ["train", *SMALL, "--network", "multicell", "--links", "2:5", "--out", "x"], "--links")

    def test_sources(self):
        self.npy("h.npy", channels(10, 3))
        self.npy("g.npy", [[1.0, .1], [.1, 1.0]])
        self.npy("w.npy", [1.0, 2.0, 3.0])
        self.refused(USAGE, ["train", *SMALL, "--out", "m", "--weights", "w.npy"], "--weights")
        for words in [["--channel", "h.npy", "--weights", "w.npy"], ["--path-gain", "g.npy"],
                      ["--network", "multicell", "--links", "6", "--cells", "2"]]:
            self.train("m", "--iterations", "5", "--json", "t.json", *words)
            self.assertGreater(self.json("t.json")["wmmse_sum_rate"], 0)

    def test_fine_tuning(self):
        base = self.train("base", "--iterations", "40")[1]
        metadata, tuned = self.train("tuned", "--from", "base", "--density", "3", "--iterations", "40", "--json", "t.json")
        self.assertEqual({n: shape_of(t) for n, t in tuned.items()}, {n: shape_of(t) for n, t in base.items()})
        self.assertNotEqual(tuned, base)
        self.assertIn("--from base", metadata["trained"])
        # A model that can only get worse is kept as it was: the best on held-out states counts.
        self.train("kept", "--from", "base", "--iterations", "1", "--set", "trainer.learning_rate=1e-12",
                   "--set", "trainer.warmup=0")
        self.close([x for n in sorted(base) for x in flatten(self.weights("kept")[n])],
                   [x for n in sorted(base) for x in flatten(base[n])], 1e-6)

    def test_progress(self):
        child = self.start("train", *SMALL, "--iterations", "200", "--out", "m", "--progress", "json")
        out, err = child.communicate(timeout=PATIENCE)
        self.assertEqual(child.returncode, DONE)
        lines = [json.loads(line) for line in err.splitlines()]
        self.assertGreaterEqual(len(lines), 1)
        self.assertEqual((lines[-1]["done"], lines[-1]["total"]), (200, 200))
        self.assertEqual(sorted(line["done"] for line in lines), [line["done"] for line in lines])
        status, _, err = self.run_command("train", *SMALL, "--iterations", "50", "--out", "m", "--progress", "bar")
        self.assertEqual(status, DONE)
        self.assertIn("100 %", err)
        self.done("train", *SMALL, "--iterations", "50", "--out", "m", "--progress", "none")

    # ---- in pieces ----

    def test_checkpoint_and_resume(self):
        """A run in two pieces ends with the weights of the run in one piece, bit for bit, and the same checkpoint. Only the
        note in the model's metadata differs: it quotes the command that wrote it."""
        schedule = ["--set", "trainer.schedule=150"]
        whole = self.train("whole", *schedule, "--iterations", "150", "--checkpoint", "whole.checkpoint")
        for pieces in ([50, 150], [73, 150], [1, 2, 149, 150]):
            for k, steps in enumerate(pieces):
                self.train("m", *schedule, "--iterations", steps, "--checkpoint", "c", *(["--resume"] if k else []))
                self.assertEqual(self.progress("c"), steps)
            self.assertEqual(self.weights("m"), whole[1], pieces)
            self.assertEqual(self.read("c"), self.read("whole.checkpoint"), pieces)

    def test_resume_with_other_threads(self):
        schedule = ["--set", "trainer.schedule=80", "--batch", "32"]
        whole = self.train("whole", *schedule, "--iterations", "80", "--threads", "2")
        self.train("m", *schedule, "--iterations", "33", "--checkpoint", "c", "--threads", "2")
        self.train("m", *schedule, "--iterations", "80", "--checkpoint", "c", "--threads", "1", "--resume")
        self.assertEqual(self.weights("m"), whole[1])

    def test_single_precision(self):
        single = ["--precision", "single", "--set", "trainer.schedule=40"]
        self.train("whole", *single, "--iterations", "40")
        self.train("m", *single, "--iterations", "20", "--checkpoint", "c", "--threads", "2")
        self.refused(FAILED, ["train", *SMALL, "--iterations", "40", "--out", "m", "--checkpoint", "c", "--resume"],
                     "trainer.precision 1, this trainer has 0")
        self.train("m", *single, "--iterations", "40", "--checkpoint", "c", "--resume")
        self.assertEqual(self.weights("m"), self.weights("whole"))
        self.train("wide", "--precision", "double", "--set", "trainer.schedule=40", "--iterations", "40")
        self.assertNotEqual(self.weights("wide"), self.weights("whole"))
        self.npy("h.npy", channels(40, 4))
        self.done("train", "--model", "regnn", "--channel", "h.npy", *NETWORK, *single, "--iterations", "20", "--out", "r")
        self.refused(USAGE, ["train", *SMALL, "--out", "m", "--precision", "half"], "neither double nor single")
        self.refused(USAGE, ["train", "--model", "igcnet", *SMALL[2:], "--out", "m", "--precision", "single"],
                     "--precision: policy igcnet trains in double precision only")
        self.refused(FAILED, ["train", "--model", "mlp", "--channel", "h.npy", *NETWORK, "--out", "m", *single],
                     "h.npy: policy mlp trains in double precision only")

    def test_several_files_are_one_set_of_states(self):
        """Full and sparse channels of three sizes; in pieces and by other threads, the same weights."""
        self.done("simulate", "--links", "5", "--samples", "23", "--seed", "1", "--out", "a.npy")
        self.done("simulate", "--links", "9", "--samples", "11", "--cutoff", "30", "--seed", "2", "--out", "b.npz")
        self.done("simulate", "--links", "3", "--samples", "6", "--seed", "3", "--out", "c.npy")
        files = ["--channel", "a.npy", "--channel", "b.npz", "--channel", "c.npy"]
        for precision in "double", "single":
            words = ["train", "--model", "uwmmse", *files, *NETWORK, "--set", "trainer.schedule=40", "--batch", "12",
                     "--precision", precision]
            self.done(*words, "--iterations", "40", "--threads", "2", "--out", "whole", "--json", "r.json")
            self.done(*words, "--iterations", "17", "--threads", "1", "--out", "m", "--checkpoint", "c")
            self.done(*words, "--iterations", "40", "--threads", "1", "--out", "m", "--checkpoint", "c", "--resume")
            self.assertEqual(self.weights("m"), self.weights("whole"))
            self.assertEqual(self.json("r.json")["source"], {"channels": ["a.npy", "b.npz", "c.npy"]})
            self.done("train", "--model", "uwmmse", *reversed_pairs(files), *NETWORK, "--set", "trainer.schedule=40", "--batch",
                      "12", "--precision", precision, "--iterations", "40", "--out", "other")
            self.assertNotEqual(self.weights("other"), self.weights("whole"))
        self.done("train", "--model", "igcnet", "--channel", "a.npy", "--channel", "c.npy", *NETWORK, "--iterations", "2",
                  "--out", "i")
        self.done("evaluate", "--model", "whole", *files, *NETWORK)

    def test_several_files_that_do_not_go_together(self):
        self.npy("a.npy", channels(4, 3))
        self.npy("b.npy", channels(5, 2))
        bad = channels(5, 2)
        bad[3][1][0] = -1
        self.npy("bad.npy", bad)
        self.done("simulate", "--links", "9", "--samples", "11", "--cutoff", "30", "--out", "s.npz")
        self.npy("x.npy", [[1.0, 1.0, 1.0]] * 4)
        base = ["--channel", "a.npy", *NETWORK, "--out", "m"]
        uwmmse = ["train", "--model", "uwmmse", *base]
        self.refused(FAILED, [*uwmmse, "--channel", "bad.npy"], "bad.npy: h[3][1][0] is -1")
        self.refused(FAILED, [*uwmmse, "--channel", "none.npy"], "none.npy: ", "No such file")
        self.refused(USAGE, [*uwmmse, "--channel", "a.npy"], "a.npy is there twice")
        self.refused(USAGE, [*uwmmse, "--channel", "b.npy", "--state", "x.npy"], "--state goes with one --channel")
        self.refused(FAILED, ["train", "--model", "igcnet", *base, "--channel", "s.npz"], "s.npz: ", "full channel matrices")
        self.refused(FAILED, ["train", "--model", "regnn", *base, "--channel", "b.npy"],
                     "--channel: mixed states cannot be probed")
        self.refused(FAILED, ["train", "--model", "mlp", *base, "--channel", "b.npy"], "--channel: ", "the mlp model is of one")
        self.assertNotIn("m", self.files())

    def test_resume_of_a_finished_run_keeps_its_model(self):
        self.train("m", "--iterations", "40", "--checkpoint", "c")
        for steps in (40, 30):
            self.refused(FAILED, ["train", *SMALL, "--iterations", steps, "--out", "m", "--checkpoint", "c", "--resume"],
                         "c has done 40 of %d steps" % steps)

    def test_resume_of_fine_tuning(self):
        self.train("base", "--iterations", "40")
        words = ["--from", "base", "--density", "2", "--set", "trainer.schedule=60"]
        whole = self.train("whole", *words, "--iterations", "60")
        self.train("m", *words, "--iterations", "20", "--checkpoint", "c")
        self.train("m", *words, "--iterations", "60", "--checkpoint", "c", "--resume")
        self.assertEqual(self.weights("m"), whole[1])

    def test_checkpoints_that_do_not_fit(self):
        self.train("m", "--iterations", "10", "--checkpoint", "c", "--seed", "3")
        words = ["train", *SMALL, "--iterations", "20", "--out", "n", "--checkpoint", "c", "--resume"]
        self.refused(FAILED, words, "c was made with seed 3")
        self.refused(FAILED, [*words, "--seed", "3", "--links", "5"], "c was made with links 4")
        self.refused(FAILED, [*words, "--seed", "3", "--layers", "2"], "c", "extended, 2 layers")
        self.refused(FAILED, [*words, "--seed", "3", "--pmax", "2"], "c was made with total limit (W) 4", "8")
        self.refused(FAILED, [*words, "--seed", "3", "--teacher", "wmmse"], "c was made with teacher", "wmmse")
        self.refused(FAILED, [*words[:-2], "none", "--resume"], "none", "No such file")
        self.refused(FAILED, [*words[:-2], "m", "--resume"], "m is not a checkpoint")
        content = self.read("c")
        for length in (0, 8, 100, len(content) - 8, len(content) - 1):
            self.write("c", content[:length])
            self.refused(FAILED, [*words, "--seed", "3"], "c")

    def interrupt(self, *words, signals=(signal.SIGINT,)):
        """Starts it, and interrupts once it tells of its first steps."""
        child = self.start(*words, "--progress", "json")
        self.assertIn("done", json.loads(child.stderr.readline()))
        for number in signals:
            child.send_signal(number)
        out, err = child.communicate(timeout=PATIENCE)
        return child.returncode, out, "\n".join(line for line in err.splitlines() if not line.startswith("{"))

    def test_interrupt_and_resume(self):
        endless = ["train", *SMALL, "--set", "trainer.schedule=100000000", "--iterations", "100000000", "--out", "m"]
        for number in (signal.SIGINT, signal.SIGTERM):
            status, out, err = self.interrupt(*endless, "--checkpoint", "c", "--json", "t.json", signals=[number])
            self.assertEqual(status, INTERRUPTED)
            self.assertIn("--resume goes on from c", err)
            self.assertIn("best model so far is in m", err)
            self.assertFalse(self.json("t.json")["complete"])
            self.assertEqual(self.files(), ["c", "m", "t.json"])
        self.done("evaluate", "--links", "3", "--samples", "5", *NETWORK, "--model", "m")
        steps = self.progress("c")
        self.assertGreaterEqual(steps, 50)
        status, _, _ = self.interrupt(*endless, "--checkpoint", "c", "--resume")
        self.assertEqual(status, INTERRUPTED)
        self.assertGreater(self.progress("c"), steps)
        steps = self.progress("c") + 30
        finish = ["--set", "trainer.schedule=100000000", "--iterations", steps]
        resumed = self.train("n", *finish, "--checkpoint", "c", "--resume")
        self.assertEqual(resumed[1], self.train("whole", *finish)[1])

    def test_second_interrupt(self):
        status, _, _ = self.interrupt("train", *SMALL, "--iterations", "100000000", "--out", "m", signals=[signal.SIGINT] * 2)
        self.assertEqual(status, INTERRUPTED)

    def test_bar_on_a_terminal(self):
        master, terminal = os.openpty()
        child = self.start("train", *SMALL, "--iterations", "50", "--out", "m", stderr=terminal)
        child.communicate(timeout=PATIENCE)
        os.close(terminal)
        shown = os.read(master, 65536).decode()
        os.close(master)
        self.assertEqual(child.returncode, DONE)
        self.assertRegex(shown, r"\[#+\] 100 %.* left")

    def test_interrupt_without_a_checkpoint(self):
        status, _, err = self.interrupt("train", *SMALL, "--iterations", "100000000", "--out", "m")
        self.assertEqual(status, INTERRUPTED)
        self.assertIn("best model so far is in m", err)
        self.assertIn("--checkpoint", err)
        self.assertEqual(self.files(), ["m"])
        self.weights("m")

    def test_checkpoint_now_and_then(self):
        child = self.start("train", *SMALL, "--iterations", "100000000", "--out", "m", "--checkpoint", "c",
                           "--checkpoint-every", "50", "--progress", "json")
        while "c" not in self.files():
            self.assertTrue(child.stderr.readline(), "it runs on")
        child.kill()
        child.wait()
        self.assertGreaterEqual(self.progress("c"), 50)
        self.assertNotIn("m", self.files())

    def test_checkpoint_that_fails_says_why(self):
        full = self.full_device()
        self.refused(FAILED, ["train", *SMALL, "--iterations", "200", "--out", "m", "--checkpoint", full,
                              "--checkpoint-every", "50"], "%s: cannot be written: No space left" % full)


class Baselines(CommandTest):
    def test_every_model_is_trained_and_run(self):
        for model, words in [("fcnn", ["--power-budget", "2", "--units", "6"]), ("mlp", ["--units", "8", "--units", "7"]),
                             ("mlp", ["--teacher", "none", "--input", "amplitude"]), ("igcnet", ["--message", "5"])]:
            self.done("train", "--model", model, "--links", "4", *NETWORK, "--iterations", "20", "--batch", "8", "--set",
                      "trainer.held_out=50", "--out", "m", *words)
            metadata, tensors = read_safetensors(self.path("m"))
            self.assertEqual(metadata["kind"], model)
            self.npy("h.npy", channels(3, 4))
            self.done("allocate", "--model", "m", "--channel", "h.npy", *NETWORK, "--out", "p.npy", "--probabilities", "q.npy")
            for power, part in zip(self.array("p.npy"), self.array("q.npy")):
                for p, q in zip(power, part):
                    self.assertTrue(0 <= q <= 1)
                    self.assertTrue(p == (q >= .5) if model == "fcnn" else abs(p - q) < 1e-12)
            self.done("train", "--model", model, "--from", "m", "--links", "4", *NETWORK, "--iterations", "5", "--set",
                      "trainer.held_out=50", "--out", "n")
        self.refused(USAGE, ["train", "--model", "mlp", "--taps", "3", *NETWORK, "--out", "x"], "--taps", "mlp")
        self.refused(USAGE, ["train", "--model", "igcnet", "--min-rate", "3", *NETWORK, "--out", "x"], "--min-rate")
        self.refused(USAGE, ["train", "--model", "regnn", "--teacher", "wmmse", *NETWORK, "--out", "x"], "--teacher")
        self.refused(USAGE, ["train", "--model", "mlp", "--teacher", "me", *NETWORK, "--out", "x"], "me")
        self.refused(USAGE, ["train", "--model", "mlp", "--units", "x", *NETWORK, "--out", "x"], "--units")
        self.refused(USAGE, ["train", "--model", "cnn", *NETWORK, "--out", "x"], "cnn")
        self.refused(FAILED, ["train", "--model", "mlp", "--from", "m", *NETWORK, "--out", "x"], "igcnet")

    def test_built_in_models(self):
        names = [line for line in self.done("info", "--builtin").splitlines() if line.startswith("builtin:")]
        self.assertIn("builtin:uwmmse-robust", names)
        self.assertIn("extended", self.done("info", "builtin:uwmmse-robust"))
        self.done("evaluate", "--links", "12", "--seed", "77", "--noise-power", "-91dB", "--pmax", "1", "--samples",
                  "400", "--policy", "wmmse", "--model", "builtin:uwmmse-robust", "--json", "e.json")
        self.assertGreater(self.json("e.json")["rows"][1]["ratio_to_wmmse"], .97)
        self.refused(FAILED, ["info", "builtin:x"], "uwmmse-robust")

    def test_anchors(self):
        self.done("evaluate", "--links", "4", "--seed", "3", "--noise-power", "-91dB", "--pmax", "1", "--samples", "20", "--policy",
                  "wmmse", "--policy", "wmmse-best", "--policy", "optimal", "--gap", "0.0001", "--starts", "20", "--json", "e.json")
        wmmse, best, optimal = [row["sum_rate"] for row in self.json("e.json")["rows"]]
        self.assertLessEqual(wmmse, best)
        self.assertLessEqual(best, optimal * 1.0001)
        self.refused(FAILED, ["evaluate", "--links", "17", "--noise-power", "1", "--pmax", "1", "--policy", "optimal"], "16")


@unittest.skipUnless(shutil.which("gnuplot"), "no gnuplot")
class Reproduce(CommandTest):
    NAME = "regnn-fig6"
    WORDS = ["reproduce", NAME, "--quick", "--out"]
    MODEL = "models/regnn-B-50-s0-500.safetensors"

    @classmethod
    def setUpClass(cls):
        """One run for all the looks at it."""
        cls.shared = tempfile.mkdtemp(prefix="powalloc-test-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, True)
        cls.run_of = subprocess.run([COMMAND, *cls.WORDS, os.path.join(cls.shared, "it's here"), "--threads", "1"], text=True,
                                    env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)

    def setUp(self):
        super().setUp()
        self.assertEqual((self.run_of.returncode, self.run_of.stderr), (DONE, ""))
        self.folder = os.path.join(self.folder, "copy")
        shutil.copytree(os.path.join(self.shared, "it's here"), self.folder)

    def result(self, name=NAME + ".json"):
        return self.json(name)

    def csv(self, name=NAME + ".csv"):
        return list(csv.DictReader(self.read(name).decode().splitlines()))

    def test_files(self):
        self.assertEqual(self.files(), ["models"] + [self.NAME + "." + e for e in
                                                     ("csv", "dat", "gp", "json", "md", "png", "svg")])
        self.assertTrue(self.read(self.NAME + ".png").startswith(b"\x89PNG\r\n\x1a\n"))
        self.assertIn(b"<svg", self.read(self.NAME + ".svg"))
        self.assertEqual(sorted(os.listdir(self.path("models"))), ["regnn-B-50-s0-500.curve", "regnn-B-50-s0-500.safetensors",
                                                                 "regnn-many-B-50-s0-1000.curve",
                                                                 "regnn-many-B-50-s0-1000.safetensors"])
        self.assertIn("reproduce, REGNN, on or off, setting B", self.done("info", self.MODEL))

    def rows(self, unseen=1):
        """Means over the networks by method: of the network that was not trained on, or of that of the training."""
        return {row["method"]: row for row in self.result()["over_networks"] if row["unseen"] == unseen}

    def test_json(self):
        found = self.result()
        self.assertEqual((found["name"], found["unit"], found["parameters"]["tests"]), (self.NAME, "nat/s/Hz", 1000))
        self.assertIn(found["origin"].split(",")[0].replace("powalloc ", ""), self.done("--version"))
        for unseen in (0, 1):
            rows = self.rows(unseen)
            self.assertEqual(rows["WMMSE at a price"]["ratio"], 1)
            for row in rows.values():
                self.close(row["ratio"], row["sum_rate"] / rows["WMMSE at a price"]["sum_rate"])
                self.assertGreater(row["total_power"], 0)

    def test_csv_and_table(self):
        found = self.rows()
        rows = [row for row in self.csv() if row["unseen"] == "1"]
        self.assertEqual(sorted(row["method"] for row in rows), sorted(found))
        for row in rows:
            self.assertEqual(row["network"], "1000")
            for column in ("sum_rate", "ratio", "total_power"):
                self.assertEqual(row[column], "%.6f" % found[row["method"]][column])
            line = next(line for line in self.run_of.stdout.splitlines() if re.match("1 +%s  " % re.escape(row["method"]), line))
            self.assertIn("%.4f" % float(row["ratio"]), line)

    def judged(self, verdict, holds, *parts):
        self.assertEqual(verdict["holds"], "yes" if holds else "no", verdict)
        for part in parts:
            self.assertIn(part, verdict["ours"])

    def test_verdicts_follow_from_the_numbers(self):
        own, rows = "REGNN from 50 links", self.rows()
        same, above = self.result()["verdicts"]
        there, home = rows[own]["ratio"], self.rows(0)[own]["ratio"]
        self.judged(same, there >= .99 * home, "%.3f of" % there, "%.3f on" % home)
        over = rows[own]["sum_rate"] / max(rows[name]["sum_rate"] for name in
                                           ("equal power", "random links", "WMMSE, budget / M each"))
        self.judged(above, over > 1, "%.2f times" % over)
        for verdict in (same, above):
            self.assertIn(verdict["claim"], self.read(self.NAME + ".md").decode())

    def test_the_network_is_that_of_evaluate(self):
        out = self.done("evaluate", "--links", "50", "--seed", "1000", "--path-loss-exponent", "1.1", "--noise-power", "1",
                        "--pmax", "1", "--samples", "1000", "--policy", "wmmse", "--json", "-")
        ours = self.rows()["WMMSE, budget / M each"]
        self.close(json.loads(out)["rows"][0]["sum_rate"] * math.log(2), ours["sum_rate"])

    def test_again_and_with_other_threads(self):
        model = self.read(self.MODEL)
        self.done(*self.WORDS, ".", "--threads", "2")
        self.assertEqual(self.read(self.MODEL), model)
        self.done(*self.WORDS, "other", "--threads", "2")
        self.assertEqual(self.read("other/%s.csv" % self.NAME), self.read(self.NAME + ".csv"))
        self.assertEqual(self.read("other/" + self.MODEL), model)

    def test_a_spoilt_or_foreign_model_is_made_anew(self):
        model = self.read(self.MODEL)
        self.write(self.MODEL, model[:-3])
        self.done(*self.WORDS, ".")
        self.assertEqual(self.read(self.MODEL), model)
        self.done("train", "--model", "regnn", "--links", "4", *NETWORK, "--iterations", "1", "--out", self.MODEL)
        self.done(*self.WORDS, ".")
        self.assertEqual(self.read(self.MODEL), model)

    def test_other_seed(self):
        self.done(*self.WORDS, "other", "--seed", "4")
        self.assertEqual({row["network"] for row in self.csv("other/%s.csv" % self.NAME)}, {"4", "1004"})
        self.assertIn("regnn-B-50-s4-500.safetensors", os.listdir(self.path("other/models")))

    def test_without_gnuplot(self):
        for name in ("csv", "json", "svg", "png"):
            os.remove(self.path("%s.%s" % (self.NAME, name)))
        status, out, err = self.run_command(*self.WORDS, ".", env=dict(ENVIRONMENT, PATH="/nonexistent"))
        self.assertEqual(status, FAILED)
        self.assertIn("gnuplot is not installed", err)
        self.assertIn("REGNN from 50 links", out)
        self.assertIn(self.NAME + ".csv", self.files())
        self.assertNotIn(self.NAME + ".json", self.files())

    def test_interrupted_and_again(self):
        words = [*self.WORDS, "new"]
        for _ in range(10):  # on a busy machine the training may be over before the signal comes
            child = self.start(*words, "--progress", "json")
            child.stderr.readline()
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=PATIENCE)
            kept = os.listdir(self.path("new/models"))
            if any(name.endswith(".checkpoint") for name in kept):
                break
            shutil.rmtree(self.path("new"))
        self.assertEqual(child.returncode, INTERRUPTED)
        self.assertIn("the same command goes on from there", err)
        self.assertEqual(sorted(kept), ["regnn-B-50-s0-500.checkpoint", "regnn-B-50-s0-500.curve"])
        status, _, err = self.run_command(*words, "--progress", "json")
        self.assertEqual(status, DONE)
        self.assertGreaterEqual(json.loads(err.splitlines()[0])["done"], 100, "it went on behind the first steps")
        self.assertEqual(self.read("new/%s.csv" % self.NAME), self.read(self.NAME + ".csv"))
        self.assertEqual(self.read("new/" + self.MODEL), self.read(self.MODEL))
        points = lambda name: self.read(name).decode().splitlines()[1:]  # behind the line of seconds
        self.assertEqual(points("new/models/regnn-B-50-s0-500.curve"), points("models/regnn-B-50-s0-500.curve"))

    def test_histograms_hide_nothing(self):
        script = self.read(self.NAME + ".gp").decode()
        self.assertEqual(script.count("nohead front"), 2)
        self.assertIn("unset key", script)
        self.assertRegex(script, "set title 'REGNN from 50 links, mean [0-9.]+'")

    def test_learning_curves(self):
        self.done("reproduce", "regnn-fig3", "--quick", "--topologies", "2", "--out", ".")
        rates = {row["method"]: float(row["sum_rate"]) for row in self.csv("regnn-fig3.csv") if row["network"] == "0"}
        drawn = re.findall(r"([0-9.]+) with lines dashtype 2 linecolor '#\w+' title '([^']*)'",
                           self.read("regnn-fig3.gp").decode())
        self.assertEqual(len(drawn), 5)
        for rate, label in drawn:
            self.close(float(rate), rates[label], 1e-4)

        def ratios(label, reference):
            of = {k: {row["network"]: float(row["sum_rate"]) for row in self.csv("regnn-fig3.csv") if row["method"] == k}
                  for k in (label, reference)}
            return [of[label][network] / of[reference][network] for network in ("0", "1")]

        def mean(label, reference):
            return sum(ratios(label, reference)) / 2
        own, capped, priced = "REGNN, on or off", "WMMSE, budget / M each", "WMMSE at a price"
        forty = "REGNN, the paper's 40 parameters"
        beats, beats_priced, small, fcnn = self.result("regnn-fig3.json")["verdicts"]
        self.judged(beats, mean(own, capped) > 1, "%.2f times" % mean(own, capped))
        self.judged(beats_priced, mean(own, priced) > 1, "%.3f of it" % mean(own, priced))
        self.judged(small, mean(forty, capped) > 1, "%.2f times" % mean(forty, capped))
        self.judged(fcnn, mean(own, "FCNN") >= .99, "%.3f of it" % mean(own, "FCNN"))
        for row in self.result("regnn-fig3.json")["over_networks"]:
            self.close(row["least_ratio"], min(ratios(row["method"], priced)), 1e-5)

    def test_nothing_is_drawn_above_the_optimum(self):
        self.done("reproduce", "anchors", "--quick", "--out", ".")
        self.assertIn("set yrange [*:1]", self.read("anchors.gp").decode())

    def test_sizes(self):
        self.done("reproduce", "regnn-fig7", "--quick", "--out", ".")
        rates = {}
        for row in self.csv("regnn-fig7.csv"):
            rates.setdefault(row["method"], []).append(float(row["sum_rate"]))
        ratios = [a / b for a, b in zip(rates["REGNN from 50 links"], rates["REGNN trained at 75 links"])]
        verdict, = self.result("regnn-fig7.json")["verdicts"]
        self.judged(verdict, sum(ratios) / len(ratios) >= .95, "%.4f +-" % (sum(ratios) / len(ratios)))

    def test_demands(self):
        self.done("reproduce", "regnn-fig11", "--quick", "--out", ".")
        verdict, = self.result("regnn-fig11.json")["verdicts"]
        feasible = float(re.search(r"([0-9.]+) of 30 could be met", verdict["why"]).group(1))
        self.assertGreater(feasible, 15)
        self.assertLessEqual(float(verdict["ours"].split()[0]), feasible)

    def test_prices_are_set_on_other_draws(self):
        for name in ("WMMSE at a price", "threshold on the own SNR", "REGNN from 50 links"):
            power = self.rows()[name]["total_power"]
            self.assertLess(abs(power - 50), 5)
            self.assertGreater(abs(power - 50), 1e-3, "the budget is not met exactly on draws that were not seen")

    def test_what_is_complete_is_not_made_again(self):
        names = [line.split()[0] for line in self.done("reproduce", "--list").splitlines()][:-1]
        found = self.result()
        page = "x" * (2 << 20)  # pages of any length are taken whole
        for name in names:
            same = dict(found, name=name, command=found["command"].replace(self.NAME, name))
            self.write(name + ".json", json.dumps(same))
            self.write(name + ".md", "## %s\n%s\n" % (name, page if name == "anchors" else ""))
        again = lambda: [line.split(":")[0] for line in self.done("reproduce", "all", "--quick", "--out", ".").splitlines()
                         if line.endswith(": complete in .")]
        self.assertEqual(again(), names)
        self.assertIn(page, self.read("results.md").decode())
        for changed in ({"origin": found["origin"][:-1] + "g"}, {"command": found["command"] + " --seed 1"}):
            self.write(self.NAME + ".json", json.dumps(dict(found, **changed)))
            self.assertEqual(again(), [name for name in names if name != self.NAME])
            self.assertEqual((self.result()["command"], self.result()["origin"]), (found["command"], found["origin"]))

    def test_bad_options(self):
        self.refused(USAGE, [*self.WORDS, "elsewhere", "--architecture", "paper"], "unknown option --architecture")
        self.refused(USAGE, [*self.WORDS, "elsewhere", "--setting", "c"], '"c"')

    def test_catalogue(self):
        names = [line.split()[0] for line in self.done("reproduce", "--list").splitlines()]
        self.assertEqual(names, ["uwmmse-table1", "uwmmse-fig2a", "uwmmse-fig2b", "uwmmse-fig2c",
                                 *["regnn-fig%d" % k for k in range(3, 14)], "anchors", "all"])


REGNN = ["--model", "regnn", "--links", "5", "--noise-power", "0.1", "--pmax", "2", "--set", "trainer.held_out=200",
         "--set", "trainer.held_out_every=50"]


class Regnn(CommandTest):
    def train(self, out, *words):
        self.done("train", *REGNN, "--out", out, *words)
        return read_safetensors(self.path(out))

    def test_model(self):
        metadata, tensors = self.train("m", "--power-budget", "3", "--iterations", "60", "--json", "t.json", "--layers", "2",
                                       "--features", "3", "--taps", "4", "--output", "continuous", "--set", "regnn.bias=1")
        self.assertEqual({k: metadata[k] for k in ("kind", "layers", "features", "taps", "output", "bias")},
                         {"kind": "regnn", "layers": "2", "features": "3", "taps": "4", "output": "continuous", "bias": "1"})
        self.assertEqual(shape_of(tensors["layer1.taps"]), [4, 2, 3])
        self.assertIn("W mean power", metadata["trained"])
        found = self.json("t.json")
        self.assertLessEqual(found["mean_power"], 3 * 1.01)
        self.assertEqual(found["worst_violation"], 0)
        self.assertAlmostEqual(sum(found["held_out_rates"]), found["held_out_sum_rate"])
        self.assertEqual(found["held_out_utility"], found["held_out_sum_rate"])

    def test_it_learns_under_a_budget(self):
        self.train("m", "--power-budget", "3", "--iterations", "3000", "--json", "t.json")
        self.train("few", "--power-budget", "3", "--iterations", "1", "--json", "few.json")
        self.assertGreater(self.json("t.json")["held_out_utility"], 1.1 * self.json("few.json")["held_out_utility"])
        network = [*REGNN[2:8], "--samples", "3000", "--json", "e.json", "--power-budget", "3"]
        self.done("evaluate", "--model", "m", "--policy", "wmmse-priced", *network)
        rows = self.json("e.json")["rows"]
        for row in rows:
            self.assertLess(abs(row["total_power"] - 3), .3)
        self.assertGreater(rows[0]["sum_rate"], .85 * rows[1]["sum_rate"])

    def test_interrupted_and_resumed(self):
        words = ["--power-budget", "3", "--iterations", "120"]
        whole = self.train("whole", *words)
        self.train("part", *words, "--checkpoint", "c", "--checkpoint-every", "50")
        self.assertEqual(self.train("again", *words)[1], whole[1])
        self.assertEqual(read_safetensors(self.path("part"))[1], whole[1])
        self.refused(FAILED, ["train", *REGNN, "--out", "m", *words, "--checkpoint", "c", "--resume"], "nothing to go on")
        self.refused(FAILED, ["train", *REGNN, "--out", "m", *words, "--layers", "3", "--checkpoint", "c", "--resume"], "c ")

    def test_constraints(self):
        _, tensors = self.train("m", "--min-rate", "0.05", "--utility", "proportional-fair", "--iterations", "300", "--json",
                                "t.json")
        found = self.json("t.json")
        self.assertGreaterEqual(min(found["held_out_rates"]), .05 * .99)
        self.assertEqual(len(tensors["link.weights"]), 5)
        self.close(sum(tensors["link.weights"]), 5)
        self.npy("h.npy", channels(3, 5))
        self.done("allocate", "--model", "m", "--channel", "h.npy", *REGNN[4:8], "--out", "p.npy")
        self.refused(FAILED, ["evaluate", "--model", "m", "--links", "4", *REGNN[4:8]], "weights of 5 links")
        self.done("evaluate", "--model", "m", *REGNN[2:8], "--min-rate", "0.05", "--json", "e.json")
        self.assertEqual(self.json("e.json")["rows"][0]["constraints_met"], 1)
        self.npy("some.npy", [.05, .05, 100, 100, 100])
        self.done("evaluate", "--model", "m", *REGNN[2:8], "--min-rate", "some.npy", "--json", "e.json")
        self.assertAlmostEqual(self.json("e.json")["rows"][0]["constraints_met"], .4)
        self.npy("r.npy", [100.0] * 5)
        found, _, err = self.run_command("train", *REGNN, "--out", "n", "--min-rate", "r.npy", "--iterations", "20")
        self.assertEqual(found, FAILED)
        self.assertIn("must be at least 100", err)
        self.assertIn("n", self.files())

    def test_wrong_problems(self):
        base = ["train", *REGNN, "--out", "m"]
        self.npy("r.npy", [1.0] * 4)
        for words, part in ((["--utility", "most"], '"most"'), (["--power-budget", "0"], "--power-budget"),
                            (["--output", "some"], '"some"'), (["--hidden", "3"], "--hidden"),
                            (["--architecture", "paper"], "--architecture"), (["--set", "regnn.layers=0"], "regnn.layers"),
                            (["--min-rate", "-1"], "--min-rate"), (["--set", "trainer.actions=0"], "trainer.actions"),
                            (["--layers", "65"], "regnn.layers")):
            self.refused(USAGE, [*base, *words], part)
        self.refused(FAILED, [*base, "--min-rate", "r.npy"], "r.npy", "4 elements")
        self.refused(FAILED, [*base, "--min-rate", "none.npy"], "none.npy")
        self.refused(USAGE, ["train", *SMALL, "--out", "m", "--taps", "3"], "--taps")
        self.refused(USAGE, ["train", *SMALL, "--out", "m", "--power-budget", "3"], "--power-budget")
        self.refused(FAILED, ["train", *REGNN, "--links", "3:6", "--out", "m"], "family of 3 to 6 links")

    def test_probabilities_and_samples(self):
        self.train("m", "--power-budget", "3", "--iterations", "30")
        self.npy("h.npy", channels(40, 5))
        words = ["allocate", "--model", "m", "--channel", "h.npy", *REGNN[4:8]]
        self.done(*words, "--out", "p.npy", "--probabilities", "pi.npy", "--rates", "r.npy")
        pi, p = self.array("pi.npy"), self.array("p.npy")
        self.assertEqual([[2.0 if x >= .5 else 0.0 for x in row] for row in pi], p)
        drawn = []
        for seed in range(30):
            self.done(*words, "--out", "s.npy", "--sample", "--seed", str(seed))
            drawn.append(self.array("s.npy"))
        self.done(*words, "--out", "again.npy", "--sample", "--seed", "0")
        self.assertEqual(self.array("again.npy"), drawn[0])
        self.assertEqual({x for one in drawn for row in one for x in row} - {0.0, 2.0}, set())
        expected = sum(sum(row) for row in pi) * 30
        self.assertLess(abs(sum(sum(map(sum, one)) for one in drawn) / 2 - expected), 6 * math.sqrt(expected))

    def test_node_states(self):
        self.npy("h.npy", channels(20, 5))
        self.npy("x.npy", [[[.5 + .1 * i, 1.0] for i in range(5)] for _ in range(20)])
        self.npy("short.npy", [[1.0] * 4] * 20)
        words = ["--model", "regnn", "--channel", "h.npy", "--noise-power", "0.1", "--pmax", "2", "--power-budget", "4"]
        self.done("train", *words, "--state", "x.npy", "--set", "regnn.state_features=2", "--iterations", "20", "--out", "m")
        words[1] = "m"
        self.done("allocate", *words, "--state", "x.npy", "--out", "p.npy")
        self.refused(FAILED, ["allocate", *words, "--out", "q.npy"], "node state of 0 features, the model takes 2")
        self.refused(FAILED, ["allocate", *words, "--state", "short.npy", "--out", "q.npy"], "short.npy", "[20,5]")
        self.done("evaluate", *words, "--state", "x.npy")


if __name__ == "__main__":
    unittest.main()
