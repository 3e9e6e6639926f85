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
  return with_streams(
      (pa__source){.states = states, .precision = states->precision, .train_count = states->batch - held_out}, seed);
}

size_t pa__source_links(const pa__source *s) { return s->network ? pa_network_links(s->network) : s->states->links; }

size_t pa__source_features(const pa__source *s) {
  return s->network ? pa_network_features(s->network) : s->states->node_features;
}

pa_status pa__source_check(const pa__source *s, size_t links) {
  if (s->states) return pa__states_check_graph(s->states);
  if (pa_network_links(s->network) == links) return pa__remainder_check(s->network);
  return pa__fail(PA_ERROR_STATE, "the network has room for %zu links now, the trainer was made for %zu",
                  pa_network_links(s->network), links);
}

const pa_graph *pa__source_graph(const pa__source *s) {
  return s->network ? pa_network_graph(s->network) : s->states->graph;
}

pa__extent pa__source_extent(const pa__source *s, size_t batch) {
  struct pa_states shape = {
      .batch = batch, .links = pa__source_links(s), .graph = pa__source_graph(s), .precision = s->precision};
  return pa__extent_of(&shape);
}

const double *pa__source_noise(const pa__source *s) {
  return s->network ? pa__network_noise(s->network) : s->states->noise;
}

const double *pa__source_limit(const pa__source *s) {
  return s->network ? pa__network_limit(s->network) : s->states->limit;
}

bool pa__source_is_family(const pa__source *s) { return s->network && pa__network_group(s->network) != SIZE_MAX; }

pa_status pa__source_check_shape(const pa__source *s) {
  if (!s->network || pa_network_links_min(s->network) == pa_network_links(s->network)) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "a family of %zu to %zu links cannot be probed: rewards need one number of links",
                  pa_network_links_min(s->network), pa_network_links(s->network));
}

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

pa_status pa__source_begin(pa__source *s, size_t batch, size_t held_out, const pa_allocator *allocator) {
  if (!s->network || !pa__network_asks(s->network)) return PA_OK;
  size_t links = pa__source_links(s), features = pa__source_features(s), elements;
  const size_t counts[2] = {batch, held_out};
  for (int k = 0; k < 2; k++) {
    pa_status status = pa__channel_size(counts[k], links, &elements);
    if (status != PA_OK) return status;
    if (!(s->asked[k].h = pa__allocate(allocator, elements, sizeof(double))) ||
        !(s->asked[k].x = pa__allocate(allocator, counts[k] * links, features * sizeof(double))))
      return PA_ERROR_MEMORY;
  }
  s->asked[HELD_OUT].first = 0;
  return pa__network_ask(s->network, HELD_OUT, 0, held_out, s->asked[HELD_OUT].h, s->asked[HELD_OUT].x);
}

pa_status pa__source_ask(pa__source *s, uint64_t first, size_t count) {
  if (!s->network || !pa__network_asks(s->network)) return PA_OK;
  s->asked[TRAIN].first = first;
  return pa__network_ask(s->network, TRAIN, first, count, s->asked[TRAIN].h, s->asked[TRAIN].x);
}

void pa__source_end(pa__source *s, const pa_allocator *allocator) {
  for (int k = 0; k < 2; k++) {
    pa__release(allocator, s->asked[k].h);
    pa__release(allocator, s->asked[k].x);
    s->asked[k].h = s->asked[k].x = NULL;
  }
}

void pa__chunk_place(pa__chunk *chunk, void *h, double *x) {
  chunk->h = h;
  chunk->x = x;
  pa__states_place(&chunk->states, h);
  chunk->states.node_state = chunk->states.node_features > 0 ? x : NULL;
}

pa_status pa__chunk_create(pa__chunk *chunk, const pa__source *s, bool owns, const pa_allocator *allocator) {
  size_t links = pa__source_links(s), features = pa__source_features(s), elements;
  if (!pa__multiply(PA__CHUNK, pa__source_extent(s, 1).channels, &elements))
    return pa__fail(PA_ERROR_MEMORY, "channels of %zu links overflow the address space", links);
  size_t scratch = s->network ? pa__network_scratch(s->network, s->precision) : 0,
         states = PA__CHUNK * links * features;
  size_t bytes = elements * pa__number_size(s->precision) + states * sizeof(double);
  *chunk = (pa__chunk){
      .states = {.allocator = *allocator, .links = links, .precision = s->precision, .node_features = features}};
  pa__states_set_graph(&chunk->states, pa__source_graph(s));
  if (!(chunk->states.noise = pa__allocate(allocator, links, 3 * sizeof(double))) ||
      !(chunk->scratch = pa__allocate(allocator, scratch, sizeof(double))) ||
      (owns && !(chunk->owned = pa__allocate(allocator, bytes, 1)))) {
    pa__chunk_free(chunk);
    return PA_ERROR_MEMORY;
  }
  if (owns) pa__chunk_place(chunk, chunk->owned + states, chunk->owned);
  chunk->states.limit = chunk->states.noise + links;
  chunk->states.weights = chunk->states.limit + links;
  memcpy(chunk->states.noise, pa__source_noise(s), links * sizeof(double));
  memcpy(chunk->states.limit, pa__source_limit(s), links * sizeof(double));
  for (size_t i = 0; i < links; i++) chunk->states.weights[i] = s->network ? 1 : s->states->weights[i];
  return PA_OK;
}

void pa__chunk_free(pa__chunk *chunk) {
  pa_allocator allocator = chunk->states.allocator;
  if (!allocator.release) return;
  pa__release(&allocator, chunk->states.noise);
  pa__release(&allocator, chunk->scratch);
  pa__release(&allocator, chunk->owned);
  *chunk = (pa__chunk){0};
}

/* Sample number `at` of other states, narrowed if they are in double precision and the chunk's in single. */
static void copy_state(pa__chunk *chunk, size_t sample, const pa_states *from, size_t at) {
  size_t amplitudes = pa__states_channels(&chunk->states), states = chunk->states.links * chunk->states.node_features;
  float *narrow = chunk->h;
  double *wide = chunk->h;
  if (from->h_f32)
    memcpy(narrow + sample * amplitudes, from->h_f32 + at * amplitudes, amplitudes * sizeof(float));
  else if (chunk->states.precision == PA__DOUBLE)
    memcpy(wide + sample * amplitudes, from->h + at * amplitudes, amplitudes * sizeof(double));
  else
    for (size_t k = 0; k < amplitudes; k++) narrow[sample * amplitudes + k] = (float)from->h[at * amplitudes + k];
  if (states > 0) memcpy(chunk->x + sample * states, from->node_state + at * states, states * sizeof(double));
}

void pa__source_fill(const pa__source *s, bool held_out, uint64_t first, size_t count, pa__chunk *chunk) {
  chunk->states.batch = count;
  if (s->network && !pa__network_asks(s->network)) {
    uint64_t stream = held_out ? s->held_out_stream : s->train_stream;
    chunk->states.links = pa__network_sample(s->network, s->precision, stream, first, count, chunk->h, chunk->scratch);
    return;
  }
  struct pa_states asked = {.h = s->asked[held_out].h, .node_state = s->asked[held_out].x};
  for (size_t b = 0; b < count; b++)
    if (s->network)
      copy_state(chunk, b, &asked, (size_t)(first + b - s->asked[held_out].first));
    else
      copy_state(chunk, b, s->states,
                 held_out ? s->train_count + (size_t)first + b
                          : (size_t)pa__random_below(s->train_stream, first + b, 0, s->train_count));
}
