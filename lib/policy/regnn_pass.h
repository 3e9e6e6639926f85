/* REGNN on one block, forward and backward, once per instruction set. */
#ifndef POWALLOC_LIB_REGNN_PASS_H
#define POWALLOC_LIB_REGNN_PASS_H

#include "../la/kernel_set.h"
#include "policy.h"

enum { PA__REGNN_LAYERS = 64 };

/* What cannot change in a model; the meaning of the values stands in regnn.h. */
typedef struct pa__regnn_shape {
  size_t layers, features, taps, outputs;
  size_t inputs;         /* node inputs in all */
  int kinds;             /* bits PA_REGNN_INPUT_* */
  size_t state_features; /* of the caller's node state, last among the inputs */
  int shift, activation;
  bool bias, transposed;
} pa__regnn_shape;

static inline size_t pa__regnn_width_in(const pa__regnn_shape *s, size_t layer) {
  return layer == 0 ? s->inputs : s->features;
}

static inline size_t pa__regnn_width_out(const pa__regnn_shape *s, size_t layer) {
  return layer + 1 == s->layers ? s->outputs : s->features;
}

/* Weights of a layer: taps [K][F_in][F_out], then its bias [F_out] if there is one; and the taps transposed,
 * [F_out][K][F_in], for the way back. */
typedef struct pa__regnn_weights {
  const double *layer[PA__REGNN_LAYERS], *back[PA__REGNN_LAYERS];
  double scale;  /* of the shift */
  double snr;    /* divides the log SNR */
  double offset; /* added to the outputs */
} pa__regnn_weights;

/* What a forward pass leaves for the backward pass; node vectors of the block. */
typedef struct pa__regnn_tape {
  pa__gains gains;
  pa__matrix shift;
  double *ones;                       /* 1, 0 in the padding */
  double *scratch;                    /* [4] */
  double *power[PA__REGNN_LAYERS];    /* [K][F_in]: S^k z of the layer's input z */
  double *linear[PA__REGNN_LAYERS];   /* [F_out] before the activation; NULL where it is not needed */
  double *output;                     /* [outputs] */
  double *d_output, *d_power, *d_sum; /* backward only: [F_out], [K][F_in], [F_in] of the widest layer */
} pa__regnn_tape;

pa__regnn_tape pa__regnn_tape_take(pa__arena *arena, const pa__regnn_shape *shape, const pa__layout *layout,
                                   bool backward);

/* tape->output for the block. */
typedef void pa__regnn_forward_fn(const pa__la *la, const pa__regnn_shape *shape, const pa__regnn_weights *weights,
                                  const pa_states *states, const pa__block *block, const pa__regnn_tape *tape);
/* From tape->d_output to the gradient of each sample: laid out as the weights, [block width] numbers each. Overwrites
 * d_output. */
typedef void pa__regnn_backward_fn(const pa__la *la, const pa__regnn_shape *shape, const pa__regnn_weights *weights,
                                   const pa__block *block, const pa__regnn_tape *tape, double *gradient);

#define PA__DECLARE_REGNN_FORWARD(name) extern pa__regnn_forward_fn name
#define PA__DECLARE_REGNN_BACKWARD(name) extern pa__regnn_backward_fn name
KERNEL_DECLARE(PA__DECLARE_REGNN_FORWARD, regnn_forward);
KERNEL_DECLARE(PA__DECLARE_REGNN_BACKWARD, regnn_backward);

#endif
