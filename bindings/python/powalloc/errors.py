"""Errors of the library as exceptions, each also of the class that Python has for it."""
from .constants import Status


class PowallocError(Exception):
    """An error of the library.

    status: the code, a Status; name: its name in C; message: which argument or file, which element, and why.
    """

    def __init__(self, status, name, message):
        super().__init__(f"{message} ({name})")
        self.status, self.name, self.message = status, name, message

    def __reduce__(self):
        return type(self), (self.status, self.name, self.message)


class ArgumentError(PowallocError, ValueError):
    """An argument is out of range, not finite or of the wrong shape."""


class OutOfMemoryError(PowallocError, MemoryError):
    """An allocation failed, or a size overflows."""


class WorkspaceError(PowallocError, ValueError):
    """A workspace is too small or not aligned."""


class FileError(PowallocError, OSError):
    """A file cannot be opened, read, written or replaced."""


class FormatError(PowallocError, ValueError):
    """A file's content is not what it must be."""


class CallbackError(PowallocError, RuntimeError):
    """A callback returned an unknown code or left a value undefined."""


class NumericError(PowallocError, ArithmeticError):
    """A computation left the finite numbers."""


class StateError(PowallocError, RuntimeError):
    """The call is not allowed now."""


OF_STATUS = {
    Status.ERROR_ARGUMENT: ArgumentError,
    Status.ERROR_MEMORY: OutOfMemoryError,
    Status.ERROR_WORKSPACE: WorkspaceError,
    Status.ERROR_FILE: FileError,
    Status.ERROR_FORMAT: FormatError,
    Status.ERROR_CALLBACK: CallbackError,
    Status.ERROR_NUMERIC: NumericError,
    Status.ERROR_STATE: StateError,
}
