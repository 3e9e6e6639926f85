#include "policy.h"

#include <float.h>
#include <math.h>
#include <string.h>

struct callback {
  pa_policy base;
  pa_allocate_fn allocate;
  void *user;
  pa_free_fn free_user;
};

static void workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  (void)policy;
  (void)e;
  (void)arena;
}

static pa_status allocate(const pa_policy *policy, const pa_states *s, double *power, void *work) {
  const struct callback *c = (const struct callback *)policy;
  (void)work;
  size_t n = s->batch * s->links;
  for (size_t k = 0; k < n; k++) power[k] = NAN;
  int32_t code = c->allocate(c->user, s, power);
  if (code == PA_CALLBACK_ABORT) return pa__fail(PA_ERROR_CALLBACK, "the allocation callback aborted");
  if (code != PA_CALLBACK_OK)
    return pa__fail(PA_ERROR_CALLBACK, "the allocation callback returned %d, which is no code of it", (int)code);
  for (size_t k = 0; k < n; k++)
    if (!(power[k] >= 0 && power[k] <= s->limit[k % s->links]))
      return pa__fail(PA_ERROR_CALLBACK, "the allocation callback left power[%zu][%zu] at %g, must be 0 to %g",
                      k / s->links, k % s->links, power[k], s->limit[k % s->links]);
  return PA_OK;
}

static void free_callback(pa_policy *policy) {
  struct callback *c = (struct callback *)policy;
  if (c->free_user) c->free_user(c->user);
}

static const pa__policy_class callback_class = {
    .name = "callback", .free = free_callback, .whole = true, .workspace = workspace, .allocate = allocate};

pa_status pa_policy_create_callback(pa_policy **out, pa_allocate_fn fn, void *user, pa_free_fn free_user,
                                    const pa_allocator *allocator) {
  if (!fn) return pa__fail(PA_ERROR_ARGUMENT, "allocate is NULL");
  struct callback *c = NULL;
  pa_status status = pa__handle_create(out ? (void *)&c : NULL, sizeof *c, allocator);
  if (status != PA_OK) return status;
  pa__policy_init(&c->base, &callback_class);
  c->allocate = fn;
  c->user = user;
  c->free_user = free_user;
  *out = &c->base;
  return PA_OK;
}
