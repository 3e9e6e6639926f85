"""Who hears whom in large networks."""
import numpy as np

from ._arrays import borrow, view
from ._library import Handle, Resource, library, make


class Graph(Resource):
    """The channels that a sparse network has: compressed sparse rows (CSR) as SciPy's, of transmitters.

    Graph(indptr, indices): of your arrays, int64 (links + 1,) and int32 (edges,), which are used in place and never
    copied: row i, indices[indptr[i]:indptr[i + 1]], has the links whose receivers hear transmitter i, ascending. Also
    of_scipy(), of_matrix() and of_positions().

    Channels on a graph are one number an edge, in the order of the edges. Powers, rates and parameters of links are in
    your order of links, also where the rows have another one: see order. The graph of a network that can change
    (Network.reserve()) has gaps between its rows: there channels are one number a slot, and row i has the slots indptr[i]
    to ends[i] - 1.
    """

    def __init__(self, indptr, indices):
        borrow(indptr, "indptr", (max(len(indptr), 1),), dtypes=(np.int64,))
        borrow(indices, "indices", (int(indptr[-1]) if len(indptr) else 0,), dtypes=(np.int32,))
        super().__init__(make(library.pa_graph_create, len(indptr) - 1, indptr, indices, indptr=indptr,
                              indices=indices))

    @classmethod
    def _of_handle(cls, handle):
        graph = cls.__new__(cls)
        Resource.__init__(graph, handle)
        return graph

    @classmethod
    def of_scipy(cls, matrix):
        """Of a scipy.sparse CSR matrix or array with sorted indices; its data are the channels on the graph."""
        if matrix.format != "csr":
            raise TypeError(f"the matrix has format {matrix.format}, must be csr: see its tocsr()")
        if matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"the matrix has shape {matrix.shape}, must be square")
        return cls(np.ascontiguousarray(matrix.indptr, dtype=np.int64),
                   np.ascontiguousarray(matrix.indices, dtype=np.int32))

    @classmethod
    def of_matrix(cls, h, least):
        """Where amplitudes h (links, links) are at least `least`, and the direct channels; see pick()."""
        borrow(h, "h", 2 * np.shape(h)[:1])
        return cls._of_handle(make(library.pa_graph_create_threshold, len(h), h, least))

    @classmethod
    def of_positions(cls, transmitters, receivers, cutoff):
        """Where a receiver is no further from a transmitter than the cut-off, and the direct channels.

        transmitters, receivers: (links, 2), in one unit of length; not kept
        """
        borrow(transmitters, "transmitters", (*np.shape(transmitters)[:1], 2))
        borrow(receivers, "receivers", np.shape(transmitters))
        return cls._of_handle(make(library.pa_graph_create_positions, len(transmitters), transmitters, receivers,
                                   cutoff))

    def to_scipy(self, h):
        """Channels h (slots,) on this graph as a scipy.sparse.csr_array in your order of links."""
        from scipy.sparse import csr_array
        indices, indptr = self.indices, self.indptr
        if self.slots != self.edges or np.any(self.ends != indptr[1:]):
            begin, length = indptr[:-1], self.ends - indptr[:-1]
            indptr = np.concatenate(([0], np.cumsum(length)))
            slot = np.arange(indptr[-1]) + np.repeat(begin - indptr[:-1], length)
            h, indices = np.asarray(h)[slot], indices[slot]
        matrix = csr_array((h, indices, indptr), shape=(self.links, self.links))
        if self.order is not None:
            row = np.argsort(self.order)
            matrix = matrix[row][:, row]
            matrix.sort_indices()
        return matrix

    @property
    def links(self):
        return library.pa_graph_links(self.handle)

    @property
    def edges(self):
        return library.pa_graph_edges(self.handle)

    @property
    def slots(self):
        """Numbers in a sample's channels: edges and gaps."""
        return library.pa_graph_slots(self.handle)

    @property
    def indptr(self):
        """Where rows begin (links + 1,), read-only; of the graph of a network or of states a copy, as are all arrays."""
        return self._array(library.pa_graph_offset, self.links + 1, np.int64)

    @property
    def ends(self):
        """Where rows end (links,), read-only."""
        return self._array(library.pa_graph_end, self.links, np.int64)

    @property
    def indices(self):
        """The column of each edge (slots,), -1 in gaps, read-only."""
        return self._array(library.pa_graph_receiver, self.slots, np.int32)

    @property
    def order(self):
        """Your link of each row and column (links,), read-only; None if they are the same."""
        return self._array(library.pa_graph_order, self.links, np.int32)

    def _array(self, function, count, dtype):
        array = view(function(self.handle), (count,), False, self.handle, dtype)
        if array is None or "holder" not in self.handle.keep:
            return array
        array = array.copy()  # a network may change it
        array.flags.writeable = False
        return array

    def pick(self, h):
        """The channels (slots,) of a full matrix h (links, links), and the power gains (links,) to each receiver that
        they leave out."""
        borrow(h, "h", (self.links, self.links))
        value, left_out = np.empty(self.slots), np.empty(self.links)
        library.pa_graph_pick(self.handle, h, value, left_out)
        return value, left_out


def shared(pointer, keep):
    """The graph that something else holds; None for NULL."""
    return Graph._of_handle(Handle(pointer, owned=False, holder=keep)) if pointer else None
