"""libpowalloc, through probe.c, which holds a whole copy of it."""

import ctypes
import weakref

import numpy

import sparse

NAME = "libpowalloc"
SINGLE = numpy.dtype("float32")


DOUBLES = ["probe_allocate", "probe_gradient", "probe_step", "probe_train", "probe_repeat", "probe_peak",
           "probe_bandwidth", "probe_tick", "probe_clock", "probe_product", "probe_product_f32", "probe_sparse_product",
           "probe_sparse_product_f32", "probe_function", "probe_function_f32"]
TEXTS = ["pa_last_error", "pa_instruction_set", "pa_version_text", "bli_info_get_version_str"]
POINTERS = ["pa_uwmmse_policy", "pa_regnn_policy", "pa_states_graph", "pa_states_channel", "pa_graph_offset",
            "pa_graph_receiver"]
SIZES = ["pa_uwmmse_weight_count", "pa_graph_edges", "blis_scratch", "blis_scratch_f32"]
PAPER, EXTENDED = 1, 2  # as in uwmmse.h
HELD_OUT_EVERY, HELD_OUT = 307, 308  # as in trainer.h
MIN_DISTANCE = 105  # as in network.h


class Library:
    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        for names, kind in ((DOUBLES, ctypes.c_double), (TEXTS, ctypes.c_char_p), (POINTERS, ctypes.c_void_p),
                            (SIZES, ctypes.c_size_t)):
            for name in names:
                getattr(self.c, name).restype = kind

    def must(self, status):
        if status < 0:
            raise RuntimeError(self.c.pa_last_error().decode())

    def made(self, name, *arguments):
        handle = ctypes.c_void_p()
        self.must(getattr(self.c, name)(ctypes.byref(handle), *arguments))
        return handle

    def states(self, h, noise):
        """On full matrices [batch][M][M], or on sparse.Channels."""
        suffix, batch = "_f32" if h.dtype == SINGLE else "", ctypes.c_size_t(h.shape[0])
        rest = ctypes.c_double(noise), ctypes.c_double(1), None
        if isinstance(h, sparse.Channels):
            states = self.made("pa_states_create_sparse" + suffix, batch, self.graph(h.graph), pointer(h.values), *rest)
        else:
            states = self.made("pa_states_create" + suffix, batch, ctypes.c_size_t(h.shape[1]), pointer(h), *rest)
        states.h = h  # borrowed, lives as long
        return self.owned(states, "pa_states_free")

    def owned(self, handle, free):
        """The handle, freed with the object."""
        weakref.finalize(handle, getattr(self.c, free), ctypes.c_void_p(handle.value))
        return handle

    def graph(self, graph):
        """Handle of a sparse.Graph, on its arrays."""
        if graph.handle is None:
            graph.handle = self.made("pa_graph_create", ctypes.c_size_t(graph.nodes), pointer(graph.offset),
                                     pointer(graph.receiver), None)
            self.owned(graph.handle, "pa_graph_free")
        return graph.handle

    def sparse_adhoc(self, links, batch, cutoff):
        """A graph and channels [batch][edges] of an ad hoc network as dense as those of 20 links; its rows are along a
        Hilbert curve."""
        network = self.made("pa_network_create_sparse_adhoc", ctypes.c_size_t(links), ctypes.c_size_t(20),
                            ctypes.c_double(cutoff), ctypes.c_uint64(1), None)
        self.must(self.c.pa_network_set(network, ctypes.c_int32(MIN_DISTANCE), ctypes.c_double(.1)))
        states = ctypes.c_void_p()
        self.must(self.c.pa_network_draw_states(network, ctypes.c_uint64(0), ctypes.c_uint64(0), ctypes.c_size_t(batch),
                                                ctypes.byref(states), None))
        graph = ctypes.c_void_p(self.c.pa_states_graph(states))
        edges = self.c.pa_graph_edges(graph)
        copies = [copied(getattr(self.c, name)(handle), shape, dtype) for name, handle, shape, dtype in (
            ("pa_graph_offset", graph, links + 1, numpy.int64), ("pa_graph_receiver", graph, edges, numpy.int32),
            ("pa_states_channel", states, (batch, edges), numpy.float64))]
        self.c.pa_states_free(states)
        self.c.pa_network_free(network)
        return sparse.Graph(*copies[:2]), copies[2]

    def sparse_product(self, h, z, transposed):
        """H z or H^T z, z [M] or [M][columns], of one sample of sparse.Channels; and a function that gives the
        nanoseconds of so many."""
        probe = getattr(self.c, "probe_sparse_product" + ("_f32" if h.dtype == SINGLE else ""))
        graph, columns = self.graph(h.graph), numpy.ascontiguousarray(z.T)
        y = numpy.empty_like(columns)

        def run(times):
            return probe(graph, pointer(h.values), pointer(columns), pointer(y), ctypes.c_size_t(z[0].size), transposed,
                         ctypes.c_size_t(times))

        run(1)
        return y.T, run

    def wmmse(self, iterations):
        policy = self.made("pa_policy_create", b"wmmse", None)
        self.must(self.c.pa_policy_set(policy, self.key(b"policy.iterations"), ctypes.c_double(iterations)))
        return policy

    def key(self, name):
        return ctypes.c_int32(self.c.pa_key_find(name))

    def regnn(self, taps, scale):
        keys = (ctypes.c_int32 * 8)(401, 402, 403, 404, 406, 407, 410, 411)  # as in regnn.h
        values = (ctypes.c_double * 8)(taps.shape[0], 1, taps.shape[1], 1, 1, scale, 0, 3)
        model = self.made("pa_regnn_create", keys, values, ctypes.c_size_t(8), ctypes.c_uint64(1), None)
        flat = numpy.ascontiguousarray(taps, dtype=float)
        self.must(self.c.pa_regnn_set_weights(model, pointer(flat), ctypes.c_size_t(flat.size)))
        return ctypes.c_void_p(self.c.pa_regnn_policy(model))

    def uwmmse(self, architecture):
        """A fresh model and its weights in the public order."""
        model = self.made("pa_uwmmse_create", ctypes.c_int32(architecture), ctypes.c_size_t(4), ctypes.c_size_t(5),
                          ctypes.c_uint64(1), None)
        flat = numpy.empty(self.c.pa_uwmmse_weight_count(model))
        self.must(self.c.pa_uwmmse_get_weights(model, pointer(flat), ctypes.c_size_t(flat.size)))
        return ctypes.c_void_p(self.c.pa_uwmmse_policy(model)), flat

    def pool(self, threads):
        return self.made("pa_pool_create", ctypes.c_size_t(threads), None)

    def allocate(self, policy, h, noise, pool=None):
        """Powers [batch][M], and a function that gives the nanoseconds of so many allocations."""
        states, power = self.states(h, noise), numpy.empty(h.shape[:2], h.dtype)

        def run(times):
            ns = self.c.probe_allocate(policy, states, pointer(power), pool, ctypes.c_size_t(times))
            self.must(-(ns < 0))
            return ns

        run(1)
        return power, run

    def latency(self, policy, h, noise, times):
        """Nanoseconds of each of so many allocations, the clock's time included, and that time."""
        states, power = self.states(h, noise), numpy.empty(h.shape[:2], h.dtype)
        each, tick = numpy.ones(times), self.c.probe_tick()
        for count in (1000, times):  # the first ones are not counted
            self.must(self.c.probe_latency(policy, states, pointer(power), ctypes.c_size_t(count), pointer(each)))
        return each * tick, self.c.probe_clock() * tick

    def gradient(self, policy, h, noise, count):
        states, gradient = self.states(h, noise), numpy.empty(count)

        def run(times):
            return self.c.probe_gradient(policy, states, pointer(gradient), ctypes.c_size_t(times))

        run(1)
        return gradient, run

    def step(self, policy, h, noise, dy, count):
        states, gradient = self.states(h, noise), numpy.empty(count)
        dy = numpy.ascontiguousarray(dy, dtype=float)

        def run(times):
            return self.c.probe_step(policy, states, pointer(dy), pointer(gradient), ctypes.c_size_t(times))

        run(1)
        return gradient, run

    def training(self, kind, links, pool=None):
        """A function that gives the nanoseconds of so many training steps on an ad hoc network: UWMMSE of the paper on
        the sum-rate, or REGNN model-free under a power budget."""
        network = self.made("pa_network_create_adhoc", ctypes.c_size_t(links), ctypes.c_uint64(1), None)
        if kind == "uwmmse":
            policy = self.uwmmse(PAPER)[0]
        else:
            model = self.made("pa_regnn_create", None, None, ctypes.c_size_t(0), ctypes.c_uint64(1), None)
            policy = ctypes.c_void_p(self.c.pa_regnn_policy(model))
        trainer = self.made("pa_trainer_create", policy, network, ctypes.c_uint64(1), None)
        if kind == "regnn":
            capacity, budget = self.c.pa_reward_capacity, ctypes.c_double(links / 10)
            self.must(self.c.pa_trainer_set_reward(trainer, ctypes.c_size_t(links), capacity, None, None))
            self.must(self.c.pa_trainer_add_constraint(trainer, 1, ctypes.byref(budget), ctypes.c_size_t(1)))
        for key, value in ((HELD_OUT_EVERY, 1e6), (HELD_OUT, 64)):  # looks are rare: steps are what counts
            self.must(self.c.pa_trainer_set(trainer, key, ctypes.c_double(value)))
        self.must(self.c.pa_trainer_set_pool(trainer, pool))

        def run(steps):
            ns = self.c.probe_train(trainer, ctypes.c_size_t(steps))
            self.must(-(ns < 0))
            return ns

        return run


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data)


def copied(address, shape, dtype):
    array = numpy.empty(shape, dtype)
    ctypes.memmove(array.ctypes.data, address, array.nbytes)
    return array


GCN = {"w0_1": 5, "w1_1": 5, "b0_1": 5, "b1_1": 5, "w0_2": 5, "w1_2": 5, "b0_2": 1, "b1_2": 1}


def paper_weights(flat):
    """Weights in the public order: of the GCNs a(1), b(1), ..., and mu of each layer. Biases act as their sum."""
    parts, at = {}, 0
    gcns = flat[: 8 * sum(GCN.values())].reshape(8, -1)
    for name, size in GCN.items():
        parts[name] = gcns[:, at : at + size]
        at += size
    return {
        "first0": parts["w0_1"], "first1": parts["w1_1"], "bias1": parts["b0_1"] + parts["b1_1"],
        "second0": parts["w0_2"], "second1": parts["w1_2"], "bias2": (parts["b0_2"] + parts["b1_2"])[:, 0],
        "mu": flat[-4:], "scale": 1.0,
    }


def paper_gradient(grads):
    """Gradients by weights() in the public order."""
    by = dict(zip(LEARNED, grads))
    columns = [by["first0"], by["first1"], by["bias1"], by["bias1"], by["second0"], by["second1"],
               by["bias2"][:, None], by["bias2"][:, None]]
    return numpy.concatenate([numpy.concatenate(columns, axis=1).ravel(), by["mu"]])


LEARNED = ["first0", "first1", "bias1", "second0", "second1", "bias2", "mu"]
