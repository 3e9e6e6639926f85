/* UWMMSE on one block, forward and backward, once per instruction set. */
#ifndef POWALLOC_LIB_UWMMSE_PASS_H
#define POWALLOC_LIB_UWMMSE_PASS_H

#include "../la/kernel_set.h"
#include "policy.h"

enum { PA__UWMMSE_SCRATCH = 7 };

/* Shape of a model. GCNs are numbered a(1), b(1), ..., a(K), b(K), then the start's (extended only). */
typedef struct pa__uwmmse_shape {
  bool extended;
  size_t layers, hidden;
  size_t features; /* of a node at the GCNs' input: 1, or 4 when extended */
  size_t gcns;
} pa__uwmmse_shape;

/* Weights as the passes use them: the first layers of all GCNs are one dense layer on [diag(F) X, F X]. The biases b0
 * and b1 of a layer only ever act as their sum. */
typedef struct pa__uwmmse_weights {
  double *first;       /* [2 features][gcns][hidden] */
  double *first_bias;  /* [gcns][hidden] */
  double *second;      /* [2][gcns][hidden]: w0, then w1 */
  double *second_bias; /* [gcns] */
  double *mu, *tau;    /* [layers] */
  double scale;        /* of H inside the GCNs (paper) */
  double start;        /* v(0) as a part of sqrt(pmax) (paper) */
} pa__uwmmse_weights;

/* Numbers in first, first_bias, second, second_bias, mu, tau, one after the other; and views of them in memory that
 * holds `width` values of each (a gradient per sample of a block, or 1). */
size_t pa__uwmmse_packed_size(const pa__uwmmse_shape *shape);
pa__uwmmse_weights pa__uwmmse_packed_view(const pa__uwmmse_shape *shape, double *memory, size_t width);

/* What a forward pass leaves for the backward pass; node vectors of the block. */
typedef struct pa__uwmmse_tape {
  pa__gains gains;
  pa__matrix shift;                   /* F: scale H, or H / (H + c) */
  double *inputs;                     /* [2 features]: diag(F) X, F X; the diagonal of F first (X starts with ones) */
  double *ones;                       /* 1, 0 in the padding */
  double *price;                      /* unit of mu: pmax (paper, mu in 1/W) or 1 */
  double *hidden;                     /* [gcns][hidden] */
  double *head;                       /* [2][gcns]: of w0, of w1 */
  double *gate;                       /* [gcns]: a, b of each layer, start */
  double *v;                          /* [layers + 1] */
  double *interference;               /* [layers + 1]: I of each v */
  double *denominator;                /* [layers] */
  double *log_ratio, *growth;         /* [layers], extended: log(z / v), (z / v)^(1 + tau) */
  double *scratch;                    /* [PA__UWMMSE_SCRATCH] */
  double *d_v;                        /* backward only: of the last v on entry */
  double *d_gate, *d_head, *d_hidden; /* backward only, as those above */
} pa__uwmmse_tape;

pa__uwmmse_tape pa__uwmmse_tape_take(pa__arena *arena, const pa__uwmmse_shape *shape, const pa__layout *layout,
                                     bool backward);

/* Amplitudes tape->v[layers] for the block. */
typedef void pa__uwmmse_forward_fn(const pa__la *la, const pa__uwmmse_shape *shape, const pa__uwmmse_weights *weights,
                                   const pa_states *states, const pa__block *block, const pa__uwmmse_tape *tape);
/* Weighted sum-rates [block width] in bit/s/Hz after a forward pass. */
typedef void pa__uwmmse_rate_fn(const pa__la *la, const pa__uwmmse_shape *shape, const pa__block *block,
                                const pa__uwmmse_tape *tape, double *rate);
/* tape->d_v of each sample's rate, after forward and rate. */
typedef void pa__uwmmse_rate_slope_fn(const pa__la *la, const pa__uwmmse_shape *shape, const pa__block *block,
                                      const pa__uwmmse_tape *tape);
/* From tape->d_v to the gradient of each sample: laid out as the packed weights, [block width] numbers each. Overwrites
 * d_v. */
typedef void pa__uwmmse_backward_fn(const pa__la *la, const pa__uwmmse_shape *shape, const pa__uwmmse_weights *weights,
                                    const pa__block *block, const pa__uwmmse_tape *tape, double *gradient);

#define PA__DECLARE_FORWARD(name) extern pa__uwmmse_forward_fn name
#define PA__DECLARE_RATE(name) extern pa__uwmmse_rate_fn name
#define PA__DECLARE_RATE_SLOPE(name) extern pa__uwmmse_rate_slope_fn name
#define PA__DECLARE_BACKWARD(name) extern pa__uwmmse_backward_fn name
KERNEL_DECLARE(PA__DECLARE_FORWARD, uwmmse_forward);
KERNEL_DECLARE(PA__DECLARE_RATE, uwmmse_rate);
KERNEL_DECLARE(PA__DECLARE_RATE_SLOPE, uwmmse_rate_slope);
KERNEL_DECLARE(PA__DECLARE_BACKWARD, uwmmse_backward);

#endif
