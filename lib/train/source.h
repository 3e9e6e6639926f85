/* Where a trainer's states come from: a network's draws, or random ones of the user's states. */
#ifndef POWALLOC_LIB_SOURCE_H
#define POWALLOC_LIB_SOURCE_H

#include "../net/network.h"

typedef struct pa__source {
  const pa_network *network; /* or NULL: */
  const pa_states *states;
  size_t train_count; /* of states: the first ones train, the rest is held out */
  uint64_t train_stream, held_out_stream;
} pa__source;

enum { PA__CHUNK = 8 };

/* A worker's view of a chunk of at most PA__CHUNK states of one size. */
typedef struct pa__chunk {
  struct pa_states states; /* h points to buffer; noise, limit, weights are the source's */
  double *h, *scratch;
} pa__chunk;

pa__source pa__source_of_network(const pa_network *network, uint64_t seed);
pa__source pa__source_of_states(const pa_states *states, uint64_t seed);

size_t pa__source_links(const pa__source *source); /* the most */
bool pa__source_is_family(const pa__source *source);
size_t pa__source_held_out(const pa__source *source, size_t wanted);

/* Length of the chunk that starts at number first when `left` are wanted. */
size_t pa__source_chunk(const pa__source *source, uint64_t first, size_t left);

/* No cut of `count` consecutive states has more chunks. */
size_t pa__source_most_chunks(const pa__source *source, size_t count);

pa_status pa__chunk_create(pa__chunk *chunk, const pa__source *source, const pa_allocator *allocator);
void pa__chunk_free(pa__chunk *chunk);

/* States first .. first + count - 1, count as pa__source_chunk() says. */
void pa__source_fill(const pa__source *source, bool held_out, uint64_t first, size_t count, pa__chunk *chunk);

#endif
