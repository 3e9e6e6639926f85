#!/usr/bin/env python3
"""Tests of the Python bindings. Needs NumPy.

POWALLOC_LIBRARY=build/lib/libpowalloc.so PYTHONPATH=bindings/python python3 tests/bindings/test_python.py
"""
import contextlib
import copy
import ctypes
import gc
import importlib.util
import io
import os
import pathlib
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import unittest
import weakref

try:
    import numpy as np
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

import powalloc as pa
from powalloc._library import library

BINDINGS = pathlib.Path(pa.__file__).parents[1]
NOISE = pa.units.db_to_ratio(-91)
PATIENCE = 120  # seconds until a child process counts as hung


# ---- what the library should compute ----

def sinr_of(h, power, noise):
    gain = h * h
    signal_power = np.einsum("...jj,...j->...j", gain, power)
    return signal_power / (noise + np.einsum("...ij,...i->...j", gain, power) - signal_power)


def wmmse(h, noise, limit, iterations):
    """Powers (batch, links) of WMMSE on the sum-rate."""
    gain, direct = h * h, np.einsum("bii->bi", h)
    v = np.full(direct.shape, np.sqrt(limit))
    for _ in range(iterations):
        total = noise + np.einsum("bij,bi->bj", gain, v * v)
        u = direct * v / total
        w = total / (total - (direct * v) ** 2)
        v = np.clip(direct * u * w / np.einsum("bij,bj->bi", gain, u * u * w), 0, np.sqrt(limit))
    return v * v


class Refused(Exception):
    """What the callbacks below raise."""


def raised_by(call):
    """What a call raises, with its traceback."""
    try:
        call()
    except Refused as error:
        return error


class Case(unittest.TestCase):
    def setUp(self):
        self.network = pa.Network.adhoc(5, seed=1, noise=NOISE)
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def trainer(self, seed=1, steps_of_schedule=50, **keys):
        """A model and its trainer, small and quick."""
        model = pa.UWMMSE(layers=2, hidden=3, seed=seed)
        keys = dict(dict(batch=8, held_out=40, held_out_every=10, schedule=steps_of_schedule), **keys)
        return model, pa.Trainer(model.policy, self.network, seed=seed, **keys)

    def prober(self, network=None, **options):
        """A model and its trainer for rewards."""
        model = pa.REGNN(seed=1, layers=2, output=pa.Output.CONTINUOUS, **options)
        return model, pa.Trainer(model.policy, network or self.network, seed=1, batch=4, actions=3, held_out=20,
                                 held_out_every=10, schedule=50)

    def assert_close(self, found, expected):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


class Loading(unittest.TestCase):
    def load(self, path):
        return subprocess.run([sys.executable, "-c", "import powalloc"], capture_output=True, text=True,
                              timeout=PATIENCE, env=dict(os.environ, POWALLOC_LIBRARY=str(path),
                                                         PYTHONPATH=str(BINDINGS)))

    def test_no_library(self):
        done = self.load("/nowhere/libpowalloc.so")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "ImportError: libpowalloc: /nowhere/libpowalloc.so.*POWALLOC_LIBRARY")

    def test_another_library(self):
        self.assertRegex(self.load("libc.so.6").stderr, "ImportError: libpowalloc: .*pa_")

    @unittest.skipUnless(shutil.which("cc"), "no compiler")
    def test_another_version(self):
        with tempfile.TemporaryDirectory() as folder:
            source, other = pathlib.Path(folder, "other.c"), pathlib.Path(folder, "libother.so")
            source.write_text("unsigned pa_version(void) { return 9 << 8; }\n")
            real = pathlib.Path(library._name).resolve()
            subprocess.run(["cc", "-shared", "-fPIC", "-o", other, source, "-Wl,--no-as-needed", real,
                            f"-Wl,-rpath,{real.parent}"], check=True)
            self.assertRegex(self.load(other).stderr, r"ImportError: .*is version 0\.1\.\d+, needed is 0\.1")

    def test_versions(self):
        self.assertEqual(pa.library_version(), pa.__version__)
        self.assertIn(f'version = "{pa.__version__}"', (BINDINGS / "pyproject.toml").read_text())
        self.assertIn(pa.instruction_set(), ("baseline", "avx2", "avx512"))


class Errors(Case):
    def test_status_to_class(self):
        broken = self.folder / "broken.safetensors"
        broken.write_bytes(b"\xff" * 64)
        _, trainer = self.trainer()
        trainer.run(1)
        nan = pa.States(np.full((1, 2, 2), np.nan), 1, 1)
        for raising, python_class, own_class, status in (
                (lambda: pa.Network.adhoc(0), ValueError, pa.ArgumentError, pa.Status.ERROR_ARGUMENT),
                (lambda: pa.Policy("none such"), ValueError, pa.ArgumentError, pa.Status.ERROR_ARGUMENT),
                (lambda: pa.Policy("wmmse").allocate(nan), ValueError, pa.ArgumentError, pa.Status.ERROR_ARGUMENT),
                (lambda: pa.Network.adhoc(1 << 62), MemoryError, pa.OutOfMemoryError, pa.Status.ERROR_MEMORY),
                (lambda: pa.UWMMSE.load("/nowhere/x"), OSError, pa.FileError, pa.Status.ERROR_FILE),
                (lambda: pa.ModelFile(broken), ValueError, pa.FormatError, pa.Status.ERROR_FORMAT),
                (lambda: trainer.set(batch=4), RuntimeError, pa.StateError, pa.Status.ERROR_STATE)):
            with self.subTest(own_class.__name__), self.assertRaises(own_class) as caught:
                raising()
            self.assertIsInstance(caught.exception, (python_class, pa.PowallocError))
            self.assertIsInstance(caught.exception, python_class)
            self.assertEqual(caught.exception.status, status)
            self.assertEqual(caught.exception.name, f"PA_{status.name}")
            self.assertTrue(caught.exception.message)
            self.assertIn(caught.exception.message, str(caught.exception))

    def test_errors_can_be_pickled(self):
        with self.assertRaises(pa.FileError) as caught:
            pa.Policy.load("/nowhere/x")
        again = pickle.loads(pickle.dumps(caught.exception))
        self.assertEqual((type(again), again.status, str(again)),
                         (pa.FileError, pa.Status.ERROR_FILE, str(caught.exception)))

    def test_unknown_names(self):
        for raising in (lambda: pa.Network.adhoc(3, densty=2), lambda: self.network.get("batch"),
                        lambda: pa.REGNN(layer=2), lambda: pa.Policy("wmmse", iteration=3)):
            with self.assertRaisesRegex(TypeError, "has no key"):
                raising()

    def test_wrong_types_do_not_reach_the_library(self):
        model = pa.UWMMSE()
        for raising, reason in ((lambda: pa.Trainer(model, self.network), "pa_uwmmse given, must be pa_policy"),
                                (lambda: pa.Trainer(self.network, self.network), "pa_network given"),
                                (lambda: pa.Network.adhoc(-1), "-1 is not within"),
                                (lambda: pa.Network.adhoc(2.5), "'float'"),
                                (lambda: pa.Network.adhoc(2, seed=1 << 64), "is not within"),
                                (lambda: self.trainer()[1].run(-5), "-5 is not within")):
            with self.assertRaisesRegex(ctypes.ArgumentError, reason):
                raising()
        self.assertEqual(pa.Network.adhoc(np.int64(3)).links, 3)


class Units(unittest.TestCase):
    def test_conversions(self):
        self.assertAlmostEqual(pa.units.db_to_ratio(20), 100)
        self.assertAlmostEqual(pa.units.ratio_to_db(100), 20)
        self.assertAlmostEqual(pa.units.dbm_to_watts(30), 1)
        self.assertAlmostEqual(pa.units.watts_to_dbm(1), 30)
        self.assertEqual(pa.units.ratio_to_db(0), -np.inf)
        self.assertAlmostEqual(pa.units.thermal_noise(1e7, 5) / (1.380649e-23 * 290 * 1e7 * 10 ** .5), 1, places=6)
        self.assertAlmostEqual(pa.units.parse_power("200 mW"), .2)
        with self.assertRaises(ValueError):
            pa.units.parse_power("200 mw")

    def test_keys(self):
        density = pa.keys.of("network")["density"]
        self.assertEqual((density.unit, density.initial), ("1", 1))
        self.assertLess(density.lowest, density.highest)
        self.assertIn("Density", density.description)
        self.assertEqual(set(map(type, pa.keys.of("trainer").values())), {pa.keys.Key})
        self.assertEqual(pa.keys.of("no such noun"), {})


class States(Case):
    def setUp(self):
        super().setUp()
        self.h = np.random.default_rng(1).random((3, 4, 4)) + .1

    def test_channels_are_not_copied(self):
        states = pa.States(self.h, .5, 2)
        self.assertIs(states.h, self.h)
        self.assertEqual(library.pa_states_channel(states.handle).value, self.h.ctypes.data)
        before = states.rates(np.ones((3, 4)))
        self.h *= 2
        self.assert_close(states.rates(np.ones((3, 4))), np.log2(1 + sinr_of(self.h, np.ones((3, 4)), .5)))
        self.assertGreater(abs(before - states.rates(np.ones((3, 4)))).min(), 0)

    def test_channels_stay_alive(self):
        alive = weakref.ref(self.h)
        expected = np.log2(1 + sinr_of(self.h, np.ones((3, 4)), .5))
        states = pa.States(self.h, .5, 2)
        del self.h
        gc.collect()
        self.assert_close(states.rates(np.ones((3, 4))), expected)
        states.bind(np.ones((1, 4, 4)))
        self.assertIsNone(alive(), "channels no longer bound are let go")

    def test_slices_are_borrowed(self):
        states = pa.States(self.h[1:], .5, 2)
        self.assertEqual(library.pa_states_channel(states.handle).value, self.h.ctypes.data + 4 * 4 * 8)
        self.assertEqual(states.shape, (2, 4))

    def test_one_sample(self):
        states = pa.States(self.h[0], .5, 2)
        self.assertEqual((states.shape, states.batch, states.links), ((4,), 1, 4))
        self.assertEqual(states.rates(np.ones(4)).shape, (4,))
        self.assertEqual(pa.Policy("equal").allocate(states).tolist(), [2] * 4)

    def test_refusals(self):
        for h, error, reason in ((self.h.tolist(), TypeError, "h is a list"),
                                 (self.h.astype(np.float16), TypeError, "h is an array of float16"),
                                 (self.h.astype(">f8"), TypeError, "h is an array of >f8"),
                                 (self.h.astype(complex), TypeError, "complex128"),
                                 (np.asfortranarray(self.h), ValueError, "h is not C-contiguous"),
                                 (self.h[:, ::2, ::2], ValueError, "h is not C-contiguous"),
                                 (self.h[0, 0], ValueError, r"h has shape \(4,\)"),
                                 (self.h[:, :2].copy(), ValueError, r"h has shape \(3, 2, 4\)"),
                                 (self.h[:0], ValueError, "batch is 0"),
                                 (np.empty((0, 0)), ValueError, "links is 0")):
            with self.subTest(reason), self.assertRaisesRegex(error, reason):
                pa.States(h, 1, 1)
        states = pa.States(self.h, 1, 1)
        with self.assertRaisesRegex(ValueError, "h has 2 links, must have 4"):
            states.bind(np.ones((1, 2, 2)))
        for power, error, reason in (([1] * 4, TypeError, "power is a list"),
                                     (np.ones(4), ValueError, r"power has shape \(4,\), must have \(3, 4\)"),
                                     (-np.ones((3, 4)), ValueError, "power")):
            with self.subTest(reason), self.assertRaisesRegex(error, reason):
                states.rates(power)
        power, frozen = np.ones((3, 4)), np.ones((3, 4))
        frozen.flags.writeable = False
        for out, error, reason in ((power, ValueError, "out overlaps power"), (frozen, ValueError, "out is read-only"),
                                   (np.empty((3, 5)), ValueError, "out has shape"),
                                   (np.empty((3, 4), np.float32), TypeError, "float32")):
            with self.subTest(reason), self.assertRaisesRegex(error, reason):
                states.sinr(power, out=out)
        states.rates(frozen)

    def test_parameters(self):
        states = pa.States(self.h, noise=[1, 2, 3, 4], power_limit=2, weights=(4, 3, 2, 1), first=7)
        self.assertEqual(states.noise.tolist(), [1, 2, 3, 4])
        self.assertEqual(states.power_limit.tolist(), [2] * 4)
        self.assertEqual(states.weights.tolist(), [4, 3, 2, 1])
        self.assertEqual(states.first, 7)
        self.assertFalse(states.noise.flags.writeable)
        for parameter in ("noise", "power_limit", "weights"):
            with self.subTest(parameter), self.assertRaises(ValueError):
                pa.States(self.h, **dict(dict(noise=1, power_limit=1), **{parameter: [1, 2]}))
            with self.subTest(parameter), self.assertRaises(ValueError):
                pa.States(self.h, **dict(dict(noise=1, power_limit=1), **{parameter: np.ones((2, 2))}))
            with self.subTest(parameter), self.assertRaises(ValueError):
                pa.States(self.h, **dict(dict(noise=1, power_limit=1), **{parameter: 0}))

    def test_views_outlive_their_states(self):
        noise, h = pa.States(self.h, [1, 2, 3, 4], 1).noise, self.network.states(2).h
        gc.collect()
        self.assertEqual(noise.tolist(), [1, 2, 3, 4])
        self.assertEqual(h.tolist(), self.network.draw(2).tolist())

    def test_node_state(self):
        x = np.random.default_rng(2).random((3, 4, 2))
        states = pa.States(self.h, 1, 1, node_state=x)
        self.assertIs(states.node_state, x)
        self.assertEqual(library.pa_states_node_state(states.handle).value, x.ctypes.data)
        states.bind(self.h[:2])
        self.assertIsNone(states.node_state)
        with self.assertRaisesRegex(ValueError, r"node_state has shape \(3, 4, 2\), must have \(2, 4, 2\)"):
            states.set_node_state(x)
        states.set_node_state(x[:2])
        states.set_node_state(None)
        self.assertIsNone(states.node_state)

    def test_numbers(self):
        power = np.random.default_rng(3).random((3, 4))
        states = pa.States(self.h, [.1, .2, .3, .4], 1)
        expected = sinr_of(self.h, power, [.1, .2, .3, .4])
        out = np.empty((3, 4))
        self.assert_close(states.sinr(power), expected)
        self.assertIs(states.rates(power, out=out), out)
        self.assert_close(out, np.log2(1 + expected))


class Networks(Case):
    def test_adhoc(self):
        network = pa.Network.adhoc(4, seed=3, density=2, fading=False, noise=1e-3, power_limit=[1, 2, 3, 4])
        self.assertEqual((network.links, network.links_min, network.features), (4, 4, 0))
        self.assertEqual((network.get("density"), network.get("fading")), (2, 0))
        transmitters, receivers = network.positions
        distance = np.linalg.norm(transmitters[:, None] - receivers[None], axis=-1)
        self.assert_close(network.path_gain, distance ** -2.2)
        self.assert_close(network.draw(1)[0], network.path_gain)
        states = network.states(2, first=5)
        self.assertEqual((states.shape, states.first), ((2, 4), 5))
        self.assertEqual(states.noise.tolist(), [1e-3] * 4)
        self.assertEqual(states.power_limit.tolist(), [1, 2, 3, 4])
        self.assertFalse(states.h.flags.writeable)
        with self.assertRaises(pa.StateError):
            states.bind(np.ones((1, 4, 4)))

    def test_draws_by_number(self):
        whole = self.network.draw(6, stream=2)
        self.assert_close(self.network.draw(2, first=4, stream=2), whole[4:])
        self.assert_close(self.network.states(6, stream=2).h, whole)
        self.assertGreater(abs(self.network.draw(6) - whole).max(), 0)
        out = np.empty((6, 5, 5))
        self.assertIs(self.network.draw(6, stream=2, out=out), out)
        self.assertEqual(out.tolist(), whole.tolist())
        with self.assertRaisesRegex(ValueError, "out has shape"):
            self.network.draw(5, out=out)

    def test_family(self):
        family = pa.Network.family((4, 6), density=(.5, 2), seed=1)
        self.assertEqual((family.links, family.links_min), (6, 4))
        with self.assertRaises(ValueError):
            family.path_gain
        self.assertEqual(pa.Network.family((4, 4)).draw(3).shape, (3, 4, 4))

    def test_multicell(self):
        network = pa.Network.multicell(2, 6, seed=1)
        h = network.draw(2)
        self.assertEqual(h[:, :, 0].tolist(), h[:, :, 2].tolist())

    def test_path_gain(self):
        gain = np.random.default_rng(1).random((3, 3))
        self.assertEqual(pa.Network.of_path_gain(gain, fading=0).path_gain.tolist(), gain.tolist())
        for wrong, error in ((gain[:2], ValueError), (gain.tolist(), TypeError), (np.float64(1), TypeError)):
            with self.assertRaises(error):
                pa.Network.of_path_gain(wrong)

    def test_positions(self):
        transmitters, receivers = np.random.default_rng(1).random((2, 3, 2))
        network = pa.Network.of_positions(transmitters, receivers)
        self.assertEqual([x.tolist() for x in network.positions], [transmitters.tolist(), receivers.tolist()])
        network = pa.Network.of_positions(transmitters, receivers[:1], receiver_of=[0, 0, 0], min_distance=.1)
        self.assertEqual(network.positions[1].tolist(), [receivers[0].tolist()] * 3)
        for arguments in ((transmitters[:, :1], receivers), (transmitters, receivers, [0, 1]),
                          (transmitters, receivers, [0, 1, 3])):
            with self.assertRaises(ValueError):
                pa.Network.of_positions(*arguments)

    def test_callback(self):
        asked = []

        def draw(stream, first, h, x):
            asked.append((stream, first, h.shape, x.shape, np.isnan(h).all()))
            h[...], x[...] = 1 + first, stream
        network = pa.Network.of_callback(3, draw, features=2)
        self.assertEqual(network.features, 2)
        states = network.states(4, first=6, stream=1)
        self.assertEqual(asked, [(1, 6, (4, 3, 3), (4, 3, 2), True)])
        self.assertEqual((states.h.min(), states.h.max()), (7, 7))
        self.assertEqual(states.node_state.tolist(), np.ones((4, 3, 2)).tolist())

    def test_callback_writes_in_place(self):
        seen = []

        def draw(stream, first, h, x):
            self.assertIsNone(x)
            seen.append(h.ctypes.data)
            h[...] = 1
        pa.Network.of_callback(3, draw).states(2)
        out = np.empty((2, 3, 3))
        pa.Network.of_callback(3, draw).draw(2, out=out)
        self.assertEqual(out.tolist(), np.ones((2, 3, 3)).tolist())
        self.assertEqual(len(seen), 2)

    def test_callback_raises(self):
        raised = Refused()

        def draw(stream, first, h, x):
            raise raised
        network = pa.Network.of_callback(3, draw)
        for call in (network.draw, network.states):
            with self.assertRaises(Refused) as caught:
                call(2)
            self.assertIs(caught.exception, raised)
        with self.assertRaises(pa.CallbackError):
            pa.Network.of_callback(3, lambda *arguments: None).draw(2)


class Policies(Case):
    def setUp(self):
        super().setUp()
        self.states = self.network.states(7)

    def test_names(self):
        self.assertIn("wmmse", pa.Policy.names())
        for name in pa.Policy.names():
            policy = pa.Policy(name)
            self.assertEqual(policy.name, name)
            power = policy.allocate(self.states)
            self.assertTrue(((power >= 0) & (power <= 1)).all())

    def test_wmmse(self):
        power = pa.Policy("wmmse", iterations=5).allocate(self.states)
        self.assert_close(power, wmmse(self.states.h, NOISE, 1, 5))

    def test_output(self):
        policy, out = pa.Policy("wmmse-truncated"), np.empty((7, 5))
        self.assertIs(policy.allocate(self.states, out=out), out)
        self.assertEqual(out.tolist(), policy.allocate(self.states).tolist())
        with self.assertRaisesRegex(ValueError, "out has shape"):
            policy.allocate(self.states, out=out[:3])

    def test_workspace_is_reused(self):
        policy = pa.Policy("wmmse")
        policy.allocate(self.states)
        (first,) = policy._work.values()
        self.assertEqual(first.ctypes.data % 64, 0)
        policy.allocate(self.states)
        self.assertIs(*policy._work.values(), first)
        policy.allocate(self.network.states(2))
        ((shape, dtype, full, threads),) = policy._work
        self.assertEqual((shape, dtype, threads), ((2, 5), np.float64, 1))

    def test_single_precision(self):
        h = self.network.states(40).h.astype(np.float32)
        narrow = pa.States(h, 1e-9, 1.0)
        wide = pa.States(h.astype(float), 1e-9, 1.0)
        for policy in [pa.Policy("wmmse-truncated"), pa.Policy("threshold"), pa.UWMMSE().policy]:
            power = policy.allocate(narrow)
            self.assertEqual((power.dtype, power.shape), (np.float32, (40, 5)))
            np.testing.assert_allclose(power, policy.allocate(wide), atol=1e-4)
            np.testing.assert_allclose(narrow.rates(power), wide.rates(power.astype(float)), rtol=1e-4, atol=1e-6)
        self.assertEqual(narrow.h.dtype, np.float32)
        narrow.bind(h[:3].copy())
        self.assertEqual(policy.allocate(narrow).shape, (3, 5))
        with self.assertRaisesRegex(TypeError, "h is an array of float64, must be of float32"):
            narrow.bind(wide.h)
        with self.assertRaisesRegex(TypeError, "power is an array of float64, must be of float32"):
            narrow.rates(np.zeros((3, 5)))
        with self.assertRaisesRegex(pa.ArgumentError, "states are in single precision"):
            pa.Policy("wmmse-priced").meet_budget(narrow, 1)

    def test_a_pool_changes_nothing(self):
        with pa.Pool(2) as pool:
            self.assertEqual(pool.threads, 2)
            for states in [self.network.states(40), pa.Network.adhoc(200).states(1)]:
                for policy in [pa.Policy("wmmse"), pa.UWMMSE().policy]:
                    np.testing.assert_array_equal(policy.allocate(states, pool=pool), policy.allocate(states))
        with self.assertRaisesRegex(pa.ArgumentError, "threads is 0"):
            pa.Pool(0)

    def test_threads_share_a_policy(self):
        policy, states = pa.Policy("wmmse"), [self.network.states(40, first=k) for k in range(4)]
        expected, wrong = [pa.Policy("wmmse").allocate(s).tolist() for s in states], []

        def work(k):
            for _ in range(20):
                if policy.allocate(states[k]).tolist() != expected[k]:
                    wrong.append(k)
        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_keys_and_budget(self):
        policy = pa.Policy("wmmse-priced")
        policy.set(iterations=20)
        self.assertEqual((policy.get("iterations"), policy.get("price")), (20, 0))
        policy.meet_budget(self.states, .5)
        self.assertGreater(policy.get("price"), 0)
        self.assertAlmostEqual(policy.allocate(self.states).sum(axis=1).mean(), .5, places=5)
        with self.assertRaises(ValueError):
            policy.set(active_share=.5)
        with self.assertRaises(ValueError):
            pa.Policy("full-power").meet_budget(self.states, .5)

    def test_callback(self):
        h, kept = np.ones((2, 3, 3)), []

        def allocate(states, power):
            self.assertEqual(states.h.ctypes.data, h.ctypes.data)
            self.assertTrue(np.shares_memory(states.h, h))
            self.assertFalse(states.h.flags.writeable)
            self.assertTrue(np.isnan(power).all())
            kept.append(states)
            power[...] = states.power_limit / 2
        policy = pa.Policy.of_callback(allocate)
        self.assertEqual(policy.name, "callback")
        self.assertEqual(policy.allocate(pa.States(h, 1, 4)).tolist(), [[2] * 3] * 2)
        with self.assertRaisesRegex(ValueError, "closed"):
            kept[0].h

    def test_callback_allocates_by_another(self):
        inner = pa.Policy("wmmse")

        def allocate(states, power):
            inner.allocate(states, out=power)
        policy = pa.Policy.of_callback(allocate)
        self.assertEqual(policy.allocate(self.states).tolist(), inner.allocate(self.states).tolist())

    def test_callback_fails(self):
        raised = Refused("no power")

        def allocate(states, power):
            raise raised
        power = np.zeros((7, 5))
        self.assertIs(raised_by(lambda: pa.Policy.of_callback(allocate).allocate(self.states, out=power)), raised)
        self.assertEqual(traceback.extract_tb(raised.__traceback__)[-1].line, "raise raised")
        self.assertEqual(power.max(), 0, "the output is untouched")
        for wrong, error in ((lambda states, power: None, pa.CallbackError),
                             (lambda states, power: power.fill(2), pa.CallbackError),
                             (lambda states, power: pa.Callback.STOP, pa.CallbackError),
                             (lambda states, power: "no code", TypeError)):
            with self.assertRaises(error):
                pa.Policy.of_callback(wrong).allocate(self.states)

    def test_errors_in_nested_calls_come_out(self):
        raised = Refused()

        def inner(states, power):
            raise raised

        def outer(states, power):
            pa.Policy.of_callback(inner).allocate(states)
        with self.assertRaises(Refused) as caught:
            pa.Policy.of_callback(outer).allocate(self.states)
        self.assertIs(caught.exception, raised)

        def survives(states, power):
            with contextlib.suppress(Refused):
                pa.Policy.of_callback(inner).allocate(states)
            power.fill(1)
        self.assertEqual(pa.Policy.of_callback(survives).allocate(self.states).min(), 1)


class Models(Case):
    def test_uwmmse(self):
        model = pa.UWMMSE(pa.Architecture.PAPER, layers=2, hidden=3, seed=4)
        self.assertEqual((model.architecture, model.layers, model.hidden), (pa.Architecture.PAPER, 2, 3))
        weights = model.weights
        self.assertEqual(weights.shape, (model.weight_count,))
        model.weights = weights * .5
        self.assertEqual(model.weights.tolist(), (weights * .5).tolist())
        for wrong, error in ((weights[:3], ValueError), (weights.tolist(), TypeError), (weights * np.nan, ValueError)):
            with self.assertRaises(error):
                model.weights = wrong

    def test_gradient(self):
        model, states = pa.UWMMSE(layers=2, hidden=3, seed=4), self.network.states(6)
        loss, gradient = model.gradient(states)
        rates = states.rates(model.policy.allocate(states))
        self.assertAlmostEqual(loss, -rates.sum(axis=1).mean(), places=8)
        step = np.random.default_rng(1).standard_normal(gradient.shape) * 1e-6
        ends = []
        for sign in (1, -1):
            moved = pa.UWMMSE(layers=2, hidden=3, seed=4)
            moved.weights = model.weights + sign * step
            ends.append(moved.gradient(states)[0])
        self.assertAlmostEqual((ends[0] - ends[1]) / 2 / (gradient @ step), 1, places=3)

    def test_files(self):
        states = self.network.states(3)
        links = self.network.links
        for model in (pa.UWMMSE(seed=3), pa.REGNN(seed=3), pa.MLP(links, (6, 5), seed=3), pa.IGCNet(2, 4, 3, seed=3)):
            path = self.folder / "model.safetensors"
            model.save(path, note="by a test")
            again = type(model).load(path)
            self.assertEqual(again.weights.tolist(), model.weights.tolist())
            policy = pa.Policy.load(str(path))
            self.assertEqual(policy.name, type(model).__name__.lower())
            self.assertEqual(policy.allocate(states).tolist(), model.policy.allocate(states).tolist())
            file = pa.ModelFile(path)
            self.assertEqual(file.metadata["trained"], "by a test")
            tensors, count = file.tensors, sum(tensor.size for tensor in file.tensors.values())
            del file
            gc.collect()
            self.assertGreaterEqual(count, model.weight_count)
            for tensor in tensors.values():
                self.assertTrue(np.isfinite(tensor).all() and not tensor.flags.writeable)
        for wrong in (pa.UWMMSE.load, pa.Policy.load):
            with self.assertRaises(OSError):
                wrong(self.folder / "none")
        with self.assertRaises(OSError):
            pa.UWMMSE().save(self.folder / "none" / "model.safetensors")

    def test_baselines(self):
        links, states = self.network.links, self.network.states(4)
        mlp, coin = pa.MLP(links, (6,)), pa.MLP(links, (6,), pa.MLPKind.PROBABILITIES, pa.ChannelInput.AMPLITUDE)
        self.assertEqual((mlp.kind, mlp.links, mlp.policy.name), (pa.MLPKind.POWERS, links, "mlp"))
        self.assertEqual((coin.kind, coin.policy.name), (pa.MLPKind.PROBABILITIES, "fcnn"))
        self.assertEqual(mlp.weight_count, (links ** 2 + 1) * 6 + 7 * links)
        on = coin.policy.allocate(states) / states.power_limit
        self.assertEqual((coin.probabilities(states)[..., 0] >= .5).tolist(), (on == 1).tolist())
        power = mlp.policy.allocate(states) / states.power_limit
        np.testing.assert_allclose(mlp.probabilities(states)[..., 0], power, atol=1e-12)
        path = self.folder / "mlp.safetensors"
        mlp.policy.save(path, note="x")
        self.assertEqual(pa.MLP.load(path).weights.tolist(), mlp.weights.tolist())
        with self.assertRaises(pa.FormatError):
            pa.IGCNet.load(path)

    def test_teacher(self):
        model = pa.MLP(self.network.links, (8,), seed=1)
        trainer = pa.Trainer(model.policy, self.network, seed=1, held_out=50, batch=8)
        trainer.set_teacher(pa.Policy("wmmse"))
        gc.collect()  # the trainer keeps its teacher alive
        before = model.weights
        self.assertEqual(trainer.run(5), pa.Status.OK)
        self.assertEqual(trainer.step, 5)
        self.assertEqual(model.weights.shape, before.shape)

    def test_link_weights(self):
        model = pa.REGNN(inputs=pa.Input.ONES | pa.Input.WEIGHT)
        self.assertEqual(model.link_weights.size, 0)
        model.link_weights = np.linspace(.5, 1.5, self.network.links)
        self.assertEqual(model.link_weights.tolist(), np.linspace(.5, 1.5, self.network.links).tolist())
        model.policy.allocate(self.network.states(2))
        with self.assertRaises(ValueError):
            model.policy.allocate(pa.Network.adhoc(self.network.links + 1).states(2))

    def test_built_in(self):
        self.assertIn("uwmmse-robust", pa.builtin_models())
        for name in pa.builtin_models():
            self.assertIn(pa.Policy.load("builtin:" + name).name, ("uwmmse", "regnn"))
        self.assertEqual(pa.UWMMSE.load("builtin:uwmmse-robust").layers, 4)
        with self.assertRaises(OSError):
            pa.Policy.load("builtin:none")

    def test_certify(self):
        network = pa.Network.adhoc(4, seed=2, noise=1e-9)
        states, optimal = network.states(5), pa.Policy("optimal", gap=1e-4)
        power, upper = optimal.certify(states)
        reached = states.rates(power).sum(axis=1)
        self.assertTrue((reached <= upper * (1 + 1e-12)).all() and (upper <= reached * (1 + 2e-4)).all())
        for name in ("wmmse", "wmmse-best"):
            self.assertTrue((states.rates(pa.Policy(name).allocate(states)).sum(axis=1) <= upper * (1 + 1e-12)).all())
        with self.assertRaises(ValueError):
            pa.Policy("wmmse").certify(states)

    def test_regnn(self):
        model = pa.REGNN(seed=2, output=pa.Output.LEVELS, levels=3, layers=2, inputs=pa.Input.ONES | pa.Input.WEIGHT)
        self.assertEqual([model.option(name) for name in ("output", "levels", "layers", "inputs", "taps")],
                         [2, 3, 2, 5, 5])
        self.assertEqual(model.output_count, 3)
        probabilities = model.probabilities(self.network.states(4))
        self.assertEqual(probabilities.shape, (4, 5, 3))
        self.assert_close(probabilities.sum(axis=-1), 1)
        with self.assertRaises(ValueError):
            pa.REGNN(layers=0)

    def test_sampling(self):
        model, states = pa.REGNN(seed=2), self.network.states(200)
        policy = model.policy
        policy.set(sample=True, seed=3)
        self.assertEqual(policy.allocate(states).tolist(), policy.allocate(states).tolist())
        expected = model.probabilities(states)[..., 0].mean()
        self.assertAlmostEqual(policy.allocate(states).mean(), expected, delta=.05)


class Sparse(Case):
    """Channels on graphs against full matrices."""

    def setUp(self):
        random = np.random.default_rng(3)
        self.h = np.where(random.random((2, 30, 30)) < .2, random.rayleigh(.3, (2, 30, 30)), 0)
        self.h[:, range(30), range(30)] = random.rayleigh(1, (2, 30))
        edges = (self.h > 0).any(axis=0)
        self.indices = np.nonzero(edges)[1].astype(np.int32)
        self.indptr = np.concatenate([[0], np.cumsum(edges.sum(axis=1))]).astype(np.int64)
        self.graph = pa.Graph(self.indptr, self.indices)
        self.value = np.ascontiguousarray(self.h[:, edges])

    def test_policies_and_rates(self):
        for dtype, tolerance in [(np.float64, 1e-9), (np.float32, 1e-3)]:
            full = pa.States(self.h.astype(dtype), .01, 1)
            sparse = pa.States(self.value.astype(dtype), .01, 1, graph=self.graph)
            self.assertEqual((sparse.shape, sparse.graph.edges), (full.shape, len(self.indices)))
            policy = pa.Policy("wmmse", iterations=10)
            power = policy.allocate(sparse)
            np.testing.assert_allclose(power, policy.allocate(full), atol=tolerance)
            np.testing.assert_allclose(sparse.rates(power), full.rates(power), rtol=tolerance)
            with pa.Pool(2) as pool:
                np.testing.assert_array_equal(policy.allocate(sparse, pool=pool), power)
            sparse.bind(self.value[0].astype(dtype))
            np.testing.assert_allclose(policy.allocate(sparse), power[0], atol=tolerance)
            self.assertIsNone(full.graph)

    def test_warm_start(self):
        states, policy = pa.States(self.value, .01, 1, graph=self.graph), pa.Policy("wmmse", iterations=0)
        start = np.full(states.shape, .25)
        states.set_start(start)
        np.testing.assert_allclose(policy.allocate(states), start)
        states.set_start(None)
        np.testing.assert_allclose(policy.allocate(states), 1)

    def test_mixed(self):
        """Full and sparse channels of several sizes in one batch: what each part alone gives."""
        for dtype in np.float64, np.float32:
            parts = [pa.States(self.value.astype(dtype), .01, 1, graph=self.graph),
                     pa.States(np.random.default_rng(1).rayleigh(.5, (7, 4, 4)).astype(dtype), .1, 2),
                     pa.States(np.random.default_rng(2).rayleigh(.5, (3, 3)).astype(dtype), .1, [1, 2, 3])]
            states, policy = pa.States.mixed(parts), pa.Policy("wmmse", iterations=10)
            self.assertEqual((states.batch, states.links, states.powers, states.shape), (10, 0, 91, (91,)))
            self.assertEqual((states.dtype, states.parts), (dtype, tuple(parts)))
            self.assertEqual((parts[1].parts, parts[1].powers), ((parts[1],), 28))
            power = policy.allocate(states)
            with pa.Pool(2) as pool:
                np.testing.assert_array_equal(policy.allocate(states, pool=pool), power)
            for part, its_power, rates, sinr in zip(parts, *map(states.split, (power, states.rates(power),
                                                                               states.sinr(power)))):
                np.testing.assert_array_equal(its_power, policy.allocate(part))
                np.testing.assert_array_equal(rates, part.rates(its_power.copy()))
                np.testing.assert_array_equal(sinr, part.sinr(its_power.copy()))
            other = pa.States.mixed(parts[::-1])
            np.testing.assert_array_equal(policy.allocate(other)[:3], states.split(power)[2])
            model = pa.UWMMSE(seed=1)
            loss, gradient = model.gradient(states)
            alone = [model.gradient(part) for part in parts]
            self.assertAlmostEqual(loss, sum(one[0] * part.batch for one, part in zip(alone, parts)) / 10)
            np.testing.assert_allclose(gradient, sum(one[1] * part.batch for one, part in zip(alone, parts)) / 10)
            trainer = pa.Trainer(model.policy, states, seed=1, batch=4)
            self.assertEqual(trainer.link_weights.shape, (30,))
            trainer.run(3)
            del parts, other, part  # mixed states keep their parts alive
            gc.collect()
            np.testing.assert_array_equal(policy.allocate(states), power)

    def test_what_mixed_states_are_not(self):
        one, narrow = pa.States(np.eye(2), 1, 1), pa.States(np.eye(3, dtype=np.float32), 1, 1)
        states = pa.States.mixed([one, one])
        for call in (lambda: states.set_noise(1), lambda: states.set_start(np.ones(4)), lambda: states.set_first(1),
                     lambda: pa.Policy("threshold").meet_budget(states, 1), lambda: pa.Policy("optimal").certify(states)):
            with self.assertRaisesRegex(pa.ArgumentError, "the states are mixed, of 2 networks"):
                call()
        with self.assertRaisesRegex(ValueError, "bind their parts"):
            states.bind(np.eye(2))
        with self.assertRaisesRegex(pa.ArgumentError, "count is 0"):
            pa.States.mixed([])
        with self.assertRaisesRegex(pa.ArgumentError, r"parts\[1\] is in single precision"):
            pa.States.mixed([one, narrow])
        with self.assertRaisesRegex(pa.ArgumentError, "mixed states cannot be probed"):
            pa.Trainer(pa.REGNN().policy, states)
        self.assertEqual([states.h, states.noise, states.weights, states.power_limit, states.node_state, states.graph], [None] * 6)
        model, two = pa.REGNN(output=pa.Output.LEVELS), pa.States(np.eye(3), 1, 1)
        found = pa.States.mixed([one, two]).split(model.probabilities(pa.States.mixed([one, two])))
        np.testing.assert_array_equal(found[1], model.probabilities(two))

    def test_graphs(self):
        graph, all_of_it = pa.Graph.of_matrix(self.h[0], .5), pa.Graph.of_matrix(self.h[0], 0)
        value, left_out = graph.pick(self.h[0])
        kept = np.where((self.h[0] >= .5) | np.eye(30, dtype=bool), self.h[0], 0)
        np.testing.assert_array_equal(value, kept[kept > 0])
        np.testing.assert_allclose(left_out, (self.h[0] ** 2 - kept ** 2).sum(axis=0), atol=1e-14)
        self.assertEqual(all_of_it.edges, (self.h[0] > 0).sum())
        self.assertIsNone(graph.order)
        np.testing.assert_array_equal(self.graph.indptr, self.indptr)
        np.testing.assert_array_equal(self.graph.indices, self.indices)
        with self.assertRaisesRegex(pa.ArgumentError, "rows must ascend"):
            pa.Graph(self.indptr, self.indices[::-1].copy())
        with self.assertRaisesRegex(TypeError, "int32"):
            pa.Graph(self.indptr, self.indices.astype(np.int64))
        with self.assertRaisesRegex(ValueError, "slots"):
            pa.States(self.value[:, 1:].copy(), 1, 1, graph=self.graph)

    @unittest.skipUnless(importlib.util.find_spec("scipy"), "SciPy is not here")
    def test_scipy(self):
        from scipy import sparse
        for matrix in sparse.csr_array(self.h[0]), sparse.csr_matrix(self.h[0]):
            graph = pa.Graph.of_scipy(matrix)
            np.testing.assert_array_equal(graph.pick(self.h[0])[0], matrix.data)
            self.assertEqual((graph.to_scipy(matrix.data) != matrix).nnz, 0)
            states = pa.States(matrix.data, .01, 1, graph=graph)
            np.testing.assert_allclose(states.rates(np.ones(30)), pa.States(self.h[0], .01, 1).rates(np.ones(30)), rtol=1e-9)
            with self.assertRaisesRegex(TypeError, "tocsr"):
                pa.Graph.of_scipy(matrix.tocsc())
        network = pa.Network.sparse_adhoc(40, 20, cutoff=15, seed=4)
        transmitters, receivers = network.positions
        h = network.graph.to_scipy(network.path_gain)
        self.assertTrue(h.has_canonical_format)
        i, j = h.nonzero()
        np.testing.assert_allclose(h.data, np.hypot(*(transmitters[i] - receivers[j]).T) ** -2.2)

    def test_networks(self):
        network = pa.Network.sparse_adhoc(200, 20, cutoff=15, seed=4, noise=1e-6)
        graph, (transmitters, receivers) = network.graph, network.positions
        distance = np.hypot(*(transmitters[:, None] - receivers[None]).T).T
        self.assertEqual(graph.edges, ((distance <= 15) | np.eye(200, dtype=bool)).sum())
        self.assertEqual(sorted(graph.order), list(range(200)))
        again = pa.Graph.of_positions(transmitters, receivers, 15)
        np.testing.assert_array_equal(graph.indices, again.indices)
        states = network.states(2)
        self.assertEqual((states.h.shape, network.draw(2).shape), ((2, graph.edges), (2, graph.edges)))
        np.testing.assert_array_equal(states.h, network.draw(2))
        order = np.asarray(graph.order)
        rows = np.repeat(np.arange(200), np.diff(graph.indptr))
        full = np.zeros((2, 200, 200))
        full[:, order[rows], order[graph.indices]] = states.h
        power = pa.UWMMSE(seed=1).policy.allocate(states)
        np.testing.assert_allclose(power, pa.UWMMSE(seed=1).policy.allocate(pa.States(full, 1e-6, 1)), atol=1e-9)
        mean, most = network.left_out()
        far = np.where((distance > 15) & ~np.eye(200, dtype=bool), 2 * distance ** -4.4, 0).sum(axis=0)
        np.testing.assert_allclose(mean, far, rtol=.05)
        self.assertTrue((most >= far * (1 - 1e-12)).all())
        counted = pa.Network.sparse_adhoc(200, 20, cutoff=15, seed=4, remainder=.5, noise=1e-6)
        np.testing.assert_allclose(counted.states(1).noise, 1e-6 + .5 * mean, rtol=1e-12)
        counted.set(remainder=0)
        self.assertEqual(set(counted.states(1).noise), {1e-6})
        with self.assertRaisesRegex(pa.ArgumentError, "does not apply"):
            pa.Network.adhoc(5, remainder=1)
        of_graph = pa.Network.of_graph(graph, network.path_gain, seed=4, noise=1e-6)
        np.testing.assert_array_equal(of_graph.draw(2), states.h)
        kept = network.states(1).graph
        del network, states
        gc.collect()
        self.assertEqual(kept.links, 200)

    @staticmethod
    def matrix(graph, h):
        """Channels on a graph as a full matrix in the caller's order."""
        full, order = np.zeros(2 * (graph.links,)), graph.order
        for row, (begin, end) in enumerate(zip(graph.indptr, graph.ends)):
            full[order[row], order[graph.indices[begin:end]]] = h[begin:end]
        return full

    def test_changes(self):
        network = pa.Network.sparse_adhoc(50, 20, cutoff=15, seed=4, noise=1e-6, fading=0)
        old = network.graph
        network.reserve(60)
        with self.assertRaisesRegex(ValueError, "closed"):
            old.edges
        self.assertEqual((network.links, network.present), (60, 50))
        graph, policy = network.graph, pa.Policy("wmmse")
        states = pa.States(network.draw(1), 1e-6, 1, graph=graph)
        power = policy.allocate(states)
        network.leave([3, 7])
        with self.assertRaisesRegex(RuntimeError, "the graph has changed"):
            policy.allocate(states)
        transmitters, receivers = network.positions
        joined = network.join(transmitters[:1] + 1, receivers[:1] + 1)
        network.move([1, 5], receivers=receivers[[1, 5]] + .5)
        network.move(9, transmitters[[9]] + .5)
        self.assertEqual((network.present, sorted({3, 7} - set(joined))), (49, [7]))
        self.assertEqual(joined.tolist(), [3])
        states.bind(network.draw(1))
        states.set_start(power)
        power = policy.allocate(states)
        self.assertEqual((power[0, 7], power[0, 50:].sum(), states.rates(power)[0, 7]), (0, 0, 0))
        transmitters, receivers = network.positions
        there = np.flatnonzero(~np.isnan(transmitters[:, 0]))
        self.assertEqual(len(there), 49)
        anew = pa.Network.sparse_of_positions(transmitters[there], receivers[there], 15)
        self.assertEqual(anew.graph.edges, graph.edges)
        np.testing.assert_array_equal(self.matrix(graph, network.path_gain)[there][:, there],
                                      self.matrix(anew.graph, anew.path_gain))
        if importlib.util.find_spec("scipy"):
            np.testing.assert_array_equal(graph.to_scipy(network.path_gain).toarray(),
                                          self.matrix(graph, network.path_gain))
        self.assertEqual((graph.indices >= 0).sum(), (graph.ends - graph.indptr[:-1]).sum())
        with self.assertRaisesRegex(ValueError, "no such link"):
            network.leave([7])
        with self.assertRaisesRegex(RuntimeError, "room for 11 more links, not for 12"):
            network.join(np.zeros((12, 2)), np.zeros((12, 2)))

    def test_training(self):
        network = pa.Network.sparse_adhoc(20, 20, cutoff=15, seed=4, noise=1e-6)
        trainer = pa.Trainer(pa.UWMMSE(seed=1).policy, network, seed=1)
        trainer.run(20)
        self.assertGreater(trainer.rate, 0)


class Rewards(Case):
    def setUp(self):
        super().setUp()
        generator = np.random.default_rng(5)
        self.h, self.power = generator.random((2, 3, 3)) + .1, generator.random((2, 3))
        self.x = generator.random((2, 3, 1)) + .1
        self.states = pa.States(self.h, .3, 1, node_state=self.x)

    def of(self, reward):
        out = np.empty((2, 3))
        reward(self.states, self.power, out)
        return out

    def test_capacity(self):
        rates = self.states.rates(self.power)
        self.assert_close(self.of(pa.rewards.CAPACITY), rates)
        self.assert_close(self.of(pa.rewards.CAPACITY_OVER_LIFETIME), rates / self.x[..., 0])

    def test_gradient(self):
        weight, gradient = np.array([1., 2, 3]), np.empty((2, 3))
        pa.rewards.CAPACITY_GRADIENT(self.states, self.power, weight, gradient)
        for i in range(3):
            step = np.zeros((2, 3))
            step[:, i] = 1e-6
            difference = self.states.rates(self.power + step) - self.states.rates(self.power - step)
            np.testing.assert_allclose(difference @ weight / 2e-6, gradient[:, i], rtol=1e-6)

    def test_control(self):
        arrives = np.ones((2, 3))
        for b, i, j in np.ndindex(2, 3, 3):
            if i != j:
                other, own = self.h[b, j, i] ** 2 * self.power[b, j], self.h[b, i, i] ** 2 * self.power[b, i]
                arrives[b, i] *= own / (own + other)
        self.assert_close(self.of(pa.rewards.CONTROL_SUCCESS), arrives)
        x = self.x[..., 0]
        self.assert_close(self.of(pa.rewards.control_cost(.5, 1.2)),
                          arrives * (.5 * x) ** 2 + (1 - arrives) * (1.2 * x) ** 2)

    def test_errors(self):
        self.states.set_node_state(None)
        with self.assertRaisesRegex(pa.CallbackError, "node state"):
            self.of(pa.rewards.CAPACITY_OVER_LIFETIME)
        with self.assertRaisesRegex(ValueError, "power has shape"):
            pa.rewards.CAPACITY(self.states, self.power[:1], np.empty((2, 3)))


class Training(Case):
    def test_improves(self):
        model, trainer = self.trainer(steps_of_schedule=200, batch=16, held_out=100)
        states = self.network.states(500, stream=9)
        before = states.rates(model.policy.allocate(states)).sum(axis=1).mean()
        seen = []
        self.assertEqual(trainer.run(200, progress=lambda t: seen.append(t.step), every=70), pa.Status.OK)
        self.assertEqual(seen, [70, 140, 200])
        after = states.rates(model.policy.allocate(states)).sum(axis=1).mean()
        self.assertGreater(after, before)
        self.assertEqual((trainer.step, trainer.dropped), (200, 0))
        self.assertGreaterEqual(trainer.best_rate, trainer.held_out_rate)
        self.assertGreater(trainer.gradient_norm, 0)
        self.assertGreater(trainer.step_rate, 0)
        self.assertGreater(trainer.baseline_rate, 0)
        self.assertLessEqual(trainer.best_step, 200)
        self.assertGreater(trainer.rate, 0)
        self.assertTrue(np.isnan([trainer.power, trainer.best_power, trainer.violation, trainer.best_violation,
                                  trainer.power_dual]).all())

    def test_keys(self):
        _, trainer = self.trainer(threads=2)
        self.assertEqual((trainer.get("threads"), trainer.get("batch")), (2, 8))
        with self.assertRaises(TypeError):
            trainer.set(batches=4)
        with self.assertRaises(ValueError):
            trainer.set(batch=-1)

    def test_on_states(self):
        states, model = self.network.states(50), pa.UWMMSE(layers=2, seed=1)
        trainer = pa.Trainer(model.policy, states, batch=8)
        before = model.weights
        del states
        gc.collect()
        self.assertEqual(trainer.run(20), pa.Status.OK)
        self.assertGreater(abs(model.weights - before).max(), 0)

    def test_save_and_resume(self):
        whole, trainer = self.trainer(steps_of_schedule=30)
        trainer.run(30)
        part, trainer = self.trainer(steps_of_schedule=30)
        trainer.run(15)
        trainer.save(self.folder / "checkpoint")
        rest, trainer = self.trainer(steps_of_schedule=30)
        trainer.resume(self.folder / "checkpoint")
        self.assertEqual(trainer.step, 15)
        trainer.run(15)
        self.assertEqual(rest.weights.tolist(), whole.weights.tolist())
        with self.assertRaises(OSError):
            self.trainer()[1].resume(self.folder / "none")

    def test_stops(self):
        _, trainer = self.trainer()
        self.assertEqual(trainer.run(50, lambda t: pa.Callback.STOP if t.step == 7 else None, every=1),
                         pa.Status.STOPPED)
        self.assertEqual(trainer.step, 7)
        self.assertEqual(trainer.run(50, lambda t: t.request_stop(), every=4), pa.Status.STOPPED)
        self.assertEqual(trainer.step, 8)
        self.assertEqual(trainer.run(2), pa.Status.OK)

    def test_stops_from_another_thread(self):
        _, trainer = self.trainer()
        timer = threading.Timer(.1, trainer.request_stop)
        timer.start()
        self.assertEqual(trainer.run(10 ** 9), pa.Status.STOPPED)
        timer.join()

    def test_runs_off_the_main_thread(self):
        _, trainer = self.trainer()
        ended = []
        thread = threading.Thread(target=lambda: ended.append(trainer.run(5)))
        thread.start()
        thread.join()
        self.assertEqual(ended, [pa.Status.OK])

    def test_exceptions_come_out(self):
        model, trainer = self.trainer()
        raised = Refused("enough")

        def progress(t):
            if t.step == 12:
                raise raised
        self.assertIs(raised_by(lambda: trainer.run(50, progress, every=1)), raised)
        self.assertEqual(traceback.extract_tb(raised.__traceback__)[-1].name, "progress")
        self.assertEqual(trainer.step, 12)
        self.assertEqual(trainer.run(3), pa.Status.OK, "and the trainer can go on")
        with self.assertRaises(TypeError):
            trainer.run(3, lambda t: "no code", every=1)
        with self.assertRaises(pa.CallbackError):
            trainer.run(3, lambda t: 17, every=1)

    def test_no_run_within_a_run(self):
        _, trainer = self.trainer()
        with self.assertRaises(pa.StateError):
            trainer.run(3, lambda t: t.run(1), every=1)

    def test_network_callback(self):
        drawn = set()

        def draw(stream, first, h, x):
            drawn.add(stream)
            h[...] = self.network.draw(len(h), first, stream)
        model = pa.UWMMSE(layers=2, hidden=3, seed=1)
        network = pa.Network.of_callback(5, draw, noise=NOISE)
        trainer = pa.Trainer(model.policy, network, batch=8, held_out=40)
        self.assertEqual(trainer.run(5), pa.Status.OK)
        self.assertEqual(drawn, {0, 1})


class ModelFree(Case):
    def test_python_reward_is_as_good(self):
        def reward(states, power, reward):
            reward[...] = states.rates(power)

        def gradient(states, power, weight, gradient):
            pa.rewards.CAPACITY_GRADIENT(states, power, weight, gradient)
        for ours, theirs in (((reward,), (pa.rewards.CAPACITY,)),
                             ((reward, 5, gradient), (pa.rewards.CAPACITY, 5, pa.rewards.CAPACITY_GRADIENT))):
            weights = []
            for arguments in (ours, theirs):
                model, trainer = self.prober()
                trainer.set_reward(*arguments)
                trainer.run(20)
                weights.append(model.weights.tolist())
            self.assertEqual(*weights)

    def test_reward_in_single_precision(self):
        types = set()

        def reward(states, power, reward):
            types.update((states.dtype.name, states.h.dtype.name, power.dtype.name, reward.dtype.name))
            self.assertEqual(states.h.shape, (states.batch, 5, 5))
            reward[...] = states.rates(power.astype(np.float32))
        weights = []
        for given in (reward, pa.rewards.CAPACITY):
            model, trainer = self.prober()
            trainer.set(precision=1)
            trainer.set_reward(given)
            trainer.run(20)
            weights.append(model.weights.tolist())
        self.assertEqual(*weights)
        self.assertEqual(types, {"float32", "float64"})
        h = self.network.states(40).h.astype(np.float32)
        trainer = pa.Trainer(pa.UWMMSE().policy, pa.States(h, NOISE, 1.0), batch=8)
        self.assertEqual(trainer.get("precision"), 1)
        trainer.run(5)

    def test_library_reward_with_gains(self):
        def draw(stream, first, h, x):
            h[...], x[...] = self.network.draw(len(h), first, stream), 1
        _, trainer = self.prober(pa.Network.of_callback(5, draw, features=1, noise=NOISE), state_features=1)
        trainer.set_reward(pa.rewards.control_cost(.5, 1.2))
        trainer.set_utility(pa.Utility.SUM, -np.ones(5))
        gc.collect()
        trainer.run(20)
        self.assertTrue((trainer.mean_rewards >= .25).all() and (trainer.mean_rewards <= 1.44).all())

    def test_what_a_reward_gets(self):
        seen = []

        def reward(states, power, reward):
            seen.append((states, power.flags.writeable, power.shape, reward.shape, np.isnan(reward).all(),
                         states.noise.tolist()))
            reward[...] = power.sum(axis=1)[:, None]
        _, trainer = self.prober()
        trainer.set_reward(reward, rewards=2)
        trainer.run(2)
        states, *rest = seen[-1]
        self.assertEqual(rest[0], False)
        self.assertEqual(rest[1][1:] + rest[2][1:], (5, 2))
        self.assertEqual(rest[3:], [True, [NOISE] * 5])
        self.assertEqual(trainer.mean_rewards.shape, (2,))
        with self.assertRaisesRegex(ValueError, "closed"):
            states.batch

    def test_reward_raises(self):
        raised = Refused()

        def reward(states, power, reward):
            if len(calls) == 5:
                raise raised
            calls.append(None)
            reward[...] = 1
        calls = []
        _, trainer = self.prober()
        trainer.set_reward(reward)
        with self.assertRaises(Refused) as caught:
            trainer.run(20)
        self.assertIs(caught.exception, raised)
        trainer = self.prober()[1]
        trainer.set_reward(lambda states, power, reward: None)
        with self.assertRaises(pa.CallbackError):
            trainer.run(1)

    def test_reward_skips_and_stops(self):
        for code, status in ((pa.Callback.SKIP, pa.Status.OK), (pa.Callback.STOP, pa.Status.STOPPED)):
            def reward(states, power, reward):
                if trainer.step == 3:
                    return code
                reward[...] = states.rates(power)
            _, trainer = self.prober()
            trainer.set_reward(reward)
            self.assertEqual(trainer.run(6), status)
            self.assertEqual(trainer.dropped > 0, code == pa.Callback.SKIP)

    def test_utility(self):
        def utility(mean, gradient):
            gradient.fill(1)
            return mean.sum()
        weights = []
        for chosen in (pa.Utility.SUM, utility):
            model, trainer = self.prober()
            trainer.set_reward(pa.rewards.CAPACITY)
            trainer.set_utility(chosen)
            trainer.run(10)
            weights.append(model.weights)
        np.testing.assert_allclose(*weights, rtol=1e-6)
        _, trainer = self.prober()
        with self.assertRaises(ValueError):
            trainer.set_utility(99)
        for wrong, error in ((lambda mean, gradient: None, TypeError),
                             (lambda mean, gradient: 1 / 0, ZeroDivisionError),
                             (lambda mean, gradient: 1., pa.CallbackError)):
            _, trainer = self.prober()
            trainer.set_reward(pa.rewards.CAPACITY)
            trainer.set_utility(wrong)
            with self.assertRaises(error):
                trainer.run(1)

    def test_constraints(self):
        def at_least_one(mean, value, jacobian):
            value[...] = mean - 1
            jacobian[...] = np.eye(5)
        weights = []
        for constrain in (lambda t: t.add_constraint(pa.Constraint.MIN_REWARD, 1),
                          lambda t: t.add_constraint_callback(at_least_one, 5)):
            model, trainer = self.prober()
            trainer.set(margin=0)
            trainer.set_reward(pa.rewards.CAPACITY)
            trainer.add_constraint(pa.Constraint.MEAN_POWER, 1.5)
            constrain(trainer)
            trainer.run(10)
            self.assertEqual(trainer.constraint_count, 6)
            self.assertEqual((trainer.duals.shape, trainer.violations.shape), ((6,), (6,)))
            self.assertLess(trainer.violations[0], 1e-6)
            self.assertAlmostEqual(trainer.best_power, 1.5 * (1 + trainer.violations[0]))
            self.assert_close(trainer.violations[1:], 1 - trainer.mean_rewards)
            self.assertAlmostEqual(trainer.best_violation, trainer.violations.max())
            self.assertEqual(trainer.power_dual, trainer.duals[0])
            weights.append(model.weights)
        np.testing.assert_allclose(*weights, rtol=1e-6)

    def test_infeasible(self):
        _, trainer = self.prober()
        trainer.set_reward(pa.rewards.CAPACITY)
        trainer.add_constraint(pa.Constraint.MIN_REWARD, 1e3)
        self.assertIsNone(trainer.infeasibility)
        self.assertEqual(trainer.run(5), pa.Status.INFEASIBLE)
        self.assertIn("must be at", trainer.infeasibility)

    def test_wrong_constraints(self):
        _, trainer = self.prober()
        trainer.set_reward(pa.rewards.CAPACITY)
        for raising in (lambda: trainer.add_constraint(99, 1), lambda: trainer.add_constraint(pa.Constraint.MIN_REWARD),
                        lambda: trainer.add_constraint(pa.Constraint.MEAN_POWER, [1, 2])):
            with self.assertRaises(ValueError):
                raising()
        raised = Refused()

        def constraint(mean, value, jacobian):
            raise raised
        trainer.add_constraint_callback(constraint)
        with self.assertRaises(Refused) as caught:
            trainer.run(5)
        self.assertIs(caught.exception, raised)

    def test_link_weights(self):
        _, trainer = self.prober(inputs=pa.Input.ONES | pa.Input.WEIGHT)
        trainer.set_utility(pa.Utility.PROPORTIONAL_FAIR)
        trainer.run(5)
        self.assertEqual(trainer.link_weights.shape, (5,))
        self.assertAlmostEqual(trainer.link_weights.mean(), 1)


class Interrupts(Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt(self, t):
        if t.step == 33:
            os.kill(os.getpid(), signal.SIGINT)

    def test_ends_after_the_step_with_the_best_weights(self):
        model, trainer = self.trainer()
        with self.assertRaises(KeyboardInterrupt):
            trainer.run(50, self.interrupt, every=1)
        self.assertEqual(trainer.step, 33)
        self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)
        expected, other = self.trainer()
        other.run(33)
        self.assertEqual(model.weights.tolist(), expected.weights.tolist())
        self.assertEqual(trainer.run(17), pa.Status.OK)

    def test_without_callbacks(self):
        _, trainer = self.trainer()
        timer = threading.Timer(.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with self.assertRaises(KeyboardInterrupt):
            trainer.run(10 ** 9)
        timer.join()
        self.assertGreater(trainer.step, 1)

    def test_in_a_reward(self):
        def reward(states, power, reward):
            reward[...] = states.rates(power)
            calls.append(trainer.step)
            if len(calls) == 10:
                os.kill(os.getpid(), signal.SIGINT)
        calls = []
        _, trainer = self.prober()
        trainer.set_reward(reward)
        with self.assertRaises(KeyboardInterrupt):
            trainer.run(50)
        self.assertEqual(trainer.step, calls[9] + 1)

    def test_in_a_child(self):
        script = """if True:
            import powalloc
            model = powalloc.UWMMSE()
            trainer = powalloc.Trainer(model.policy, powalloc.Network.adhoc(5, seed=1), held_out=50, batch=8)
            before = model.weights
            try:
                trainer.run(10 ** 9, lambda t: print("running", flush=True) if t.step == 300 else None)
            except KeyboardInterrupt:
                print("interrupted", trainer.step, abs(model.weights - before).max() > 0)
                raise
        """
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 text=True)
        self.addCleanup(child.kill)
        self.assertEqual(child.stdout.readline(), "running\n")
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE)
        self.assertRegex(out, r"^interrupted \d+ True$")
        self.assertRegex(err, r"KeyboardInterrupt\n$")
        self.assertEqual(child.returncode, -signal.SIGINT)

    def test_handlers_of_the_user(self):
        heard = []
        signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
        _, trainer = self.trainer()
        self.assertEqual(trainer.run(50, self.interrupt, every=1), pa.Status.OK)
        self.assertEqual((heard, trainer.step), ([signal.SIGINT], 50))
        raised = Refused()

        def refuse(number, frame):
            raise raised
        signal.signal(signal.SIGINT, refuse)
        _, trainer = self.trainer()
        with self.assertRaises(Refused) as caught:
            trainer.run(50, self.interrupt, every=1)
        self.assertIs(caught.exception, raised)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _, trainer = self.trainer()
        self.assertEqual(trainer.run(50, self.interrupt, every=1), pa.Status.OK)

    def test_a_second_one_gets_out_of_a_callback_that_hangs(self):
        def hang(t):
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
            while True:
                pass
        _, trainer = self.trainer()
        with self.assertRaises(KeyboardInterrupt):
            trainer.run(50, hang, every=1)


class Lifetimes(Case):
    def setUp(self):
        super().setUp()
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)

    def test_close(self):
        for resource in (pa.Network.adhoc(2), self.network.states(2), pa.Policy("wmmse"), pa.UWMMSE(), pa.REGNN(),
                         self.trainer()[1]):
            freed = weakref.ref(resource.handle)
            with resource as same:
                self.assertIs(same, resource)
            self.assertIsNone(freed())
            resource.close()
            with self.assertRaisesRegex(ValueError, f"this {type(resource).__name__} is closed"):
                resource.handle

    def test_freed_with_the_last_reference(self):
        handles = [weakref.ref(x.handle) for x in (pa.Network.adhoc(2), pa.Policy("equal"), pa.UWMMSE(), pa.REGNN(),
                                                   pa.States(np.ones((2, 2)), 1, 1), self.trainer()[1])]
        self.assertEqual([handle() for handle in handles], [None] * 6)

    def test_children_keep_parents(self):
        network, model = pa.Network.adhoc(5, noise=NOISE), pa.UWMMSE(layers=2)
        policy = model.policy
        trainer = pa.Trainer(policy, network, batch=8, held_out=20)
        parents = [weakref.ref(x.handle) for x in (network, model)]
        network.close()
        model.close()
        policy.close()
        del network, model, policy
        self.assertNotIn(None, [parent() for parent in parents])
        self.assertEqual(trainer.run(5), pa.Status.OK)
        del trainer
        self.assertEqual([parent() for parent in parents], [None, None])

    def test_policies_keep_models(self):
        policy = pa.UWMMSE(seed=1).policy
        self.assertEqual(policy.allocate(self.network.states(2)).shape, (2, 5))

    def test_callbacks_go_with_their_handle(self):
        class Function:
            def __call__(self, *arguments):
                for output in arguments[1:]:
                    if output.flags.writeable:
                        output.fill(1)

        class Utility:
            def __call__(self, mean, gradient):
                gradient.fill(1)
                return 1.

        class Progress:
            def __call__(self, trainer):
                pass
        functions = [Function() for _ in range(5)] + [Utility(), Progress()]
        alive = [weakref.ref(f) for f in functions]
        allocate, draw, reward, other, constraint, utility, progress = functions
        policy, network = pa.Policy.of_callback(allocate), pa.Network.of_callback(5, draw)
        _, trainer = self.prober()
        trainer.set_reward(reward)
        trainer.set_reward(other)
        trainer.set_utility(utility)
        trainer.add_constraint_callback(constraint)
        trainer.run(1, progress, every=1)
        del functions, allocate, draw, reward, other, constraint, utility, progress
        self.assertEqual([f() is None for f in alive], [False, False, True, False, False, False, True])
        del policy, network, trainer
        self.assertEqual([f() for f in alive], [None] * 7)

    def test_a_refused_callback_is_not_kept(self):
        def reward(states, power, reward):
            reward.fill(1)
        alive = weakref.ref(reward)
        _, trainer = self.prober()
        trainer.set_reward(pa.rewards.CAPACITY)
        with self.assertRaises(ValueError):
            trainer.set_reward(reward, rewards=0)
        del reward
        self.assertIsNone(alive())
        self.assertEqual(trainer.run(1), pa.Status.OK, "the one before is still there")

    def test_exceptions_leave_nothing_behind(self):
        def reward(states, power, reward):
            raise Refused
        _, trainer = self.prober()
        trainer.set_reward(reward)
        handle = weakref.ref(trainer.handle)
        with self.assertRaises(Refused):
            trainer.run(1)
        self.trainer()[1].run(2)
        del trainer
        self.assertIsNone(handle())

    def test_interrupts_leave_nothing_behind(self):
        _, trainer = self.trainer()
        handle = weakref.ref(trainer.handle)
        with self.assertRaises(KeyboardInterrupt):
            trainer.run(5, lambda t: os.kill(os.getpid(), signal.SIGINT), every=1)
        del trainer
        self.assertIsNone(handle())

    def test_cycles(self):
        handles = []
        for _ in range(20):
            cycle = []

            def fill(*arguments, cycle=cycle):
                self.assertTrue(cycle)
            model, network = pa.REGNN(seed=1), pa.Network.of_callback(3, fill)
            trainer = pa.Trainer(model.policy, network)
            trainer.set_reward(fill)
            cycle += [model, model.policy, network, trainer]
            handles += [weakref.ref(resource.handle) for resource in cycle]
        del model, network, trainer, cycle, fill
        self.assertNotIn(None, [handle() for handle in handles])
        gc.collect()
        self.assertEqual({handle() for handle in handles}, {None})

    def test_handles_cannot_be_copied(self):
        with self.assertRaises(ValueError):
            copy.deepcopy(self.network)
        shallow = copy.copy(self.network)
        self.network.close()
        self.assertEqual(shallow.links, 5)

    def test_closing_during_a_run(self):
        _, trainer = self.trainer()
        with self.assertRaisesRegex(ValueError, "closed"):
            trainer.run(5, lambda t: t.close(), every=1)


class Examples(Case):
    def test_readme(self):
        blocks = re.findall(r"^```python\n(.*?)^```", (BINDINGS / "README.md").read_text(), flags=re.M | re.S)
        self.assertEqual(len(blocks), 5)
        folder = os.getcwd()
        self.addCleanup(os.chdir, folder)
        os.chdir(self.folder)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            for block in blocks:
                exec(compile(block, "README.md", "exec"), {})
        for line in (r"^step 500: [\d.]+ bit/s/Hz$", r"^[01]\.\d+ of WMMSE", "^last sum-rate", "^(OK|INFEASIBLE) ",
                     r"^uwmmse: [\d.]+ bit/s/Hz a link over \d+ channels$", r"^30 links: [\d.]+ W$"):
            self.assertRegex(printed.getvalue(), re.compile(line, re.M))


if __name__ == "__main__":
    unittest.main()
