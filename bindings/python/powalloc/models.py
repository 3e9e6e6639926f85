"""Learned models: UWMMSE, REGNN, MLP and IGCNet."""
import ctypes
import os

import numpy as np

from ._arrays import borrow
from ._library import Handle, Resource, key, library, make, number, text
from .constants import Architecture, ChannelInput, MLPKind
from .policy import Policy


def builtin_models():
    """Names of the trained models in the library: Policy.load("builtin:" + name)."""
    return [text(library.pa_model_builtin_name(index)) for index in range(library.pa_model_builtin_count())]


class Model(Resource):
    """What the kinds of models share."""

    @classmethod
    def load(cls, path):
        """A model from a file, or "builtin:NAME"."""
        model = cls.__new__(cls)
        Resource.__init__(model, make(model._function("load"), os.fsencode(path)))
        return model

    def save(self, path, note=None):
        """Writes a model file; note says how it was made."""
        self._function("save")(self.handle, os.fsencode(path), None if note is None else note.encode())

    @property
    def policy(self):
        """The model as a new Policy, which keeps the model alive."""
        return Policy._of_handle(Handle(self._function("policy")(self.handle), owned=False, model=self.handle))

    @property
    def output_count(self):
        """Outputs of a link: 1, or the number of power levels."""
        return library.pa_policy_output_count(self.policy.handle)

    def probabilities(self, states):
        """What powers are drawn from, (batch, links, output_count): a new array.

        Probability of transmitting, of each level, or the median power as a part of the limit.
        """
        probabilities = np.empty((*states.shape, self.output_count))
        library.pa_policy_probabilities(self.policy.handle, states.handle, probabilities)
        return probabilities

    @property
    def weight_count(self):
        """Number of trained weights."""
        return self._function("weight_count")(self.handle)

    @property
    def weights(self):
        """The trained weights (weight_count,): a new array. Set them to an array of that shape."""
        weights = np.empty(self.weight_count)
        self._function("get_weights")(self.handle, weights, weights.size)
        return weights

    @weights.setter
    def weights(self, weights):
        borrow(weights, "weights", (self.weight_count,))
        self._function("set_weights")(self.handle, weights, weights.size)

    def _function(self, verb):
        return getattr(library, f"pa_{self._noun}_{verb}")


class UWMMSE(Model):
    """Unfolded WMMSE with untrained weights: layers iterations with graph networks of hidden width, each 1 to 64."""

    _noun = "uwmmse"

    def __init__(self, architecture=Architecture.EXTENDED, layers=4, hidden=5, seed=0):
        super().__init__(make(library.pa_uwmmse_create, architecture, layers, hidden, seed))

    @property
    def architecture(self):
        return Architecture(library.pa_uwmmse_architecture(self.handle))

    @property
    def layers(self):
        """Unfolded iterations."""
        return library.pa_uwmmse_layers(self.handle)

    @property
    def hidden(self):
        """Hidden width of the graph networks."""
        return library.pa_uwmmse_hidden(self.handle)

    def gradient(self, states):
        """Minus the mean weighted sum-rate in bit/s/Hz, and its gradient (weight_count,) in the weights."""
        loss, gradient = ctypes.c_double(), np.empty(self.weight_count)
        library.pa_uwmmse_gradient(self.handle, states.handle, ctypes.byref(loss), gradient, gradient.size)
        return loss.value, gradient


class REGNN(Model):
    """Random edge graph neural network with untrained weights.

    Options, see powalloc.keys.of("regnn"), are keyword arguments: REGNN(layers=4, taps=5, output=Output.LEVELS).
    """

    _noun = "regnn"

    def __init__(self, seed=0, **options):
        keys = np.array([key("regnn", name) for name in options], dtype=np.int32)
        values = np.array(list(options.values()), dtype=np.float64)
        super().__init__(make(library.pa_regnn_create, keys, values, len(options), seed))

    def option(self, name):
        """Value of an option."""
        return number(library.pa_regnn_option, self.handle, key("regnn", name))

    @property
    def link_weights(self):
        """Weights of the links that it learned under constraints with: a new array, empty if there are none."""
        weights = np.empty(library.pa_regnn_link_weights(self.handle, None))
        library.pa_regnn_link_weights(self.handle, weights)
        return weights

    @link_weights.setter
    def link_weights(self, weights):
        borrow(weights, "weights", (len(weights),))
        library.pa_regnn_set_link_weights(self.handle, weights, weights.size)


class MLP(Model):
    """Fully connected network on the channels of so many links, with untrained weights.

    kind: MLPKind.POWERS ("mlp", taught by Trainer.set_teacher() or trained on the sum-rate) or
        MLPKind.PROBABILITIES ("fcnn", trained model-free)
    """

    _noun = "mlp"

    def __init__(self, links, hidden=(200, 80, 80), kind=MLPKind.POWERS, input=ChannelInput.LOG, seed=0):
        units = np.array(hidden, dtype=np.uintp)
        super().__init__(make(library.pa_mlp_create, kind, links, units, units.size, input, seed))

    @property
    def kind(self):
        return MLPKind(library.pa_mlp_kind(self.handle))

    @property
    def links(self):
        """Links that it runs on."""
        return library.pa_mlp_links(self.handle)


class IGCNet(Model):
    """Message passing with a maximum over the neighbours, with untrained weights."""

    _noun = "igcnet"

    def __init__(self, rounds=3, hidden=16, message=32, input=ChannelInput.LOG, seed=0):
        super().__init__(make(library.pa_igcnet_create, rounds, hidden, message, input, seed))
