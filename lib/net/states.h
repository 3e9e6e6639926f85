#ifndef POWALLOC_LIB_STATES_H
#define POWALLOC_LIB_STATES_H

#include "../base/pool.h"
#include "../la/kernel_set.h"
#include "graph.h"
#include "halo.h"

#include <powalloc/states.h>

/* Shape of a batch. */
typedef struct pa__extent {
  size_t batch, links;
  int precision;
  bool sparse;
  bool part;       /* of a network, with a halo */
  size_t channels; /* of a sample */
} pa__extent;

struct pa_states {
  pa_allocator allocator;
  size_t batch, links;
  const pa_graph *graph;           /* of sparse channels, the caller's; NULL: dense */
  uint64_t version;                /* of the graph that the channels are for */
  pa_halo *halo;                   /* of a part of a network, held; NULL: it is whole */
  int precision;                   /* PA__DOUBLE or PA__SINGLE, of the channels: */
  const double *h;                 /* [batch][links][links], sparse [batch][slots]; NULL if single */
  const float *h_f32;              /* the same, NULL if double */
  double *noise, *limit, *weights; /* [links] */
  uint64_t first;
  const double *node_state; /* [batch][links][node_features], the caller's; NULL if there is none */
  size_t node_features;
  const double *start; /* [batch][links] powers to start from, the caller's; NULL if there are none */
  bool trusted;        /* whoever made these states has checked them, and they cannot change before they are gone */
  pa_pool *pool;       /* threads that share the rows of a large sample; NULL: there are none */
  double *owned, *owned_state; /* h and node_state, if the states own them */

  /* Mixed states have batch and precision of all of the above, and these; parts is NULL of others. */
  const pa_states **parts; /* [part_count] the user's */
  size_t part_count;
  size_t *samples, *powers; /* [part_count + 1] samples and powers in front of each part, and in all */
};

/* Of full matrices. */
static inline pa__extent pa__extent_dense(size_t batch, size_t links, int precision) {
  size_t channels;
  if (!pa__multiply(links, links, &channels)) channels = SIZE_MAX;
  return (pa__extent){.batch = batch, .links = links, .precision = precision, .channels = channels};
}

pa__extent pa__extent_of(const pa_states *states);
/* The same with another number of samples. */
pa__extent pa__extent_of_many(const pa_states *states, size_t batch);

/* Channels of a sample. */
static inline size_t pa__states_channels(const pa_states *states) {
  return states->graph ? states->graph->pattern.slots : states->links * states->links;
}

/* ---- mixed states: these take all others as states of one part ---- */

/* Fails if the states are NULL or mixed. */
pa_status pa__states_check_one(const pa_states *states);
/* Fails unless the parts of mixed states are what they were when these were made. */
pa_status pa__states_check_parts(const pa_states *states);
/* pa__states_check_any() of states, or of each part of mixed ones. */
pa_status pa__states_check_all(const pa_states *states);
/* Makes the last error one of a part, if the states are mixed; returns status. */
pa_status pa__states_of_part(const pa_states *states, size_t part, pa_status status);
/* Samples and powers in front of a part; in all for one behind the last. */
static inline size_t pa__states_samples_before(const pa_states *states, size_t part) {
  return states->parts ? states->samples[part] : part * states->batch;
}
static inline size_t pa__states_powers_before(const pa_states *states, size_t part) {
  return states->parts ? states->powers[part] : part * states->batch * states->links;
}

/* Fails if the graph has changed since the channels were bound. */
pa_status pa__states_check_graph(const pa_states *states);

/* Fails unless states is of one network, without a halo, in double precision, all its channels are finite, >= 0, and no
 * link's gain over the noise leaves the range that policies compute in; the same in single precision; and in whichever
 * it is. */
pa_status pa__states_check(const pa_states *states);
pa_status pa__states_check_f32(const pa_states *states);
pa_status pa__states_check_any(const pa_states *states);

/* Fails unless states, mixed or not, is in double precision; in single. */
pa_status pa__states_check_precision(const pa_states *states);
pa_status pa__states_check_precision_f32(const pa_states *states);

/* The same as the checks above but for the channels, and what these must not exceed. */
pa_status pa__states_check_rest(const pa_states *states);
pa_status pa__states_check_rest_f32(const pa_states *states);
double pa__states_bound(const pa_states *states);
float pa__states_bound_f32(const pa_states *states);

/* Fails unless each power [batch][links] is finite, >= 0 and so small that states which passed the check above give
 * finite rates with it. */
pa_status pa__states_check_power(const pa_states *states, const double *power);
pa_status pa__states_check_power_f32(const pa_states *states, const float *power);

/* Puts states on a graph as it is now. */
static inline void pa__states_set_graph(pa_states *states, const pa_graph *graph) {
  states->graph = graph;
  states->version = graph ? graph->version : 0;
}

/* Links that have not left. */
static inline size_t pa__states_present(const pa_states *states) {
  return states->links - (states->graph ? states->graph->pattern.absent : 0);
}

/* The channels in the including file's precision. */
static inline const real *pa__states_channel(const pa_states *states) {
#ifdef PA_SINGLE
  return states->h_f32;
#else
  return states->h;
#endif
}

/* Bytes of a number in a precision. */
static inline size_t pa__number_size(int precision) { return precision == PA__SINGLE ? sizeof(float) : sizeof(double); }

/* Puts channels in the states' precision in their place. */
static inline void pa__states_place(pa_states *states, const void *h) {
  states->h = states->precision == PA__SINGLE ? NULL : h;
  states->h_f32 = states->precision == PA__SINGLE ? h : NULL;
}

/* Number `at` of the channels, in whichever precision. */
static inline double pa__states_amplitude(const pa_states *states, size_t at) {
  return states->h ? states->h[at] : (double)states->h_f32[at];
}

/* The direct channel of a row: of a link, or of the graph's row. */
static inline double pa__states_direct(const pa_states *states, size_t sample, size_t row) {
  size_t at = sample * pa__states_channels(states);
  if (!states->graph) return pa__states_amplitude(states, at + row * (states->links + 1));
  const pa__pattern *p = &states->graph->pattern;
  size_t own = pa__pattern_own(p, row);
  return own < (size_t)p->end[row] ? pa__states_amplitude(states, at + own) : 0;
}

/* The start and the end of a call that may be collective, see pa__halo_open(); without a halo they return status. */
pa_status pa__states_open(const pa_states *states, pa_status status, uint32_t call);
pa_status pa__states_close(const pa_states *states, pa_status status);
/* States that the checks above take as a whole. */
struct pa_states pa__states_alone(const pa_states *states);

/* View of at most `count` samples from number first on. */
struct pa_states pa__states_part(const pa_states *states, size_t first, size_t count);

/* Copies values (n = 1 or links) into to[links]; each must be finite, > 0 and within a factor
 * of 1e100 of 1. */
pa_status pa__positive_per_link(const char *name, const double *values, size_t n, size_t links, double *to);

#endif
