"""The loaded library: errors as exceptions, handles that free themselves, callbacks."""
import ctypes
import ctypes.util
import functools
import operator
import os
import threading

from . import _signatures
from .constants import Callback
from .errors import OF_STATUS, PowallocError

_raised = threading.local()  # .error: what was raised in a callback, until the call that it ends raises it again


def callback(prototype, function):
    """A C function of a prototype (see _signatures) that calls a Python function.

    Returning None means Callback.OK. An exception cannot cross the C code: it is put away, the C code is told to abort,
    and check() raises the same object again; callbacks run on the thread inside the call that they were given to.
    """
    @functools.wraps(function)
    def guarded(*arguments):
        try:
            code = function(*arguments)
            return Callback.OK if code is None else operator.index(code)
        except BaseException as error:
            _raised.error = error
            return Callback.ABORT
    return prototype(guarded)


def check(status, function, arguments):
    """Raises the error that a status stands for; else returns the status as a number."""
    if status.value >= 0:
        return status.value
    error, _raised.error = getattr(_raised, "error", None), None
    try:
        raise error or error_of(status.value)
    finally:
        del error  # its traceback holds this frame


def error_of(status):
    """The exception for a status, with what the library said last on this thread."""
    name, message = library.pa_status_name(status).decode(), library.pa_last_error().decode()
    return OF_STATUS.get(status, PowallocError)(status, name, message)


def _load():
    path = os.environ.get("POWALLOC_LIBRARY") or ctypes.util.find_library("powalloc") or "libpowalloc.so.0"
    try:
        loaded = ctypes.CDLL(path)
        for name, (result, arguments) in _signatures.FUNCTIONS.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, arguments
            if result is _signatures.pa_status:
                function.errcheck = check
    except (OSError, AttributeError) as error:
        raise ImportError(f"libpowalloc: {error}; POWALLOC_LIBRARY may name the file to load") from error
    major, minor, _ = _signatures.VERSION
    if loaded.pa_version() >> 8 != major << 8 | minor:
        raise ImportError(f"{path} is version {loaded.pa_version_text().decode()}, needed is {major}.{minor}")
    return loaded


library = _load()


class Handle:
    """A pointer to what the library made; freed with the last reference to this object.

    keep: what the library borrows for it - arrays, callbacks, other handles - by any key. Freeing does not look at it:
    handles in a cycle of references are freed in any order.
    """

    _free = None

    def __init__(self, pointer, owned=True, **keep):
        self._as_parameter_ = pointer  # what ctypes passes
        if owned:
            self._free = getattr(library, f"{type(pointer).__name__}_free")
        self.keep = keep

    def __del__(self):
        if self._free:
            self._free(self)


def make(create, *arguments, **keep):
    """The handle that a create or load function makes; arguments are those between the output and the allocator."""
    pointer = create.argtypes[0]._type_()
    create(ctypes.byref(pointer), *arguments, None)
    return Handle(pointer, **keep)


class Resource:
    """Something that the library made.

    close(), the end of a with block or the last reference let go of it; it is freed when nothing made from it needs it
    any more.
    """

    def __init__(self, handle):
        self._handle = handle

    @property
    def handle(self):
        if self._handle is None:
            raise ValueError(f"this {type(self).__name__} is closed")
        return self._handle

    def close(self):
        self._handle = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


class Tunable(Resource):
    """A resource with keys, which go by their names: powalloc.keys.of("trainer") tells those of a trainer."""

    def set(self, **keys):
        """Sets keys, in the given order, up to the first that is refused."""
        function = getattr(library, f"pa_{self._noun}_set")
        for name, value in keys.items():
            function(self.handle, key(self._noun, name), value)

    def get(self, name):
        """Value of a key."""
        return number(getattr(library, f"pa_{self._noun}_get"), self.handle, key(self._noun, name))


def key(noun, name):
    """Number of a key, such as that of network and density."""
    found = library.pa_key_find(f"{noun}.{name}".encode())
    if found == 0:
        raise TypeError(f"{noun} has no key {name!r}")
    return found


def number(function, *arguments):
    """The number that a function writes to its last argument."""
    value = ctypes.c_double()
    function(*arguments, ctypes.byref(value))
    return value.value


def text(bytes_or_none):
    """Text of the library, None if there is none."""
    return None if bytes_or_none is None else bytes_or_none.decode()
