/* The problem of a trainer, as the user sets it. */
#include "trainer.h"

#include <math.h>
#include <string.h>

static pa_status check_settable(const pa_trainer *t) {
  pa_status status = pa__trainer_idle(t);
  if (status == PA_OK && t->progress.step > 0)
    return pa__fail(PA_ERROR_STATE, "the problem cannot change after the first step");
  return status;
}

static pa_status check_problem(const pa_trainer *t) {
  pa_status status = check_settable(t);
  if (status == PA_OK && !t->problem.reward)
    return pa__fail(PA_ERROR_STATE, "the trainer has no reward: pa_trainer_set_reward() comes first");
  return status;
}

pa_status pa_trainer_set_teacher(pa_trainer *t, const pa_policy *teacher) {
  pa_status status = check_settable(t);
  if (status != PA_OK) return status;
  if (!t->policy->class->learner->gradient || t->problem.reward)
    return pa__fail(PA_ERROR_ARGUMENT, "policy %s learns from rewards here, not from a teacher",
                    t->policy->class->name);
  if (teacher == t->policy) return pa__fail(PA_ERROR_ARGUMENT, "teacher is the trained policy itself");
  t->teacher = teacher;
  return PA_OK;
}

pa_status pa_trainer_set_reward(pa_trainer *t, size_t rewards, pa_reward_fn reward, void *user, pa_free_fn free_user) {
  pa_status status = check_settable(t);
  if (status != PA_OK) return status;
  if (!reward || rewards == 0)
    return pa__fail(PA_ERROR_ARGUMENT, reward ? "rewards is 0, must be at least 1" : "reward is NULL");
  if (t->teacher) return pa__fail(PA_ERROR_STATE, "the trainer has a teacher: it cannot learn from rewards as well");
  if ((status = pa__source_check_shape(&t->source)) != PA_OK) return status;
  if (t->problem.reward && rewards != t->problem.rewards && (t->problem.constraint_count > 0 || t->problem.weights))
    return pa__fail(PA_ERROR_STATE, "utility weights or constraints for %zu rewards were set already",
                    t->problem.rewards);
  if (t->problem.free_user) t->problem.free_user(t->problem.user);
  t->problem.rewards = rewards;
  t->problem.reward = reward;
  t->problem.reward_gradient = NULL;
  t->problem.user = user;
  t->problem.free_user = free_user;
  if (!t->problem.utility && !t->problem.utility_fn) t->problem.utility = PA_UTILITY_SUM;
  return PA_OK;
}

pa_status pa_trainer_set_reward_gradient(pa_trainer *t, pa_reward_gradient_fn gradient) {
  pa_status status = check_problem(t);
  if (status == PA_OK) t->problem.reward_gradient = gradient;
  return status;
}

static void set_utility(pa_trainer *t, int32_t utility, double *weights, pa_utility_fn fn, void *user,
                        pa_free_fn free_user) {
  if (t->problem.free_utility_user) t->problem.free_utility_user(t->problem.utility_user);
  pa__release(&t->allocator, t->problem.weights);
  t->problem.utility = utility;
  t->problem.weights = weights;
  t->problem.utility_fn = fn;
  t->problem.utility_user = user;
  t->problem.free_utility_user = free_user;
}

pa_status pa_trainer_set_utility(pa_trainer *t, int32_t utility, const double *weights, size_t n) {
  pa_status status = check_problem(t);
  if (status != PA_OK) return status;
  if (utility < PA_UTILITY_SUM || utility > PA_UTILITY_SOFT_MIN)
    return pa__fail(PA_ERROR_ARGUMENT, "utility is %d, none of PA_UTILITY_*", (int)utility);
  if (n != 0 && n != t->problem.rewards)
    return pa__fail(PA_ERROR_ARGUMENT, "weights has %zu elements, must have 0 or one for each of the %zu rewards", n,
                    t->problem.rewards);
  if (n != 0 && !weights) return pa__fail(PA_ERROR_ARGUMENT, "weights is NULL");
  for (size_t k = 0; k < n; k++)
    if (!isfinite(weights[k])) return pa__fail(PA_ERROR_ARGUMENT, "weights[%zu] is %g, must be finite", k, weights[k]);
  double *copy = NULL;
  if (n > 0) {
    if (!(copy = pa__allocate(&t->allocator, n, sizeof(double)))) return PA_ERROR_MEMORY;
    memcpy(copy, weights, n * sizeof(double));
  }
  set_utility(t, utility, copy, NULL, NULL, NULL);
  return PA_OK;
}

pa_status pa_trainer_set_utility_callback(pa_trainer *t, pa_utility_fn utility, void *user, pa_free_fn free_user) {
  pa_status status = check_problem(t);
  if (status != PA_OK) return status;
  if (!utility) return pa__fail(PA_ERROR_ARGUMENT, "utility is NULL");
  set_utility(t, 0, NULL, utility, user, free_user);
  return PA_OK;
}

static pa_status add(pa_trainer *t, pa__constraint constraint) {
  pa__problem *p = &t->problem;
  pa__constraint *more = pa__allocate(&t->allocator, p->constraint_count + 1, sizeof *more);
  if (!more) return PA_ERROR_MEMORY;
  if (p->constraint_count > 0) memcpy(more, p->constraints, p->constraint_count * sizeof *more);
  more[p->constraint_count++] = constraint;
  pa__release(&t->allocator, p->constraints);
  p->constraints = more;
  p->duals += constraint.count;
  return PA_OK;
}

/* Elements of a constraint given with n bounds. */
static pa_status elements(const pa_trainer *t, int32_t kind, size_t n, size_t *count) {
  const pa__problem *p = &t->problem;
  size_t all = kind == PA_CONSTRAINT_MEAN_POWER ? p->links : p->rewards, first;
  *count = kind == PA_CONSTRAINT_MEAN_POWER && n == 1 ? 1 : all;
  if (kind == PA_CONSTRAINT_MEAN_POWER && pa__problem_power(p, &first))
    return pa__fail(PA_ERROR_STATE, "a constraint on the mean power was added already");
  if (kind != PA_CONSTRAINT_DEMAND && n != 1 && n != all)
    return pa__fail(PA_ERROR_ARGUMENT, "bound has %zu elements, must have 1 or %zu", n, all);
  if (kind != PA_CONSTRAINT_DEMAND) return PA_OK;
  if (n != 0) return pa__fail(PA_ERROR_ARGUMENT, "bound has %zu elements: a demand takes none", n);
  if (p->rewards != p->links)
    return pa__fail(PA_ERROR_ARGUMENT, "a demand needs one reward for each of the %zu links, there are %zu", p->links,
                    p->rewards);
  if (pa__source_features(&t->source) == 0)
    return pa__fail(PA_ERROR_ARGUMENT, "the states have no node state, whose first feature is the demand");
  return PA_OK;
}

pa_status pa_trainer_add_constraint(pa_trainer *t, int32_t kind, const double *bound, size_t n) {
  pa_status status = check_problem(t);
  if (status != PA_OK) return status;
  if (kind < PA_CONSTRAINT_MEAN_POWER || kind > PA_CONSTRAINT_DEMAND)
    return pa__fail(PA_ERROR_ARGUMENT, "constraint is %d, none of PA_CONSTRAINT_*", (int)kind);
  pa__constraint c = {.kind = kind};
  if ((status = elements(t, kind, n, &c.count)) != PA_OK) return status;
  if (n > 0 && !bound) return pa__fail(PA_ERROR_ARGUMENT, "bound is NULL");
  for (size_t k = 0; k < n; k++)
    if (!(kind == PA_CONSTRAINT_MIN_REWARD ? bound[k] >= 0 : bound[k] > 0) || !isfinite(bound[k]))
      return pa__fail(PA_ERROR_ARGUMENT, "bound[%zu] is %g, must be finite and %s 0", k, bound[k],
                      kind == PA_CONSTRAINT_MIN_REWARD ? ">=" : ">");
  if (n > 0 && !(c.bound = pa__allocate(&t->allocator, c.count, sizeof(double)))) return PA_ERROR_MEMORY;
  for (size_t k = 0; n > 0 && k < c.count; k++) c.bound[k] = bound[n == 1 ? 0 : k];
  if ((status = add(t, c)) != PA_OK) pa__release(&t->allocator, c.bound);
  return status;
}

pa_status pa_trainer_add_constraint_callback(pa_trainer *t, size_t n, pa_constraint_fn constraint, void *user,
                                             pa_free_fn free_user) {
  pa_status status = check_problem(t);
  if (status != PA_OK) return status;
  if (!constraint || n == 0)
    return pa__fail(PA_ERROR_ARGUMENT, constraint ? "n is 0, must be at least 1" : "constraint is NULL");
  return add(t, (pa__constraint){.count = n, .fn = constraint, .user = user, .free_user = free_user});
}

size_t pa_trainer_constraint_count(const pa_trainer *t) { return t ? t->problem.duals : 0; }

static void tell(double *out, const double *numbers, size_t n) {
  for (size_t k = 0; out && k < n; k++) out[k] = numbers ? numbers[k] : NAN;
}

static pa_status check_count(const pa_trainer *t, size_t n, size_t count) {
  if (!t) return pa__fail(PA_ERROR_ARGUMENT, "trainer is NULL");
  if (n != count) return pa__fail(PA_ERROR_ARGUMENT, "n is %zu, must be %zu", n, count);
  return PA_OK;
}

pa_status pa_trainer_constraints(const pa_trainer *t, double *dual, double *violation, size_t n) {
  pa_status status = check_count(t, n, t ? t->problem.duals : 0);
  if (status != PA_OK) return status;
  bool looked = !isnan(t->progress.best.rate);
  tell(dual, t->estimates.dual, n);
  tell(violation, !looked ? NULL : t->kept_step > 0 ? t->estimates.kept_violation : t->estimates.best_violation, n);
  return PA_OK;
}

pa_status pa_trainer_mean_rewards(const pa_trainer *t, double *reward, size_t n) {
  pa_status status = check_count(t, n, t ? t->problem.rewards : 0);
  if (status != PA_OK) return status;
  if (!reward) return pa__fail(PA_ERROR_ARGUMENT, "reward is NULL");
  bool looked = !isnan(t->progress.best.rate);
  tell(reward, !looked ? NULL : t->kept_step > 0 ? t->estimates.kept_reward : t->estimates.best_reward, n);
  return PA_OK;
}

pa_status pa_trainer_link_weights(const pa_trainer *t, double *weights, size_t n) {
  pa_status status = check_count(t, n, t ? t->problem.links : 0);
  if (status != PA_OK) return status;
  if (!weights) return pa__fail(PA_ERROR_ARGUMENT, "weights is NULL");
  for (size_t i = 0; i < n; i++)
    weights[i] = t->progress.step > 0 && t->problem.reward ? t->estimates.link_weight[i] : 1;
  return PA_OK;
}

pa_status pa__estimates_create(pa_trainer *t) {
  pa__estimates *e = &t->estimates;
  const pa__problem *p = &t->problem;
  const pa_states *states = t->source.states;
  t->problem.link_weights = states && p->rewards == p->links ? states->weights : NULL;
  t->problem.sharpness = t->value[PA_TRAINER_SHARPNESS - PA__TRAINER_FIRST_KEY];
  if (t->progress.step > 0 || !p->reward) return PA_OK;
  size_t count = 4 * p->duals + 3 * p->rewards + 2 * p->links;
  double *memory = pa__allocate(&t->allocator, count, sizeof(double));
  if (!memory) return PA_ERROR_MEMORY;
  pa__release(&t->allocator, e->dual);
  e->count = count;
  double **const arrays[] = {&e->dual,        &e->drift,       &e->best_violation, &e->kept_violation, &e->reward,
                             &e->best_reward, &e->kept_reward, &e->demand,         &e->link_weight};
  const size_t counts[] = {p->duals,   p->duals,   p->duals, p->duals, p->rewards,
                           p->rewards, p->rewards, p->links, p->links};
  for (size_t k = 0; k < sizeof counts / sizeof counts[0]; memory += counts[k++]) *arrays[k] = memory;
  return PA_OK;
}
