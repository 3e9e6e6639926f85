#include "states.h"

#include "../la/la.h"

#include <float.h>
#include <math.h>

/* Noise, power limits and weights stay within this factor of 1, gains relative to the noise below it, so that their
 * products stay finite. */
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

pa_status pa_states_create(pa_states **out, size_t batch, size_t links, const double *h, double noise, double pmax,
                           const pa_allocator *allocator) {
  size_t elements;
  if (batch == 0 || links == 0)
    return pa__fail(PA_ERROR_ARGUMENT, "batch is %zu and links is %zu, both must be at least 1", batch, links);
  if (!h) return pa__fail(PA_ERROR_ARGUMENT, "h is NULL");
  pa_status status = pa__channel_size(batch, links, &elements);
  if (status != PA_OK) return status;
  pa_states *s = NULL;
  if ((status = pa__handle_create(out ? (void *)&s : NULL, sizeof *s, allocator)) != PA_OK) return status;
  s->batch = batch;
  s->links = links;
  s->h = h;
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

void pa_states_free(pa_states *states) {
  if (!states) return;
  pa_allocator allocator = states->allocator;
  pa__release(&allocator, states->owned);
  pa__release(&allocator, states->owned_state);
  pa__release(&allocator, states->noise);
  pa__release(&allocator, states);
}

pa_status pa_states_bind(pa_states *states, size_t batch, const double *h) {
  size_t elements;
  if (!states) return pa__fail(PA_ERROR_ARGUMENT, "states is NULL");
  if (!h) return pa__fail(PA_ERROR_ARGUMENT, "h is NULL");
  if (batch == 0) return pa__fail(PA_ERROR_ARGUMENT, "batch is 0, must be at least 1");
  if (states->owned) return pa__fail(PA_ERROR_STATE, "these states own their channels and cannot be bound to others");
  pa_status status = pa__channel_size(batch, states->links, &elements);
  if (status != PA_OK) return status;
  states->batch = batch;
  states->h = h;
  states->node_state = NULL;
  states->node_features = 0;
  return PA_OK;
}

pa_status pa_states_set_node_state(pa_states *states, const double *x, size_t features) {
  if (!states) return pa__fail(PA_ERROR_ARGUMENT, "states is NULL");
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

pa_status pa_states_set_noise(pa_states *states, const double *watts, size_t n) {
  if (!states) return pa__fail(PA_ERROR_ARGUMENT, "states is NULL");
  return pa__positive_per_link("noise", watts, n, states->links, states->noise);
}

pa_status pa_states_set_power_limit(pa_states *states, const double *watts, size_t n) {
  if (!states) return pa__fail(PA_ERROR_ARGUMENT, "states is NULL");
  return pa__positive_per_link("power limit", watts, n, states->links, states->limit);
}

pa_status pa_states_set_weights(pa_states *states, const double *weights, size_t n) {
  if (!states) return pa__fail(PA_ERROR_ARGUMENT, "states is NULL");
  return pa__positive_per_link("weights", weights, n, states->links, states->weights);
}

pa_status pa_states_set_first(pa_states *states, uint64_t first) {
  if (!states) return pa__fail(PA_ERROR_ARGUMENT, "states is NULL");
  states->first = first;
  return PA_OK;
}

size_t pa_states_batch(const pa_states *states) { return states ? states->batch : 0; }

size_t pa_states_links(const pa_states *states) { return states ? states->links : 0; }

const double *pa_states_channel(const pa_states *states) { return states ? states->h : NULL; }

const double *pa_states_noise(const pa_states *states) { return states ? states->noise : NULL; }

const double *pa_states_power_limit(const pa_states *states) { return states ? states->limit : NULL; }

const double *pa_states_weights(const pa_states *states) { return states ? states->weights : NULL; }

uint64_t pa_states_first(const pa_states *states) { return states ? states->first : 0; }

static pa_status channel_fault(const pa_states *s, double bound) {
  size_t n = s->links;
  for (size_t b = 0; b < s->batch; b++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        double h = s->h[(b * n + i) * n + j];
        if (!(h >= 0 && h <= DBL_MAX))
          return pa__fail(PA_ERROR_ARGUMENT, "h[%zu][%zu][%zu] is %g, must be finite and >= 0", b, i, j, h);
        if (h > bound)
          return pa__fail(PA_ERROR_ARGUMENT,
                          "h[%zu][%zu][%zu] is %g: its gain times power limit over noise may exceed %g", b, i, j, h,
                          STRONGEST);
      }
  return PA_OK;
}

static double highest_limit(const pa_states *states) {
  double limit = 0;
  for (size_t i = 0; i < states->links; i++) limit = fmax(limit, states->limit[i]);
  return limit;
}

pa_status pa__states_check(const pa_states *states) {
  if (!states) return pa__fail(PA_ERROR_ARGUMENT, "states is NULL");
  if (states->trusted) return PA_OK;
  double limit = highest_limit(states), noise = INFINITY;
  for (size_t i = 0; i < states->links; i++) noise = fmin(noise, states->noise[i]);
  double bound = fmin(sqrt(STRONGEST) * sqrt(noise) / sqrt(limit), DBL_MAX);
  size_t elements = states->batch * states->links * states->links;
  return pa__la_best()->within(elements, states->h, bound) ? PA_OK : channel_fault(states, bound);
}

pa_status pa__states_check_power(const pa_states *states, const double *power) {
  double bound = fmin(STRONGEST * highest_limit(states), DBL_MAX);
  size_t n = states->links;
  for (size_t k = 0; k < states->batch * n; k++)
    if (!(power[k] >= 0 && power[k] <= DBL_MAX))
      return pa__fail(PA_ERROR_ARGUMENT, "power[%zu][%zu] is %g, must be finite and >= 0", k / n, k % n, power[k]);
    else if (power[k] > bound)
      return pa__fail(PA_ERROR_ARGUMENT, "power[%zu][%zu] is %g, more than %g times the power limit", k / n, k % n,
                      power[k], STRONGEST);
  return PA_OK;
}

struct pa_states pa__states_part(const pa_states *states, size_t first, size_t count) {
  struct pa_states part = *states;
  size_t left = states->batch - first, n = states->links;
  part.batch = left < count ? left : count;
  part.h = states->h + first * n * n;
  part.first = states->first + first;
  if (states->node_state) part.node_state = states->node_state + first * n * states->node_features;
  return part;
}
