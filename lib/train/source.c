#include "source.h"

#include "../base/random.h"

#include <stdlib.h>
#include <string.h>

enum { TRAIN, HELD_OUT };
/* One of so many of the user's states is held out. */
enum { ONE_IN = 5 };

static pa__source with_streams(pa__source source, uint64_t seed) {
  source.train_stream = pa__random_key(seed, PA__STREAM_BATCHES, TRAIN);
  source.held_out_stream = pa__random_key(seed, PA__STREAM_BATCHES, HELD_OUT);
  return source;
}

pa__source pa__source_of_network(const pa_network *network, uint64_t seed) {
  return with_streams((pa__source){.network = network}, seed);
}

pa__source pa__source_of_states(const pa_states *states, uint64_t seed) {
  size_t held_out = states->batch / ONE_IN ? states->batch / ONE_IN : 1;
  return with_streams(
      (pa__source){.states = states, .precision = states->precision, .train_count = states->batch - held_out}, seed);
}

bool pa__source_is_mixed(const pa__source *s) { return s->states && s->states->parts; }

size_t pa__source_kinds(const pa__source *s) { return s->network ? 1 : pa_states_part_count(s->states); }

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

size_t pa__source_links(const pa__source *s) {
  size_t most = s->network ? pa_network_links(s->network) : 0;
  for (size_t k = 0; !s->network && k < pa__source_kinds(s); k++)
    most = larger(most, pa_states_part(s->states, k)->links);
  return most;
}

size_t pa__source_features(const pa__source *s) {
  size_t most = s->network ? pa_network_features(s->network) : 0;
  for (size_t k = 0; !s->network && k < pa__source_kinds(s); k++)
    most = larger(most, pa_states_part(s->states, k)->node_features);
  return most;
}

static pa_status check_states(const pa_states *states) {
  pa_status status = pa__states_check_parts(states);
  for (size_t k = 0; k < pa_states_part_count(states) && status == PA_OK; k++)
    status = pa__states_of_part(states, k, pa__states_check_graph(pa_states_part(states, k)));
  return status;
}

pa_status pa__source_check(const pa__source *s, size_t links) {
  if (s->states) return check_states(s->states);
  if (pa_network_links(s->network) == links) return pa__remainder_check(s->network);
  return pa__fail(PA_ERROR_STATE, "the network has room for %zu links now, the trainer was made for %zu",
                  pa_network_links(s->network), links);
}

const pa_graph *pa__source_graph(const pa__source *s) {
  return s->network ? pa_network_graph(s->network) : s->states->graph;
}

pa__extent pa__source_extent(const pa__source *s, size_t kind, size_t batch) {
  if (s->states) return pa__extent_of_many(pa_states_part(s->states, kind), batch);
  struct pa_states shape = {
      .batch = batch, .links = pa__source_links(s), .graph = pa__source_graph(s), .precision = s->precision};
  return pa__extent_of(&shape);
}

const double *pa__source_noise(const pa__source *s, size_t kind) {
  return s->network ? pa__network_noise(s->network) : pa_states_part(s->states, kind)->noise;
}

const double *pa__source_limit(const pa__source *s, size_t kind) {
  return s->network ? pa__network_limit(s->network) : pa_states_part(s->states, kind)->limit;
}

bool pa__source_is_family(const pa__source *s) { return s->network && pa__network_group(s->network) != SIZE_MAX; }

pa_status pa__source_check_shape(const pa__source *s) {
  if (pa__source_is_mixed(s))
    return pa__fail(PA_ERROR_ARGUMENT, "mixed states cannot be probed: rewards need the links of one network");
  if (!s->network || pa_network_links_min(s->network) == pa_network_links(s->network)) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "a family of %zu to %zu links cannot be probed: rewards need one number of links",
                  pa_network_links_min(s->network), pa_network_links(s->network));
}

size_t pa__source_held_out(const pa__source *s, size_t wanted) {
  return s->network ? wanted : s->states->batch - s->train_count;
}

/* ---- numbers of the user's states, among those that train or are held out ---- */

/* In front of a part, or in all. Each part holds out its last ones: the fifths of all samples that end in it. */
static size_t before(const pa__source *s, bool held_out, size_t part) {
  size_t samples = pa__states_samples_before(s->states, part), all = s->states->batch;
  size_t held = samples == all ? all - s->train_count : samples / ONE_IN;
  return held_out ? held : samples - held;
}

/* The part that a number is of: the last with no more of them in front of it. */
static size_t part_of(const pa__source *s, bool held_out, size_t number) {
  size_t low = 0, high = pa_states_part_count(s->states);
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    *(before(s, held_out, middle) <= number ? &low : &high) = middle;
  }
  return low;
}

/* Number of the state at place `at` of the stream. */
static size_t number_of(const pa__source *s, bool held_out, uint64_t at) {
  if (held_out) return (size_t)at;
  if (s->drawn.number) return s->drawn.number[at - s->drawn.first];
  return (size_t)pa__random_below(s->train_stream, at, 0, s->train_count);
}

static int ascending(const void *a, const void *b) {
  size_t x = *(const size_t *)a, y = *(const size_t *)b;
  return (x > y) - (x < y);
}

/* The same draws as of states that are not mixed, in the order of the parts. */
static void draw(pa__source *s, uint64_t first, size_t count) {
  for (size_t b = 0; b < count; b++)
    s->drawn.number[b] = (size_t)pa__random_below(s->train_stream, first + b, 0, s->train_count);
  qsort(s->drawn.number, count, sizeof *s->drawn.number, ascending);
  s->drawn.first = first;
}

/* ---- chunks ---- */

/* States at `first` and behind it, at most `most`, that are of one part. */
static size_t of_one_part(const pa__source *s, bool held_out, uint64_t first, size_t most) {
  size_t end = before(s, held_out, part_of(s, held_out, number_of(s, held_out, first)) + 1), count = 1;
  while (count < most && number_of(s, held_out, first + count) < end) count++;
  return count;
}

size_t pa__source_chunk(const pa__source *s, bool held_out, uint64_t first, size_t left) {
  size_t count = left < PA__CHUNK ? left : PA__CHUNK;
  if (pa__source_is_mixed(s)) return of_one_part(s, held_out, first, count);
  if (!pa__source_is_family(s)) return count;
  size_t group = pa__network_group(s->network), in_group = group - (size_t)(first % group);
  return count < in_group ? count : in_group;
}

size_t pa__source_most_chunks(const pa__source *s, size_t count) {
  size_t groups = pa__source_is_family(s) ? count / pa__network_group(s->network) + 2 : pa__source_kinds(s),
         most = count / PA__CHUNK + groups;
  return pa__source_is_mixed(s) && most > count ? count : most;
}

pa_status pa__source_begin(pa__source *s, size_t batch, size_t held_out, const pa_allocator *allocator) {
  if (pa__source_is_mixed(s) && !(s->drawn.number = pa__allocate(allocator, batch, sizeof *s->drawn.number)))
    return PA_ERROR_MEMORY;
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
  if (pa__source_is_mixed(s)) draw(s, first, count);
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
  pa__release(allocator, s->drawn.number);
  s->drawn.number = NULL;
}

void pa__chunk_place(pa__chunk *chunk, void *h, double *x) {
  chunk->h = h;
  chunk->x = x;
  pa__states_place(&chunk->states, h);
  chunk->states.node_state = chunk->states.node_features > 0 ? x : NULL;
}

/* Makes it one of states of a kind. */
static void turn_to(pa__chunk *chunk, const pa__source *s, size_t kind) {
  pa_states *to = &chunk->states;
  const pa_states *from = s->states ? pa_states_part(s->states, kind) : NULL;
  to->links = from ? from->links : pa__source_links(s);
  to->node_features = from ? from->node_features : pa__source_features(s);
  to->limit = to->noise + to->links;
  to->weights = to->limit + to->links;
  pa__states_set_graph(to, from ? from->graph : pa__source_graph(s));
  memcpy(to->noise, pa__source_noise(s, kind), to->links * sizeof(double));
  memcpy(to->limit, pa__source_limit(s, kind), to->links * sizeof(double));
  for (size_t i = 0; i < to->links; i++) to->weights[i] = from ? from->weights[i] : 1;
  to->node_state = to->node_features > 0 ? chunk->x : NULL;
}

pa_status pa__chunk_create(pa__chunk *chunk, const pa__source *s, bool owns, const pa_allocator *allocator) {
  size_t links = pa__source_links(s), features = pa__source_features(s), channels = 0, elements;
  for (size_t k = 0; k < pa__source_kinds(s); k++) channels = larger(channels, pa__source_extent(s, k, 1).channels);
  if (!pa__multiply(PA__CHUNK, channels, &elements))
    return pa__fail(PA_ERROR_MEMORY, "channels of %zu links overflow the address space", links);
  size_t scratch = s->network ? pa__network_scratch(s->network, s->precision) : 0,
         states = PA__CHUNK * links * features;
  size_t bytes = elements * pa__number_size(s->precision) + states * sizeof(double);
  *chunk = (pa__chunk){.states = {.allocator = *allocator, .precision = s->precision}};
  if (!(chunk->states.noise = pa__allocate(allocator, links, 3 * sizeof(double))) ||
      !(chunk->scratch = pa__allocate(allocator, scratch, sizeof(double))) ||
      (owns && !(chunk->owned = pa__allocate(allocator, bytes, 1)))) {
    pa__chunk_free(chunk);
    return PA_ERROR_MEMORY;
  }
  turn_to(chunk, s, 0);
  if (owns) pa__chunk_place(chunk, chunk->owned + states, chunk->owned);
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

/* The states at these places of the user's. */
static void fill_from_states(const pa__source *s, bool held_out, uint64_t first, size_t count, pa__chunk *chunk) {
  size_t part = part_of(s, held_out, number_of(s, held_out, first));
  const pa_states *from = pa_states_part(s->states, part);
  size_t train = before(s, false, part + 1) - before(s, false, part);
  if (pa__source_is_mixed(s)) turn_to(chunk, s, part);
  for (size_t b = 0; b < count; b++) {
    size_t number = number_of(s, held_out, first + b) - before(s, held_out, part);
    copy_state(chunk, b, from, held_out ? train + number : number);
  }
}

void pa__source_fill(const pa__source *s, bool held_out, uint64_t first, size_t count, pa__chunk *chunk) {
  chunk->states.batch = count;
  if (s->states) {
    fill_from_states(s, held_out, first, count, chunk);
  } else if (pa__network_asks(s->network)) {
    struct pa_states asked = {.h = s->asked[held_out].h, .node_state = s->asked[held_out].x};
    for (size_t b = 0; b < count; b++) copy_state(chunk, b, &asked, (size_t)(first + b - s->asked[held_out].first));
  } else {
    uint64_t stream = held_out ? s->held_out_stream : s->train_stream;
    chunk->states.links = pa__network_sample(s->network, s->precision, stream, first, count, chunk->h, chunk->scratch);
  }
}

void pa__source_show(const pa__source *s, size_t kind, pa__chunk *chunk) {
  if (!pa__source_is_mixed(s)) {
    pa__source_fill(s, true, 0, 1, chunk);
    return;
  }
  chunk->states.batch = 1;
  turn_to(chunk, s, kind);
  copy_state(chunk, 0, pa_states_part(s->states, kind), 0);
}
