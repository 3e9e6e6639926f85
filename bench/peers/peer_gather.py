"""Messages along edges in PyTorch, on one thread: features of the source gathered, times the edge's weight, added up at
its target. It is how graph libraries work on lists of edges; PyTorch Geometric does it in its class for that."""

import functools
import types

import torch

import peer_torch
import sparse

NAME = f"{peer_torch.NAME}, gather and add"


@functools.lru_cache(maxsize=1)  # a graph at a time
def prepared(graph):
    index = torch.stack([torch.as_tensor(ends) for ends in (graph.row, graph.receiver, graph.row)]).long()
    return types.SimpleNamespace(by_row=index[:2], by_receiver=index[1:], own=torch.as_tensor(graph.own),
                                 nodes=graph.nodes)


class Matrix(sparse.Matrix):
    """`gathered` of these: [2][edges], targets and sources."""

    def rows(self, x):
        return self.gathered(x, self.graph.by_row)

    def columns(self, x):
        return self.gathered(x, self.graph.by_receiver)

    def gathered(self, x, ends):
        weight = self.values if x.dim() == 1 else self.values[:, None]
        return torch.zeros_like(x).index_add_(0, ends[0], weight * x.index_select(0, ends[1]))


class Ops(sparse.Ops, peer_torch.Ops):
    ones = staticmethod(lambda a: torch.ones(a.graph.nodes, dtype=a.values.dtype))
    row_sums = staticmethod(lambda a: Ops.ones(a).zero_().index_add_(0, a.graph.by_row[0], a.values))


def contestants(task, form=Matrix, name=NAME):
    graph, values = prepared(task.h.union), torch.as_tensor(task.h.values.ravel())
    return {name: peer_torch.eager(task, Ops, lambda: form(graph, values))}
