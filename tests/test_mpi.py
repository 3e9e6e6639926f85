#!/usr/bin/env python3
"""Processes of mpirun give the files of one: test_mpi.py MPIRUN POWALLOC MPI_TRAIN MPI_HALO MPI_PARTS"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

MPIRUN, POWALLOC, EXAMPLE, HALO, PARTS = map(os.path.abspath, sys.argv[1:6])
# As root, in containers, and with more processes than cores. Open MPI's mpirun 4.1 reads what it has freed, which meson's
# MALLOC_PERTURB_ makes fatal.
ENVIRONMENT = dict({name: value for name, value in os.environ.items() if name != "MALLOC_PERTURB_"},
                   OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_rmaps_base_oversubscribe="1",
                   OMPI_MCA_btl_vader_single_copy_mechanism="none")
SMALL = ["--links", "5", "--noise-power", "1e-3", "--pmax", "1", "--batch", "20"]
UWMMSE = ["train", "--model", "uwmmse", *SMALL, "--out", "model"]
REGNN = ["train", "--model", "regnn", "--power-budget", "2", *SMALL, "--out", "model"]


def children(process):
    return [int(child) for child in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def tensors(model):
    """All but the header, which tells the command."""
    return model[8 + int.from_bytes(model[:8], "little"):]


class Ranks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def inside(self, name):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return {"cwd": folder, "env": ENVIRONMENT, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    def alone(self, name, *words):
        done = subprocess.run([POWALLOC, *words], **self.inside(name))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def together(self, name, ranks, *words, status=0):
        done = subprocess.run([MPIRUN, "-n", str(ranks), POWALLOC, *words, "--mpi"], **self.inside(name), timeout=120)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def same(self, a, b):
        self.assertEqual((self.folder / a).read_bytes(), (self.folder / b).read_bytes())

    def test_the_same_file(self):
        for name, words in ("uwmmse", UWMMSE), ("regnn", REGNN):
            words = [*words, "--iterations", "60"]
            self.alone(f"{name}-1", *words)
            self.assertEqual(len(self.together(f"{name}-2", 2, *words).stdout.splitlines()), 2, "one table")
            self.same(f"{name}-1/model", f"{name}-2/model")

    def test_example(self):
        for ranks in 1, 3:
            done = subprocess.run([MPIRUN, "-n", str(ranks), EXAMPLE, "20", f"model-{ranks}"], **self.inside("example"))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, rf"\A{ranks} processes: [01]\.\d{{4}} of WMMSE with 100 iterations\n\Z")
        self.same("example/model-1", "example/model-3")

    def test_a_network_in_parts(self):
        """Rates of one network, whoever owns its links; more processes than links leave some without any."""
        for links in "3", "700":
            tables = []
            for ranks in 1, 2, 3, 5:
                done = subprocess.run([MPIRUN, "-n", str(ranks), HALO, links, "builtin:uwmmse-robust"], timeout=120, **self.inside("halo"))
                self.assertEqual(done.returncode, 0, done.stderr)
                header, *lines = done.stdout.splitlines()
                network, parts = header.split("; ")
                self.assertRegex(parts, rf"{ranks} parts with " + ("0" if ranks == 1 else "[1-9]") )
                rates = {name: float(rate) for name, rate, *_ in map(str.split, lines)}
                self.assertEqual(set(rates), {"full-power", "wmmse", "uwmmse"})
                self.assertLess(rates["full-power"], rates["uwmmse"])
                tables.append((network, rates))
            for network, rates in tables[1:]:
                self.assertEqual(network, tables[0][0])
                for name in rates:
                    self.assertAlmostEqual(rates[name], tables[0][1][name], delta=2e-9)

    def test_parts_and_the_whole(self):
        for ranks in 1, 2, 3, 4:
            done = subprocess.run([MPIRUN, "-n", str(ranks), PARTS], timeout=120, **self.inside("parts"))
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_killed_process(self):
        """Its job ends; the checkpoint is whole, and the same run goes on from it."""
        words = [*UWMMSE, "--iterations", "1500", "--checkpoint", "run", "--checkpoint-every", "50"]
        self.alone("whole", *words)
        job = subprocess.Popen([MPIRUN, "-n", "2", POWALLOC, *words, "--mpi"], **self.inside("killed"))
        checkpoint = self.folder / "killed" / "run"
        while not checkpoint.exists() and job.poll() is None:
            time.sleep(.001)
        os.kill(children(job.pid)[1], signal.SIGKILL)
        job.communicate(timeout=60)
        self.assertNotEqual(job.returncode, 0)
        self.assertFalse((self.folder / "killed" / "model").exists())
        self.assertIn("checkpoint", self.alone("killed", "info", "run").stdout)
        self.together("killed", 2, *words, "--resume")
        self.assertEqual(*(tensors((self.folder / name / "model").read_bytes()) for name in ("whole", "killed")))

    def test_a_stopped_process(self):
        words = [*REGNN, "--iterations", "100000", "--checkpoint", "run", "--checkpoint-every", "50"]
        job = subprocess.Popen([MPIRUN, "-n", "2", POWALLOC, *words, "--mpi"], **self.inside("stopped"))
        while not (self.folder / "stopped" / "run").exists() and job.poll() is None:
            time.sleep(.001)
        os.kill(children(job.pid)[1], signal.SIGTERM)
        output, errors = job.communicate(timeout=60)
        self.assertEqual(job.returncode, 130, errors)
        self.assertEqual(errors.count("interrupted; the best model so far is in model"), 1)

    def test_processes_that_differ(self):
        one, other = [[POWALLOC, *UWMMSE, "--mpi", "--iterations", "9", "--seed", seed] for seed in "01"]
        done = subprocess.run([MPIRUN, "-n", "1", *one, ":", "-n", "1", *other], **self.inside("seeds"), timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("powalloc train: ranks 0 and 1 cannot train together: they differ in the "), 1)
        self.assertFalse((self.folder / "seeds" / "model").exists())

    def test_wrong_usage_is_told_once(self):
        done = self.together("usage", 2, *UWMMSE, "--iterations", "0", status=2)
        self.assertEqual(done.stderr.count("powalloc train: --iterations must be at least 1"), 1)

    def test_evaluate(self):
        words = ["evaluate", "--links", "5", "--noise-power", "1e-3", "--pmax", "1", "--samples", "77", "--policy", "wmmse", "--policy",
                 "random", "--model", "builtin:uwmmse-robust", "--json", "result"]
        self.alone("one", *words)
        self.together("three", 3, *words)
        results = [json.loads((self.folder / name / "result").read_text()) for name in ("one", "three")]
        for result in results:
            for row in result["rows"] + result["over_networks"]:
                del row["seconds_median"], row["seconds_p99"]
        self.assertEqual(*results)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
