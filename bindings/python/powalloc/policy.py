"""Policies: whatever turns channel states into transmit powers."""
import os
from ctypes import byref, c_size_t

import numpy as np

from . import _signatures
from ._arrays import output, view
from ._library import Tunable, callback, library, make, text
from .states import lent

ALIGNMENT = 64


class Policy(Tunable):
    """A policy by its name (see Policy.names()), with its keys as keyword arguments: Policy("wmmse", iterations=4).

    Also load() for model files, of_callback() for functions of yours, and the property policy of a model.

    Threads may share a policy.
    """

    _noun = "policy"

    def __init__(self, name, **keys):
        self._start(make(library.pa_policy_create, name.encode()))
        self.set(**keys)

    def _start(self, handle):
        super().__init__(handle)
        self._work = {}  # the workspace of the last call, by what it was for

    @classmethod
    def _of_handle(cls, handle):
        """A policy that the library made."""
        policy = cls.__new__(cls)
        policy._start(handle)
        return policy

    @classmethod
    def load(cls, path, **keys):
        """A learned policy from a model file of any kind."""
        policy = cls._of_handle(make(library.pa_policy_load, os.fsencode(path)))
        policy.set(**keys)
        return policy

    @classmethod
    def of_callback(cls, allocate):
        """A policy of yours: allocate(states, power) fills power (batch, links) in W, each in [0, limit].

        States and power are the library's: use them within the call only.
        """
        def thunk(user, pointer, power):
            with lent(pointer) as states:
                return allocate(states, view(power, states.shape, writable=True))
        thunk = callback(_signatures.pa_allocate_fn, thunk)
        return cls._of_handle(make(library.pa_policy_create_callback, thunk, None, _signatures.pa_free_fn(),
                                  allocate=thunk))

    @staticmethod
    def names():
        """Names of the classical policies."""
        return [text(library.pa_policy_kind_name(index)) for index in range(library.pa_policy_kind_count())]

    @property
    def name(self):
        """Name: a classical one, "callback", or the kind of model."""
        return text(library.pa_policy_name(self.handle))

    def allocate(self, states, out=None, pool=None):
        """Powers in W for the states, of their shape and type, in out or a new array; a Pool shares the work, and the
        result is the same. The workspace stays for the next call."""
        out = output(out, states.shape, states.dtype)
        threads = None if pool is None else pool.handle
        use = states.shape, states.dtype, states.structure(), 1 if pool is None else pool.threads
        work = self._work.pop(use, None)  # out of the reach of other threads and of callbacks
        if work is None:
            work = self._workspace(states, threads)
        states.of_precision("pa_policy_allocate_parallel")(self.handle, states.handle, out, threads, work.ctypes.data,
                                                           work.size)
        self._work = {use: work}
        return out

    def _workspace(self, states, threads):
        size = c_size_t()
        library.pa_policy_workspace_states(self.handle, states.handle, threads, byref(size))
        memory = np.empty(size.value + ALIGNMENT, dtype=np.uint8)
        return memory[-memory.ctypes.data % ALIGNMENT:]

    def save(self, path, note=None):
        """Writes the file of a learned policy; note says how it was made."""
        library.pa_policy_save(self.handle, os.fsencode(path), None if note is None else note.encode())

    def certify(self, states):
        """Of Policy("optimal"): the best powers, and upper bounds (batch,) of the weighted sum-rate in bit/s/Hz."""
        power, upper = np.empty(states.shape), np.empty(states.batch)
        library.pa_policy_certify(self.handle, states.handle, power, upper)
        return power, upper

    def meet_budget(self, states, budget):
        """Sets the key price or offset so that the mean total power of a sample is the budget in W on the states."""
        library.pa_policy_meet_budget(self.handle, states.handle, budget)
