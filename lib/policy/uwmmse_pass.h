/* UWMMSE on a batch, forward and backward, once per instruction set and precision. */
#ifndef POWALLOC_LIB_UWMMSE_PASS_H
#define POWALLOC_LIB_UWMMSE_PASS_H

#include "../la/kernel_set.h"
#include "../net/states.h"

/* Shape of a model. GCNs are numbered a(1), b(1), ..., a(K), b(K), then the start's (extended only). */
typedef struct pa__uwmmse_shape {
  bool extended;
  size_t layers, hidden;
  size_t features; /* of a node at the GCNs' input: 1, or 4 when extended */
  size_t gcns;
} pa__uwmmse_shape;

/* A model as the passes see it. Its weights are packed, in the precision of the pass, one part after the other: the
 * first layers of all GCNs as one dense layer on [diag(F) X, F X], [2 features][gcns][hidden], and its biases
 * [gcns][hidden]; the second ones [2][gcns][hidden] (w0, then w1) and their biases [gcns]; mu and tau [layers]. The
 * biases b0 and b1 of a layer only ever act as their sum. */
typedef struct pa__uwmmse_model {
  pa__uwmmse_shape shape;
  const void *packed[PA__PRECISIONS];
  const double *sharers; /* [packed size]: how many weights of the model share a packed one */
  double scale;          /* of H inside the GCNs (paper) */
  double start;          /* v(0) as a part of sqrt(pmax) (paper) */
} pa__uwmmse_model;

static inline size_t pa__uwmmse_packed_size(const pa__uwmmse_shape *s) {
  return s->gcns * (2 * s->features * s->hidden + s->hidden + 2 * s->hidden + 1) + 2 * s->layers;
}

/* Amplitudes v are parts of sqrt(pmax); rates are weighted sum-rates in bit/s/Hz. */
typedef struct pa__uwmmse_pass {
  void (*workspace)(const pa__uwmmse_shape *shape, const pa__extent *extent, pa__arena *arena);
  /* power in the precision of the pass. False: a channel is out of bounds. */
  bool (*allocate)(const pa__uwmmse_model *model, const pa_states *states, void *power, void *work);

  /* Memory of the next two. */
  void (*gradient_workspace)(const pa__uwmmse_shape *shape, const pa__extent *extent, pa__arena *arena);
  /* Rates, and the sum over samples of their gradients, packed, each cut to sample_clip if that is > 0. Samples that
   * are not finite are left out; returns how many. */
  size_t (*gradient)(const pa__uwmmse_model *model, const pa_states *states, double sample_clip, double *gradient,
                     double *rate, void *work);
  void (*rates)(const pa__uwmmse_model *model, const pa_states *states, double *rate, void *work);

  /* Memory of the next two. */
  void (*tape_workspace)(const pa__uwmmse_shape *shape, const pa__extent *extent, pa__arena *arena);
  /* v [batch][links]; leaves in work what backward needs. */
  void (*forward)(const pa__uwmmse_model *model, const pa_states *states, double *v, void *work);
  /* Adds to gradient, packed, that of sum v d_v. */
  void (*backward)(const pa__uwmmse_model *model, const pa_states *states, const double *d_v, double *gradient,
                   void *work);
} pa__uwmmse_pass;

#endif
