/* The GCNs of UWMMSE: a gate of each layer and side is sigmoid(diag(F) X w0 + F X w1 + b) of the ReLU of the same. The
 * first layers of all GCNs see the same input, and their second layers share one product with F. */
#include "uwmmse_tape.h"

#include <math.h>
#include <string.h>

/* Features below this strength count as this strong. */
#define WEAKEST ((real)1e-20)

/* Nodes that are taken together, so that their vectors stay in the first-level cache; whole vectors. */
enum { CHUNK = 256 };

/* c[sample]: geometric mean of the direct channels that are not 0; 1 if there is none. work: two node vectors. */
static void geometric_mean(const pa__la *la, const pa__block *block, real *c, real *work) {
  const pa__layout *l = &block->layout;
  real *channel = work, *logarithm = work + l->length;
  NODEWISE
  for (size_t k = 0; k < l->length; k++) channel[k] = 1;
  for (size_t i = 0; i < l->links; i++)
    for (size_t s = 0; s < l->width; s++) channel[i * l->width + s] = pa__layout_direct(l, block->h[s], i);
  la->log(l->length, logarithm, channel);
  for (size_t s = 0; s < l->width; s++) {
    double sum[2] = {0}; /* and how many */
    for (size_t i = pa__layout_begin(l); i < pa__layout_end(l); i++)
      if (channel[i * l->width + s] > 0) sum[0] += (double)logarithm[i * l->width + s], sum[1]++;
    pa__layout_sum(l, sum, 2);
    c[s] = (real)(sum[1] > 0 ? exp(sum[0] / sum[1]) : 1);
  }
}

/* log(signal / (1 + interference)) / 10 */
static void log_strength(const pa__la *la, size_t n, real *restrict x, const real *restrict signal,
                         const real *restrict interference) {
  NODEWISE
  for (size_t k = 0; k < n; k++) {
    real strength = signal[k] / (1 + interference[k]);
    x[k] = strength > WEAKEST ? strength : WEAKEST;
  }
  la->log(n, x, x);
  NODEWISE
  for (size_t k = 0; k < n; k++) x[k] /= 10;
}

static void multiply(size_t columns, size_t n, real *restrict x, const real *restrict by) {
  for (size_t c = 0; c < columns; c++) NODEWISE
  for (size_t k = 0; k < n; k++) x[c * n + k] *= by[k];
}

/* y = factor (y + own x), x a vector that was multiplied already. */
static void finish(size_t columns, size_t n, real *restrict y, const real *restrict x, const real *restrict own,
                   const real *restrict factor) {
  for (size_t c = 0; c < columns; c++) NODEWISE
  for (size_t k = 0; k < n; k++) y[c * n + k] = factor[k] * (y[c * n + k] + own[k] * x[c * n + k]);
}

/* y = F x; x is overwritten. */
static void far(const pa__la *la, const pa__layout *l, const pa__uwmmse_tape *t, real *y, real *x, size_t columns) {
  multiply(columns, l->length, x, t->enter);
  la->shift(l, y, &t->shift, x, columns);
  finish(columns, l->length, y, x, t->own, t->leave);
}

/* y = F^T x; x is overwritten. */
static void far_transposed(const pa__la *la, const pa__layout *l, const pa__uwmmse_tape *t, real *y, real *x,
                           size_t columns) {
  multiply(columns, l->length, x, t->leave);
  la->shift_transposed(l, y, &t->shift, x, columns);
  finish(columns, l->length, y, x, t->own, t->enter);
}

/* False if a channel is out of bounds. Else F, the gains, and X, in the scratch: all ones; extended, also the column
 * sums of F, the log SNR and the log SINR at full power, both by 10. */
static bool features(const pa__la *la, const pa__uwmmse_shape *shape, const pa__block *block,
                     const pa__uwmmse_tape *t) {
  const pa__layout *l = &block->layout;
  const pa__gains *g = &t->gains;
  size_t n = l->length;
  real *x = t->scratch;
  if (shape->extended) {
    real c[PA__WIDEST], *colsum = pa__node(x, l, 1), *snr = pa__node(x, l, 2), *sinr = pa__node(x, l, 3),
                        *work = pa__node(x, l, 3);
    if (!la->pack(PA__PACK_GAIN, l, block->h, g->transmit, g->receive, g->bound, false, &g->cross, g->direct))
      return false;
    geometric_mean(la, block, c, work);
    la->pack(PA__PACK_BOUNDED, l, block->h, NULL, c, g->bound, false, &t->shift, t->own);
    memcpy(x, t->ones, n * sizeof(real));
    far_transposed(la, l, t, colsum, x, 1);
    real *none = pa__node(x, l, 4);
    memset(none, 0, n * sizeof(real));
    log_strength(la, n, snr, g->direct, none);
    memcpy(x, t->ones, n * sizeof(real));
    la->shift_transposed(l, none, &g->cross, x, 1);
    log_strength(la, n, sinr, g->direct, none);
  } else {
    if (!la->pack(PA__PACK_AMPLITUDE, l, block->h, g->transmit, g->receive, g->bound, false, &t->shift, t->own))
      return false;
    NODEWISE
    for (size_t k = 0; k < n; k++) g->direct[k] = t->own[k] * t->own[k];
    memcpy(x, t->ones, n * sizeof(real));
  }
  return true;
}

/* The heads of nodes at, ..., at + CHUNK - 1: of w0 and the node itself in place of the gates, of w1 ready for the
 * product. */
static void heads(const pa__la *la, const pa__uwmmse_shape *shape, const pa__uwmmse_weights *w, const pa__layout *l,
                  const pa__uwmmse_tape *t, size_t at) {
  size_t n = l->length, gcns = shape->gcns, count = n - at < CHUNK ? n - at : CHUNK;
  const real *restrict diagonal = t->inputs + at, *restrict enter = t->enter + at;
  la->perceptrons(n, count, 2 * shape->features, gcns, shape->hidden, t->inputs + at, w->first, w->first_bias,
                  w->second, t->hidden ? t->hidden + at : NULL, t->gate + at);
  for (size_t g = 0; g < gcns; g++) {
    real *restrict near = pa__node(t->gate, l, g) + at, *restrict of_w1 = pa__node(t->gate, l, gcns + g) + at,
                   bias = w->second_bias[g];
    NODEWISE
    for (size_t k = 0; k < count; k++) {
      near[k] = diagonal[k] * (near[k] + of_w1[k]) + bias;
      of_w1[k] *= enter[k];
    }
  }
}

bool pa__gates_forward(const pa__la *la, const pa__uwmmse_shape *shape, const pa__uwmmse_weights *w,
                       const pa__block *block, const pa__uwmmse_tape *t) {
  const pa__layout *l = &block->layout;
  size_t n = l->length, gcns = shape->gcns, count = shape->features;
  real *x = t->scratch, *restrict diagonal = t->inputs;
  if (!features(la, shape, block, t)) return false;
  NODEWISE
  for (size_t k = 0; k < n; k++) diagonal[k] = t->leave[k] * t->own[k] * t->enter[k];
  for (size_t f = 1; f < count; f++) NODEWISE
  for (size_t k = 0; k < n; k++) t->inputs[f * n + k] = diagonal[k] * x[f * n + k];
  far(la, l, t, pa__node(t->inputs, l, count), x, count);
  for (size_t at = 0; at < n; at += CHUNK) heads(la, shape, w, l, t, at);
  la->shift(l, t->far, &t->shift, pa__node(t->gate, l, gcns), gcns);
  for (size_t g = 0; g < gcns; g++)
    for (size_t at = 0; at < n; at += CHUNK) {
      size_t part = n - at < CHUNK ? n - at : CHUNK;
      real *restrict y = pa__node(t->gate, l, g) + at;
      const real *restrict sum = pa__node(t->far, l, g) + at, *restrict leave = t->leave + at;
      NODEWISE
      for (size_t k = 0; k < part; k++) y[k] += leave[k] * sum[k];
      la->sigmoid(part, y, y);
    }
  return true;
}

void pa__gates_backward(const pa__la *la, const pa__uwmmse_shape *shape, const pa__uwmmse_weights *w,
                        const pa__layout *l, const pa__uwmmse_tape *t, const pa__uwmmse_weights *d) {
  size_t n = l->length, gcns = shape->gcns;
  const real *restrict diagonal = t->inputs, *restrict gate = t->gate;
  real *restrict d_gate = t->d_gate, *restrict d_near = t->d_head;
  NODEWISE
  for (size_t k = 0; k < gcns * n; k++) d_gate[k] *= gate[k] * (1 - gate[k]);
  la->outer(l, gcns, 1, d_gate, t->ones, d->second_bias);
  for (size_t g = 0; g < gcns; g++) NODEWISE
  for (size_t k = 0; k < n; k++) d_near[g * n + k] = diagonal[k] * d_gate[g * n + k];
  far_transposed(la, l, t, pa__node(t->d_head, l, gcns), d_gate, gcns);
  la->perceptrons_backward(l, 2 * shape->features, gcns, shape->hidden, t->inputs, t->hidden, w->second, t->d_head,
                           d->first, d->first_bias, d->second);
}
