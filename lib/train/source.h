/* Where a trainer's states come from: a network's draws, or random ones of the user's states. */
#ifndef POWALLOC_LIB_SOURCE_H
#define POWALLOC_LIB_SOURCE_H

#include "../net/network.h"

typedef struct pa__source {
  const pa_network *network; /* or NULL: */
  const pa_states *states;
  int precision;      /* of the chunks' states: that of the user's, either for a network's */
  size_t train_count; /* of states: so many train, the first of each part of mixed ones; the rest is held out */
  uint64_t train_stream, held_out_stream;
  /* Mixed states, during a run: those of the step [batch], numbers among what trains. They ascend, so that those of a
   * part stand together. */
  struct {
    uint64_t first;
    size_t *number;
  } drawn;
  /* A network that asks its user, during a run: the states asked for, [2]: to train on, held out. */
  struct {
    uint64_t first;
    double *h, *x;
  } asked[2];
} pa__source;

enum { PA__CHUNK = 8 };

/* A view of at most PA__CHUNK states of one size; noise, limit and weights are the source's, or those of a part of it.
 */
typedef struct pa__chunk {
  struct pa_states states;
  void *h; /* their channels */
  double *x, *scratch, *owned;
} pa__chunk;

pa__source pa__source_of_network(const pa_network *network, uint64_t seed);
pa__source pa__source_of_states(const pa_states *states, uint64_t seed);

size_t pa__source_links(const pa__source *source); /* the most, as of the features */
size_t pa__source_features(const pa__source *source);
/* Mixed states have a kind for each part, others one. */
bool pa__source_is_mixed(const pa__source *source);
size_t pa__source_kinds(const pa__source *source);
/* Fails if the source has changed too much since there were so many links. */
pa_status pa__source_check(const pa__source *source, size_t links);
const pa_graph *pa__source_graph(const pa__source *source); /* of sparse channels; NULL: dense, or mixed */
/* Of a batch of a kind, with its most links. */
pa__extent pa__source_extent(const pa__source *source, size_t kind, size_t batch);
const double *pa__source_noise(const pa__source *source, size_t kind); /* [links], like the limits, in W */
const double *pa__source_limit(const pa__source *source, size_t kind);
bool pa__source_is_family(const pa__source *source);
/* Fails if states differ in their number of links, or are of several networks. */
pa_status pa__source_check_shape(const pa__source *source);
size_t pa__source_held_out(const pa__source *source, size_t wanted);

/* Before and after a run with steps of `batch` states. A network that asks its user is asked for the held-out states
 * here, and before each step for those of the step, for which the states of mixed ones are drawn then; other sources
 * need no asking. A status > 0 ends the run. */
pa_status pa__source_begin(pa__source *source, size_t batch, size_t held_out, const pa_allocator *allocator);
pa_status pa__source_ask(pa__source *source, uint64_t first, size_t count);
void pa__source_end(pa__source *source, const pa_allocator *allocator);

/* Length of the chunk that starts at number first when `left` are wanted; of those that train, once they were asked
 * for.
 */
size_t pa__source_chunk(const pa__source *source, bool held_out, uint64_t first, size_t left);

/* No cut of `count` consecutive states has more chunks. */
size_t pa__source_most_chunks(const pa__source *source, size_t count);

/* Its states go to memory of its own, or to where pa__chunk_place() says: h [PA__CHUNK][channels], x
 * [PA__CHUNK][links][features]. */
pa_status pa__chunk_create(pa__chunk *chunk, const pa__source *source, bool owns, const pa_allocator *allocator);
void pa__chunk_place(pa__chunk *chunk, void *h, double *x);
void pa__chunk_free(pa__chunk *chunk);

/* States first .. first + count - 1, count as pa__source_chunk() says. */
void pa__source_fill(const pa__source *source, bool held_out, uint64_t first, size_t count, pa__chunk *chunk);
/* One state of a kind. */
void pa__source_show(const pa__source *source, size_t kind, pa__chunk *chunk);

#endif
