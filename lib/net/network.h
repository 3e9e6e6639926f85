#ifndef POWALLOC_LIB_NETWORK_H
#define POWALLOC_LIB_NETWORK_H

#include "geometry.h"
#include "states.h"

#include <powalloc/network.h>

enum pa__network_kind {
  PA__ADHOC,
  PA__FAMILY,
  PA__MULTICELL,
  PA__PATH_GAIN,
  PA__POSITIONS,
  PA__CALLBACK,
  PA__SPARSE_ADHOC,
  PA__SPARSE_POSITIONS,
  PA__ON_GRAPH
};

enum { PA__NETWORK_FIRST_KEY = PA_NETWORK_DENSITY, PA__NETWORK_KEYS = 9 };

struct pa_network {
  pa_allocator allocator;
  enum pa__network_kind kind;
  uint64_t seed;
  size_t links, links_min, receivers;
  const pa_graph *graph;           /* of a sparse network, held; NULL: dense */
  struct pa__room *room;           /* of one that can change; NULL: it cannot */
  double density_min, density_max; /* family */
  double value[PA__NETWORK_KEYS];
  double *gain;           /* [links][receivers] or [slots]; NULL for a family and a callback */
  double *transmitter_at; /* [links][2], NaN if there is no such link now; NULL for these and for path gains */
  double *receiver_at;    /* [receivers][2], likewise */
  size_t *receiver_of;    /* [links]; NULL: link j has receiver j of its own */
  double *noise, *limit;  /* [links] */
  double *left_out;       /* [links], what the cut-off leaves out; NULL without a remainder */
  double *heard;          /* [links], likewise: the noise with the remainder */
  uint64_t left_out_version; /* of the graph then */
  pa_state_fn draw;       /* callback */
  size_t features;
  void *user;
  pa_free_fn free_user;
};

#define PA__VALUE(network, key) ((network)->value[(key)-PA__NETWORK_FIRST_KEY])

/* A network with default keys, noise and limits, and room for what its kind keeps; sparse ones have no graph yet. */
pa_status pa__network_create(pa_network **out, enum pa__network_kind kind, size_t links_min, size_t links,
                             size_t receivers, uint64_t seed, const pa_allocator *allocator);
bool pa__network_is_sparse(enum pa__network_kind kind);
pa__box pa__network_box(const pa_network *network);
pa_status pa__positions_check(const char *name, const double *at, size_t count);

/* network_sparse.c: graph, and path gains on it, from positions and keys; the network keeps what it has on an error,
 * but for positions of an ad hoc network, which are dropped by its keys. */
pa_status pa__network_build_sparse(pa_network *network);
void pa__network_drop(pa_network *network);
/* Path gains [count] from squares of distances that are no shorter than the least; count is a whole number of vectors.
 */
void pa__network_edge_gains(const pa_network *network, size_t count, double *gain);

/* reserve.c: the network with room for changes; unchanged on an error. */
pa_status pa__network_make_room(pa_network *network, size_t links, size_t slots);
void pa__network_free_room(pa_network *network);

/* remainder.c: what the cut-off leaves out, for the keys, limits and graph of a network that has none or another's; and
 * anew, in place of its own. The network is unchanged on an error. */
pa_status pa__remainder_find(pa_network *network);
pa_status pa__remainder_renew(pa_network *network);
/* After other noise. */
void pa__remainder_add(pa_network *network);
/* Fails if it is of links that have changed since. */
pa_status pa__remainder_check(const pa_network *network);

/* Draws that share a topology come in groups; a draw's group is first / pa__network_group(). */
size_t pa__network_group(const pa_network *network);

/* Doubles of scratch that pa__network_sample() needs. */
size_t pa__network_scratch(const pa_network *network, int precision);

/* Draws first .. first + count - 1 of a stream, all in one group: channels h [count][links][links] in a precision, each
 * of which has draws of its own; returns links. */
size_t pa__network_sample(const pa_network *network, int precision, uint64_t stream, uint64_t first, size_t count,
                          void *h, double *scratch);

/* The network's noise, with the remainder, and power limits [links of the network]. */
const double *pa__network_noise(const pa_network *network);
const double *pa__network_limit(const pa_network *network);

/* true if states are drawn by the user's callback, on the thread that called the library, by pa__network_ask() alone:
 * h [batch][links][links] and x [batch][links][features]; a status > 0 ends what it was asked for. */
bool pa__network_asks(const pa_network *network);
pa_status pa__network_ask(const pa_network *network, uint64_t stream, uint64_t first, size_t batch, double *h,
                          double *x);

#endif
