"""Batches of channel states."""
import numpy as np

from . import _signatures
from ._arrays import borrow, output, parameters, view
from ._library import Handle, Resource, library, make
from .graph import shared


PRECISIONS = (np.float64, np.float32)


def _shape(h, graph=None):
    """Shape of powers and rates for channels h."""
    if graph is not None:
        if h.ndim not in (1, 2) or h.shape[-1] != graph.slots:
            raise ValueError(f"h has shape {h.shape}, must have (batch, slots) or (slots,), slots = {graph.slots}")
        return (*h.shape[:-1], graph.links)
    if h.ndim not in (2, 3) or h.shape[-1] != h.shape[-2]:
        raise ValueError(f"h has shape {h.shape}, must have (batch, links, links) or (links, links)")
    return h.shape[:-1]


class States(Resource):
    """A batch of channel states on an array of yours, which is used in place and never copied.

    h: (batch, links, links), or (links, links) for one sample; float64 or float32, C-contiguous. h[b, i, j] is the
        channel amplitude, linear, >= 0, from transmitter i to the receiver of link j. Its elements are checked when they
        are used; change them freely between calls. Powers and rates are of its type: float32 is faster, and for
        allocate(), rates(), sinr() and training only.
    noise: noise power at the receivers in W, one number or (links,)
    power_limit: largest power of the transmitters in W, one number or (links,)
    weights: of the links in the sum-rate, one number or (links,)
    node_state: (batch, links, features), for policies that take one; float64, C-contiguous, used in place too
    first: number of the first sample in its stream, for policies that draw
    graph: a Graph: h is (batch, slots) or (slots,) then, in the order of its slots

    States.mixed(parts): states of several networks, of any sizes, as one batch.

    shape: of powers and rates: (batch, links), or (links,) if h is one sample; (powers,) of mixed states
    dtype: of channels, powers and rates
    """

    _parts = None  # of mixed states

    def __init__(self, h, noise, power_limit, weights=1.0, node_state=None, first=0, graph=None):
        self.shape, self.dtype = _shape(borrow(h, "h", dtypes=PRECISIONS), graph), h.dtype
        batch, links = int(np.prod(self.shape[:-1])), self.shape[-1]
        if graph is None:
            super().__init__(make(self.of_precision("pa_states_create"), batch, links, h, 1.0, 1.0, h=h))
        else:
            super().__init__(make(self.of_precision("pa_states_create_sparse"), batch, graph.handle, h, 1.0, 1.0, h=h,
                                  graph=graph.handle))
        self.set_noise(noise)
        self.set_power_limit(power_limit)
        self.set_weights(weights)
        self.set_first(first)
        if node_state is not None:
            self.set_node_state(node_state)

    @classmethod
    def mixed(cls, parts):
        """States of several networks, one after the other, as one batch: full or on graphs, of any sizes, of one dtype.

        The parts are borrowed: bind() and set_...() are theirs, and they keep their numbers of samples. Powers and rates
        are flat, part after part: see split(). For policies, rates(), sinr(), UWMMSE.gradient() and training on the
        sum-rate; batch counts all samples, links is 0, and what belongs to a part is None.
        """
        parts = tuple(parts)
        handles = (_signatures.pa_states * len(parts))(*(part.handle._as_parameter_ for part in parts))
        states = cls.__new__(cls)
        Resource.__init__(states, make(library.pa_states_create_mixed, handles, len(parts),
                                       parts=[part.handle for part in parts]))
        states._parts = parts
        states.shape, states.dtype = (states.powers,), parts[0].dtype
        return states

    @classmethod
    def _of_handle(cls, handle):
        """States that the library made; their arrays have a batch axis."""
        states = cls.__new__(cls)
        Resource.__init__(states, handle)
        states.shape = (states.batch, states.links)
        states.dtype = np.dtype(np.float64 if library.pa_states_channel(handle) else np.float32)
        return states

    def of_precision(self, name):
        """The library's function for channels of this type."""
        return getattr(library, name if self.dtype == np.float64 else f"{name}_f32")

    def bind(self, h):
        """Looks at other channels of as many links from now on, the next slot's for example; drops the node state."""
        if self._parts:
            raise ValueError("the states are mixed: bind their parts")
        shape = _shape(borrow(h, "h", dtypes=(self.dtype,)), self.graph)
        if shape[-1] != self.links:
            raise ValueError(f"h has {shape[-1]} links, must have {self.links}")
        self.of_precision("pa_states_bind")(self.handle, int(np.prod(shape[:-1])), h)
        self.shape = shape
        self.handle.keep.pop("node_state", None)
        self.handle.keep["h"] = h

    def set_noise(self, watts):
        """Noise power at the receivers in W: one number or (links,); copied."""
        watts = parameters(watts, "noise")
        library.pa_states_set_noise(self.handle, watts, watts.size)

    def set_power_limit(self, watts):
        """Largest power of the transmitters in W: one number or (links,); copied."""
        watts = parameters(watts, "power_limit")
        library.pa_states_set_power_limit(self.handle, watts, watts.size)

    def set_weights(self, weights):
        """Weights of the links in the sum-rate: one number or (links,); copied."""
        weights = parameters(weights, "weights")
        library.pa_states_set_weights(self.handle, weights, weights.size)

    def set_node_state(self, x):
        """State of the nodes (batch, links, features), borrowed like the channels; None for none."""
        if x is not None:
            borrow(x, "node_state", self.shape + np.shape(x)[-1:])
        library.pa_states_set_node_state(self.handle, x, 0 if x is None else x.shape[-1])
        self.handle.keep["node_state"] = x

    def set_start(self, power):
        """Powers in W, of self.shape, that iterative policies start from, those of the last slot; borrowed like the
        channels, and may be the array that powers are written to; None for none."""
        if power is not None:
            borrow(power, "power", self.shape)
        library.pa_states_set_start(self.handle, power)
        self.handle.keep["start"] = power

    def set_first(self, first):
        """Number that the first sample has in its stream."""
        library.pa_states_set_first(self.handle, first)

    @property
    def batch(self):
        return library.pa_states_batch(self.handle)

    @property
    def links(self):
        return library.pa_states_links(self.handle)

    @property
    def parts(self):
        """The States that mixed ones are made of, a tuple; of others they themselves."""
        return self._parts or (self,)

    @property
    def powers(self):
        """Numbers in the powers of the batch."""
        return library.pa_states_powers(self.handle)

    def split(self, values):
        """What stands part after part, such as powers (powers,), as a list of views of the parts' shapes; of what has more
        axes behind, such as probabilities, too."""
        ends = np.cumsum([part.powers for part in self.parts])
        flat = values.reshape(self.powers, *values.shape[len(self.shape):])
        return [flat[end - part.powers:end].reshape(*part.shape, *flat.shape[1:]) for part, end in zip(self.parts, ends)]

    def structure(self):
        """What the size of a workspace depends on beside shape and dtype."""
        if self._parts:
            return tuple((part.shape, part.structure()) for part in self._parts)
        return None if self.graph is None else self.graph.slots

    @property
    def graph(self):
        """The Graph of sparse channels, None if they are full matrices."""
        return shared(library.pa_states_graph(self.handle), self.handle)

    @property
    def first(self):
        return library.pa_states_first(self.handle)

    @property
    def h(self):
        """The channels: the caller's array itself, or a read-only view (batch, links, links), (batch, slots) if sparse."""
        if self._parts:
            return None
        graph = self.graph
        shape = (*self.shape, self.links) if graph is None else (*self.shape[:-1], graph.slots)
        return self._borrowed("h", self.of_precision("pa_states_channel"), shape, self.dtype)

    @property
    def node_state(self):
        """The node state: the caller's array itself, or a read-only view (batch, links, features); None if none."""
        shape = (*self.shape, library.pa_states_node_features(self.handle))
        return self._borrowed("node_state", library.pa_states_node_state, shape)

    def _borrowed(self, name, function, shape, dtype=np.float64):
        array = self.handle.keep.get(name)
        return view(function(self.handle), shape, False, self.handle, dtype) if array is None else array

    @property
    def noise(self):
        """Noise powers in W: a read-only view (links,)."""
        return view(library.pa_states_noise(self.handle), (self.links,), keep=self.handle)

    @property
    def power_limit(self):
        """Power limits in W: a read-only view (links,)."""
        return view(library.pa_states_power_limit(self.handle), (self.links,), keep=self.handle)

    @property
    def weights(self):
        """Weights: a read-only view (links,)."""
        return view(library.pa_states_weights(self.handle), (self.links,), keep=self.handle)

    def sinr(self, power, out=None):
        """Linear signal to interference and noise ratios, of self.shape, for powers of that shape in W."""
        return self._reached("pa_sinr", power, out)

    def rates(self, power, out=None):
        """Rates log2(1 + SINR) in bit/s/Hz, of self.shape, for powers of that shape in W."""
        return self._reached("pa_rates", power, out)

    def _reached(self, name, power, out):
        borrow(power, "power", self.shape, dtypes=(self.dtype,))
        out = output(out, self.shape, self.dtype)
        if np.may_share_memory(power, out):
            raise ValueError("out overlaps power")
        self.of_precision(name)(self.handle, power, out)
        return out


def lent(pointer):
    """States that C code lends to a callback: to be closed when it returns."""
    return States._of_handle(Handle(pointer, owned=False))
