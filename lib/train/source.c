#include "source.h"

#include "../base/random.h"

#include <string.h>

enum { TRAIN, HELD_OUT };

static pa__source with_streams(pa__source source, uint64_t seed) {
  source.train_stream = pa__random_key(seed, PA__STREAM_BATCHES, TRAIN);
  source.held_out_stream = pa__random_key(seed, PA__STREAM_BATCHES, HELD_OUT);
  return source;
}

pa__source pa__source_of_network(const pa_network *network, uint64_t seed) {
  return with_streams((pa__source){.network = network}, seed);
}

pa__source pa__source_of_states(const pa_states *states, uint64_t seed) {
  size_t held_out = states->batch / 5 ? states->batch / 5 : 1;
  return with_streams((pa__source){.states = states, .train_count = states->batch - held_out}, seed);
}

size_t pa__source_links(const pa__source *s) { return s->network ? pa_network_links(s->network) : s->states->links; }

bool pa__source_is_family(const pa__source *s) { return s->network && pa__network_group(s->network) != SIZE_MAX; }

size_t pa__source_held_out(const pa__source *s, size_t wanted) {
  return s->network ? wanted : s->states->batch - s->train_count;
}

size_t pa__source_chunk(const pa__source *s, uint64_t first, size_t left) {
  size_t count = left < PA__CHUNK ? left : PA__CHUNK;
  if (!pa__source_is_family(s)) return count;
  size_t group = pa__network_group(s->network), in_group = group - (size_t)(first % group);
  return count < in_group ? count : in_group;
}

size_t pa__source_most_chunks(const pa__source *s, size_t count) {
  size_t groups = pa__source_is_family(s) ? count / pa__network_group(s->network) + 2 : 1;
  return count / PA__CHUNK + groups;
}

pa_status pa__chunk_create(pa__chunk *chunk, const pa__source *s, const pa_allocator *allocator) {
  size_t links = pa__source_links(s), elements;
  pa_status status = pa__channel_size(PA__CHUNK, links, &elements);
  if (status != PA_OK) return status;
  size_t scratch = s->network ? pa__network_scratch(s->network) : 0;
  *chunk = (pa__chunk){.states = {.allocator = *allocator, .links = links}};
  if (!(chunk->states.noise = pa__allocate(allocator, links, 3 * sizeof(double))) ||
      !(chunk->h = pa__allocate(allocator, elements, sizeof(double))) ||
      !(chunk->scratch = pa__allocate(allocator, scratch, sizeof(double)))) {
    pa__chunk_free(chunk);
    return PA_ERROR_MEMORY;
  }
  chunk->states.h = chunk->h;
  chunk->states.limit = chunk->states.noise + links;
  chunk->states.weights = chunk->states.limit + links;
  memcpy(chunk->states.noise, s->network ? pa__network_noise(s->network) : s->states->noise, links * sizeof(double));
  memcpy(chunk->states.limit, s->network ? pa__network_limit(s->network) : s->states->limit, links * sizeof(double));
  for (size_t i = 0; i < links; i++) chunk->states.weights[i] = s->network ? 1 : s->states->weights[i];
  return PA_OK;
}

void pa__chunk_free(pa__chunk *chunk) {
  pa_allocator allocator = chunk->states.allocator;
  if (!allocator.release) return;
  pa__release(&allocator, chunk->states.noise);
  pa__release(&allocator, chunk->h);
  pa__release(&allocator, chunk->scratch);
  *chunk = (pa__chunk){0};
}

void pa__source_fill(const pa__source *s, bool held_out, uint64_t first, size_t count, pa__chunk *chunk) {
  chunk->states.batch = count;
  if (s->network) {
    uint64_t stream = held_out ? s->held_out_stream : s->train_stream;
    chunk->states.links = pa__network_sample(s->network, stream, first, count, chunk->h, chunk->scratch);
    return;
  }
  size_t elements = s->states->links * s->states->links;
  for (size_t b = 0; b < count; b++) {
    uint64_t pick =
        held_out ? s->train_count + first + b : pa__random_below(s->train_stream, first + b, 0, s->train_count);
    memcpy(chunk->h + b * elements, s->states->h + pick * elements, elements * sizeof(double));
  }
}
