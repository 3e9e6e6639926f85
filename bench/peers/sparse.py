"""Sparse channels: what the library takes, and what the peers make of it.

All get the same arrays, rows in the order that the library gives them, so that neighbours are close in memory for all.
A graph stays from slot to slot: what follows from it alone (other forms of its indices, the order of the edges by
receivers) is made once and not timed. The values are a slot's: whatever is made of them is made anew in each run, its
squares and the transpose's values too.
"""

import functools
import time

import numpy


class Graph:
    """Compressed sparse rows, in which every node has an edge to itself."""

    def __init__(self, offset, receiver):
        self.offset, self.receiver = offset, receiver
        self.handle = None  # the library's
        self.nodes, self.edges = len(offset) - 1, len(receiver)

    def union(self, copies):
        """As many graphs side by side: a batch is one graph of parts that do not touch."""
        if copies == 1:
            return self
        of_copy = numpy.arange(copies)[:, None]
        offset = (of_copy * self.edges + self.offset[:-1]).ravel()
        receiver = (of_copy * self.nodes + self.receiver).ravel()
        return Graph(numpy.append(offset, copies * self.edges), receiver.astype(numpy.int32))

    @functools.cached_property
    def row(self):
        """Row of each edge."""
        return numpy.repeat(numpy.arange(self.nodes, dtype=numpy.int32), numpy.diff(self.offset))

    @functools.cached_property
    def own(self):
        """Edge of each node to itself."""
        return numpy.flatnonzero(self.row == self.receiver)

    @functools.cached_property
    def order(self):
        """The edges by receivers."""
        return numpy.argsort(self.receiver, kind="stable").astype(numpy.int32)

    @functools.cached_property
    def transposed(self):
        """Offsets and receivers of the transpose, whose values are those of the edges in that order."""
        counts = numpy.bincount(self.receiver, minlength=self.nodes)
        return numpy.append(0, numpy.cumsum(counts)), self.row[self.order]


class Channels:
    """Amplitudes of a batch on a graph, in place of full matrices [batch][M][M]."""

    def __init__(self, graph, union, values):
        self.graph, self.union, self.values = graph, union, values  # the union is one graph of all samples
        self.dtype, self.shape = values.dtype, (len(values), graph.nodes, graph.nodes)


class Network:
    """A graph and one batch of channels on it, in both precisions."""

    def __init__(self, graph, values):
        self.graph, self.union, self.values = graph, graph.union(len(values)), values
        self.links, self.batch = graph.nodes, len(values)

    def channels(self, dtype):
        return Channels(self.graph, self.union, self.values.astype(dtype, copy=False))


class Matrix:
    """Values on the edges, with what a peer makes of them. rows(x) is A x, columns(x) its transpose times x; x is
    [nodes] or [nodes][columns]. `graph` is what the peer made of the graph: `own` it must have."""

    def __init__(self, graph, values):
        self.graph, self.values = graph, values

    def __mul__(self, other):
        return type(self)(self.graph, self.values * (other.values if isinstance(other, Matrix) else other))

    __rmul__ = __mul__


class Transposed:
    def __init__(self, matrix):
        self.rows, self.columns = matrix.columns, matrix.rows


def without_diagonal(matrix):
    """In place: nobody needs the others any more."""
    matrix.values[matrix.graph.own] = 0
    return matrix


class Ops:
    """What models.py does with matrices; the rest is the array library's."""

    vecmat = staticmethod(lambda x, a: a.columns(x))
    matmul = staticmethod(lambda a, x: a.rows(x))
    transposed = staticmethod(Transposed)
    diagonal = staticmethod(lambda a: a.values[a.graph.own])
    without_diagonal = staticmethod(without_diagonal)


def fastest(forms, run_with):
    """The form of matrices that is faster; those that take long are tried once."""

    def seconds(form):
        for _ in range(3):
            start = time.perf_counter()
            run_with(form)
            took = time.perf_counter() - start
            if took > .1:
                break
        return took

    return min(forms, key=seconds) if len(forms) > 1 else forms[0]
