/* Blocks of a batch, and channels in units of the noise and the power limits; in either precision. */
#ifndef POWALLOC_LIB_GAINS_H
#define POWALLOC_LIB_GAINS_H

#include "../la/la.h"
#include "../net/states.h"

#ifdef PA_SINGLE
#define pa__block_at pa__block_at_f32
#define pa__block_layout pa__block_layout_f32
#define pa__extent_layout pa__extent_layout_f32
#define pa__gains_take pa__gains_take_f32
#define pa__gains_begin pa__gains_begin_f32
#define pa__gains_direct pa__gains_direct_f32
#define pa__block_power pa__block_power_f32
#endif

/* Samples of one layout; those beyond the batch repeat its last. */
typedef struct pa__block {
  pa__layout layout;
  size_t first, count;       /* samples of the batch in this block */
  const real *h[PA__WIDEST]; /* [layout.width] */
} pa__block;

/* Layout of the blocks of states, and one of as much memory for states of a shape. */
pa__layout pa__block_layout(const pa__la *la, const pa_states *states);
pa__layout pa__extent_layout(const pa__la *la, const pa__extent *extent);
pa__block pa__block_at(const pa_states *states, pa__layout layout, size_t first);

/* A block as WMMSE sees it, in units of the noise and the power limits: amplitude h_ij sqrt(pmax_i / noise_j), gain its
 * square, noise 1, transmit amplitudes v in [0, 1]. */
typedef struct pa__gains {
  pa__matrix cross;         /* gains, 0 on the diagonal */
  real *direct;             /* node vector of gains */
  real *weight;             /* node vector, 0 in the padding */
  real *limit;              /* node vector of pmax in W, 0 in the padding */
  real *transmit, *receive; /* [links] sqrt(pmax), 1 / sqrt(noise), padded with 0: factors for packing */
  real bound;               /* of the channels */
} pa__gains;

/* All but cross, which is left to whoever packs it. */
pa__gains pa__gains_take(pa__arena *arena, const pa__layout *layout);
/* What does not depend on the channels. */
void pa__gains_begin(const pa_states *states, const pa__layout *layout, pa__gains *gains);
/* The direct gains of a block. */
void pa__gains_direct(const pa__block *block, const pa__gains *gains);
/* power [links] of each sample in the block: pmax v^2. */
void pa__block_power(const pa__block *block, const pa__gains *gains, const real *v, real *power);

#endif
