/* UWMMSE forward and backward on one block. Everything is in the units of pa__gains: noise 1, amplitudes v in [0, 1],
 * so that with T_j = I_j + d_j v_j^2 the paper's eqs. (6)-(8) read u_j^2 w_j = d_j v_j^2 w_j / T_j^2,   u_j h_jj w_j =
 * d_j v_j w_j / T_j,   w_j = a_j T_j / I_j + b_j. */
#include "uwmmse_pass.h"

#include <math.h>
#include <string.h>

#define INV_LN2 1.44269504088896340736

/* Features below this strength count as this strong. */
#define WEAKEST 1e-20
/* Bounds of z / v and of the exponent of its power: their products stay finite. */
#define LEAST_RATIO 1e-300
#define LARGEST_RATIO 1e300
#define LARGEST_EXPONENT 700.0

static double *node(double *vectors, const pa__layout *l, size_t index) { return vectors + index * l->length; }

/* c[sample]: geometric mean of the direct channels that are not 0; 1 if there is none. work: two node vectors. */
static void geometric_mean(const pa__la *la, const pa__block *block, double *c, double *work) {
  const pa__layout *l = &block->layout;
  double *channel = work, *logarithm = work + l->length;
  for (size_t k = 0; k < l->length; k++) channel[k] = 1;
  for (size_t i = 0; i < l->links; i++)
    for (size_t s = 0; s < l->width; s++) channel[i * l->width + s] = block->h[s][i * (l->links + 1)];
  la->log(l->length, logarithm, channel);
  for (size_t s = 0; s < l->width; s++) {
    double sum = 0, count = 0;
    for (size_t i = 0; i < l->links; i++)
      if (channel[i * l->width + s] > 0) sum += logarithm[i * l->width + s], count++;
    c[s] = count > 0 ? exp(sum / count) : 1;
  }
}

static void log_strength(const pa__la *la, size_t n, double *x, const double *restrict signal,
                         const double *restrict interference) {
  for (size_t k = 0; k < n; k++) {
    double strength = signal[k] / (1 + interference[k]);
    x[k] = strength > WEAKEST ? strength : WEAKEST;
  }
  la->log(n, x, x);
  for (size_t k = 0; k < n; k++) x[k] /= 10;
}

/* F and the GCNs' inputs diag(F) X, F X. X is all ones; extended, also the column sums of F, the log SNR and the log
 * SINR at full power, both by 10. */
static void node_inputs(const pa__la *la, const pa__uwmmse_shape *shape, const pa__uwmmse_weights *w,
                        const pa__block *block, const pa__uwmmse_tape *t) {
  const pa__layout *l = &block->layout;
  size_t n = l->length, features = shape->features;
  double *diagonal = t->inputs, *x = t->scratch;
  for (size_t k = 0; k < n; k++) t->ones[k] = l->width > 1 || k < l->links ? 1 : 0;
  memcpy(x, t->ones, n * sizeof(double));
  if (shape->extended) {
    double c[PA__WIDEST], *colsum = node(x, l, 1), *snr = node(x, l, 2), *sinr = node(x, l, 3), *none = node(x, l, 4);
    geometric_mean(la, block, c, node(x, l, 4));
    la->pack_bounded(l, block->h, c, &t->shift, diagonal);
    la->shift_transposed(l, colsum, &t->shift, x, 1);
    memset(none, 0, n * sizeof(double));
    log_strength(la, n, snr, t->gains.direct, none);
    la->shift_transposed(l, none, &t->gains.cross, x, 1);
    log_strength(la, n, sinr, t->gains.direct, none);
  } else {
    la->pack_scaled(l, block->h, w->scale, &t->shift, diagonal);
  }
  la->shift(l, node(t->inputs, l, features), &t->shift, x, features);
  for (size_t f = 1; f < features; f++)
    for (size_t k = 0; k < n; k++) t->inputs[f * n + k] = diagonal[k] * x[f * n + k];
}

/* gate = sigmoid(diag(F) X w0 + F X w1 + b) of all GCNs on relu of the same. */
static void gcns_forward(const pa__la *la, const pa__uwmmse_shape *shape, const pa__uwmmse_weights *w,
                         const pa__layout *l, const pa__uwmmse_tape *t) {
  size_t n = l->length, gcns = shape->gcns, hidden = shape->hidden;
  const double *diagonal = t->inputs;
  la->dense(n, 2 * shape->features, gcns * hidden, t->inputs, w->first, w->first_bias, true, t->hidden);
  for (size_t side = 0; side < 2; side++)
    for (size_t g = 0; g < gcns; g++)
      la->dense(n, hidden, 1, node(t->hidden, l, g * hidden), w->second + (side * gcns + g) * hidden, NULL, false,
                node(t->head, l, side * gcns + g));
  la->shift(l, t->gate, &t->shift, node(t->head, l, gcns), gcns);
  for (size_t g = 0; g < gcns; g++) {
    double *restrict y = node(t->gate, l, g), bias = w->second_bias[g];
    const double *restrict own = node(t->head, l, g);
    for (size_t k = 0; k < n; k++) y[k] += diagonal[k] * own[k] + bias;
  }
  la->sigmoid(gcns * n, t->gate, t->gate);
}

/* d_gate in, d weights of all GCNs out. */
static void gcns_backward(const pa__la *la, const pa__uwmmse_shape *shape, const pa__uwmmse_weights *w,
                          const pa__layout *l, const pa__uwmmse_tape *t, const pa__uwmmse_weights *d) {
  size_t n = l->length, gcns = shape->gcns, hidden = shape->hidden, width = l->width;
  const double *restrict diagonal = t->inputs;
  for (size_t k = 0; k < gcns * n; k++) t->d_gate[k] *= t->gate[k] * (1 - t->gate[k]);
  la->outer(l, gcns, 1, t->d_gate, t->ones, d->second_bias);
  la->shift_transposed(l, node(t->d_head, l, gcns), &t->shift, t->d_gate, gcns);
  for (size_t g = 0; g < gcns; g++)
    for (size_t k = 0; k < n; k++) t->d_head[g * n + k] = diagonal[k] * t->d_gate[g * n + k];
  for (size_t g = 0; g < gcns; g++) {
    const double *restrict x = node(t->hidden, l, g * hidden);
    for (size_t side = 0; side < 2; side++)
      la->outer(l, hidden, 1, x, node(t->d_head, l, side * gcns + g), d->second + (side * gcns + g) * hidden * width);
    for (size_t c = 0; c < hidden; c++) {
      double w0 = w->second[g * hidden + c], w1 = w->second[(gcns + g) * hidden + c];
      const double *restrict d_own = node(t->d_head, l, g), *restrict d_far = node(t->d_head, l, gcns + g);
      double *restrict d_x = node(t->d_hidden, l, g * hidden + c);
      for (size_t k = 0; k < n; k++) d_x[k] = x[c * n + k] > 0 ? w0 * d_own[k] + w1 * d_far[k] : 0;
    }
  }
  la->outer(l, 2 * shape->features, gcns * hidden, t->inputs, t->d_hidden, d->first);
  la->outer(l, gcns * hidden, 1, t->d_hidden, t->ones, d->first_bias);
}

/* I = 1 + what arrives from the other transmitters at amplitudes v. */
static void listen(const pa__la *la, const pa__layout *l, const pa__uwmmse_tape *t, const double *restrict v,
                   double *restrict interference) {
  double *restrict power = t->scratch;
  for (size_t k = 0; k < l->length; k++) power[k] = v[k] * v[k];
  la->shift_transposed(l, interference, &t->gains.cross, power, 1);
  for (size_t k = 0; k < l->length; k++) interference[k] += 1;
}

/* w_j (into w) and u_j^2 w_j (into q). */
static void receive(size_t n, const pa__gains *g, const double *restrict a, const double *restrict b,
                    const double *restrict v, const double *restrict interference, double *restrict w,
                    double *restrict q) {
  const double *restrict direct = g->direct, *restrict weight = g->weight;
  for (size_t k = 0; k < n; k++) {
    double s = v[k] * v[k], t = interference[k] + direct[k] * s;
    w[k] = weight[k] * (a[k] * t / interference[k] + b[k]);
    q[k] = direct[k] * s * w[k] / (t * t);
  }
}

static void complete(size_t n, const pa__uwmmse_tape *t, const double *restrict q, double mu,
                     double *restrict denominator) {
  const double *restrict direct = t->gains.direct, *restrict price = t->price;
  for (size_t k = 0; k < n; k++) denominator[k] += direct[k] * q[k] + mu * price[k];
}

/* v' = clip(z), z = u h w / denominator; 0 / 0 = 0. The authors leave mu free, so the denominator may be negative. */
static void transmit(size_t n, const double *restrict direct, const double *restrict w, const double *restrict v,
                     const double *restrict interference, const double *restrict denominator, double *restrict next) {
  for (size_t k = 0; k < n; k++) {
    double numerator = direct[k] * v[k] * w[k] / (interference[k] + direct[k] * v[k] * v[k]);
    double z = numerator / denominator[k];
    next[k] = z > 0 ? (z < 1 ? z : 1) : 0;
  }
}

/* v' = clip(z (z / v)^tau) = clip(v r^(1 + tau)), r = z / v = d w / (T denominator): no division by v. */
static void transmit_relaxed(const pa__la *la, size_t n, const double *restrict direct, const double *restrict w,
                             const double *restrict v, const double *restrict interference,
                             const double *restrict denominator, double tau, double *restrict log_ratio,
                             double *restrict growth, double *restrict next) {
  for (size_t k = 0; k < n; k++) {
    double numerator = direct[k] * w[k] / (interference[k] + direct[k] * v[k] * v[k]), r = numerator / denominator[k];
    r = numerator > 0 ? r : LEAST_RATIO;
    r = r < LARGEST_RATIO ? r : LARGEST_RATIO;
    log_ratio[k] = r > LEAST_RATIO ? r : LEAST_RATIO;
  }
  la->log(n, log_ratio, log_ratio);
  for (size_t k = 0; k < n; k++) {
    double e = (1 + tau) * log_ratio[k];
    growth[k] = e < LARGEST_EXPONENT ? e : LARGEST_EXPONENT;
  }
  la->exp(n, growth, growth);
  for (size_t k = 0; k < n; k++) {
    double z = v[k] * growth[k];
    next[k] = z < 1 ? z : 1;
  }
}

pa__uwmmse_forward_fn KERNEL(uwmmse_forward);

void KERNEL(uwmmse_forward)(const pa__la *la, const pa__uwmmse_shape *shape, const pa__uwmmse_weights *weights,
                            const pa_states *states, const pa__block *block, const pa__uwmmse_tape *t) {
  const pa__layout *l = &block->layout;
  size_t n = l->length;
  pa__gains_fill(la, states, block, &t->gains);
  node_inputs(la, shape, weights, block, t);
  gcns_forward(la, shape, weights, l, t);
  for (size_t k = 0; k < n; k++) {
    t->price[k] = shape->extended ? t->ones[k] : t->gains.limit[k];
    t->v[k] = t->ones[k] * (shape->extended ? node(t->gate, l, 2 * shape->layers)[k] : weights->start);
  }
  double *w = node(t->scratch, l, 1), *q = node(t->scratch, l, 2);
  for (size_t layer = 0; layer < shape->layers; layer++) {
    double *v = node(t->v, l, layer), *next = node(t->v, l, layer + 1);
    double *interference = node(t->interference, l, layer), *denominator = node(t->denominator, l, layer);
    listen(la, l, t, v, interference);
    receive(n, &t->gains, node(t->gate, l, 2 * layer), node(t->gate, l, 2 * layer + 1), v, interference, w, q);
    la->shift(l, denominator, &t->gains.cross, q, 1);
    complete(n, t, q, weights->mu[layer], denominator);
    if (shape->extended)
      transmit_relaxed(la, n, t->gains.direct, w, v, interference, denominator, weights->tau[layer],
                       node(t->log_ratio, l, layer), node(t->growth, l, layer), next);
    else
      transmit(n, t->gains.direct, w, v, interference, denominator, next);
  }
}

pa__uwmmse_rate_fn KERNEL(uwmmse_rate);

void KERNEL(uwmmse_rate)(const pa__la *la, const pa__uwmmse_shape *shape, const pa__block *block,
                         const pa__uwmmse_tape *t, double *rate) {
  const pa__layout *l = &block->layout;
  size_t n = l->length;
  const double *v = node(t->v, l, shape->layers);
  double *interference = node(t->interference, l, shape->layers), *nats = node(t->scratch, l, 1);
  listen(la, l, t, v, interference);
  for (size_t k = 0; k < n; k++) nats[k] = 1 + t->gains.direct[k] * v[k] * v[k] / interference[k];
  la->log(n, nats, nats);
  for (size_t s = 0; s < l->width; s++) rate[s] = 0;
  for (size_t i = 0; i < l->links; i++)
    for (size_t s = 0; s < l->width; s++)
      rate[s] += INV_LN2 * t->gains.weight[i * l->width + s] * nats[i * l->width + s];
}

pa__uwmmse_rate_slope_fn KERNEL(uwmmse_rate_slope);

void KERNEL(uwmmse_rate_slope)(const pa__la *la, const pa__uwmmse_shape *shape, const pa__block *block,
                               const pa__uwmmse_tape *t) {
  const pa__layout *l = &block->layout;
  const double *restrict v = node(t->v, l, shape->layers), *restrict direct = t->gains.direct,
                         *restrict weight = t->gains.weight,
                         *restrict interference = node(t->interference, l, shape->layers);
  double *restrict d_interference = node(t->scratch, l, 1), *restrict d_v = t->d_v;
  size_t n = l->length;
  for (size_t k = 0; k < n; k++) {
    double received = interference[k] + direct[k] * v[k] * v[k];
    d_interference[k] = INV_LN2 * weight[k] * (1 / received - 1 / interference[k]);
  }
  la->shift(l, d_v, &t->gains.cross, d_interference, 1);
  for (size_t k = 0; k < n; k++) {
    double received = interference[k] + direct[k] * v[k] * v[k];
    d_v[k] = 2 * v[k] * (d_v[k] + INV_LN2 * weight[k] * direct[k] / received);
  }
}

/* From d v' (in d_next) to what z = u h w / denominator passes on: d_denominator, and the part of d_v (replacing
 * d_next), d_w and d_received that does not go through the denominator. */
static void transmit_backward(size_t n, const double *restrict direct, const double *restrict w,
                              const double *restrict v, const double *restrict interference,
                              const double *restrict denominator, double *restrict d_next,
                              double *restrict d_denominator, double *restrict d_w, double *restrict d_received) {
  for (size_t k = 0; k < n; k++) {
    double received = interference[k] + direct[k] * v[k] * v[k], per_v = direct[k] * w[k] / received;
    double numerator = per_v * v[k], z = numerator / denominator[k];
    bool inside = z >= 0 && z <= 1;
    double d_numerator = inside ? d_next[k] / denominator[k] : 0;
    d_denominator[k] = inside ? -d_numerator * z : 0;
    d_w[k] = d_numerator * direct[k] * v[k] / received;
    d_received[k] = -d_numerator * numerator / received;
    d_next[k] = d_numerator * per_v;
  }
}

/* The same for v' = v r^(1 + tau); d_power is d v' v', whose product with log r sums to d tau. */
static void transmit_relaxed_backward(size_t n, const double *restrict direct, const double *restrict w,
                                      const double *restrict v, const double *restrict interference,
                                      const double *restrict denominator, double tau, const double *restrict growth,
                                      double *restrict d_next, double *restrict d_denominator, double *restrict d_w,
                                      double *restrict d_received, double *restrict d_power) {
  for (size_t k = 0; k < n; k++) {
    double received = interference[k] + direct[k] * v[k] * v[k], z = v[k] * growth[k];
    double d_v = z < 1 ? d_next[k] * growth[k] : 0, d_log = (1 + tau) * d_v * v[k];
    d_power[k] = d_v * v[k];
    d_next[k] = d_v;
    d_denominator[k] = d_log != 0 ? -d_log / denominator[k] : 0;
    d_w[k] = d_log != 0 ? d_log / w[k] : 0;
    d_received[k] = -d_log / received;
  }
}

/* Through q = d v^2 w / T^2 (d_q without the own term d d_denominator), w = weight (a T / I + b), T = I + d v^2:
 * d_a, d_b, d_interference, and d_power = d / d v^2 but for the interference. */
static void receive_backward(size_t n, const pa__gains *g, const double *restrict a, const double *restrict w,
                             const double *restrict v, const double *restrict interference,
                             const double *restrict d_denominator, const double *restrict d_q,
                             const double *restrict d_w, const double *restrict d_received, double *restrict d_a,
                             double *restrict d_b, double *restrict d_interference, double *restrict d_power) {
  const double *restrict direct = g->direct, *restrict weight = g->weight;
  for (size_t k = 0; k < n; k++) {
    double s = v[k] * v[k], t = interference[k] + direct[k] * s, per_q = direct[k] / (t * t);
    double dq = d_q[k] + direct[k] * d_denominator[k], dw = d_w[k] + dq * per_q * s;
    double scaled = weight[k] * dw, ratio = t / interference[k];
    d_a[k] = scaled * ratio;
    d_b[k] = scaled;
    double dt = d_received[k] - 2 * dq * per_q * s * w[k] / t + scaled * a[k] / interference[k];
    d_interference[k] = dt - scaled * a[k] * ratio / interference[k];
    d_power[k] = dq * per_q * w[k] + direct[k] * dt;
  }
}

pa__uwmmse_backward_fn KERNEL(uwmmse_backward);

void KERNEL(uwmmse_backward)(const pa__la *la, const pa__uwmmse_shape *shape, const pa__uwmmse_weights *weights,
                             const pa__block *block, const pa__uwmmse_tape *t, double *gradient) {
  const pa__layout *l = &block->layout;
  size_t n = l->length, width = l->width;
  const pa__gains *g = &t->gains;
  pa__uwmmse_weights d = pa__uwmmse_packed_view(shape, gradient, width);
  double *w = node(t->scratch, l, 1), *q = node(t->scratch, l, 2), *d_denominator = node(t->scratch, l, 3),
         *d_w = node(t->scratch, l, 4), *d_received = node(t->scratch, l, 5), *d_power = node(t->scratch, l, 6),
         *d_v = t->d_v, *d_interference = q;
  for (size_t layer = shape->layers; layer-- > 0;) {
    const double *v = node(t->v, l, layer), *a = node(t->gate, l, 2 * layer), *b = node(t->gate, l, 2 * layer + 1);
    const double *interference = node(t->interference, l, layer), *denominator = node(t->denominator, l, layer);
    receive(n, g, a, b, v, interference, w, q);
    if (shape->extended) {
      transmit_relaxed_backward(n, g->direct, w, v, interference, denominator, weights->tau[layer],
                                node(t->growth, l, layer), d_v, d_denominator, d_w, d_received, d_power);
      la->outer(l, 1, 1, d_power, node(t->log_ratio, l, layer), d.tau + layer * width);
    } else {
      transmit_backward(n, g->direct, w, v, interference, denominator, d_v, d_denominator, d_w, d_received);
    }
    la->outer(l, 1, 1, d_denominator, t->price, d.mu + layer * width);
    double *d_q = t->scratch;
    la->shift_transposed(l, d_q, &g->cross, d_denominator, 1);
    receive_backward(n, g, a, w, v, interference, d_denominator, d_q, d_w, d_received, node(t->d_gate, l, 2 * layer),
                     node(t->d_gate, l, 2 * layer + 1), d_interference, d_power);
    double *d_far = t->scratch;
    la->shift(l, d_far, &g->cross, d_interference, 1);
    for (size_t k = 0; k < n; k++) d_v[k] += 2 * v[k] * (d_power[k] + d_far[k]);
  }
  if (shape->extended) memcpy(node(t->d_gate, l, 2 * shape->layers), d_v, n * sizeof(double));
  gcns_backward(la, shape, weights, l, t, &d);
}
