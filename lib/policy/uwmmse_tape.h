/* What a pass of UWMMSE over one block keeps; in the precision of the pass. */
#ifndef POWALLOC_LIB_UWMMSE_TAPE_H
#define POWALLOC_LIB_UWMMSE_TAPE_H

#include "gains.h"
#include "uwmmse_pass.h"

/* The packed weights, or `width` values of each (a gradient per sample of a block). */
typedef struct pa__uwmmse_weights {
  real *first, *first_bias, *second, *second_bias, *mu, *tau;
} pa__uwmmse_weights;

static inline pa__uwmmse_weights pa__uwmmse_view(const pa__uwmmse_shape *s, real *memory, size_t width) {
  pa__uwmmse_weights w = {.first = memory};
  w.first_bias = w.first + 2 * s->features * s->gcns * s->hidden * width;
  w.second = w.first_bias + s->gcns * s->hidden * width;
  w.second_bias = w.second + 2 * s->gcns * s->hidden * width;
  w.mu = w.second_bias + s->gcns * width;
  w.tau = w.mu + s->layers * width;
  return w;
}

/* Node vectors of the block. */
typedef struct pa__uwmmse_tape {
  bool kept; /* all layers, for a way back; if not, v has two vectors in turn, and [layers] below means 1 */
  pa__gains gains;
  /* F = diag(leave) (A + diag(own)) diag(enter), A with zeros on its diagonal. `paper`: F = scale H, A the amplitudes
   * in units of noise and power limits; without a backward pass they are squared in place afterwards. `extended`: F = A
   * + diag(own) = H / (H + c). */
  pa__matrix shift;
  real *own, *enter, *leave;
  real *inputs;                /* [2 features]: diag(F) X, F X; the diagonal of F first (X starts with ones) */
  real *ones;                  /* 1, 0 in the padding */
  real *price;                 /* unit of mu: pmax (paper, mu in 1/W) or 1 */
  real *hidden;                /* [gcns][hidden]; backward only */
  real *gate;                  /* [2][gcns]: a, b of each layer, start; before that the heads of w0, then of w1 */
  real *far;                   /* [gcns]: A times the heads of w1; in their place if A is sparse */
  real *v;                     /* [layers + 1] */
  real *power;                 /* v^2 of the last v */
  real *interference;          /* [layers + 1]: I of each v */
  real *denominator;           /* [layers] */
  real *log_ratio, *growth;    /* [layers], extended: log(z / v), (z / v)^(1 + tau) */
  real *q, *per_v;             /* of a layer: u^2 w, u h w / v */
  real *w;                     /* backward only */
  real *inverse_t, *inverse_i; /* 1 / T, 1 / I; backward only */
  real *scratch;               /* [5]; `paper` without a backward pass [1] */
  real *d_v;                   /* backward only: of the last v on entry */
  real *d_gate, *d_head;       /* backward only, as those above */
} pa__uwmmse_tape;

static inline real *pa__node(real *vectors, const pa__layout *l, size_t index) { return vectors + index * l->length; }

/* v before layer number `layer`. */
static inline real *pa__uwmmse_v(const pa__uwmmse_tape *t, const pa__layout *l, size_t layer) {
  return pa__node(t->v, l, t->kept ? layer : layer % 2);
}

/* uwmmse_gates.c: the gates from the channels of a block, false if these are out of bounds; and from d_gate to the
 * gradient of the GCNs' weights. */
#define pa__gates_forward KERNEL(gates_forward)
#define pa__gates_backward KERNEL(gates_backward)
bool pa__gates_forward(const pa__la *la, const pa__uwmmse_shape *shape, const pa__uwmmse_weights *weights,
                       const pa__block *block, const pa__uwmmse_tape *tape);
void pa__gates_backward(const pa__la *la, const pa__uwmmse_shape *shape, const pa__uwmmse_weights *weights,
                        const pa__layout *layout, const pa__uwmmse_tape *tape, const pa__uwmmse_weights *d);

#endif
