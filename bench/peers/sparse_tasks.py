"""What is timed on sparse channels: the models of tasks.py, and products alone."""

import functools

import numpy

import models
import tasks

CUTOFF = 30  # m: about 32 neighbours
NOISE = 7.94e-10  # W: -91 dB of 1 W
PRODUCTS = [f"{matrix} z, {columns} vector{'s' * (columns > 1)}" for columns in (1, 8) for matrix in ("H", "H^T")]


class Task(tasks.Task):
    iterations = 10

    def __init__(self, library, kind, network, dtype):
        self.network = network
        super().__init__(library, kind, network.links, network.batch, dtype)

    def channels(self):
        return self.network.channels(self.dtype), NOISE

    def prepare_regnn(self):
        super().prepare_regnn()
        self.weights["dy"] = self.weights["dy"].ravel()

    def prepare_uwmmse(self):
        super().prepare_uwmmse()
        if self.trains:  # gains span 20 decades: some links come back from the library's least amplitude, not from 0
            self.bounds = {**self.bounds, "float32": 1e-1}

    def scale(self):
        """1 over the largest sum of a row: they differ by orders of magnitude, and outputs must stay finite."""
        return float(1 / numpy.add.reduceat(self.h.values, self.h.graph.offset[:-1], axis=1).max())

    def objective(self, ops, h, w):
        if self.kind == "regnn training":
            return super().objective(ops, h, w)
        known = models.gains(ops, h, self.noise)  # once: to order values by receivers takes longer than a product
        return models.sum_rate(ops, h, self.noise, models.uwmmse(ops, h, self.noise, w, known), known)


class Product(Task):
    """y = H z or H^T z with 1 or 8 columns, [M] or [M][8]: the library has its node vectors one after the other, peers
    side by side, as each has them in its models."""

    def __init__(self, library, kind, network, dtype):
        self.turned = kind.startswith("H^T")
        super().__init__(library, kind, network, dtype)

    def prepare(self):
        columns = int(self.kind.split()[2])
        z = numpy.random.default_rng(1).random((self.links, columns)).astype(self.dtype)
        self.weights = {"z": z[:, 0].copy() if columns == 1 else z}

    def forward(self, ops, h, w):
        return h.columns(w["z"]) if self.turned else h.rows(w["z"])

    @functools.cached_property
    def ours(self):
        return self.library.sparse_product(self.h, self.weights["z"], self.turned)


def work(batch, models):
    """Kinds that are timed: a product is one sample's."""
    return (PRODUCTS if batch == 1 else []) + models


def task(library, kind, network, dtype):
    return (Product if kind in PRODUCTS else Task)(library, kind, network, dtype)
