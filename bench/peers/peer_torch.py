"""PyTorch on one thread: eager, traced and, where it works, compiled."""

import time
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
    matmul = staticmethod(torch.bmm)
    diagonal = staticmethod(lambda a: torch.diagonal(a, dim1=1, dim2=2))
    row_sums = staticmethod(lambda a: a.sum(2))
    last_sums = staticmethod(lambda a: a.sum(-1))
    without_diagonal = staticmethod(lambda a: a * (1 - torch.eye(a.shape[1], dtype=a.dtype)))


class Rows(Ops):
    vecmat = staticmethod(lambda x, a: torch.bmm(x.unsqueeze(1), a).squeeze(1))
    transposed = staticmethod(lambda a: a.transpose(1, 2).contiguous())


class Columns(Ops):
    vecmat = staticmethod(lambda x, a: torch.bmm(a.transpose(1, 2), x.unsqueeze(2)).squeeze(2))
    transposed = staticmethod(lambda a: a.transpose(1, 2))


def fastest(run_with):
    """The form of products that is faster: versions and sizes differ by factors."""

    def seconds(ops):
        run_with(ops)
        start = time.perf_counter()
        for _ in range(3):
            run_with(ops)
        return time.perf_counter() - start

    return min((Rows, Columns), key=seconds)


def tensors(weights):
    if isinstance(weights, dict):
        return {key: tensors(value) for key, value in weights.items()}
    return torch.as_tensor(weights) if hasattr(weights, "shape") else weights


def gradients(task, h, weights, ops):
    """The step of training: forward, backward, gradients of all weights."""
    leaves = [weights[key].requires_grad_(True) for key in task.learned]
    return [g.numpy() for g in torch.autograd.grad(task.objective(ops, h, weights), leaves)]


def eager(task, ops, h):
    """The work on the channels that h() makes, which counts."""
    weights = tensors(task.weights)
    if task.trains:
        return lambda: gradients(task, h(), weights, ops)

    def run():
        with torch.no_grad():
            return task.forward(ops, h(), weights).numpy()

    return run


def contestants(task):
    h, weights = torch.as_tensor(task.h), tensors(task.weights)
    if task.trains:
        ops = fastest(lambda ops: gradients(task, h, weights, ops))
        return {f"{NAME}, eager": lambda: gradients(task, h, weights, ops)}
    with torch.no_grad():
        ops = fastest(lambda ops: task.forward(ops, h, weights))

    def model(x):
        return task.forward(ops, x, weights)

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.freeze(torch.jit.trace(Module(model).eval(), h))
    functions = {"eager": model, "script": traced}
    if hasattr(torch, "compile") and task.compiles:
        functions["compile"] = torch.compile(model, dynamic=False)
    return {f"{NAME}, {kind}": runner(function, h) for kind, function in functions.items()}


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
