#include "states.h"

#include <float.h>
#include <math.h>

/* What tells pa_states_set_halo() from other collective calls. */
#define HALO_CALL 2

/* Noise, power limits and weights stay within this factor of 1, so that products of them stay finite. */
#define STRONGEST 1e100

pa_status pa__positive_per_link(const char *name, const double *values, size_t n, size_t links, double *to) {
  if (!values) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", name);
  if (n != 1 && n != links)
    return pa__fail(PA_ERROR_ARGUMENT, "%s has %zu values, must have 1 or one for each of the %zu links", name, n,
                    links);
  for (size_t i = 0; i < n; i++)
    if (!(values[i] > 0 && values[i] <= DBL_MAX))
      return pa__fail(PA_ERROR_ARGUMENT, "%s[%zu] is %g, must be finite and > 0", name, i, values[i]);
    else if (values[i] < 1 / STRONGEST || values[i] > STRONGEST)
      return pa__fail(PA_ERROR_ARGUMENT, "%s[%zu] is %g, must be within %g and %g", name, i, values[i], 1 / STRONGEST,
                      STRONGEST);
  for (size_t i = 0; i < links; i++) to[i] = values[n == 1 ? 0 : i];
  return PA_OK;
}

static pa_status check_size(size_t batch, size_t links, const pa_graph *graph) {
  size_t elements;
  if (!graph) return pa__channel_size(batch, links, &elements);
  if (pa__multiply(batch, graph->pattern.slots, &elements) && elements <= PTRDIFF_MAX / sizeof(double) &&
      pa__multiply(batch, links, &elements) && elements <= PTRDIFF_MAX / sizeof(double))
    return PA_OK;
  return pa__fail(PA_ERROR_MEMORY, "%zu samples of %zu channels overflow the address space", batch,
                  graph->pattern.slots);
}

/* States without channels yet. */
static pa_status create(pa_states **out, size_t batch, size_t links, const pa_graph *graph, const void *h, double noise,
                        double pmax, const pa_allocator *allocator) {
  if (batch == 0 || links == 0)
    return pa__fail(PA_ERROR_ARGUMENT, "batch is %zu and links is %zu, both must be at least 1", batch, links);
  if (!h) return pa__fail(PA_ERROR_ARGUMENT, "h is NULL");
  pa_status status = check_size(batch, links, graph);
  if (status != PA_OK) return status;
  pa_states *s = NULL;
  if ((status = pa__handle_create(out ? (void *)&s : NULL, sizeof *s, allocator)) != PA_OK) return status;
  s->batch = batch;
  s->links = links;
  pa__states_set_graph(s, pa__graph_hold(graph));
  s->noise = pa__allocate(&s->allocator, links, 3 * sizeof(double));
  if (!s->noise) {
    status = PA_ERROR_MEMORY;
    goto fail;
  }
  s->limit = s->noise + links;
  s->weights = s->limit + links;
  const double one = 1;
  if ((status = pa__positive_per_link("noise", &noise, 1, links, s->noise)) != PA_OK ||
      (status = pa__positive_per_link("pmax", &pmax, 1, links, s->limit)) != PA_OK ||
      (status = pa__positive_per_link("weights", &one, 1, links, s->weights)) != PA_OK)
    goto fail;
  *out = s;
  return PA_OK;
fail:
  pa_states_free(s);
  return status;
}

pa_status pa_states_create(pa_states **out, size_t batch, size_t links, const double *h, double noise, double pmax,
                           const pa_allocator *allocator) {
  pa_status status = create(out, batch, links, NULL, h, noise, pmax, allocator);
  if (status == PA_OK) (*out)->h = h;
  return status;
}

pa_status pa_states_create_sparse(pa_states **out, size_t batch, const pa_graph *graph, const double *h, double noise,
                                  double pmax, const pa_allocator *allocator) {
  if (!graph) return pa__fail(PA_ERROR_ARGUMENT, "graph is NULL");
  pa_status status = create(out, batch, graph->pattern.links, graph, h, noise, pmax, allocator);
  if (status == PA_OK) (*out)->h = h;
  return status;
}

static void set_single(pa_states *states, const float *h) {
  states->precision = PA__SINGLE;
  states->h_f32 = h;
}

pa_status pa_states_create_f32(pa_states **out, size_t batch, size_t links, const float *h, double noise, double pmax,
                               const pa_allocator *allocator) {
  pa_status status = create(out, batch, links, NULL, h, noise, pmax, allocator);
  if (status == PA_OK) set_single(*out, h);
  return status;
}

pa_status pa_states_create_sparse_f32(pa_states **out, size_t batch, const pa_graph *graph, const float *h,
                                      double noise, double pmax, const pa_allocator *allocator) {
  if (!graph) return pa__fail(PA_ERROR_ARGUMENT, "graph is NULL");
  pa_status status = create(out, batch, graph->pattern.links, graph, h, noise, pmax, allocator);
  if (status == PA_OK) set_single(*out, h);
  return status;
}

void pa_states_free(pa_states *states) {
  if (!states) return;
  pa_allocator allocator = states->allocator;
  pa_halo_free(states->halo);
  pa__graph_release(states->graph);
  pa__release(&allocator, states->owned);
  pa__release(&allocator, states->owned_state);
  pa__release(&allocator, states->noise);
  pa__release(&allocator, states->parts);
  pa__release(&allocator, states->samples);
  pa__release(&allocator, states);
}

static pa_status bind(pa_states *states, size_t batch, const void *h, int precision) {
  pa_status status = pa__states_check_one(states);
  if (status != PA_OK) return status;
  if (!h) return pa__fail(PA_ERROR_ARGUMENT, "h is NULL");
  if (batch == 0) return pa__fail(PA_ERROR_ARGUMENT, "batch is 0, must be at least 1");
  if (states->owned) return pa__fail(PA_ERROR_STATE, "these states own their channels and cannot be bound to others");
  if (states->precision != precision)
    return pa__fail(PA_ERROR_STATE, "these states are in %s precision, the channels are not",
                    precision == PA__SINGLE ? "double" : "single");
  if (states->graph && states->graph->replaced)
    return pa__fail(PA_ERROR_STATE, "the network has another graph now: create states on that");
  if ((status = check_size(batch, states->links, states->graph)) != PA_OK) return status;
  if (states->batch != batch) states->start = NULL;
  states->batch = batch;
  pa__states_set_graph(states, states->graph);
  states->node_state = NULL;
  states->node_features = 0;
  return PA_OK;
}

pa_status pa_states_bind(pa_states *states, size_t batch, const double *h) {
  pa_status status = bind(states, batch, h, PA__DOUBLE);
  if (status == PA_OK) states->h = h;
  return status;
}

pa_status pa_states_bind_f32(pa_states *states, size_t batch, const float *h) {
  pa_status status = bind(states, batch, h, PA__SINGLE);
  if (status == PA_OK) states->h_f32 = h;
  return status;
}

pa_status pa_states_set_node_state(pa_states *states, const double *x, size_t features) {
  pa_status status = pa__states_check_one(states);
  if (status != PA_OK) return status;
  size_t count;
  if (x && features == 0) return pa__fail(PA_ERROR_ARGUMENT, "features is 0, must be at least 1");
  if (!pa__multiply(states->batch * states->links, features, &count))
    return pa__fail(PA_ERROR_MEMORY, "%zu features overflow the address space", features);
  for (size_t k = 0; x && k < count; k++)
    if (!isfinite(x[k]))
      return pa__fail(PA_ERROR_ARGUMENT, "x[%zu][%zu][%zu] is not finite", k / features / states->links,
                      k / features % states->links, k % features);
  states->node_state = x;
  states->node_features = x ? features : 0;
  return PA_OK;
}

const double *pa_states_node_state(const pa_states *states) { return states ? states->node_state : NULL; }

size_t pa_states_node_features(const pa_states *states) { return states ? states->node_features : 0; }

/* Ghosts have copies of them. */
static pa_status keeps(const char *what) {
  return pa__fail(PA_ERROR_STATE, "states with a halo keep their %s: set them, then the halo", what);
}

pa_status pa_states_set_noise(pa_states *states, const double *watts, size_t n) {
  pa_status status = pa__states_check_one(states);
  if (status != PA_OK) return status;
  if (states->halo) return keeps("noise");
  return pa__positive_per_link("noise", watts, n, states->links, states->noise);
}

pa_status pa_states_set_power_limit(pa_states *states, const double *watts, size_t n) {
  pa_status status = pa__states_check_one(states);
  if (status != PA_OK) return status;
  if (states->halo) return keeps("power limits");
  return pa__positive_per_link("power limit", watts, n, states->links, states->limit);
}

pa_status pa_states_set_weights(pa_states *states, const double *weights, size_t n) {
  pa_status status = pa__states_check_one(states);
  return status == PA_OK ? pa__positive_per_link("weights", weights, n, states->links, states->weights) : status;
}

pa_status pa_states_set_halo(pa_states *states, pa_halo *halo) {
  pa_status status = pa__states_check_one(states);
  if (!halo && status != PA_OK) return status;
  if (halo) {
    if (status == PA_OK && halo->graph != states->graph)
      status = pa__fail(PA_ERROR_ARGUMENT, "halo and states are not of the same graph");
    if ((status = pa__halo_open(halo, status, HALO_CALL)) != PA_OK) return status;
    double *const values[] = {states->noise, states->limit};
    for (int k = 0; k < 2; k++)
      pa__halo_refresh_links(&halo->nodes,
                             (pa__numbers){.at = values[k], .bytes = sizeof(double), .columns = 1, .step = 1});
    if ((status = pa__halo_close(halo, PA_OK)) != PA_OK) return status;
    pa__halo_hold(halo);
  }
  pa_halo_free(states->halo);
  states->halo = halo;
  return PA_OK;
}

pa_halo *pa_states_halo(const pa_states *states) { return states ? states->halo : NULL; }

pa_status pa__states_open(const pa_states *states, pa_status status, uint32_t call) {
  if (!states || !states->halo) return status;
  call = pa__halo_call(call, &states->batch, sizeof states->batch);
  return pa__halo_open(states->halo, status, pa__halo_call(call, &states->precision, sizeof states->precision));
}

pa_status pa__states_close(const pa_states *states, pa_status status) {
  return states->halo ? pa__halo_close(states->halo, status) : status;
}

struct pa_states pa__states_alone(const pa_states *states) {
  struct pa_states alone = *states;
  alone.halo = NULL;
  return alone;
}

pa_status pa_states_set_start(pa_states *states, const double *watts) {
  pa_status status = pa__states_check_one(states);
  if (status == PA_OK) states->start = watts;
  return status;
}

const double *pa_states_start(const pa_states *states) { return states ? states->start : NULL; }

pa_status pa_states_set_first(pa_states *states, uint64_t first) {
  pa_status status = pa__states_check_one(states);
  if (status == PA_OK) states->first = first;
  return status;
}

size_t pa_states_batch(const pa_states *states) { return states ? states->batch : 0; }

const pa_graph *pa_states_graph(const pa_states *states) { return states ? states->graph : NULL; }

size_t pa_states_links(const pa_states *states) { return states ? states->links : 0; }

const double *pa_states_channel(const pa_states *states) { return states ? states->h : NULL; }

const float *pa_states_channel_f32(const pa_states *states) { return states ? states->h_f32 : NULL; }

const double *pa_states_noise(const pa_states *states) { return states ? states->noise : NULL; }

const double *pa_states_power_limit(const pa_states *states) { return states ? states->limit : NULL; }

const double *pa_states_weights(const pa_states *states) { return states ? states->weights : NULL; }

uint64_t pa_states_first(const pa_states *states) { return states ? states->first : 0; }

pa_status pa__states_check_graph(const pa_states *states) {
  if (!states->graph || states->version == states->graph->version) return PA_OK;
  return pa__fail(PA_ERROR_STATE, "the graph has changed since these channels were bound: draw and bind them again");
}

pa_status pa__states_check_any(const pa_states *states) {
  return states && states->precision == PA__SINGLE ? pa__states_check_f32(states) : pa__states_check(states);
}

pa__extent pa__extent_of(const pa_states *states) { return pa__extent_of_many(states, states->batch); }

pa__extent pa__extent_of_many(const pa_states *states, size_t batch) {
  return (pa__extent){.batch = batch,
                      .links = states->links,
                      .precision = states->precision,
                      .sparse = states->graph != NULL,
                      .part = states->halo != NULL,
                      .channels = pa__states_channels(states)};
}

struct pa_states pa__states_part(const pa_states *states, size_t first, size_t count) {
  struct pa_states part = *states;
  size_t left = states->batch - first, n = states->links;
  part.batch = left < count ? left : count;
  if (states->h) part.h = states->h + first * pa__states_channels(states);
  if (states->h_f32) part.h_f32 = states->h_f32 + first * pa__states_channels(states);
  part.first = states->first + first;
  if (states->start) part.start = states->start + first * n;
  if (states->node_state) part.node_state = states->node_state + first * n * states->node_features;
  return part;
}
