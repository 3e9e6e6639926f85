"""JAX, jitted, on one thread (run.py sets XLA's flags)."""

import jax
import jax.numpy as jnp
import numpy

NAME = f"JAX {jax.__version__}"
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


class Ops:
    relu = staticmethod(lambda x: jnp.maximum(x, 0))
    sigmoid = staticmethod(jax.nn.sigmoid)
    log = staticmethod(jnp.log)
    clip = staticmethod(lambda x: jnp.clip(x, 0, 1))
    guarded = staticmethod(lambda x: jnp.maximum(x, jnp.finfo(x.dtype).tiny))
    ones = staticmethod(lambda h: jnp.ones(h.shape[:2], h.dtype))
    vecmat = staticmethod(lambda x, a: jnp.einsum("bi,bij->bj", x, a))
    matmul = staticmethod(jnp.matmul)
    diagonal = staticmethod(lambda a: jnp.diagonal(a, axis1=1, axis2=2))
    transposed = staticmethod(lambda a: a.transpose(0, 2, 1))
    row_sums = staticmethod(lambda a: a.sum(2))
    last_sums = staticmethod(lambda a: a.sum(-1))
    without_diagonal = staticmethod(lambda a: a * (1 - jnp.eye(a.shape[1], dtype=a.dtype)))


def contestants(task):
    if task.trains:

        def objective(learned, h):
            return task.objective(Ops, h, {**task.weights, **learned})

        learned = {key: jnp.asarray(task.weights[key]) for key in task.learned}
        step = jax.jit(jax.grad(objective))

        def run():
            grads = step(learned, task.h)
            return [numpy.asarray(grads[key]) for key in task.learned]

        return {NAME: run}
    function = jax.jit(lambda h: task.forward(Ops, h, task.weights))
    return {NAME: lambda: numpy.asarray(function(task.h))}
