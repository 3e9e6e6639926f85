"""NumPy arrays on their way to the library and back, without copies."""
import numpy as np


def borrow(array, name, shape=None, writable=False, dtypes=(np.float64,)):
    """The array itself, if the library can use its memory: of one of the types, C-contiguous, of a shape."""
    types = " or ".join(np.dtype(dtype).name for dtype in dtypes)
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} is a {type(array).__name__}, must be a NumPy array of {types}")
    if array.dtype not in dtypes:
        raise TypeError(f"{name} is an array of {array.dtype}, must be of {types}")
    if shape is not None and array.shape != tuple(shape):
        raise ValueError(f"{name} has shape {array.shape}, must have {tuple(shape)}")
    if not (array.flags.c_contiguous and array.flags.aligned):
        raise ValueError(f"{name} is not C-contiguous, see numpy.ascontiguousarray()")
    if writable and not array.flags.writeable:
        raise ValueError(f"{name} is read-only")
    return array


def output(array, shape, dtype=np.float64):
    """The caller's array for a result, or a new one if it is None."""
    return np.empty(shape, dtype) if array is None else borrow(array, "out", shape, writable=True, dtypes=(dtype,))


def parameters(values, name):
    """A few numbers, one or several, as a new flat array."""
    array = np.array(values, dtype=np.float64, ndmin=1)
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}, must be one number or a row of them")
    return array


class _Memory:
    """Memory of the library, for as long as an array looks at it."""

    def __init__(self, address, shape, writable, keep, dtype):
        self.__array_interface__ = {"version": 3, "typestr": np.dtype(dtype).str, "shape": tuple(shape),
                                    "data": (address, not writable)}
        self.keep = keep


def view(elements, shape, writable=False, keep=None, dtype=np.float64):
    """An array on memory of the library; it keeps a handle alive. None for NULL."""
    return None if not elements else np.asarray(_Memory(elements.value, shape, writable, keep, dtype))
