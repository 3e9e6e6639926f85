"""PyTorch Geometric on one thread: its class of messages that are added up."""

import torch_geometric

import peer_gather

NAME = f"PyTorch Geometric {torch_geometric.__version__}"


class Messages(torch_geometric.nn.MessagePassing):
    def __init__(self):
        super().__init__(aggr="add", flow="target_to_source", node_dim=0)

    def forward(self, ends, x, weight):
        return self.propagate(ends, x=x, weight=weight)

    def message(self, x_j, weight):
        return weight * x_j


messages = Messages()


class Matrix(peer_gather.Matrix):
    def gathered(self, x, ends):
        return messages(ends, x, self.values if x.dim() == 1 else self.values[:, None])


def contestants(task):
    return peer_gather.contestants(task, Matrix, NAME)
