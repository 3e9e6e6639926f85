"""Learned wireless power allocation: bindings of libpowalloc.

Powers and noise are in W, channels are linear amplitudes, rates in bit/s/Hz. Arrays of channels, node states, powers
and results are used in place: they must be float64 (channels and powers of States: float64 or float32) and C-contiguous,
and others are refused rather than converted.
"""
from . import keys, rewards, units
from ._library import library as _library
from ._signatures import VERSION as _VERSION
from .constants import (Activation, Architecture, Callback, ChannelInput, Constraint, Input, MLPKind, Output, Shift,
                        Statistic, Status, Utility)
from .errors import (ArgumentError, CallbackError, FileError, FormatError, NumericError, OutOfMemoryError,
                     PowallocError, StateError, WorkspaceError)
from .files import ModelFile
from .graph import Graph
from .models import IGCNet, MLP, REGNN, UWMMSE, builtin_models
from .network import Network
from .policy import Policy
from .pool import Pool
from .states import States
from .trainer import Trainer

__version__ = ".".join(map(str, _VERSION))


def library_version():
    """Version of the library that runs, as text."""
    return _library.pa_version_text().decode()


def instruction_set():
    """Instruction set of the kernels that run: "baseline", "avx2" or "avx512"."""
    return _library.pa_instruction_set().decode()
