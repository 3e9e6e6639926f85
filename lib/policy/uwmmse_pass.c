/* UWMMSE forward and backward. Everything is in the units of pa__gains: noise 1, amplitudes v in [0, 1], so that with
 * T_j = I_j + d_j v_j^2 the paper's eqs. (6)-(8) read u_j^2 w_j = d_j v_j^2 w_j / T_j^2,   u_j h_jj w_j =
 * d_j v_j w_j / T_j,   w_j = a_j T_j / I_j + b_j. */
#include "uwmmse_pass.h"

#include "floor.h"
#include "uwmmse_tape.h"

#include <math.h>
#include <string.h>

#define INV_LN2 ((real)1.44269504088896340736)

/* Bounds of z / v and of the exponent of its power: their products stay finite. */
#ifdef PA_SINGLE
#define LEAST_RATIO 1e-30f
#define LARGEST_RATIO 1e30f
#define LARGEST_EXPONENT 80.f
#else
#define LEAST_RATIO 1e-300
#define LARGEST_RATIO 1e300
#define LARGEST_EXPONENT 700.0
#endif

#define node pa__node

static real *take_vectors(pa__arena *arena, const pa__layout *layout, size_t count) {
  return pa__arena_take(arena, count, layout->length * sizeof(real));
}

static pa__uwmmse_tape take(pa__arena *arena, const pa__uwmmse_shape *s, const pa__layout *layout, bool backward) {
  size_t layers = s->layers, gcns = s->gcns;
  /* The gates take more products with F than with its transpose; rounds of large matrices want it as it is. */
  bool two = s->extended || backward, flipped = layout->links < PA__TALL;
  pa__uwmmse_tape t = {.gains = pa__gains_take(arena, layout),
                       .kept = backward,
                       .shift = pa__matrix_take(arena, layout, gcns > s->features ? gcns : s->features, flipped)};
  t.gains.cross = two ? pa__matrix_take(arena, layout, 1, flipped) : t.shift;
  t.scratch = take_vectors(arena, layout, s->extended || backward ? 5 : 1);
  t.own = take_vectors(arena, layout, 1);
  t.enter = take_vectors(arena, layout, 1);
  t.leave = take_vectors(arena, layout, 1);
  t.ones = take_vectors(arena, layout, 1);
  t.price = s->extended ? t.ones : t.gains.limit;
  t.inputs = take_vectors(arena, layout, 2 * s->features);
  t.gate = take_vectors(arena, layout, 2 * gcns);
  t.far = layout->pattern ? t.gate + gcns * layout->length : take_vectors(arena, layout, gcns);
  /* Without a way back, the layers take the place of what the gates alone need. */
  size_t kept = backward ? layers : 1, relaxed = s->extended ? kept : 0;
  const struct {
    real **vectors;
    size_t count;
  } of_layers[] = {{&t.v, backward ? layers + 1 : 2},
                   {&t.power, 1},
                   {&t.interference, backward ? layers + 1 : 1},
                   {&t.denominator, kept},
                   {&t.log_ratio, relaxed},
                   {&t.growth, relaxed},
                   {&t.q, 1},
                   {&t.per_v, 1}};
  size_t used = 0;
  for (size_t k = 0; k < sizeof of_layers / sizeof of_layers[0]; k++) used += of_layers[k].count;
  real *vectors = backward || used > gcns ? take_vectors(arena, layout, used) : t.gate + gcns * layout->length;
  for (size_t k = 0; k < sizeof of_layers / sizeof of_layers[0]; k++) {
    *of_layers[k].vectors = vectors;
    vectors += of_layers[k].count * layout->length;
  }
  if (!backward) return t;
  t.w = take_vectors(arena, layout, 1);
  t.inverse_t = take_vectors(arena, layout, 1);
  t.inverse_i = take_vectors(arena, layout, 1);
  t.hidden = take_vectors(arena, layout, gcns * s->hidden);
  t.d_v = take_vectors(arena, layout, 1);
  t.d_gate = take_vectors(arena, layout, gcns);
  t.d_head = take_vectors(arena, layout, 2 * gcns);
  return t;
}

/* What does not depend on the channels of a block. */
static void begin(const pa__uwmmse_model *m, const pa_states *states, const pa__layout *l, pa__uwmmse_tape *t) {
  bool extended = m->shape.extended;
  pa__gains_begin(states, l, &t->gains);
  for (size_t k = 0; k < l->length; k++) {
    size_t i = k / l->width;
    bool link = i < l->links;
    t->ones[k] = link;
    t->enter[k] = !link ? 0 : extended ? 1 : 1 / t->gains.receive[i];
    t->leave[k] = !link ? 0 : extended ? 1 : (real)m->scale / t->gains.transmit[i];
  }
}

/* From a, b, v and I: u^2 w and u h w / v; for the way back also w, 1 / T and 1 / I. */
static inline __attribute__((always_inline)) void receive_of(bool back, size_t n, const pa__uwmmse_tape *t,
                                                             const real *restrict a, const real *restrict b,
                                                             const real *restrict v,
                                                             const real *restrict interference) {
  const real *restrict direct = t->gains.direct, *restrict weight = t->gains.weight;
  real *restrict w = t->w, *restrict q = t->q, *restrict per_v = t->per_v, *restrict inverse_t = t->inverse_t,
                 *restrict inverse_i = t->inverse_i;
  NODEWISE
  for (size_t k = 0; k < n; k++) {
    real s = v[k] * v[k], i = interference[k], received = i + direct[k] * s, both = 1 / (received * i);
    real of_t = both * i, of_i = both * received;
    real of_w = weight[k] * (a[k] * (received * of_i) + b[k]), numerator = direct[k] * of_w * of_t;
    per_v[k] = numerator;
    q[k] = numerator * s * of_t;
    if (!back) continue;
    w[k] = of_w;
    inverse_t[k] = of_t;
    inverse_i[k] = of_i;
  }
}

static void receive(size_t n, const pa__uwmmse_tape *t, const real *a, const real *b, const real *v,
                    const real *interference) {
  receive_of(false, n, t, a, b, v, interference);
}

static void receive_again(size_t n, const pa__uwmmse_tape *t, const real *a, const real *b, const real *v,
                          const real *interference) {
  receive_of(true, n, t, a, b, v, interference);
}

/* One layer's update of v. */
struct transmission {
  const pa__la *la;
  const pa__uwmmse_tape *tape;
  const real *v;
  real *denominator, *log_ratio, *growth, *next;
  real mu, exponent; /* exponent: 1 + tau */
};

static void complete(const struct transmission *x, size_t at, size_t count) {
  const real *restrict direct = x->tape->gains.direct + at, *restrict price = x->tape->price + at,
                       *restrict q = x->tape->q + at;
  real *restrict denominator = x->denominator + at;
  NODEWISE
  for (size_t k = 0; k < count; k++) denominator[k] += direct[k] * q[k] + x->mu * price[k];
}

/* v' = clip(z), z = u h w / denominator; 0 / 0 = 0. The authors leave mu free, so the denominator may be negative. */
static void transmit(void *user, size_t at, size_t count) {
  const struct transmission *x = user;
  complete(x, at, count);
  const real *restrict per_v = x->tape->per_v + at, *restrict v = x->v + at,
                       *restrict denominator = x->denominator + at;
  real *restrict next = x->next + at, *restrict power = x->tape->power + at;
  NODEWISE
  for (size_t k = 0; k < count; k++) {
    real numerator = per_v[k] * v[k], z = numerator / denominator[k];
    z = z < 1 ? z : 1;
    real least = z > 0 ? FLOOR : 0;
    z = z > least ? z : least;
    z = numerator > 0 ? z : 0;
    next[k] = z;
    power[k] = z * z;
  }
}

/* v' = clip(z (z / v)^tau) = clip(v r^(1 + tau)), r = z / v = u h w / (v denominator): no division by v. */
static void transmit_relaxed(void *user, size_t at, size_t count) {
  const struct transmission *x = user;
  complete(x, at, count);
  const real *restrict per_v = x->tape->per_v + at, *restrict v = x->v + at,
                       *restrict denominator = x->denominator + at;
  real *restrict next = x->next + at, *restrict power = x->tape->power + at, *restrict log_ratio = x->log_ratio + at,
                 *restrict growth = x->growth + at;
  NODEWISE
  for (size_t k = 0; k < count; k++) {
    real r = per_v[k] / denominator[k];
    r = per_v[k] > 0 ? r : LEAST_RATIO;
    r = r < LARGEST_RATIO ? r : LARGEST_RATIO;
    log_ratio[k] = r > LEAST_RATIO ? r : LEAST_RATIO;
  }
  x->la->log(count, log_ratio, log_ratio);
  NODEWISE
  for (size_t k = 0; k < count; k++) {
    real e = x->exponent * log_ratio[k];
    growth[k] = e < LARGEST_EXPONENT ? e : LARGEST_EXPONENT;
  }
  x->la->exp(count, growth, growth);
  NODEWISE
  for (size_t k = 0; k < count; k++) {
    real z = v[k] * growth[k];
    z = z < 1 ? z : 1;
    real least = v[k] > 0 ? FLOOR : 0;
    z = z > least ? z : least;
    next[k] = z;
    power[k] = z * z;
  }
}

static void add_noise(size_t n, real *interference) {
  NODEWISE
  for (size_t k = 0; k < n; k++) interference[k] += 1;
}

/* The node vector of a layer, of which there is but one without a way back. */
static real *layer_of(const pa__uwmmse_tape *t, real *vectors, const pa__layout *l, size_t layer) {
  return node(vectors, l, t->kept ? layer : 0);
}

/* Amplitudes v of the last layer of the block; false if a channel is out of bounds. With all, also the interference
 * that they make. */
static bool block_forward(const pa__la *la, const pa__uwmmse_model *m, const pa__uwmmse_weights *weights,
                          const pa__block *block, const pa__uwmmse_tape *t, bool all) {
  const pa__layout *l = &block->layout;
  const pa__uwmmse_shape *shape = &m->shape;
  size_t n = l->length, layers = shape->layers;
  if (!pa__gates_forward(la, shape, weights, block, t)) return false;
  if (!shape->extended) la->square(l, &t->gains.cross, &t->shift);
  NODEWISE
  for (size_t k = 0; k < n; k++) {
    t->v[k] = t->ones[k] * (shape->extended ? node(t->gate, l, 2 * layers)[k] : (real)m->start);
    t->power[k] = t->v[k] * t->v[k];
  }
  la->shift_transposed(l, t->interference, &t->gains.cross, t->power, 1);
  for (size_t layer = 0; layer < layers; layer++) {
    real *interference = layer_of(t, t->interference, l, layer), *denominator = layer_of(t, t->denominator, l, layer);
    struct transmission x = {.la = la,
                             .tape = t,
                             .v = pa__uwmmse_v(t, l, layer),
                             .denominator = denominator,
                             .next = pa__uwmmse_v(t, l, layer + 1),
                             .mu = weights->mu[layer]};
    pa__update_fn *update = transmit;
    if (shape->extended) {
      x.log_ratio = layer_of(t, t->log_ratio, l, layer);
      x.growth = layer_of(t, t->growth, l, layer);
      x.exponent = 1 + weights->tau[layer];
      update = transmit_relaxed;
    }
    add_noise(n, interference);
    receive(n, t, node(t->gate, l, 2 * layer), node(t->gate, l, 2 * layer + 1), x.v, interference);
    if (all || layer + 1 < layers) {
      la->round(l, denominator, layer_of(t, t->interference, l, layer + 1), &t->gains.cross, t->q, t->power, update,
                &x);
    } else {
      la->shift(l, denominator, &t->gains.cross, t->q, 1);
      update(&x, 0, n);
    }
  }
  if (all) add_noise(n, layer_of(t, t->interference, l, layers));
  return true;
}

/* Rates of the block's samples. */
static void block_rate(const pa__la *la, const pa__uwmmse_shape *shape, const pa__layout *l, const pa__uwmmse_tape *t,
                       double *rate) {
  size_t n = l->length;
  const real *restrict interference = layer_of(t, t->interference, l, shape->layers), *restrict direct =
                                                                                          t->gains.direct;
  real *restrict nats = t->scratch;
  NODEWISE
  for (size_t k = 0; k < n; k++) nats[k] = 1 + direct[k] * t->power[k] / interference[k];
  la->log(n, nats, nats);
  for (size_t s = 0; s < l->width; s++) rate[s] = 0;
  for (size_t i = 0; i < l->links; i++)
    for (size_t s = 0; s < l->width; s++)
      rate[s] += (double)(INV_LN2 * t->gains.weight[i * l->width + s] * nats[i * l->width + s]);
}

/* d_v of each sample's rate. */
static void block_rate_slope(const pa__la *la, const pa__uwmmse_shape *shape, const pa__layout *l,
                             const pa__uwmmse_tape *t) {
  const real *restrict v = node(t->v, l, shape->layers), *restrict direct = t->gains.direct,
                       *restrict weight = t->gains.weight,
                       *restrict interference = node(t->interference, l, shape->layers);
  real *restrict d_interference = t->scratch, *restrict own = node(t->scratch, l, 1), *restrict d_v = t->d_v;
  size_t n = l->length;
  NODEWISE
  for (size_t k = 0; k < n; k++) {
    real i = interference[k], received = i + direct[k] * v[k] * v[k], both = INV_LN2 * weight[k] / (received * i);
    d_interference[k] = both * i - both * received;
    own[k] = both * i * direct[k];
  }
  la->shift(l, d_v, &t->gains.cross, d_interference, 1);
  NODEWISE
  for (size_t k = 0; k < n; k++) d_v[k] = 2 * v[k] * (d_v[k] + own[k]);
}

/* Node vectors of a layer's way back. */
struct slopes {
  real *denominator, *w, *received, *power;
};

/* From d v' (in d_v) to what z = u h w / denominator passes on: d_denominator, and the part of d_v, d_w and d_received
 * that does not go through the denominator. */
static void transmit_backward(size_t n, const pa__uwmmse_tape *t, const real *restrict v,
                              const real *restrict denominator, const struct slopes *d) {
  const real *restrict direct = t->gains.direct, *restrict per_v = t->per_v, *restrict inverse_t = t->inverse_t;
  real *restrict d_v = t->d_v, *restrict d_denominator = d->denominator, *restrict d_w = d->w,
                 *restrict d_received = d->received;
  NODEWISE
  for (size_t k = 0; k < n; k++) {
    real inverse = 1 / denominator[k], numerator = per_v[k] * v[k], z = numerator * inverse;
    real d_numerator = d_v[k] * inverse;
    d_numerator = z >= 0 && z <= 1 ? d_numerator : 0;
    d_denominator[k] = z >= 0 && z <= 1 ? -d_numerator * z : 0;
    d_w[k] = d_numerator * direct[k] * v[k] * inverse_t[k];
    d_received[k] = -d_numerator * numerator * inverse_t[k];
    d_v[k] = d_numerator * per_v[k];
  }
}

/* The same for v' = v r^(1 + tau); d_power is d v' v', whose product with log r sums to d tau. */
static void transmit_relaxed_backward(size_t n, const pa__uwmmse_tape *t, const real *restrict v,
                                      const real *restrict denominator, real exponent, const real *restrict growth,
                                      const struct slopes *d) {
  const real *restrict w = t->w, *restrict inverse_t = t->inverse_t;
  real *restrict d_v = t->d_v, *restrict d_denominator = d->denominator, *restrict d_w = d->w,
                 *restrict d_received = d->received, *restrict d_power = d->power;
  NODEWISE
  for (size_t k = 0; k < n; k++) {
    real z = v[k] * growth[k], d_z = z < 1 ? d_v[k] * growth[k] : 0, d_log = exponent * d_z * v[k];
    d_power[k] = d_z * v[k];
    d_v[k] = d_z;
    d_denominator[k] = d_log != 0 ? -d_log / denominator[k] : 0;
    d_w[k] = d_log != 0 ? d_log / w[k] : 0;
    d_received[k] = -d_log * inverse_t[k];
  }
}

/* Through q = d v^2 w / T^2 (d_q without the own term d d_denominator), w = weight (a T / I + b), T = I + d v^2:
 * d_a, d_b, d_interference, and d_power = d / d v^2 but for the interference. */
static void receive_backward(size_t n, const pa__uwmmse_tape *t, const real *restrict a, const real *restrict v,
                             const real *restrict interference, const struct slopes *d, const real *restrict d_q,
                             real *restrict d_a, real *restrict d_b, real *restrict d_interference) {
  const real *restrict direct = t->gains.direct, *restrict weight = t->gains.weight, *restrict w = t->w,
                       *restrict inverse_t = t->inverse_t, *restrict inverse_i = t->inverse_i,
                       *restrict d_denominator = d->denominator, *restrict d_w = d->w,
                       *restrict d_received = d->received;
  real *restrict d_power = d->power;
  NODEWISE
  for (size_t k = 0; k < n; k++) {
    real s = v[k] * v[k], received = interference[k] + direct[k] * s, per_q = direct[k] * inverse_t[k] * inverse_t[k];
    real dq = d_q[k] + direct[k] * d_denominator[k], dw = d_w[k] + dq * per_q * s;
    real scaled = weight[k] * dw, ratio = received * inverse_i[k], through_a = scaled * a[k] * inverse_i[k];
    d_a[k] = scaled * ratio;
    d_b[k] = scaled;
    real dt = d_received[k] - 2 * dq * per_q * s * w[k] * inverse_t[k] + through_a;
    d_interference[k] = dt - through_a * ratio;
    d_power[k] = dq * per_q * w[k] + direct[k] * dt;
  }
}

/* From t->d_v, which is overwritten, to the gradient of each sample: as the packed weights, [block width] numbers each.
 */
static void block_backward(const pa__la *la, const pa__uwmmse_shape *shape, const pa__uwmmse_weights *weights,
                           const pa__layout *l, const pa__uwmmse_tape *t, real *gradient) {
  size_t n = l->length, width = l->width;
  pa__uwmmse_weights d = pa__uwmmse_view(shape, gradient, width);
  struct slopes slopes = {node(t->scratch, l, 1), node(t->scratch, l, 2), node(t->scratch, l, 3),
                          node(t->scratch, l, 4)};
  real *restrict d_v = t->d_v, *d_far = t->scratch, *d_interference = t->q;
  for (size_t layer = shape->layers; layer-- > 0;) {
    const real *restrict v = node(t->v, l, layer), *a = node(t->gate, l, 2 * layer),
                         *b = node(t->gate, l, 2 * layer + 1), *interference = node(t->interference, l, layer),
                         *denominator = node(t->denominator, l, layer);
    receive_again(n, t, a, b, v, interference);
    if (shape->extended) {
      transmit_relaxed_backward(n, t, v, denominator, 1 + weights->tau[layer], node(t->growth, l, layer), &slopes);
      la->outer(l, 1, 1, slopes.power, node(t->log_ratio, l, layer), d.tau + layer * width);
    } else {
      transmit_backward(n, t, v, denominator, &slopes);
    }
    la->outer(l, 1, 1, slopes.denominator, t->price, d.mu + layer * width);
    la->shift_transposed(l, d_far, &t->gains.cross, slopes.denominator, 1);
    receive_backward(n, t, a, v, interference, &slopes, d_far, node(t->d_gate, l, 2 * layer),
                     node(t->d_gate, l, 2 * layer + 1), d_interference);
    la->shift(l, d_far, &t->gains.cross, d_interference, 1);
    NODEWISE
    for (size_t k = 0; k < n; k++) d_v[k] += 2 * v[k] * (slopes.power[k] + d_far[k]);
  }
  if (shape->extended) memcpy(node(t->d_gate, l, 2 * shape->layers), d_v, n * sizeof(real));
  pa__gates_backward(la, shape, weights, l, t, &d);
}

/* ---- batches ---- */

static pa__uwmmse_weights weights_of(const pa__uwmmse_model *m) {
  return pa__uwmmse_view(&m->shape, (real *)m->packed[sizeof(real) == sizeof(float)], 1);
}

static void workspace(const pa__uwmmse_shape *shape, const pa__extent *e, pa__arena *arena) {
  pa__layout layout = pa__extent_layout(pa__la_best(), e);
  take(arena, shape, &layout, false);
}

static bool allocate(const pa__uwmmse_model *m, const pa_states *states, void *power, void *work) {
  const pa__la *la = pa__la_best();
  pa__layout layout = pa__block_layout(la, states);
  pa__arena arena = {work, 0};
  pa__uwmmse_tape tape = take(&arena, &m->shape, &layout, false);
  pa__uwmmse_weights weights = weights_of(m);
  begin(m, states, &layout, &tape);
  for (size_t first = 0; first < states->batch; first += layout.width) {
    pa__block block = pa__block_at(states, layout, first);
    if (!block_forward(la, m, &weights, &block, &tape, false)) return false;
    pa__block_power(&block, &tape.gains, pa__uwmmse_v(&tape, &layout, m->shape.layers), power);
  }
  return true;
}

struct gradient_work {
  pa__uwmmse_tape tape;
  real *per_sample; /* [packed][width] */
};

static struct gradient_work gradient_take(pa__arena *arena, const pa__uwmmse_shape *shape, const pa__layout *layout) {
  struct gradient_work w = {.tape = take(arena, shape, layout, true)};
  w.per_sample = pa__arena_take(arena, pa__uwmmse_packed_size(shape), layout->width * sizeof(real));
  return w;
}

static void gradient_workspace(const pa__uwmmse_shape *shape, const pa__extent *e, pa__arena *arena) {
  pa__layout layout = pa__extent_layout(pa__la_best(), e);
  gradient_take(arena, shape, &layout);
}

/* Adds the block's samples, each cut to sample_clip, to sum; returns how many were not finite. */
static size_t gather_samples(const pa__uwmmse_model *m, const pa__block *block, double sample_clip, const double *rate,
                             const real *restrict per_sample, double *restrict sum) {
  size_t width = block->layout.width, packed = pa__uwmmse_packed_size(&m->shape), dropped = 0;
  double scale[PA__WIDEST] = {0};
  for (size_t k = 0; k < packed; k++)
    for (size_t s = 0; s < width; s++) {
      double x = (double)per_sample[k * width + s];
      scale[s] += m->sharers[k] * x * x;
    }
  for (size_t s = 0; s < width; s++) {
    double norm = sqrt(scale[s]);
    bool usable = s < block->count && isfinite(norm) && isfinite(rate[s]);
    dropped += s < block->count && !usable;
    scale[s] = !usable ? 0 : sample_clip > 0 && norm > sample_clip ? sample_clip / norm : 1;
  }
  for (size_t s = 0; s < width; s++)
    for (size_t k = 0; k < packed && scale[s] > 0; k++) sum[k] += scale[s] * (double)per_sample[k * width + s];
  return dropped;
}

static size_t gradient(const pa__uwmmse_model *m, const pa_states *states, double sample_clip, double *sum,
                       double *rate, void *memory) {
  const pa__la table = pa__la_training(states->links), *la = &table;
  pa__layout layout = pa__block_layout(la, states);
  pa__arena arena = {memory, 0};
  struct gradient_work w = gradient_take(&arena, &m->shape, &layout);
  pa__uwmmse_weights weights = weights_of(m);
  size_t dropped = 0;
  begin(m, states, &layout, &w.tape);
  memset(sum, 0, pa__uwmmse_packed_size(&m->shape) * sizeof(double));
  memset(w.per_sample, 0, pa__uwmmse_packed_size(&m->shape) * layout.width * sizeof(real));
  for (size_t first = 0; first < states->batch; first += layout.width) {
    pa__block block = pa__block_at(states, layout, first);
    double rates[PA__WIDEST];
    block_forward(la, m, &weights, &block, &w.tape, true);
    block_rate(la, &m->shape, &layout, &w.tape, rates);
    block_rate_slope(la, &m->shape, &layout, &w.tape);
    block_backward(la, &m->shape, &weights, &layout, &w.tape, w.per_sample);
    memcpy(rate + first, rates, block.count * sizeof(double));
    dropped += gather_samples(m, &block, sample_clip, rates, w.per_sample, sum);
  }
  return dropped;
}

static void rates(const pa__uwmmse_model *m, const pa_states *states, double *rate, void *memory) {
  const pa__la table = pa__la_training(states->links), *la = &table;
  pa__layout layout = pa__block_layout(la, states);
  pa__arena arena = {memory, 0};
  pa__uwmmse_tape tape = take(&arena, &m->shape, &layout, false);
  pa__uwmmse_weights weights = weights_of(m);
  begin(m, states, &layout, &tape);
  for (size_t first = 0; first < states->batch; first += layout.width) {
    pa__block block = pa__block_at(states, layout, first);
    double of_block[PA__WIDEST];
    block_forward(la, m, &weights, &block, &tape, true);
    block_rate(la, &m->shape, &layout, &tape, of_block);
    memcpy(rate + first, of_block, block.count * sizeof(double));
  }
}

/* One tape a block, and the gradient of a block's samples. */
static void tape_workspace(const pa__uwmmse_shape *shape, const pa__extent *e, pa__arena *arena) {
  pa__layout layout = pa__extent_layout(pa__la_best(), e);
  for (size_t first = 0; first < e->batch; first += layout.width) take(arena, shape, &layout, true);
  pa__arena_take(arena, pa__uwmmse_packed_size(shape), layout.width * sizeof(real));
}

static void forward(const pa__uwmmse_model *m, const pa_states *states, double *v, void *work) {
  const pa__la table = pa__la_training(states->links), *la = &table;
  pa__layout l = pa__block_layout(la, states);
  pa__arena arena = {work, 0};
  pa__uwmmse_weights weights = weights_of(m);
  for (size_t first = 0; first < states->batch; first += l.width) {
    pa__uwmmse_tape tape = take(&arena, &m->shape, &l, true);
    pa__block block = pa__block_at(states, l, first);
    begin(m, states, &l, &tape);
    block_forward(la, m, &weights, &block, &tape, false);
    const real *last = pa__uwmmse_v(&tape, &l, m->shape.layers);
    for (size_t s = 0; s < block.count; s++)
      for (size_t i = 0; i < states->links; i++)
        v[(first + s) * states->links + pa__layout_link(&l, i)] = (double)last[i * l.width + s];
  }
}

static void backward(const pa__uwmmse_model *m, const pa_states *states, const double *d_v, double *gradient,
                     void *work) {
  const pa__la table = pa__la_training(states->links), *la = &table;
  size_t packed = pa__uwmmse_packed_size(&m->shape), n = states->links;
  pa__layout l = pa__block_layout(la, states);
  pa__arena arena = {work, 0}, behind = {work, 0};
  pa__uwmmse_weights weights = weights_of(m);
  for (size_t first = 0; first < states->batch; first += l.width) take(&behind, &m->shape, &l, true);
  real *per_sample = pa__arena_take(&behind, packed, l.width * sizeof(real));
  memset(per_sample, 0, packed * l.width * sizeof(real));
  for (size_t first = 0; first < states->batch; first += l.width) {
    pa__uwmmse_tape tape = take(&arena, &m->shape, &l, true);
    size_t count = states->batch - first < l.width ? states->batch - first : l.width;
    memset(tape.d_v, 0, l.length * sizeof(real));
    for (size_t s = 0; s < count; s++)
      for (size_t i = 0; i < n; i++) tape.d_v[i * l.width + s] = (real)d_v[(first + s) * n + pa__layout_link(&l, i)];
    block_backward(la, &m->shape, &weights, &l, &tape, per_sample);
    for (size_t k = 0; k < packed; k++)
      for (size_t s = 0; s < count; s++) gradient[k] += (double)per_sample[k * l.width + s];
  }
}

extern const pa__uwmmse_pass KERNEL(uwmmse_pass);
const pa__uwmmse_pass KERNEL(uwmmse_pass) = {.workspace = workspace,
                                             .allocate = allocate,
                                             .gradient_workspace = gradient_workspace,
                                             .gradient = gradient,
                                             .rates = rates,
                                             .tape_workspace = tape_workspace,
                                             .forward = forward,
                                             .backward = backward};
