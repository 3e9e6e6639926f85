"""PyTorch on one thread: eager, traced and, where it works, compiled."""

import warnings

import torch

NAME = f"PyTorch {torch.__version__}"
torch.set_num_threads(1)


class Ops:
    relu = staticmethod(torch.relu)
    sigmoid = staticmethod(torch.sigmoid)
    log = staticmethod(torch.log)
    clip = staticmethod(lambda x: x.clamp(0, 1))
    guarded = staticmethod(lambda x: x.clamp_min(torch.finfo(x.dtype).tiny))
    ones = staticmethod(lambda h: torch.ones_like(h[:, 0]))
    matvec = staticmethod(lambda a, x: torch.bmm(a, x.unsqueeze(2)).squeeze(2))
    matmul = staticmethod(torch.bmm)
    diagonal = staticmethod(lambda a: torch.diagonal(a, dim1=1, dim2=2))
    transposed = staticmethod(lambda a: a.transpose(1, 2))
    row_sums = staticmethod(lambda a: a.sum(2))
    last_sums = staticmethod(lambda a: a.sum(-1))
    without_diagonal = staticmethod(lambda a: a * (1 - torch.eye(a.shape[1], dtype=a.dtype)))


def tensors(weights):
    if isinstance(weights, dict):
        return {key: tensors(value) for key, value in weights.items()}
    return torch.as_tensor(weights) if hasattr(weights, "shape") else weights


def gradients(task, h, weights):
    """The step of training: forward, backward, gradients of all weights."""
    leaves = [weights[key] for key in task.learned]
    for leaf in leaves:
        leaf.requires_grad_(True)

    def step():
        grads = torch.autograd.grad(task.objective(Ops, h, weights), leaves)
        return [g.numpy() for g in grads]

    return step


def contestants(task):
    h, weights = torch.as_tensor(task.h), tensors(task.weights)
    if task.trains:
        return {f"{NAME}, eager": gradients(task, h, weights)}

    def model(x):
        return task.forward(Ops, x, weights)

    found = {}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.freeze(torch.jit.trace(Module(model).eval(), h))
    functions = {"eager": model, "script": traced}
    if hasattr(torch, "compile") and task.compiles:
        functions["compile"] = torch.compile(model, dynamic=False)
    for kind, function in functions.items():
        found[f"{NAME}, {kind}"] = runner(function, h)
    return found


class Module(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def runner(function, h):
    def run():
        with torch.no_grad():
            return function(h).numpy()

    return run
