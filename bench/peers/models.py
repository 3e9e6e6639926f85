"""The work that is timed, once for every array library: `ops` is its namespace of functions. `vecmat` is the product
of a row with a matrix, which a library may compute as that of the transpose with a column.

h is [batch][M][M], amplitudes from transmitter to receiver; the power limit is 1 W. On sparse channels h is a
sparse.Matrix, and [batch][M] below is one axis of all nodes.
"""


def regnn(ops, h, taps, scale):
    """Outputs y [batch][M] of 8 layers of 5 taps and one feature: y = sum_k S^k z a_k, ReLU between the layers."""
    shift = ops.transposed(scale * h)
    z = ops.ones(h)
    for layer, a in enumerate(taps):
        y = a[0] * z
        for tap in a[1:]:
            z = ops.vecmat(z, shift)
            y = y + tap * z
        z = ops.relu(y) if layer + 1 < len(taps) else y
    return z


def gains(ops, h, noise):
    """Gains over the noise with zeros on the diagonal, and the diagonal."""
    g = h * h * (1 / noise)
    direct = ops.diagonal(g)
    return ops.without_diagonal(g), direct


def wmmse(ops, h, noise, iterations):
    """v [batch][M] after full updates of u, w and v, in the stable form w = T / I."""
    g, d = gains(ops, h, noise)
    gt = ops.transposed(g)
    v = ops.ones(h)
    for _ in range(iterations):
        s = v * v
        i = 1 + ops.vecmat(s, g)
        common = d / ((i + d * s) * i)
        q = common * s
        v = ops.clip(common * v * (i + d * s) / ops.guarded(ops.vecmat(q, gt) + d * q))
    return v


def gates(ops, h, w):
    """a and b of each layer, [batch][M][8]. The GCNs see ones, so that their first layers share one row sum."""
    f = w["scale"] * h
    near = ops.diagonal(f)[..., None]
    far = ops.row_sums(f)[..., None]
    hidden = ops.relu(near[..., None] * w["first0"] + far[..., None] * w["first1"] + w["bias1"])
    head0 = ops.last_sums(hidden * w["second0"])
    head1 = ops.last_sums(hidden * w["second1"])
    return ops.sigmoid(near * head0 + ops.matmul(f, head1) + w["bias2"])


def uwmmse(ops, h, noise, w, known=None):
    """v [batch][M] of 4 layers of the paper's architecture; the gains may be known."""
    gate = gates(ops, h, w)
    g, d = known or gains(ops, h, noise)
    gt = ops.transposed(g)
    v = ops.ones(h)
    for layer in range(4):
        a, b = gate[..., 2 * layer], gate[..., 2 * layer + 1]
        s = v * v
        i = 1 + ops.vecmat(s, g)
        t = i + d * s
        weight = a * t / i + b
        per_v = d * weight / t
        q = per_v * s / t
        v = ops.clip(per_v * v / ops.guarded(ops.vecmat(q, gt) + d * q + w["mu"][layer]))
    return v


def sum_rate(ops, h, noise, v, known=None):
    """Sum-rates [batch] in bit/s/Hz."""
    g, d = known or gains(ops, h, noise)
    i = 1 + ops.vecmat(v * v, g)
    return ops.last_sums(ops.log(1 + d * v * v / i)) * 1.4426950408889634
