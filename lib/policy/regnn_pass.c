/* REGNN forward and backward on one block: eqs. (11)-(15) of its paper, y = sum_k S^k z A_k in each layer. */
#include "regnn_pass.h"

#include <math.h>
#include <powalloc/regnn.h>
#include <string.h>

/* A shift is divided by its spectral norm after this many steps of power iteration; the number is part of the model. */
enum { POWER_STEPS = 30 };

static double *node(double *vectors, const pa__layout *l, size_t index) { return vectors + index * l->length; }

static double *element(const pa__layout *l, double *matrix, size_t i, size_t j) {
  return matrix + (l->width > 1 ? (i * l->links + j) * l->width : i * l->length + j);
}

static void put_diagonal(const pa__layout *l, const pa__matrix *m, const double *diagonal) {
  for (size_t i = 0; i < l->links; i++) {
    memcpy(element(l, m->rows, i, i), diagonal + i * l->width, l->width * sizeof(double));
    if (l->width == 1) *element(l, m->transposed, i, i) = diagonal[i];
  }
}

/* Element (i, j) times factor[j], a node vector. */
static void scale_columns(const pa__layout *l, const pa__matrix *m, const double *restrict factor) {
  size_t n = l->links;
  for (size_t i = 0; i < n; i++) {
    double *restrict row = element(l, m->rows, i, 0);
    for (size_t k = 0; k < l->length; k++) row[k] *= factor[k];
  }
  for (size_t j = 0; l->width == 1 && j < n; j++)
    for (size_t k = 0; k < l->length; k++) m->transposed[j * l->length + k] *= factor[j];
}

/* g / (1 + g) on every element. */
static void bound(const pa__layout *l, const pa__matrix *m) {
  double *matrices[2] = {m->rows, l->width == 1 ? m->transposed : NULL};
  for (int which = 0; which < 2 && matrices[which]; which++)
    for (size_t k = 0; k < l->links * l->length; k++) matrices[which][k] /= 1 + matrices[which][k];
}

static void sum_of_squares(const pa__layout *l, const double *x, double sum[PA__WIDEST]) {
  for (size_t s = 0; s < l->width; s++) sum[s] = 0;
  for (size_t i = 0; i < l->links; i++)
    for (size_t s = 0; s < l->width; s++) sum[s] += x[i * l->width + s] * x[i * l->width + s];
}

static void divide(const pa__layout *l, double *x, const double by[PA__WIDEST]) {
  for (size_t i = 0; i < l->links; i++)
    for (size_t s = 0; s < l->width; s++) x[i * l->width + s] /= by[s] > 0 ? by[s] : 1;
}

/* Divides each sample's matrix by its largest singular value. */
static void normalise(const pa__la *la, const pa__layout *l, const pa__regnn_tape *t) {
  double *x = t->scratch, *y = node(t->scratch, l, 1), sum[PA__WIDEST], norm[PA__WIDEST] = {0};
  memcpy(x, t->ones, l->length * sizeof(double));
  for (int step = 0; step < POWER_STEPS; step++) {
    sum_of_squares(l, x, sum);
    for (size_t s = 0; s < l->width; s++) norm[s] = sqrt(sum[s]);
    divide(l, x, norm);
    la->shift(l, y, &t->shift, x, 1);
    sum_of_squares(l, y, sum);
    for (size_t s = 0; s < l->width; s++) norm[s] = sqrt(sum[s]);
    la->shift_transposed(l, x, &t->shift, y, 1);
  }
  for (size_t k = 0; k < l->length; k++) y[k] = norm[k % l->width] > 0 ? 1 / norm[k % l->width] : 1;
  scale_columns(l, &t->shift, y);
}

static void build_shift(const pa__la *la, const pa__regnn_shape *shape, const pa__regnn_weights *w,
                        const pa__block *block, const pa__regnn_tape *t) {
  const pa__layout *l = &block->layout;
  double *sums = t->scratch;
  switch (shape->shift) {
  case PA_REGNN_SHIFT_SHARE:
    la->shift_transposed(l, sums, &t->shift, t->ones, 1);
    for (size_t k = 0; k < l->length; k++) sums[k] = 1 / (1 + sums[k] + t->gains.direct[k]);
    put_diagonal(l, &t->shift, t->gains.direct);
    scale_columns(l, &t->shift, sums);
    break;
  case PA_REGNN_SHIFT_BOUNDED:
    put_diagonal(l, &t->shift, t->gains.direct);
    bound(l, &t->shift);
    normalise(la, l, t);
    break;
  default:
    la->pack_scaled(l, block->h, w->scale, &t->shift, t->scratch);
    if (shape->shift == PA_REGNN_SHIFT_SPECTRAL) normalise(la, l, t);
  }
}

/* The inputs in the order of their bits, the caller's node state last; a lone input of ones gives way to it. */
static void node_inputs(const pa__la *la, const pa__regnn_shape *shape, const pa__regnn_weights *w,
                        const pa_states *states, const pa__block *block, const pa__regnn_tape *t) {
  const pa__layout *l = &block->layout;
  size_t n = l->length, column = 0;
  bool given = shape->inputs == 1 && shape->kinds == PA_REGNN_INPUT_ONES && states->node_features == 1;
  size_t from_state = given ? 1 : shape->state_features;
  double *x = t->power[0], *snr = t->scratch, *weight = node(t->scratch, l, 1), mean = 0;
  if (shape->kinds & (PA_REGNN_INPUT_SNR | PA_REGNN_INPUT_WEIGHT_SNR)) {
    for (size_t k = 0; k < n; k++) snr[k] = 1 + t->gains.direct[k];
    la->log(n, snr, snr);
    for (size_t k = 0; k < n; k++) snr[k] /= w->snr;
  }
  for (size_t i = 0; i < l->links; i++) mean += states->weights[i] / (double)l->links;
  for (size_t k = 0; k < n; k++) weight[k] = t->gains.weight[k] / mean;
  if (shape->kinds & PA_REGNN_INPUT_ONES && !given) memcpy(node(x, l, column++), t->ones, n * sizeof(double));
  if (shape->kinds & PA_REGNN_INPUT_SNR) memcpy(node(x, l, column++), snr, n * sizeof(double));
  if (shape->kinds & PA_REGNN_INPUT_WEIGHT) memcpy(node(x, l, column++), weight, n * sizeof(double));
  if (shape->kinds & PA_REGNN_INPUT_WEIGHT_SNR) {
    double *both = node(x, l, column++);
    for (size_t k = 0; k < n; k++) both[k] = weight[k] * snr[k];
  }
  for (size_t f = 0; f < from_state; f++) {
    double *to = node(x, l, column++);
    memset(to, 0, n * sizeof(double));
    for (size_t s = 0; s < l->width; s++) {
      size_t sample = block->first + (s < block->count ? s : block->count - 1);
      for (size_t i = 0; i < l->links; i++)
        to[i * l->width + s] = states->node_state[(sample * l->links + i) * from_state + f];
    }
  }
}

/* z = activation(y); y and z may be the same for ReLU, which is already done. */
static void activate(const pa__la *la, int activation, size_t n, const double *y, double *z) {
  if (activation == PA_REGNN_ACTIVATION_ABSOLUTE)
    for (size_t k = 0; k < n; k++) z[k] = fabs(y[k]);
  if (activation == PA_REGNN_ACTIVATION_TANH) {
    for (size_t k = 0; k < n; k++) z[k] = 2 * y[k];
    la->sigmoid(n, z, z);
    for (size_t k = 0; k < n; k++) z[k] = 2 * z[k] - 1;
  }
}

/* d z, with z the activation's output and y its input, becomes d y. */
static void activate_backward(int activation, size_t n, const double *restrict y, const double *restrict z,
                              double *restrict d) {
  switch (activation) {
  case PA_REGNN_ACTIVATION_ABSOLUTE:
    for (size_t k = 0; k < n; k++) d[k] = y[k] > 0 ? d[k] : y[k] < 0 ? -d[k] : 0;
    break;
  case PA_REGNN_ACTIVATION_TANH:
    for (size_t k = 0; k < n; k++) d[k] *= 1 - z[k] * z[k];
    break;
  default:
    for (size_t k = 0; k < n; k++) d[k] = z[k] > 0 ? d[k] : 0;
  }
}

pa__regnn_forward_fn KERNEL(regnn_forward);

void KERNEL(regnn_forward)(const pa__la *la, const pa__regnn_shape *shape, const pa__regnn_weights *w,
                           const pa_states *states, const pa__block *block, const pa__regnn_tape *t) {
  const pa__layout *l = &block->layout;
  size_t n = l->length, taps = shape->taps;
  for (size_t k = 0; k < n; k++) t->ones[k] = l->width > 1 || k < l->links ? 1 : 0;
  pa__gains_fill(la, states, block, &t->gains);
  build_shift(la, shape, w, block, t);
  node_inputs(la, shape, w, states, block, t);
  for (size_t layer = 0; layer < shape->layers; layer++) {
    size_t in = pa__regnn_width_in(shape, layer), out = pa__regnn_width_out(shape, layer);
    double *power = t->power[layer];
    for (size_t k = 1; k < taps; k++)
      (shape->transposed ? la->shift_transposed : la->shift)(l, node(power, l, k * in), &t->shift,
                                                             node(power, l, (k - 1) * in), in);
    bool last = layer + 1 == shape->layers, relu = !last && shape->activation == PA_REGNN_ACTIVATION_RELU;
    double *z = last ? t->output : t->power[layer + 1], *y = t->linear[layer] ? t->linear[layer] : z;
    const double *weights = w->layer[layer], *bias = shape->bias ? weights + taps * in * out : NULL;
    la->dense(n, taps * in, out, power, weights, bias, relu, y);
    if (!last) activate(la, shape->activation, out * n, y, z);
  }
  for (size_t o = 0; o < shape->outputs; o++) {
    double part = shape->outputs > 1 ? (double)o / (double)(shape->outputs - 1) : 1;
    for (size_t k = 0; k < n; k++) t->output[o * n + k] += part * w->offset;
  }
}

pa__regnn_backward_fn KERNEL(regnn_backward);

void KERNEL(regnn_backward)(const pa__la *la, const pa__regnn_shape *shape, const pa__regnn_weights *w,
                            const pa__block *block, const pa__regnn_tape *t, double *gradient) {
  const pa__layout *l = &block->layout;
  size_t n = l->length, taps = shape->taps, at = 0, begin[PA__REGNN_LAYERS];
  for (size_t layer = 0; layer < shape->layers; layer++) {
    begin[layer] = at;
    at += (taps * pa__regnn_width_in(shape, layer) + shape->bias) * pa__regnn_width_out(shape, layer);
  }
  for (size_t layer = shape->layers; layer-- > 0;) {
    size_t in = pa__regnn_width_in(shape, layer), out = pa__regnn_width_out(shape, layer);
    double *d = gradient + begin[layer] * l->width;
    la->outer(l, taps * in, out, t->power[layer], t->d_output, d);
    if (shape->bias) la->outer(l, out, 1, t->d_output, t->ones, d + taps * in * out * l->width);
    if (layer == 0) break;
    la->dense(n, out, taps * in, t->d_output, w->back[layer], NULL, false, t->d_power);
    /* d z = d_0 + S' (d_1 + S' (d_2 + ...)), S' the shift's transpose. */
    for (size_t k = taps - 1; k-- > 0;) {
      (shape->transposed ? la->shift : la->shift_transposed)(l, t->d_sum, &t->shift, node(t->d_power, l, (k + 1) * in),
                                                             in);
      double *restrict sum = node(t->d_power, l, k * in);
      for (size_t e = 0; e < in * n; e++) sum[e] += t->d_sum[e];
    }
    activate_backward(shape->activation, in * n, t->linear[layer - 1], t->power[layer], t->d_power);
    memcpy(t->d_output, t->d_power, in * n * sizeof(double));
  }
}
