"""Networks: who hears whom, with random fading on top."""
from contextlib import contextmanager
from ctypes import byref
from weakref import WeakSet

import numpy as np

from . import _signatures
from ._arrays import borrow, output, parameters, view
from ._library import Handle, Tunable, callback, library, make
from .graph import shared
from .states import States


class Network(Tunable):
    """A network or a family of them; made by adhoc(), family(), multicell(), sparse_adhoc(),
    sparse_of_positions() and the of_ methods.

    They all take keyword arguments besides: noise (W, one number or one for each link), power_limit (likewise), and
    the keys of a network, such as density=2.

    Draw i of stream s depends on the seed, s and i alone, whatever the batch and the order of the calls.
    """

    _noun = "network"

    def __init__(self, handle, noise=None, power_limit=None, **keys):
        super().__init__(handle)
        self._graphs = WeakSet()
        self.set(**keys)
        if noise is not None:
            self.set_noise(noise)
        if power_limit is not None:
            self.set_power_limit(power_limit)

    @classmethod
    def adhoc(cls, links, seed=0, **settings):
        """Ad hoc network by the rule of the papers."""
        return cls(make(library.pa_network_create_adhoc, links, seed), **settings)

    @classmethod
    def family(cls, links, density=(1.0, 1.0), seed=0, **settings):
        """Family of ad hoc networks for robust training: links and density are ranges (lowest, highest)."""
        return cls(make(library.pa_network_create_adhoc_family, *links, *density, seed), **settings)

    @classmethod
    def multicell(cls, cells, links, seed=0, **settings):
        """Multi-cell uplink: user i belongs to base station i mod cells."""
        return cls(make(library.pa_network_create_multicell, cells, links, seed), **settings)

    @classmethod
    def of_path_gain(cls, path_gain, seed=0, **settings):
        """Network of given path gains (links, links): amplitudes, linear, transmitter by receiver; copied."""
        borrow(path_gain, "path_gain", 2 * np.shape(path_gain)[:1])
        return cls(make(library.pa_network_create_path_gain, len(path_gain), path_gain, seed), **settings)

    @classmethod
    def of_positions(cls, transmitters, receivers, receiver_of=None, min_distance=0.0, seed=0, **settings):
        """Network of given positions; all copied.

        transmitters: (links, 2); receivers: (receivers, 2), in one unit of length
        receiver_of: (links,) index of the receiver of each link, int64; None: one receiver for each link
        min_distance: shorter distances count as this
        """
        borrow(transmitters, "transmitters", (*np.shape(transmitters)[:1], 2))
        borrow(receivers, "receivers", (*np.shape(receivers)[:1], 2))
        if receiver_of is not None:
            receiver_of = np.ascontiguousarray(receiver_of, dtype=np.int64)
            if receiver_of.shape != (len(transmitters),):
                raise ValueError(f"receiver_of has shape {receiver_of.shape}, must have ({len(transmitters)},)")
        return cls(make(library.pa_network_create_positions, len(transmitters), transmitters, len(receivers), receivers,
                        receiver_of, min_distance, seed), **settings)

    @classmethod
    def sparse_adhoc(cls, links, reference_links, cutoff, seed=0, **settings):
        """Ad hoc network by the rule of the papers, as dense as one of reference_links, whose channels end at a
        distance."""
        return cls(make(library.pa_network_create_sparse_adhoc, links, reference_links, cutoff, seed), **settings)

    @classmethod
    def sparse_of_positions(cls, transmitters, receivers, cutoff, min_distance=0.0, seed=0, **settings):
        """Network of given positions, (links, 2) both, whose channels end at a distance; all copied."""
        borrow(transmitters, "transmitters", (*np.shape(transmitters)[:1], 2))
        borrow(receivers, "receivers", np.shape(transmitters))
        return cls(make(library.pa_network_create_sparse_positions, len(transmitters), transmitters, receivers,
                        min_distance, cutoff, seed), **settings)

    @classmethod
    def of_graph(cls, graph, path_gain, seed=0, **settings):
        """Network of path gains (edges,) on a Graph: amplitudes, linear; copied."""
        borrow(path_gain, "path_gain", (graph.edges,))
        return cls(make(library.pa_network_create_graph, graph.handle, path_gain, seed, graph=graph.handle), **settings)

    @classmethod
    def of_callback(cls, links, draw, features=0, **settings):
        """Network whose states a function draws: draw(stream, first, h, x).

        It fills h (batch, links, links), amplitudes, and x (batch, links, features), node states (None without
        features), for the samples first, first + 1, ... of a stream: 0 to train on, 1 to compare weights on. Both are
        memory of the library: use them within the call only.
        """
        def thunk(user, stream, first, batch, h, x):
            return draw(stream, first, view(h, (batch, links, links), writable=True),
                        view(x, (batch, links, features), writable=True))
        thunk = callback(_signatures.pa_state_fn, thunk)
        return cls(make(library.pa_network_create_callback, links, features, thunk, None, _signatures.pa_free_fn(),
                        draw=thunk), **settings)

    def set_noise(self, watts):
        """Noise power of the receivers in W: one number or (links,)."""
        watts = parameters(watts, "noise")
        library.pa_network_set_noise(self.handle, watts, watts.size)

    def set_power_limit(self, watts):
        """Power limit of the transmitters in W: one number or (links,)."""
        watts = parameters(watts, "power_limit")
        library.pa_network_set_power_limit(self.handle, watts, watts.size)

    @property
    def links(self):
        """Links; the most of a family."""
        return library.pa_network_links(self.handle)

    @property
    def links_min(self):
        """Fewest links of a draw."""
        return library.pa_network_links_min(self.handle)

    @property
    def features(self):
        """Features of a node's state."""
        return library.pa_network_features(self.handle)

    @property
    def graph(self):
        """The Graph of a sparse network, None if its channels are full matrices. Once reserve() or a key has replaced it,
        it is closed."""
        graph = shared(library.pa_network_graph(self.handle), self.handle)
        if graph is not None:
            self._graphs.add(graph)
        return graph

    def set(self, **keys):
        """Sets keys, in the given order, up to the first that is refused."""
        with self._replacing():
            super().set(**keys)

    @contextmanager
    def _replacing(self):
        """Closes the graphs that were given out if they are gone."""
        before = library.pa_network_graph(self.handle)
        try:
            yield
        finally:
            now = library.pa_network_graph(self.handle)
            if before and now.value != before.value:
                for graph in self._graphs:
                    graph.close()
                self._graphs.clear()

    def reserve(self, links=None, slots=0):
        """Room for links of a sparse network with a cut-off to join, leave and move: numbers for as many links (None: for
        those that there are) and slots for edges (0: chosen). The network has a new graph then: make States on it.
        """
        with self._replacing():
            library.pa_network_reserve(self.handle, self.links if links is None else links, slots)

    def join(self, transmitters, receivers):
        """Links join at positions (count, 2) both; returns their numbers, int64. States must be bound to channels that
        were drawn after this, and so it is with leave() and move()."""
        borrow(transmitters, "transmitters", (*np.shape(transmitters)[:1], 2))
        borrow(receivers, "receivers", np.shape(transmitters))
        links = np.empty(len(transmitters), np.int64)
        library.pa_network_join(self.handle, len(links), transmitters, receivers, links)
        return links

    def leave(self, links):
        """Links leave; their numbers are free, with power and rate 0."""
        links = np.atleast_1d(np.asarray(links, np.int64))
        library.pa_network_leave(self.handle, len(links), np.ascontiguousarray(links))

    def move(self, links, transmitters=None, receivers=None):
        """Links move to positions (count, 2); None: where they were."""
        links = np.ascontiguousarray(np.atleast_1d(np.asarray(links, np.int64)))
        for name, at in ("transmitters", transmitters), ("receivers", receivers):
            if at is not None:
                borrow(at, name, (len(links), 2))
        library.pa_network_move(self.handle, len(links), links, transmitters, receivers)

    @property
    def present(self):
        """Links that are there: all but for the numbers that are free."""
        return library.pa_network_present(self.handle)

    def _channel_shape(self):
        graph = self.graph
        return (self.links, self.links) if graph is None else (graph.slots,)

    def left_out(self):
        """Of a sparse network with a cut-off: the interference (links,) in W, at full power, that it leaves out at each
        receiver, in the mean and at most."""
        mean, most = np.empty((2, self.links))
        library.pa_network_left_out(self.handle, mean, most)
        return mean, most

    @property
    def path_gain(self):
        """Path gains (links, links), or (slots,) if sparse, amplitudes, linear: a new array. Not of a family."""
        gain = np.empty(self._channel_shape())
        library.pa_network_path_gain(self.handle, gain)
        return gain

    @property
    def positions(self):
        """Positions of the transmitters (links, 2) and of the receiver of each link (links, 2): new arrays; NaN where links
        have left."""
        transmitters, receivers = np.empty((2, self.links, 2))
        library.pa_network_positions(self.handle, transmitters, receivers)
        return transmitters, receivers

    def draw(self, batch, first=0, stream=0, out=None):
        """Channels (batch, links, links), or (batch, slots) if sparse, of samples first, first + 1, ... of a stream."""
        out = output(out, (batch, *self._channel_shape()))
        library.pa_network_draw(self.handle, stream, first, batch, out)
        return out

    def states(self, batch, first=0, stream=0):
        """States that own their channels, with the network's noise and power limits."""
        pointer = _signatures.pa_states()
        library.pa_network_draw_states(self.handle, stream, first, batch, byref(pointer), None)
        return States._of_handle(Handle(pointer))
