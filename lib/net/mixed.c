/* States of several networks as one batch. */
#include "states.h"

#include <stdio.h>

size_t pa_states_part_count(const pa_states *states) { return !states ? 0 : states->parts ? states->part_count : 1; }

const pa_states *pa_states_part(const pa_states *states, size_t index) {
  if (index >= pa_states_part_count(states)) return NULL;
  return states->parts ? states->parts[index] : states;
}

size_t pa_states_powers(const pa_states *states) {
  return states ? pa__states_powers_before(states, pa_states_part_count(states)) : 0;
}

pa_status pa__states_of_part(const pa_states *states, size_t part, pa_status status) {
  char why[400];
  if (status == PA_OK || !states || !states->parts) return status;
  snprintf(why, sizeof why, "%s", pa_last_error());
  return pa__fail(status, "part %zu: %s", part, why);
}

pa_status pa__states_check_one(const pa_states *states) {
  if (!states) return pa__fail(PA_ERROR_ARGUMENT, "states is NULL");
  if (!states->parts) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "the states are mixed, of %zu networks: this call takes those of one",
                  states->part_count);
}

static pa_status check_part(const pa_states *const *parts, size_t k) {
  if (!parts[k]) return pa__fail(PA_ERROR_ARGUMENT, "parts[%zu] is NULL", k);
  if (parts[k]->parts) return pa__fail(PA_ERROR_ARGUMENT, "parts[%zu] is mixed itself", k);
  if (parts[k]->halo) return pa__fail(PA_ERROR_ARGUMENT, "parts[%zu] is a part of a network, with a halo", k);
  if (parts[k]->precision == parts[0]->precision) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "parts[%zu] is in %s precision, parts[0] in %s", k,
                  parts[k]->precision == PA__SINGLE ? "single" : "double",
                  parts[k]->precision == PA__SINGLE ? "double" : "single");
}

static pa_status check_new(const pa_states *const *parts, size_t count) {
  if (!parts) return pa__fail(PA_ERROR_ARGUMENT, "parts is NULL");
  if (count == 0) return pa__fail(PA_ERROR_ARGUMENT, "count is 0, must be at least 1");
  size_t powers = 0;
  for (size_t k = 0; k < count; k++) {
    pa_status status = check_part(parts, k);
    if (status != PA_OK) return status;
    powers += pa_states_powers(parts[k]);
    if (powers > PTRDIFF_MAX / sizeof(double))
      return pa__fail(PA_ERROR_MEMORY, "the powers of parts 0 to %zu overflow the address space", k);
  }
  return PA_OK;
}

pa_status pa_states_create_mixed(pa_states **out, const pa_states *const *parts, size_t count,
                                 const pa_allocator *allocator) {
  pa_status status = check_new(parts, count);
  if (status != PA_OK) return status;
  pa_states *s = NULL;
  if ((status = pa__handle_create(out ? (void *)&s : NULL, sizeof *s, allocator)) != PA_OK) return status;
  if (!(s->parts = pa__allocate(&s->allocator, count, sizeof *s->parts)) ||
      !(s->samples = pa__allocate(&s->allocator, count + 1, 2 * sizeof *s->samples))) {
    pa_states_free(s);
    return PA_ERROR_MEMORY;
  }
  s->powers = s->samples + count + 1;
  s->part_count = count;
  s->precision = parts[0]->precision;
  for (size_t k = 0; k < count; k++) {
    s->parts[k] = parts[k];
    s->samples[k + 1] = s->samples[k] + parts[k]->batch;
    s->powers[k + 1] = s->powers[k] + pa_states_powers(parts[k]);
  }
  s->batch = s->samples[count];
  *out = s;
  return PA_OK;
}

pa_status pa__states_check_parts(const pa_states *states) {
  for (size_t k = 0; states->parts && k < states->part_count; k++) {
    const pa_states *part = states->parts[k];
    size_t samples = states->samples[k + 1] - states->samples[k], powers = states->powers[k + 1] - states->powers[k];
    if (part->halo) return pa__fail(PA_ERROR_ARGUMENT, "part %zu is a part of a network, with a halo, now", k);
    if (part->batch != samples)
      return pa__fail(PA_ERROR_STATE, "part %zu has %zu samples of %zu links now, had %zu of %zu in the mixed states",
                      k, part->batch, part->links, samples, powers / samples);
  }
  return PA_OK;
}

pa_status pa__states_check_all(const pa_states *states) {
  if (!states) return pa__states_check_one(states);
  pa_status status = pa__states_check_parts(states);
  for (size_t k = 0; k < pa_states_part_count(states) && status == PA_OK; k++)
    status = pa__states_of_part(states, k, pa__states_check_any(pa_states_part(states, k)));
  return status;
}
