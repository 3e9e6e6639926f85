#include "network.h"

#include "../base/random.h"
#include "fading.h"
#include "geometry.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const char *const kind_names[] = {"an ad hoc network",
                                         "a family",
                                         "a multi-cell network",
                                         "a network made from path gains",
                                         "a network made from positions",
                                         "a network drawn by a callback",
                                         "a sparse ad hoc network",
                                         "a sparse network made from positions",
                                         "a network made from path gains on a graph"};

static bool has_key(const pa_network *n, int32_t key) {
  switch (key) {
  case PA_NETWORK_DENSITY:
    return n->kind == PA__ADHOC || n->kind == PA__SPARSE_ADHOC || n->kind == PA__MULTICELL;
  case PA_NETWORK_REFERENCE_LINKS:
  case PA_NETWORK_CONSTANT_DENSITY:
    return n->kind == PA__ADHOC || n->kind == PA__SPARSE_ADHOC || n->kind == PA__FAMILY || n->kind == PA__MULTICELL;
  case PA_NETWORK_PATH_LOSS_EXPONENT:
  case PA_NETWORK_MIN_DISTANCE:
    return n->kind != PA__PATH_GAIN && n->kind != PA__CALLBACK && n->kind != PA__ON_GRAPH;
  case PA_NETWORK_FADING:
    return n->kind != PA__CALLBACK;
  case PA_NETWORK_CUTOFF:
  case PA_NETWORK_REMAINDER:
    return n->kind == PA__SPARSE_ADHOC || n->kind == PA__SPARSE_POSITIONS;
  case PA_NETWORK_DRAWS_PER_TOPOLOGY:
    return n->kind == PA__FAMILY;
  default:
    return false;
  }
}

static pa__box box_of(const pa_network *n, double links, double density) {
  return pa__box_of(links, PA__VALUE(n, PA_NETWORK_REFERENCE_LINKS), PA__VALUE(n, PA_NETWORK_CONSTANT_DENSITY) != 0,
                    density);
}

pa__box pa__network_box(const pa_network *n) { return box_of(n, (double)n->links, PA__VALUE(n, PA_NETWORK_DENSITY)); }

bool pa__network_is_sparse(enum pa__network_kind kind) { return kind >= PA__SPARSE_ADHOC; }

/* Positions (unless they are the user's) and path gains from the keys. */
static pa_status build(pa_network *n) {
  if (n->kind == PA__FAMILY || n->kind == PA__PATH_GAIN || n->kind == PA__CALLBACK) return PA_OK;
  if (pa__network_is_sparse(n->kind)) return pa__network_build_sparse(n);
  uint64_t key = pa__random_key(n->seed, PA__STREAM_POSITIONS, 0);
  pa__box box = pa__network_box(n);
  const pa__la *la = pa__la_best();
  double *work = pa__allocate(&n->allocator, n->links * n->receivers + la->width, sizeof(double));
  if (!work) return PA_ERROR_MEMORY;
  if (n->kind == PA__ADHOC) pa__drop_pairs(key, 0, 0, n->links, box, n->transmitter_at, n->receiver_at);
  if (n->kind == PA__MULTICELL) pa__drop_cells(key, n->receivers, n->links, box, n->receiver_at, n->transmitter_at);
  pa__path_gain(la, n->links, n->transmitter_at, n->receivers, n->receiver_at,
                PA__VALUE(n, PA_NETWORK_PATH_LOSS_EXPONENT), PA__VALUE(n, PA_NETWORK_MIN_DISTANCE), n->gain, work);
  pa__release(&n->allocator, work);
  return PA_OK;
}

static pa_status check_size(size_t links, size_t receivers) {
  size_t elements;
  if (links == 0) return pa__fail(PA_ERROR_ARGUMENT, "links is 0, must be at least 1");
  pa_status status = pa__channel_size(1, links, &elements);
  return status == PA_OK ? pa__channel_size(1, receivers, &elements) : status;
}

pa_status pa__network_create(pa_network **out, enum pa__network_kind kind, size_t links_min, size_t links,
                             size_t receivers, uint64_t seed, const pa_allocator *allocator) {
  bool sparse = pa__network_is_sparse(kind);
  pa_status status = sparse ? pa__graph_check_links(links) : check_size(links, receivers);
  if (status != PA_OK) return status;
  pa_network *n = NULL;
  if ((status = pa__handle_create(out ? (void *)&n : NULL, sizeof *n, allocator)) != PA_OK) return status;
  n->kind = kind;
  n->seed = seed;
  n->links = links;
  n->links_min = links_min;
  n->receivers = receivers;
  for (int32_t k = 0; k < PA__NETWORK_KEYS; k++) n->value[k] = pa__key_default(PA__NETWORK_FIRST_KEY + k);
  bool ok = (n->noise = pa__allocate(&n->allocator, links, 2 * sizeof(double))) != NULL;
  if (ok && kind != PA__FAMILY && kind != PA__CALLBACK && kind != PA__ON_GRAPH) {
    size_t gains;
    if (!sparse)
      ok = pa__multiply(links, receivers, &gains) &&
           (n->gain = pa__allocate(&n->allocator, gains, sizeof(double))) != NULL;
    if (ok && kind != PA__PATH_GAIN)
      ok = (n->transmitter_at = pa__allocate(&n->allocator, links, 2 * sizeof(double))) != NULL &&
           (n->receiver_at = pa__allocate(&n->allocator, receivers, 2 * sizeof(double))) != NULL;
  }
  if (!ok) {
    pa_network_free(n);
    return PA_ERROR_MEMORY;
  }
  n->limit = n->noise + links;
  for (size_t i = 0; i < links; i++) n->noise[i] = n->limit[i] = 1;
  *out = n;
  return PA_OK;
}

static pa_status build_or_free(pa_network **out, pa_network *n) {
  pa_status status = build(n);
  if (status == PA_OK)
    *out = n;
  else
    pa_network_free(n);
  return status;
}

pa_status pa_network_create_adhoc(pa_network **out, size_t links, uint64_t seed, const pa_allocator *allocator) {
  pa_network *n = NULL;
  pa_status status = pa__network_create(out ? &n : NULL, PA__ADHOC, links, links, links, seed, allocator);
  return status == PA_OK ? build_or_free(out, n) : status;
}

pa_status pa_network_create_adhoc_family(pa_network **out, size_t links_min, size_t links_max, double density_min,
                                         double density_max, uint64_t seed, const pa_allocator *allocator) {
  if (links_min == 0 || links_min > links_max)
    return pa__fail(PA_ERROR_ARGUMENT, "links %zu to %zu is not a range that starts at 1 or more", links_min,
                    links_max);
  pa_status status = pa__key_check(PA_NETWORK_DENSITY, density_min);
  if (status == PA_OK) status = pa__key_check(PA_NETWORK_DENSITY, density_max);
  if (status != PA_OK) return status;
  if (density_min > density_max)
    return pa__fail(PA_ERROR_ARGUMENT, "density %g to %g is not a range", density_min, density_max);
  pa_network *n = NULL;
  if ((status = pa__network_create(out ? &n : NULL, PA__FAMILY, links_min, links_max, links_max, seed, allocator)) !=
      PA_OK)
    return status;
  n->density_min = density_min;
  n->density_max = density_max;
  PA__VALUE(n, PA_NETWORK_REFERENCE_LINKS) = floor((double)links_min / 2 + (double)links_max / 2);
  PA__VALUE(n, PA_NETWORK_CONSTANT_DENSITY) = 0;
  *out = n;
  return PA_OK;
}

pa_status pa_network_create_multicell(pa_network **out, size_t cells, size_t links, uint64_t seed,
                                      const pa_allocator *allocator) {
  if (cells == 0 || cells > links)
    return pa__fail(PA_ERROR_ARGUMENT, "cells is %zu, must be 1 to the number of links, %zu", cells, links);
  pa_network *n = NULL;
  pa_status status = pa__network_create(out ? &n : NULL, PA__MULTICELL, links, links, cells, seed, allocator);
  if (status != PA_OK) return status;
  n->receiver_of = pa__allocate(&n->allocator, links, sizeof(size_t));
  if (!n->receiver_of) {
    pa_network_free(n);
    return PA_ERROR_MEMORY;
  }
  for (size_t i = 0; i < links; i++) n->receiver_of[i] = i % cells;
  return build_or_free(out, n);
}

pa_status pa_network_create_path_gain(pa_network **out, size_t links, const double *path_gain, uint64_t seed,
                                      const pa_allocator *allocator) {
  if (!path_gain) return pa__fail(PA_ERROR_ARGUMENT, "path_gain is NULL");
  pa_network *n = NULL;
  pa_status status = pa__network_create(out ? &n : NULL, PA__PATH_GAIN, links, links, links, seed, allocator);
  if (status != PA_OK) return status;
  for (size_t k = 0; k < links * links; k++)
    if (!(path_gain[k] >= 0 && path_gain[k] <= DBL_MAX)) {
      pa_network_free(n);
      return pa__fail(PA_ERROR_ARGUMENT, "path_gain[%zu][%zu] is %g, must be finite and >= 0", k / links, k % links,
                      path_gain[k]);
    }
  memcpy(n->gain, path_gain, links * links * sizeof(double));
  *out = n;
  return PA_OK;
}

/* Squares of distances stay finite. */
#define FURTHEST 1e150

pa_status pa__positions_check(const char *name, const double *at, size_t count) {
  if (!at) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", name);
  for (size_t k = 0; k < 2 * count; k++)
    if (!(fabs(at[k]) <= FURTHEST))
      return pa__fail(PA_ERROR_ARGUMENT, "%s[%zu][%zu] is %g, must be finite and within %g", name, k / 2, k % 2, at[k],
                      FURTHEST);
  return PA_OK;
}

static pa_status check_receiver_of(const int64_t *receiver_of, size_t links, size_t receivers) {
  if (!receiver_of && receivers != links)
    return pa__fail(PA_ERROR_ARGUMENT, "receiver_of is NULL, but there are %zu receivers for %zu links", receivers,
                    links);
  for (size_t i = 0; receiver_of && i < links; i++)
    if (receiver_of[i] < 0 || (uint64_t)receiver_of[i] >= receivers)
      return pa__fail(PA_ERROR_ARGUMENT, "receiver_of[%zu] is %lld, must be 0 to %zu", i, (long long)receiver_of[i],
                      receivers - 1);
  return PA_OK;
}

static pa_status check_coincidence(const pa_network *n) {
  if (!n->transmitter_at || n->graph) return PA_OK;
  double nearest = PA__VALUE(n, PA_NETWORK_MIN_DISTANCE) * PA__VALUE(n, PA_NETWORK_MIN_DISTANCE);
  for (size_t i = 0; i < n->links; i++)
    for (size_t j = 0; j < n->receivers; j++)
      if (!(fmax(nearest, pa__squared_distance(n->transmitter_at + 2 * i, n->receiver_at + 2 * j)) >= DBL_MIN) ||
          !(n->gain[i * n->receivers + j] <= DBL_MAX))
        return pa__fail(PA_ERROR_ARGUMENT, "transmitter %zu stands on receiver %zu: min_distance must be > 0", i, j);
  return PA_OK;
}

pa_status pa_network_create_positions(pa_network **out, size_t links, const double *transmitters, size_t receivers,
                                      const double *receiver_at, const int64_t *receiver_of, double min_distance,
                                      uint64_t seed, const pa_allocator *allocator) {
  if (receivers == 0) return pa__fail(PA_ERROR_ARGUMENT, "receivers is 0, must be at least 1");
  pa_status status = pa__key_check(PA_NETWORK_MIN_DISTANCE, min_distance);
  if (status == PA_OK) status = check_size(links, receivers);
  if (status == PA_OK) status = check_receiver_of(receiver_of, links, receivers);
  if (status != PA_OK) return status;
  pa_network *n = NULL;
  if ((status = pa__network_create(out ? &n : NULL, PA__POSITIONS, links, links, receivers, seed, allocator)) != PA_OK)
    return status;
  if ((status = pa__positions_check("transmitters", transmitters, links)) != PA_OK ||
      (status = pa__positions_check("receiver_at", receiver_at, receivers)) != PA_OK)
    goto fail;
  memcpy(n->transmitter_at, transmitters, links * 2 * sizeof(double));
  memcpy(n->receiver_at, receiver_at, receivers * 2 * sizeof(double));
  if (receiver_of) {
    n->receiver_of = pa__allocate(&n->allocator, links, sizeof(size_t));
    if (!n->receiver_of) {
      status = PA_ERROR_MEMORY;
      goto fail;
    }
    for (size_t i = 0; i < links; i++) n->receiver_of[i] = (size_t)receiver_of[i];
  }
  PA__VALUE(n, PA_NETWORK_MIN_DISTANCE) = min_distance;
  if ((status = build(n)) != PA_OK || (status = check_coincidence(n)) != PA_OK) goto fail;
  *out = n;
  return PA_OK;
fail:
  pa_network_free(n);
  return status;
}

pa_status pa_network_create_callback(pa_network **out, size_t links, size_t features, pa_state_fn draw, void *user,
                                     pa_free_fn free_user, const pa_allocator *allocator) {
  size_t bytes;
  if (!draw) return pa__fail(PA_ERROR_ARGUMENT, "draw is NULL");
  if (!pa__multiply(links, features, &bytes) || !pa__multiply(bytes, sizeof(double), &bytes))
    return pa__fail(PA_ERROR_MEMORY, "%zu features of %zu links overflow the address space", features, links);
  pa_network *n = NULL;
  pa_status status = pa__network_create(out ? &n : NULL, PA__CALLBACK, links, links, links, 0, allocator);
  if (status != PA_OK) return status;
  n->draw = draw;
  n->features = features;
  n->user = user;
  n->free_user = free_user;
  *out = n;
  return PA_OK;
}

void pa_network_free(pa_network *network) {
  if (!network) return;
  if (network->free_user) network->free_user(network->user);
  pa_allocator allocator = network->allocator;
  pa__graph_release(network->graph);
  pa__release(&allocator, network->gain);
  pa__release(&allocator, network->transmitter_at);
  pa__release(&allocator, network->receiver_at);
  pa__release(&allocator, network->receiver_of);
  pa__release(&allocator, network->noise);
  pa__release(&allocator, network->left_out);
  pa__network_free_room(network);
  pa__release(&allocator, network);
}

static pa_status check_key(const pa_network *network, int32_t key) {
  if (!network) return pa__fail(PA_ERROR_ARGUMENT, "network is NULL");
  if (has_key(network, key)) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "key %d (%s) does not apply to %s", (int)key, pa_key_name(key),
                  kind_names[network->kind]);
}

pa_status pa_network_set(pa_network *network, int32_t key, double value) {
  pa_status status = check_key(network, key);
  if (status == PA_OK) status = pa__key_check(key, value);
  if (status != PA_OK) return status;
  double old = PA__VALUE(network, key);
  PA__VALUE(network, key) = value;
  bool geometry = key != PA_NETWORK_FADING && key != PA_NETWORK_REMAINDER;
  status = geometry ? build(network) : pa__remainder_renew(network);
  if (status == PA_OK) status = check_coincidence(network);
  if (status == PA_OK) return PA_OK;
  PA__VALUE(network, key) = old;
  if (network->graph)
    pa__network_drop(network); /* nothing else was built */
  else
    build(network);
  return status;
}

pa_status pa_network_get(const pa_network *network, int32_t key, double *value) {
  pa_status status = check_key(network, key);
  if (status != PA_OK) return status;
  if (!value) return pa__fail(PA_ERROR_ARGUMENT, "value is NULL");
  *value = PA__VALUE(network, key);
  return PA_OK;
}

static pa_status set_per_link(pa_network *network, const char *name, const double *watts, size_t n, double *to) {
  if (network->kind == PA__FAMILY && n != 1)
    return pa__fail(PA_ERROR_ARGUMENT, "%s has %zu values, a family takes 1", name, n);
  return pa__positive_per_link(name, watts, n, network->links, to);
}

pa_status pa_network_set_noise(pa_network *network, const double *watts, size_t n) {
  if (!network) return pa__fail(PA_ERROR_ARGUMENT, "network is NULL");
  pa_status status = set_per_link(network, "noise", watts, n, network->noise);
  if (status == PA_OK) pa__remainder_add(network);
  return status;
}

/* What is left out follows the limits. */
static pa_status set_limit_and_remainder(pa_network *network, const double *watts, size_t n) {
  size_t bytes = network->links * sizeof(double);
  double *old = pa__allocate(&network->allocator, network->links, sizeof(double));
  if (!old) return PA_ERROR_MEMORY;
  memcpy(old, network->limit, bytes);
  pa_status status = set_per_link(network, "power limit", watts, n, network->limit);
  if (status == PA_OK) status = pa__remainder_renew(network);
  if (status != PA_OK) memcpy(network->limit, old, bytes);
  pa__release(&network->allocator, old);
  return status;
}

pa_status pa_network_set_power_limit(pa_network *network, const double *watts, size_t n) {
  if (!network) return pa__fail(PA_ERROR_ARGUMENT, "network is NULL");
  return network->left_out ? set_limit_and_remainder(network, watts, n)
                           : set_per_link(network, "power limit", watts, n, network->limit);
}

pa_status pa_network_physics(const pa_network *network, double *noise, double *limit) {
  if (!network) return pa__fail(PA_ERROR_ARGUMENT, "network is NULL");
  pa_status status = noise ? pa__remainder_check(network) : PA_OK;
  if (status != PA_OK) return status;
  if (noise) memcpy(noise, pa__network_noise(network), network->links * sizeof *noise);
  for (size_t i = 0; limit && i < network->links; i++) limit[i] = network->limit[i];
  return PA_OK;
}

static size_t channels_of(const pa_network *n) { return n->graph ? pa_graph_slots(n->graph) : n->links * n->links; }

size_t pa_network_links(const pa_network *network) { return network ? network->links : 0; }

const pa_graph *pa_network_graph(const pa_network *network) { return network ? network->graph : NULL; }

size_t pa_network_features(const pa_network *network) { return network ? network->features : 0; }

size_t pa_network_links_min(const pa_network *network) { return network ? network->links_min : 0; }

/* How channels come from path gains: the network's own, but for a family. */
static pa__fading fading_of(const pa_network *n) {
  return (pa__fading){.links = n->links,
                      .receivers = n->receivers,
                      .gains = n->graph ? channels_of(n) : n->links * n->receivers,
                      .channels = channels_of(n),
                      .gain = n->gain,
                      .receiver_of = n->receiver_of,
                      .rayleigh = PA__VALUE(n, PA_NETWORK_FADING) != 0};
}

pa_status pa_network_path_gain(const pa_network *network, double *gain) {
  if (!network || !gain) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", network ? "gain" : "network");
  if (!network->gain) return pa__fail(PA_ERROR_ARGUMENT, "%s has no path gains of its own", kind_names[network->kind]);
  pa__fading without = fading_of(network);
  without.rayleigh = false;
  pa__fade(&without, 0, 0, 1, gain, NULL);
  return PA_OK;
}

pa_status pa_network_positions(const pa_network *network, double *transmitters, double *receivers) {
  if (!network || !transmitters || !receivers)
    return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL",
                    !network        ? "network"
                    : !transmitters ? "transmitters"
                                    : "receivers");
  if (!network->transmitter_at) return pa__fail(PA_ERROR_ARGUMENT, "%s has no positions", kind_names[network->kind]);
  memcpy(transmitters, network->transmitter_at, network->links * 2 * sizeof(double));
  for (size_t j = 0; j < network->links; j++)
    memcpy(receivers + 2 * j, network->receiver_at + 2 * (network->receiver_of ? network->receiver_of[j] : j),
           2 * sizeof(double));
  return PA_OK;
}

size_t pa__network_group(const pa_network *n) {
  return n->kind == PA__FAMILY ? (size_t)PA__VALUE(n, PA_NETWORK_DRAWS_PER_TOPOLOGY) : SIZE_MAX;
}

size_t pa__network_scratch(const pa_network *n, int precision) {
  size_t drawn = precision == PA__SINGLE || n->receiver_of ? fading_of(n).gains : 0;
  /* Or a family's gains, the work of computing them and positions. */
  size_t family = n->kind == PA__FAMILY ? 2 * n->links * n->links + 4 * n->links + pa__la_best()->width : 0;
  return drawn > family ? drawn : family;
}

const double *pa__network_noise(const pa_network *n) { return n->heard ? n->heard : n->noise; }

const double *pa__network_limit(const pa_network *n) { return n->limit; }

/* Topology of a family's group: numbers 0 and 1 of its draw are size and density, then come the positions. */
static size_t family_topology(const pa_network *n, uint64_t stream, uint64_t group, double *gain, double *work) {
  uint64_t key = pa__random_key(n->seed, PA__STREAM_TOPOLOGY, stream);
  size_t links = n->links_min + (size_t)pa__random_below(key, group, 0, n->links - n->links_min + 1);
  double density = n->density_min + (n->density_max - n->density_min) * pa__random_uniform(key, group, 1);
  double *transmitters = work, *receivers = work + 2 * links;
  pa__drop_pairs(key, group, 2, links, box_of(n, (double)links, density), transmitters, receivers);
  pa__path_gain(pa__la_best(), links, transmitters, links, receivers, PA__VALUE(n, PA_NETWORK_PATH_LOSS_EXPONENT),
                PA__VALUE(n, PA_NETWORK_MIN_DISTANCE), gain, receivers + 2 * links);
  return links;
}

size_t pa__network_sample(const pa_network *n, int precision, uint64_t stream, uint64_t first, size_t count, void *h,
                          double *scratch) {
  uint64_t key = pa__random_key(n->seed, PA__STREAM_FADING, stream);
  pa__fading fading = fading_of(n);
  double *work = scratch;
  if (n->kind == PA__FAMILY) {
    work = scratch + n->links * n->links;
    fading.links = fading.receivers = family_topology(n, stream, first / pa__network_group(n), scratch, work);
    fading.channels = fading.gains = fading.links * fading.links;
    fading.gain = scratch;
  }
  if (precision == PA__SINGLE)
    pa__fade_f32(&fading, key, first, count, h, work);
  else
    pa__fade(&fading, key, first, count, h, work);
  return fading.links;
}

bool pa__network_asks(const pa_network *n) { return n->kind == PA__CALLBACK; }

static pa_status check_drawn(const char *name, const double *values, size_t count, size_t per_sample, double lowest) {
  for (size_t k = 0; k < count; k++)
    if (!(values[k] >= lowest && values[k] <= DBL_MAX))
      return pa__fail(PA_ERROR_CALLBACK,
                      "the state callback left element %zu of sample %zu of %s at %g, must be finite%s", k % per_sample,
                      k / per_sample, name, values[k], lowest == 0 ? " and >= 0" : "");
  return PA_OK;
}

pa_status pa__network_ask(const pa_network *n, uint64_t stream, uint64_t first, size_t batch, double *h, double *x) {
  size_t amplitudes = n->links * n->links, states = n->links * n->features;
  for (size_t k = 0; k < batch * amplitudes; k++) h[k] = NAN;
  for (size_t k = 0; k < batch * states; k++) x[k] = NAN;
  int32_t code = n->draw(n->user, stream, first, batch, h, states ? x : NULL);
  if (code == PA_CALLBACK_STOP) return PA_STOPPED;
  if (code == PA_CALLBACK_ABORT)
    return pa__fail(PA_ERROR_CALLBACK, "the state callback aborted at state %llu of stream %llu",
                    (unsigned long long)first, (unsigned long long)stream);
  if (code != PA_CALLBACK_OK)
    return pa__fail(PA_ERROR_CALLBACK, "the state callback returned %d, which is no code of it", (int)code);
  pa_status status = check_drawn("h", h, batch * amplitudes, amplitudes, 0);
  return status == PA_OK && states ? check_drawn("x", x, batch * states, states, -DBL_MAX) : status;
}

static pa_status check_draw(const pa_network *network, size_t batch, const void *output, const char *name) {
  if (!network || !output) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", network ? name : "network");
  if (batch == 0) return pa__fail(PA_ERROR_ARGUMENT, "batch is 0, must be at least 1");
  if (network->links_min != network->links)
    return pa__fail(PA_ERROR_ARGUMENT, "a family of %zu to %zu links has no fixed shape to draw into",
                    network->links_min, network->links);
  size_t elements;
  if (!network->graph) return pa__channel_size(batch, network->links, &elements);
  if (pa__multiply(batch, channels_of(network), &elements) && elements <= PTRDIFF_MAX / sizeof(double)) return PA_OK;
  return pa__fail(PA_ERROR_MEMORY, "%zu samples of %zu channels overflow the address space", batch,
                  channels_of(network));
}

/* Asks into memory of its own, so that h is untouched if the callback fails. */
static pa_status ask_for_channels(const pa_network *n, uint64_t stream, uint64_t first, size_t batch, double *h) {
  size_t elements = batch * n->links * n->links;
  double *drawn = pa__allocate(&n->allocator, elements, sizeof(double));
  double *x = pa__allocate(&n->allocator, batch, n->links * n->features * sizeof(double));
  pa_status status = drawn && x ? pa__network_ask(n, stream, first, batch, drawn, x) : PA_ERROR_MEMORY;
  if (status == PA_OK) memcpy(h, drawn, elements * sizeof(double));
  pa__release(&n->allocator, drawn);
  pa__release(&n->allocator, x);
  return status;
}

pa_status pa_network_draw(const pa_network *network, uint64_t stream, uint64_t first, size_t batch, double *h) {
  pa_status status = check_draw(network, batch, h, "h");
  if (status != PA_OK) return status;
  if (network->kind == PA__CALLBACK) return ask_for_channels(network, stream, first, batch, h);
  double *scratch = NULL;
  if (network->kind == PA__FAMILY || network->receiver_of) {
    scratch = pa__allocate(&network->allocator, pa__network_scratch(network, PA__DOUBLE), sizeof(double));
    if (!scratch) return PA_ERROR_MEMORY;
  }
  size_t group = pa__network_group(network), elements = channels_of(network);
  for (size_t done = 0, count; done < batch; done += count) {
    uint64_t left = group - (first + done) % group;
    count = left < batch - done ? (size_t)left : batch - done;
    pa__network_sample(network, PA__DOUBLE, stream, first + done, count, h + done * elements, scratch);
  }
  pa__release(&network->allocator, scratch);
  return PA_OK;
}

pa_status pa_network_draw_states(const pa_network *network, uint64_t stream, uint64_t first, size_t batch,
                                 pa_states **out, const pa_allocator *allocator) {
  pa_status status = check_draw(network, batch, out, "out");
  if (status == PA_OK) status = pa__remainder_check(network);
  if (status != PA_OK) return status;
  pa_allocator memory;
  if ((status = pa__allocator_copy(&memory, allocator)) != PA_OK) return status;
  double *h = pa__allocate(&memory, batch * channels_of(network), sizeof(double));
  if (!h) return PA_ERROR_MEMORY;
  pa_states *s;
  status = network->graph ? pa_states_create_sparse(&s, batch, network->graph, h, 1, 1, allocator)
                          : pa_states_create(&s, batch, network->links, h, 1, 1, allocator);
  if (status != PA_OK) {
    pa__release(&memory, h);
    return status;
  }
  s->owned = h;
  s->first = first;
  if (network->features > 0) {
    s->owned_state = pa__allocate(&memory, batch * network->links, network->features * sizeof(double));
    if (!s->owned_state) {
      pa_states_free(s);
      return PA_ERROR_MEMORY;
    }
    s->node_state = s->owned_state;
    s->node_features = network->features;
  }
  status = network->kind == PA__CALLBACK ? pa__network_ask(network, stream, first, batch, h, s->owned_state)
                                         : pa_network_draw(network, stream, first, batch, h);
  if (status != PA_OK || (status = pa_states_set_noise(s, pa__network_noise(network), network->links)) != PA_OK ||
      (status = pa_states_set_power_limit(s, network->limit, network->links)) != PA_OK) {
    pa_states_free(s);
    return status;
  }
  *out = s;
  return PA_OK;
}
