"""libpowalloc, through probe.c, which holds a whole copy of it."""

import ctypes

import numpy

NAME = "libpowalloc"
SINGLE = numpy.dtype("float32")


class Library:
    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        for name in ["probe_allocate", "probe_gradient", "probe_step", "probe_peak", "probe_bandwidth", "probe_product",
                     "probe_function"]:
            getattr(self.c, name).restype = ctypes.c_double
        for name in ["pa_last_error", "pa_instruction_set", "pa_version_text"]:
            getattr(self.c, name).restype = ctypes.c_char_p
        for name in ["pa_uwmmse_policy", "pa_regnn_policy"]:
            getattr(self.c, name).restype = ctypes.c_void_p

    def must(self, status):
        if status < 0:
            raise RuntimeError(self.c.pa_last_error().decode())

    def made(self, name, *arguments):
        handle = ctypes.c_void_p()
        self.must(getattr(self.c, name)(ctypes.byref(handle), *arguments))
        return handle

    def states(self, h, noise):
        make = "pa_states_create_f32" if h.dtype == SINGLE else "pa_states_create"
        return self.made(make, ctypes.c_size_t(h.shape[0]), ctypes.c_size_t(h.shape[1]), pointer(h),
                         ctypes.c_double(noise), ctypes.c_double(1), None)

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
        """A fresh model and its weights as models.py wants them."""
        model = self.made("pa_uwmmse_create", ctypes.c_int32(architecture), ctypes.c_size_t(4), ctypes.c_size_t(5),
                          ctypes.c_uint64(1), None)
        self.c.pa_uwmmse_weight_count.restype = ctypes.c_size_t
        flat = numpy.empty(self.c.pa_uwmmse_weight_count(model))
        self.must(self.c.pa_uwmmse_get_weights(model, pointer(flat), ctypes.c_size_t(flat.size)))
        policy = ctypes.c_void_p(self.c.pa_uwmmse_policy(model))
        return policy, paper_weights(flat) if architecture == 1 else None

    def allocate(self, policy, h, noise):
        """Powers [batch][M], and a function that gives the nanoseconds of so many allocations."""
        states, power = self.states(h, noise), numpy.empty(h.shape[:2], h.dtype)
        self.must(-(self.c.probe_allocate(policy, states, pointer(power), ctypes.c_size_t(1)) < 0))
        return power, lambda times: self.c.probe_allocate(policy, states, pointer(power), ctypes.c_size_t(times))

    def latency(self, policy, h, noise, times):
        states, power = self.states(h, noise), numpy.empty(h.shape[:2], h.dtype)
        each = numpy.empty(times)
        self.must(self.c.probe_latency(policy, states, pointer(power), ctypes.c_size_t(times), pointer(each)))
        return each

    def gradient(self, policy, h, noise, count):
        states, gradient = self.states(h, noise), numpy.empty(count)
        self.c.probe_gradient(policy, states, pointer(gradient), ctypes.c_size_t(1))
        return gradient, lambda times: self.c.probe_gradient(policy, states, pointer(gradient), ctypes.c_size_t(times))

    def step(self, policy, h, noise, dy, count):
        states, gradient = self.states(h, noise), numpy.empty(count)
        dy = numpy.ascontiguousarray(dy, dtype=float)
        self.c.probe_step(policy, states, pointer(dy), pointer(gradient), ctypes.c_size_t(1))
        return gradient, lambda times: self.c.probe_step(policy, states, pointer(dy), pointer(gradient),
                                                         ctypes.c_size_t(times))


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data)


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
