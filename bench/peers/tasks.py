"""What is timed: a policy, a number of links, a batch and a precision, for the library and for the peers."""

import functools

import numpy

import library as lib
import models

LAYERS, TAPS = 8, 5
FORWARD = ["regnn", "uwmmse", "wmmse"]
TRAINING = ["regnn training", "uwmmse training"]


def channels(links, batch, dtype):
    """Rayleigh fading over path gains that leave the sums of rows near 1, as a trained GCN would see them, and their
    noise: 30 dB below the direct links."""
    rng = numpy.random.default_rng(links)
    gain = rng.random((links, links)) ** 2 / links
    numpy.fill_diagonal(gain, 1)
    return numpy.ascontiguousarray(gain * rng.rayleigh(size=(batch, links, links)), dtype=dtype), 1e-3


class Task:
    iterations = 100  # of WMMSE
    bounds = {"float64": 1e-6, "float32": 2e-2}  # of relative errors

    def __init__(self, library, kind, links, batch, dtype, compiles=True):
        self.kind, self.links, self.batch, self.dtype = kind, links, batch, numpy.dtype(dtype)
        self.trains, self.compiles = kind in TRAINING, compiles
        self.h, self.noise = self.channels()
        self.library = library
        self.weights, self.learned = {}, []
        self.prepare()

    def channels(self):
        return channels(self.links, self.batch, self.dtype)

    def prepare(self):
        getattr(self, "prepare_" + self.kind.split()[0])()

    def prepare_regnn(self):
        rng = numpy.random.default_rng(1)
        taps = rng.normal(scale=0.3, size=(LAYERS, TAPS))
        taps[:, 0] += 1
        scale = self.scale()
        self.policy = self.library.regnn(taps, scale)
        dy = rng.normal(size=(self.batch, self.links)).astype(self.dtype)
        self.weights = {"taps": taps.astype(self.dtype), "scale": scale, "dy": dy}
        self.learned = ["taps"]

    def scale(self):
        """Of the shift: 1 over the mean sum of a row."""
        return float(1 / self.h.sum(2).mean())

    def prepare_uwmmse(self):
        self.policy, flat = self.library.uwmmse(lib.PAPER)
        weights = {**lib.paper_weights(flat), "flat": flat}
        self.weights = {k: v.astype(self.dtype) if hasattr(v, "astype") else v for k, v in weights.items()}
        self.learned = lib.LEARNED

    def prepare_wmmse(self):
        self.policy = self.library.wmmse(self.iterations)

    def forward(self, ops, h, w):
        """Parts of the power limit, [batch][M]."""
        if self.kind == "regnn":
            return ops.sigmoid(models.regnn(ops, h, w["taps"], w["scale"]))
        if self.kind == "uwmmse":
            v = models.uwmmse(ops, h, self.noise, w)
        else:
            v = models.wmmse(ops, h, self.noise, self.iterations)
        return v * v

    def objective(self, ops, h, w):
        if self.kind == "regnn training":
            return (models.regnn(ops, h, w["taps"], w["scale"]) * w["dy"]).sum()
        return models.sum_rate(ops, h, self.noise, models.uwmmse(ops, h, self.noise, w)).sum()

    @functools.cached_property
    def ours(self):
        """The library's result, and a function that gives the nanoseconds of so many runs."""
        if self.kind == "regnn training":
            return self.library.step(self.policy, self.h, self.noise, self.weights["dy"], LAYERS * TAPS)
        if self.kind == "uwmmse training":
            return self.library.gradient(self.policy, self.h, self.noise, self.weights["flat"].size)
        return self.library.allocate(self.policy, self.h, self.noise)

    def check(self, name, result):
        """A peer that computes something else is worth nothing."""
        expected = self.ours[0]
        if self.kind == "regnn training":
            result = numpy.asarray(result[0]).ravel()
        elif self.kind == "uwmmse training":
            result = lib.paper_gradient([numpy.asarray(g) for g in result])
        error = numpy.linalg.norm(numpy.asarray(result, dtype=float).reshape(expected.shape) - expected)
        bound = self.bounds[str(self.dtype)] * numpy.linalg.norm(expected)
        if not error <= bound:
            raise RuntimeError(f"{name}: {self.kind}, {self.links} links: off by {error:g}, at most {bound:g}")
