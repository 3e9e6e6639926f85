/* REGNN forward and backward: eqs. (11)-(15) of its paper, y = sum_k S^k z A_k in each layer. */
#include "regnn_pass.h"

#include "../base/random.h"
#include "gains.h"

#include <math.h>
#include <powalloc/regnn.h>
#include <string.h>

/* A shift is divided by its spectral norm after this many steps of power iteration; the number is part of the model. */
enum { POWER_STEPS = 30 };

enum { WEIGHTS_OF_PRECISION = sizeof(real) == sizeof(float) ? PA__SINGLE : PA__DOUBLE };

/* What a pass over one block keeps; node vectors of the block. */
struct tape {
  pa__gains gains; /* none if neither the shift nor the inputs use them */
  real bound;      /* of the channels */
  pa__matrix shift;
  bool in_place; /* the shift's rows are the caller's channels, to be multiplied by */
  real *factor;
  real *ones;                       /* 1, 0 in the padding */
  real *scratch;                    /* [3] */
  real *power[PA__REGNN_LAYERS];    /* [K][F_in]: S^k z of the layer's input z; without a way back, two in turn */
  real *linear[PA__REGNN_LAYERS];   /* [F_out] before the activation; NULL where it is not needed */
  real *output;                     /* [outputs] */
  real *d_output, *d_power, *d_sum; /* backward only: [F_out], [K][F_in], [F_in] of the widest layer */
};

/* Columns of the products with the shift. */
static size_t widest_shift(const pa__regnn_shape *s) {
  return s->layers > 1 && s->features > s->inputs ? s->features : s->inputs;
}

/* Whether gains are part of the shift or the inputs. */
static bool uses_gains(const pa__regnn_shape *s) {
  return s->shift == PA_REGNN_SHIFT_SHARE || s->shift == PA_REGNN_SHIFT_BOUNDED ||
         s->kinds & (PA_REGNN_INPUT_SNR | PA_REGNN_INPUT_WEIGHT | PA_REGNN_INPUT_WEIGHT_SNR);
}

/* True if the caller's rows are whole vectors and no factor of the shift differs between links. Several columns at once
 * are faster with a copy. */
static bool fits(const pa__regnn_shape *s, const pa__layout *l) {
  bool uniform = s->shift == PA_REGNN_SHIFT_SCALE || s->shift == PA_REGNN_SHIFT_SPECTRAL;
  return uniform && widest_shift(s) == 1 && l->width == 1 && !l->pattern && l->links > PA__SMALL &&
         l->length == l->links;
}

static struct tape take(pa__arena *arena, const pa__regnn_shape *s, const pa__layout *layout, bool backward) {
  size_t vector = layout->length * sizeof(real), widest = s->features > s->outputs ? s->features : s->outputs;
  struct tape t;
  t.gains = uses_gains(s) ? pa__gains_take(arena, layout) : (pa__gains){0};
  t.in_place = fits(s, layout);
  t.shift = t.in_place ? (pa__matrix){0} : pa__matrix_take(arena, layout, widest_shift(s), !s->transposed);
  t.factor = pa__arena_take(arena, 1, sizeof(real));
  t.ones = pa__arena_take(arena, 1, vector);
  t.scratch = pa__arena_take(arena, 3, vector);
  for (size_t layer = 0; layer < s->layers; layer++) {
    /* Without a way back, layers whose inputs are of different widths share their memory. */
    size_t most = backward || s->layers < 3 ? pa__regnn_width_in(s, layer) : widest_shift(s);
    t.power[layer] = layer < 2 || backward ? pa__arena_take(arena, s->taps * most, vector) : t.power[layer - 2];
    bool keeps = layer + 1 < s->layers && s->activation == PA_REGNN_ACTIVATION_ABSOLUTE;
    t.linear[layer] = keeps ? pa__arena_take(arena, s->features, vector) : NULL;
  }
  t.output = pa__arena_take(arena, s->outputs, vector);
  if (backward) {
    t.d_output = pa__arena_take(arena, widest, vector);
    t.d_power = pa__arena_take(arena, s->taps * s->features, vector);
    t.d_sum = pa__arena_take(arena, s->features, vector);
  }
  return t;
}

static real *node(real *vectors, const pa__layout *l, size_t index) { return vectors + index * l->length; }

/* y = S z, or with its transpose. */
static void product(const pa__la *la, const pa__layout *l, const struct tape *t, bool transposed, real *restrict y,
                    const real *z, size_t columns) {
  (transposed ? la->shift_transposed : la->shift)(l, y, &t->shift, z, columns);
  if (!t->in_place || *t->factor == 1) return;
  NODEWISE
  for (size_t k = 0; k < l->length; k++) y[k] *= *t->factor;
}

static void sum_of_squares(const pa__layout *l, const real *x, real sum[PA__WIDEST]) {
  for (size_t s = 0; s < l->width; s++) sum[s] = 0;
  for (size_t i = pa__layout_begin(l); i < pa__layout_end(l); i++)
    for (size_t s = 0; s < l->width; s++) sum[s] += x[i * l->width + s] * x[i * l->width + s];
  if (!l->halo) return;
  double all = (double)sum[0]; /* of the one sample */
  pa__layout_sum(l, &all, 1);
  sum[0] = (real)all;
}

static void divide(const pa__layout *l, real *x, const real by[PA__WIDEST]) {
  for (size_t i = 0; i < l->links; i++)
    for (size_t s = 0; s < l->width; s++) x[i * l->width + s] /= by[s] > 0 ? by[s] : 1;
}

/* Divides each sample's matrix by its largest singular value. */
static void normalise(const pa__la *la, const pa__layout *l, const struct tape *t) {
  real *x = t->scratch, *y = node(t->scratch, l, 1), sum[PA__WIDEST], norm[PA__WIDEST] = {0};
  memcpy(x, t->ones, l->length * sizeof(real));
  for (int step = 0; step < POWER_STEPS; step++) {
    sum_of_squares(l, x, sum);
    for (size_t s = 0; s < l->width; s++) norm[s] = (real)sqrt(sum[s]);
    divide(l, x, norm);
    product(la, l, t, false, y, x, 1);
    sum_of_squares(l, y, sum);
    for (size_t s = 0; s < l->width; s++) norm[s] = (real)sqrt(sum[s]);
    product(la, l, t, true, x, y, 1);
  }
  NODEWISE
  for (size_t k = 0; k < l->length; k++) y[k] = norm[k % l->width] > 0 ? 1 / norm[k % l->width] : 1;
  if (t->in_place)
    *t->factor *= y[0];
  else
    la->scale(l, &t->shift, y);
}

/* t->shift; uses scratch. False if a channel is out of bounds. */
static bool build_shift(const pa__la *la, const pa__regnn_model *m, const pa__block *block, const struct tape *t) {
  const pa__layout *l = &block->layout;
  const pa__gains *g = &t->gains;
  real *diagonal = t->scratch, *sums = node(t->scratch, l, 1), *factor = node(t->scratch, l, 2);
  bool good;
  switch (m->shape.shift) {
  case PA_REGNN_SHIFT_SHARE:
    good = la->pack(PA__PACK_GAIN, l, block->h, g->transmit, g->receive, t->bound, true, &t->shift, diagonal);
    la->shift_transposed(l, sums, &t->shift, t->ones, 1);
    NODEWISE
    for (size_t k = 0; k < l->length; k++) sums[k] = 1 / (1 + sums[k]);
    la->scale(l, &t->shift, sums);
    break;
  case PA_REGNN_SHIFT_BOUNDED:
    good = la->pack(PA__PACK_SHARE, l, block->h, g->transmit, g->receive, t->bound, true, &t->shift, diagonal);
    normalise(la, l, t);
    break;
  default:
    if (t->in_place) {
      *t->factor = (real)m->scale;
      good = la->within(l->links * l->links, block->h[0], t->bound);
    } else {
      NODEWISE
      for (size_t k = 0; k < l->length; k++) factor[k] = t->ones[k] * (real)m->scale;
      good = la->pack(PA__PACK_AMPLITUDE, l, block->h, factor, t->ones, t->bound, true, &t->shift, diagonal);
    }
    if (m->shape.shift == PA_REGNN_SHIFT_SPECTRAL) normalise(la, l, t);
  }
  return good;
}

/* Over the links that are there: the powers do not depend on how many could join. */
static double mean_weight(const pa_states *states, const pa__layout *l) {
  double mean = 0, sum[2] = {0}; /* and links */
  size_t present = l->links - (l->pattern ? l->pattern->absent : 0);
  for (size_t i = pa__layout_begin(l); i < pa__layout_end(l); i++) {
    if (l->pattern && pa__pattern_absent(l->pattern, i)) continue;
    double weight = states->weights[pa__layout_link(l, i)];
    mean += weight / (double)present;
    sum[0] += weight, sum[1]++;
  }
  if (!l->halo) return mean;
  pa__layout_sum(l, sum, 2);
  return sum[0] / sum[1];
}

/* The inputs in the order of their bits, the caller's node state last; a lone input of ones gives way to it. */
static void node_inputs(const pa__la *la, const pa__regnn_model *m, const pa_states *states, const pa__block *block,
                        const struct tape *t) {
  const pa__layout *l = &block->layout;
  const pa__regnn_shape *shape = &m->shape;
  size_t n = l->length, column = 0;
  bool given = shape->inputs == 1 && shape->kinds == PA_REGNN_INPUT_ONES && states->node_features == 1;
  size_t from_state = given ? 1 : shape->state_features;
  real *x = t->power[0], *snr = t->scratch, *weight = node(t->scratch, l, 1);
  if (shape->kinds & (PA_REGNN_INPUT_SNR | PA_REGNN_INPUT_WEIGHT_SNR)) {
    pa__gains_direct(block, &t->gains);
    NODEWISE
    for (size_t k = 0; k < n; k++) snr[k] = 1 + t->gains.direct[k];
    la->log(n, snr, snr);
    NODEWISE
    for (size_t k = 0; k < n; k++) snr[k] /= (real)m->snr;
  }
  if (shape->kinds & (PA_REGNN_INPUT_WEIGHT | PA_REGNN_INPUT_WEIGHT_SNR)) {
    double mean = mean_weight(states, l);
    NODEWISE
    for (size_t k = 0; k < n; k++) weight[k] = t->gains.weight[k] / (real)mean;
  }
  if (shape->kinds & PA_REGNN_INPUT_ONES && !given) memcpy(node(x, l, column++), t->ones, n * sizeof(real));
  if (shape->kinds & PA_REGNN_INPUT_SNR) memcpy(node(x, l, column++), snr, n * sizeof(real));
  if (shape->kinds & PA_REGNN_INPUT_WEIGHT) memcpy(node(x, l, column++), weight, n * sizeof(real));
  if (shape->kinds & PA_REGNN_INPUT_WEIGHT_SNR) {
    real *both = node(x, l, column++);
    NODEWISE
    for (size_t k = 0; k < n; k++) both[k] = weight[k] * snr[k];
  }
  for (size_t f = 0; f < from_state; f++) {
    real *to = node(x, l, column++);
    memset(to, 0, n * sizeof(real));
    for (size_t s = 0; s < l->width; s++) {
      size_t sample = block->first + (s < block->count ? s : block->count - 1);
      for (size_t i = 0; i < l->links; i++)
        to[i * l->width + s] = (real)states->node_state[(sample * l->links + pa__layout_link(l, i)) * from_state + f];
    }
  }
}

/* z = activation(y); y and z may be the same for ReLU, which is already done. */
static void activate(const pa__la *la, int activation, size_t n, const real *y, real *z) {
  if (activation == PA_REGNN_ACTIVATION_ABSOLUTE) NODEWISE
  for (size_t k = 0; k < n; k++) z[k] = y[k] < 0 ? -y[k] : y[k];
  if (activation == PA_REGNN_ACTIVATION_TANH) {
    NODEWISE
    for (size_t k = 0; k < n; k++) z[k] = 2 * y[k];
    la->sigmoid(n, z, z);
    NODEWISE
    for (size_t k = 0; k < n; k++) z[k] = 2 * z[k] - 1;
  }
}

/* d z, with z the activation's output and y its input, becomes d y. */
static void activate_backward(int activation, size_t n, const real *restrict y, const real *restrict z,
                              real *restrict d) {
  switch (activation) {
  case PA_REGNN_ACTIVATION_ABSOLUTE:
    NODEWISE
    for (size_t k = 0; k < n; k++) d[k] = y[k] > 0 ? d[k] : y[k] < 0 ? -d[k] : 0;
    break;
  case PA_REGNN_ACTIVATION_TANH:
    NODEWISE
    for (size_t k = 0; k < n; k++) d[k] *= 1 - z[k] * z[k];
    break;
  default:
    NODEWISE
    for (size_t k = 0; k < n; k++) d[k] = z[k] > 0 ? d[k] : 0;
  }
}

static size_t layer_size(const pa__regnn_shape *s, size_t layer) {
  return (s->taps * pa__regnn_width_in(s, layer) + s->bias) * pa__regnn_width_out(s, layer);
}

/* What does not depend on the channels of a block. */
static void begin(const pa__regnn_shape *shape, const pa_states *states, const pa__layout *l, struct tape *t) {
  if (uses_gains(shape)) pa__gains_begin(states, l, &t->gains);
  t->bound = REAL(pa__states_bound)(states);
  NODEWISE
  for (size_t k = 0; k < l->length; k++) t->ones[k] = k / l->width < l->links;
}

/* Where the shift is in place. */
static void place(struct tape *t, const pa__block *block) {
  if (t->in_place) t->shift.rows = (real *)block->h[0];
}

/* t->output of the block; false if a channel is out of bounds. */
static bool block_forward(const pa__la *la, const pa__regnn_model *m, const pa_states *states, const pa__block *block,
                          const struct tape *t) {
  const pa__layout *l = &block->layout;
  const pa__regnn_shape *shape = &m->shape;
  const real *weights = m->weights[WEIGHTS_OF_PRECISION];
  size_t n = l->length, taps = shape->taps;
  if (!build_shift(la, m, block, t)) return false;
  node_inputs(la, m, states, block, t);
  for (size_t layer = 0; layer < shape->layers; layer++) {
    size_t in = pa__regnn_width_in(shape, layer), out = pa__regnn_width_out(shape, layer);
    real *power = t->power[layer];
    for (size_t k = 1; k < taps; k++)
      product(la, l, t, shape->transposed, node(power, l, k * in), node(power, l, (k - 1) * in), in);
    bool last = layer + 1 == shape->layers, relu = !last && shape->activation == PA_REGNN_ACTIVATION_RELU;
    real *z = last ? t->output : t->power[layer + 1], *y = t->linear[layer] ? t->linear[layer] : z;
    la->dense(n, taps * in, out, power, weights, shape->bias ? weights + taps * in * out : NULL, relu, y);
    if (!last) activate(la, shape->activation, out * n, y, z);
    weights += layer_size(shape, layer);
  }
  for (size_t o = 0; o < shape->outputs; o++) {
    double part = shape->outputs > 1 ? (double)o / (double)(shape->outputs - 1) : 1;
    NODEWISE
    for (size_t k = 0; k < n; k++) t->output[o * n + k] += (real)(part * m->offset);
  }
  return true;
}

/* From t->d_output, which is overwritten, to the gradient of each sample: as the weights, [block width] numbers each.
 */
static void block_backward(const pa__la *la, const pa__regnn_model *m, const pa__layout *l, const struct tape *t,
                           real *gradient) {
  const pa__regnn_shape *shape = &m->shape;
  size_t n = l->length, taps = shape->taps, at = 0, back_at = 0;
  for (size_t layer = 0; layer < shape->layers; layer++) {
    at += layer_size(shape, layer);
    back_at += taps * pa__regnn_width_in(shape, layer) * pa__regnn_width_out(shape, layer);
  }
  for (size_t layer = shape->layers; layer-- > 0;) {
    size_t in = pa__regnn_width_in(shape, layer), out = pa__regnn_width_out(shape, layer);
    at -= layer_size(shape, layer);
    back_at -= taps * in * out;
    real *d = gradient + at * l->width;
    la->outer(l, taps * in, out, t->power[layer], t->d_output, d);
    if (shape->bias) la->outer(l, out, 1, t->d_output, t->ones, d + taps * in * out * l->width);
    if (layer == 0) break;
    la->dense(n, out, taps * in, t->d_output, (const real *)m->back[WEIGHTS_OF_PRECISION] + back_at, NULL, false,
              t->d_power);
    /* d z = d_0 + S' (d_1 + S' (d_2 + ...)), S' the shift's transpose. */
    for (size_t k = taps - 1; k-- > 0;) {
      product(la, l, t, !shape->transposed, t->d_sum, node(t->d_power, l, (k + 1) * in), in);
      real *restrict sum = node(t->d_power, l, k * in);
      NODEWISE
      for (size_t e = 0; e < in * n; e++) sum[e] += t->d_sum[e];
    }
    activate_backward(shape->activation, in * n, t->linear[layer - 1], t->power[layer], t->d_power);
    memcpy(t->d_output, t->d_power, in * n * sizeof(real));
  }
}

/* ---- batches ---- */

static void workspace(const pa__regnn_shape *shape, const pa__extent *e, pa__arena *arena) {
  pa__layout layout = pa__extent_layout(pa__la_best(), e);
  take(arena, shape, &layout, false);
}

/* Parts of the power limits that the outputs stand for, where these are one a link and nothing is drawn. What is no
 * number, which powers of a shift without bounds may come to, is off. */
static void parts_of(const pa__la *la, int kind, size_t n, real *y) {
  if (kind == PA_REGNN_OUTPUT_CONTINUOUS) {
    la->sigmoid(n, y, y);
    NODEWISE
    for (size_t k = 0; k < n; k++) y[k] = y[k] >= 0 ? y[k] : 0;
  } else {
    NODEWISE
    for (size_t k = 0; k < n; k++) y[k] = y[k] >= 0;
  }
}

static bool allocate(const pa__regnn_model *m, const pa_states *states, const pa__output *output, const uint64_t *key,
                     void *power, void *work) {
  const pa__la *la = pa__la_best();
  pa__layout l = pa__block_layout(la, states);
  pa__arena arena = {work, 0};
  struct tape tape = take(&arena, &m->shape, &l, false);
  bool plain = !key && output->kind != PA_REGNN_OUTPUT_LEVELS;
  uint64_t origin = l.halo ? l.halo->first : 0; /* numbers of links in the whole network */
  begin(&m->shape, states, &l, &tape);
  for (size_t first = 0; first < states->batch; first += l.width) {
    pa__block block = pa__block_at(states, l, first);
    place(&tape, &block);
    if (!block_forward(la, m, states, &block, &tape)) return false;
    if (plain) parts_of(la, output->kind, l.length, tape.output);
    for (size_t s = 0; s < block.count; s++)
      for (size_t i = 0; i < l.links; i++) {
        size_t link = pa__layout_link(&l, i);
        real part = tape.output[i * l.width + s];
        if (!plain) {
          double y[PA__OUTPUT_MOST];
          for (size_t o = 0; o < output->count; o++) y[o] = (double)tape.output[o * l.length + i * l.width + s];
          part = (real)(key ? pa__output_draw(output, y, *key, states->first + first + s, 2 * (origin + link), NULL)
                            : pa__output_power(output, y, 0));
        }
        ((real *)power)[(first + s) * l.links + link] = (real)states->limit[link] * part;
      }
  }
  return true;
}

/* One tape a block, and the gradient of a block's samples. */
static void tape_workspace(const pa__regnn_shape *shape, const pa__extent *e, pa__arena *arena) {
  pa__layout layout = pa__extent_layout(pa__la_best(), e);
  for (size_t first = 0; first < e->batch; first += layout.width) take(arena, shape, &layout, true);
  pa__arena_take(arena, pa__regnn_weight_count(shape), layout.width * sizeof(real));
}

static void forward(const pa__regnn_model *m, const pa_states *states, double *y, void *work) {
  const pa__la table = pa__la_training(states->links), *la = &table;
  pa__layout l = pa__block_layout(la, states);
  pa__arena arena = {work, 0};
  size_t count = m->shape.outputs;
  for (size_t first = 0; first < states->batch; first += l.width) {
    struct tape tape = take(&arena, &m->shape, &l, true);
    pa__block block = pa__block_at(states, l, first);
    begin(&m->shape, states, &l, &tape);
    place(&tape, &block);
    block_forward(la, m, states, &block, &tape);
    for (size_t s = 0; s < block.count; s++)
      for (size_t i = 0; i < l.links; i++)
        for (size_t o = 0; o < count; o++)
          y[((first + s) * l.links + pa__layout_link(&l, i)) * count + o] =
              (double)tape.output[o * l.length + i * l.width + s];
  }
}

static void backward(const pa__regnn_model *m, const pa_states *states, const double *dy, double *gradient,
                     void *work) {
  const pa__la table = pa__la_training(states->links), *la = &table;
  size_t count = m->shape.outputs, n = states->links, weights = pa__regnn_weight_count(&m->shape);
  pa__layout l = pa__block_layout(la, states);
  pa__arena arena = {work, 0}, behind = {work, 0};
  for (size_t first = 0; first < states->batch; first += l.width) take(&behind, &m->shape, &l, true);
  real *per_sample = pa__arena_take(&behind, weights, l.width * sizeof(real));
  for (size_t first = 0; first < states->batch; first += l.width) {
    struct tape tape = take(&arena, &m->shape, &l, true);
    pa__block block = pa__block_at(states, l, first);
    size_t samples = block.count;
    place(&tape, &block);
    memset(tape.d_output, 0, count * l.length * sizeof(real));
    for (size_t s = 0; s < samples; s++)
      for (size_t i = 0; i < n; i++)
        for (size_t o = 0; o < count; o++)
          tape.d_output[o * l.length + i * l.width + s] =
              (real)dy[((first + s) * n + pa__layout_link(&l, i)) * count + o];
    block_backward(la, m, &l, &tape, per_sample);
    for (size_t k = 0; k < weights; k++)
      for (size_t s = 0; s < samples; s++) gradient[k] += (double)per_sample[k * l.width + s];
  }
}

extern const pa__regnn_pass KERNEL(regnn_pass);
const pa__regnn_pass KERNEL(regnn_pass) = {.workspace = workspace,
                                           .allocate = allocate,
                                           .tape_workspace = tape_workspace,
                                           .forward = forward,
                                           .backward = backward};
