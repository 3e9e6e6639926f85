"""PyTorch's sparse tensors on one thread, eager; in training with the gradient of a product as one would write it, by
the product with the transpose: PyTorch's own makes that anew each time."""

import functools
import types
import warnings

import torch

import peer_gather
import peer_torch
import sparse

NAME = f"{peer_torch.NAME}, sparse"
torch.sparse.check_sparse_tensor_invariants.disable()
warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")


@functools.lru_cache(maxsize=1)  # a graph at a time
def prepared(graph):
    def narrow(*arrays):
        return [torch.as_tensor(array).to(torch.int32) for array in arrays]

    return types.SimpleNamespace(
        rows=narrow(graph.offset, graph.receiver), columns=narrow(*graph.transposed),
        edges=peer_gather.prepared(graph).by_row,
        order=torch.as_tensor(graph.order), own=torch.as_tensor(graph.own), shape=(graph.nodes, graph.nodes))


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, straight, turned):
        ctx.matrices = straight, turned
        return straight() @ x

    @staticmethod
    def backward(ctx, dy):
        straight, turned = ctx.matrices
        return Product.apply(dy, turned, straight), None, None


class Matrix(sparse.Matrix):
    def rows(self, x):
        return Product.apply(x, lambda: self.straight, lambda: self.turned)

    def columns(self, x):
        return Product.apply(x, lambda: self.turned, lambda: self.straight)


class Csr(Matrix):
    """The transpose has rows of its own, its values put in order once a slot, when it is first used."""

    @functools.cached_property
    def straight(self):
        return torch.sparse_csr_tensor(*self.graph.rows, self.values, self.graph.shape)

    @functools.cached_property
    def turned(self):
        return torch.sparse_csr_tensor(*self.graph.columns, self.values.index_select(0, self.graph.order),
                                       self.graph.shape)


class Coo(Matrix):
    @functools.cached_property
    def straight(self):
        return torch.sparse_coo_tensor(self.graph.edges, self.values, self.graph.shape, is_coalesced=True)

    @functools.cached_property
    def turned(self):
        return self.straight.t()


class Ops(sparse.Ops, peer_torch.Ops):
    ones = staticmethod(lambda a: torch.ones(a.graph.shape[0], dtype=a.values.dtype))
    row_sums = staticmethod(lambda a: a.rows(Ops.ones(a)))


@functools.lru_cache(maxsize=1)
def faster(graph, dtype):
    """The form whose products are faster, both ways: they differ by a factor of ten or more."""
    values, x = (torch.ones(n, dtype=dtype) for n in (graph.edges, graph.nodes))

    def both_ways(form):
        matrix = form(prepared(graph), values)
        return matrix.rows(x), matrix.columns(x)

    return sparse.fastest((Csr, Coo), both_ways)


def contestants(task):
    graph, values = prepared(task.h.union), torch.as_tensor(task.h.values.ravel())
    form = faster(task.h.union, values.dtype)
    return {NAME: peer_torch.eager(task, Ops, lambda: form(graph, values))}
