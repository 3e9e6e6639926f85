"""NumPy, batched."""

import numpy

import models

NAME = f"NumPy {numpy.__version__}"


class Ops:
    relu = staticmethod(lambda x: numpy.maximum(x, 0))
    sigmoid = staticmethod(lambda x: 1 / (1 + numpy.exp(-x)))
    log = staticmethod(numpy.log)
    clip = staticmethod(lambda x: numpy.clip(x, 0, 1))
    guarded = staticmethod(lambda x: numpy.maximum(x, numpy.finfo(x.dtype).tiny))
    ones = staticmethod(lambda h: numpy.ones(h.shape[:2], h.dtype))
    vecmat = staticmethod(lambda x, a: (x[:, None] @ a)[:, 0])
    matmul = staticmethod(lambda a, x: a @ x)
    diagonal = staticmethod(lambda a: numpy.diagonal(a, axis1=1, axis2=2))
    transposed = staticmethod(lambda a: numpy.ascontiguousarray(a.transpose(0, 2, 1)))
    row_sums = staticmethod(lambda a: a.sum(2))
    last_sums = staticmethod(lambda a: a.sum(-1))

    @staticmethod
    def without_diagonal(a):
        a = a.copy()
        index = numpy.arange(a.shape[1])
        a[:, index, index] = 0
        return a


def contestants(task):
    if task.trains:
        return {}
    return {NAME: lambda: task.forward(Ops, task.h, task.weights)}
