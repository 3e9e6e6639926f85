"""Rewards of the library, one for each link, for Trainer.set_reward(); and to be called from rewards of yours."""
import numpy as np

from ._arrays import borrow
from ._library import error_of, library
from .constants import Callback, Status


class _LibraryFunction:
    """A callback in C: function, and what it gets as its user pointer."""

    def __init__(self, function, user=None):
        self.function, self.user = function, user

    def _call(self, states, *arrays):
        if self.function(self.user, states.handle, *arrays, states.links) != Callback.OK:
            raise error_of(Status.ERROR_CALLBACK)


class LibraryReward(_LibraryFunction):
    """A reward of the library."""

    def __call__(self, states, power, reward):
        """Fills reward for power, both of states.shape."""
        self._call(states, borrow(power, "power", states.shape), borrow(reward, "reward", states.shape, writable=True))


class LibraryGradient(_LibraryFunction):
    """The gradient of a reward of the library."""

    def __call__(self, states, power, weight, gradient):
        """Fills gradient in power, both of states.shape, of the sum of rewards times weight (links,)."""
        self._call(states, borrow(power, "power", states.shape), borrow(weight, "weight", (states.links,)),
                   borrow(gradient, "gradient", states.shape, writable=True))


#: Capacity in bit/s/Hz, and its gradient.
CAPACITY = LibraryReward(library.pa_reward_capacity)
CAPACITY_GRADIENT = LibraryGradient(library.pa_reward_capacity_gradient)

#: Capacity over the lifetime rate, which is the first feature of the node state.
CAPACITY_OVER_LIFETIME = LibraryReward(library.pa_reward_capacity_over_lifetime)

#: Probability that the packet of each plant arrives over random access.
CONTROL_SUCCESS = LibraryReward(library.pa_reward_control_success)


def control_cost(gain_with_packet, gain_without_packet):
    """Cost of plants controlled over random access; the first feature of the node state is the state of the plant."""
    gains = np.array([gain_with_packet, gain_without_packet], dtype=np.float64)
    return LibraryReward(library.pa_reward_control_cost, gains.ctypes)
