/* REGNN on a batch, forward and backward, once per instruction set and precision. */
#ifndef POWALLOC_LIB_REGNN_PASS_H
#define POWALLOC_LIB_REGNN_PASS_H

#include "../la/kernel_set.h"
#include "../net/states.h"
#include "output.h"

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

/* Numbers of all weights: of a layer its taps [K][F_in][F_out], then its bias [F_out] if there is one. */
size_t pa__regnn_weight_count(const pa__regnn_shape *shape);

/* A model as the passes see it: its weights, and the taps of all layers transposed for the way back, [F_out][K][F_in],
 * each in the precision of the pass. */
typedef struct pa__regnn_model {
  pa__regnn_shape shape;
  const void *weights[PA__PRECISIONS], *back[PA__PRECISIONS];
  double scale;  /* of the shift */
  double snr;    /* divides the log SNR */
  double offset; /* added to the outputs */
} pa__regnn_model;

typedef struct pa__regnn_pass {
  void (*workspace)(const pa__regnn_shape *shape, const pa__extent *extent, pa__arena *arena);
  /* Powers, in the precision of the pass, of the outputs; drawn if there is a key. False: a channel is out of bounds.
   */
  bool (*allocate)(const pa__regnn_model *model, const pa_states *states, const pa__output *output, const uint64_t *key,
                   void *power, void *work);

  /* Memory of the next two. */
  void (*tape_workspace)(const pa__regnn_shape *shape, const pa__extent *extent, pa__arena *arena);
  /* Outputs y [batch][links][outputs]; leaves in work what backward needs. */
  void (*forward)(const pa__regnn_model *model, const pa_states *states, double *y, void *work);
  /* Adds to gradient that of sum y dy. */
  void (*backward)(const pa__regnn_model *model, const pa_states *states, const double *dy, double *gradient,
                   void *work);
} pa__regnn_pass;

#endif
