#include "trainer.h"

#include <math.h>
#include <string.h>

#define VALUE(trainer, key) ((trainer)->value[(key)-PA__TRAINER_FIRST_KEY])

/* ---- the handle ---- */

/* What a policy without a model-based gradient is trained on unless the user says otherwise. */
static pa__problem capacity_problem(size_t links) {
  return (pa__problem){.links = links, .rewards = links, .reward = pa_reward_capacity, .utility = PA_UTILITY_SUM};
}

/* Fails unless the trainer can compute in a precision. */
static pa_status check_precision(const pa_trainer *t, double precision) {
  const pa_states *states = t->source.states;
  if (precision == PA__SINGLE && !t->policy->class->learner->single)
    return pa__fail(PA_ERROR_ARGUMENT, "policy %s trains in double precision only", t->policy->class->name);
  if (states && precision != states->precision)
    return pa__fail(PA_ERROR_ARGUMENT, "trainer.precision is %g, the trainer's states are in %s precision", precision,
                    states->precision == PA__SINGLE ? "single" : "double");
  return PA_OK;
}

/* Fails unless the policy takes all states of the source. */
static pa_status check_takes(const pa_policy *policy, const pa__source *source) {
  pa_status status = PA_OK;
  for (size_t k = 0; k < pa__source_kinds(source) && status == PA_OK; k++) {
    pa__extent sample = pa__source_extent(source, k, 1);
    status = pa__states_of_part(source->states, k, pa__policy_takes(policy, &sample));
  }
  return status;
}

static pa_status create(pa_trainer **out, pa_policy *policy, pa__source source, uint64_t seed,
                        const pa_allocator *allocator) {
  if (!policy) return pa__fail(PA_ERROR_ARGUMENT, "policy is NULL");
  const pa__learner_class *learner = policy->class->learner;
  if (!learner) return pa__fail(PA_ERROR_ARGUMENT, "policy %s has nothing to learn", policy->class->name);
  size_t links = learner->links ? learner->links(policy) : 0;
  if (links > 0 && pa__source_is_mixed(&source))
    return pa__fail(PA_ERROR_ARGUMENT, "the states are mixed, of %zu networks, the %s model is of one",
                    pa__source_kinds(&source), policy->class->name);
  if (links > 0 && (links != pa__source_links(&source) || pa__source_check_shape(&source) != PA_OK))
    return pa__fail(PA_ERROR_ARGUMENT, "the states have %zu links%s, the %s model is of %zu", pa__source_links(&source),
                    pa__source_check_shape(&source) != PA_OK ? " and fewer" : "", policy->class->name, links);
  pa_trainer *t = NULL;
  pa_status status = check_takes(policy, &source);
  if (status == PA_OK && !learner->gradient) status = pa__source_check_shape(&source);
  if (status != PA_OK) return status;
  status = pa__handle_create(out ? (void *)&t : NULL, sizeof *t, allocator);
  if (status != PA_OK) return status;
  t->policy = policy;
  t->source = source;
  t->seed = seed;
  t->ranks.count = 1;
  t->weight_count = learner->weight_count(policy);
  for (int32_t k = 0; k < PA__TRAINER_KEYS; k++) t->value[k] = pa__key_default(PA__TRAINER_FIRST_KEY + k);
  VALUE(t, PA_TRAINER_PRECISION) = source.precision;
  t->constant_count = pa__constant_count(policy);
  status = check_precision(t, source.precision);
  if (status == PA_OK &&
      !(t->weights = pa__allocate(&t->allocator, 4 * t->weight_count + t->constant_count, sizeof(double))))
    status = PA_ERROR_MEMORY;
  if (status != PA_OK) {
    pa_trainer_free(t);
    return status;
  }
  t->best = t->weights + t->weight_count;
  t->adam = (pa__adam){t->best + t->weight_count, t->best + 2 * t->weight_count};
  t->constants = t->best + 3 * t->weight_count;
  learner->get_weights(policy, t->weights);
  pa__get_constants(policy, t->constants);
  const pa__look none = {NAN, NAN, NAN, NAN};
  t->progress =
      (pa__progress){.rate = NAN, .gradient_norm = NAN, .step_rate = NAN, .best_step = NAN, .last = none, .best = none};
  if (policy->class->budget_key == PA_POLICY_OFFSET) t->progress.offset = pa__policy_value(policy, PA_POLICY_OFFSET);
  t->problem.links = pa__source_links(&source);
  if (!learner->gradient) t->problem = capacity_problem(t->problem.links);
  *out = t;
  return PA_OK;
}

pa_status pa_trainer_create(pa_trainer **out, pa_policy *policy, const pa_network *network, uint64_t seed,
                            const pa_allocator *allocator) {
  if (!network) return pa__fail(PA_ERROR_ARGUMENT, "network is NULL");
  return create(out, policy, pa__source_of_network(network, seed), seed, allocator);
}

pa_status pa_trainer_create_on_states(pa_trainer **out, pa_policy *policy, const pa_states *states, uint64_t seed,
                                      const pa_allocator *allocator) {
  pa_status status = pa__states_check_all(states);
  if (status != PA_OK) return status;
  if (states->batch < 2)
    return pa__fail(PA_ERROR_ARGUMENT, "states has %zu samples, training needs 2: some are held out", states->batch);
  return create(out, policy, pa__source_of_states(states, seed), seed, allocator);
}

size_t pa_trainer_links(const pa_trainer *trainer) { return trainer ? pa__source_links(&trainer->source) : 0; }

size_t pa_trainer_rewards(const pa_trainer *trainer) {
  return trainer && trainer->problem.reward ? trainer->problem.rewards : 0;
}

void pa_trainer_free(pa_trainer *trainer) {
  if (!trainer) return;
  if (trainer->free_user) trainer->free_user(trainer->user);
  pa_allocator allocator = trainer->allocator;
  pa__problem_free(&trainer->problem, &allocator);
  pa__ranks_free(&trainer->ranks, &allocator);
  pa__release(&allocator, trainer->estimates.dual);
  pa__release(&allocator, trainer->weights);
  pa__release(&allocator, trainer);
}

pa_status pa__trainer_idle(const pa_trainer *trainer) {
  if (!trainer) return pa__fail(PA_ERROR_ARGUMENT, "trainer is NULL");
  if (trainer->running) return pa__fail(PA_ERROR_STATE, "the trainer is running: not from its callback");
  return PA_OK;
}

static pa_status check_key(const pa_trainer *trainer, int32_t key) {
  if (!trainer) return pa__fail(PA_ERROR_ARGUMENT, "trainer is NULL");
  if (key < PA__TRAINER_FIRST_KEY || key >= PA__TRAINER_FIRST_KEY + PA__TRAINER_KEYS)
    return pa__fail(PA_ERROR_ARGUMENT, "a trainer has no key %d (%s)", (int)key, pa_key_name(key));
  return PA_OK;
}

pa_status pa_trainer_set(pa_trainer *trainer, int32_t key, double value) {
  pa_status status = pa__trainer_idle(trainer);
  if (status == PA_OK) status = check_key(trainer, key);
  if (status == PA_OK) status = pa__key_check(key, value);
  if (status == PA_OK && key == PA_TRAINER_PRECISION) status = check_precision(trainer, value);
  if (status != PA_OK) return status;
  if (trainer->progress.step > 0 && key != PA_TRAINER_THREADS)
    return pa__fail(PA_ERROR_STATE, "%s cannot change after the first step", pa_key_name(key));
  VALUE(trainer, key) = value;
  return PA_OK;
}

pa_status pa_trainer_get(const pa_trainer *trainer, int32_t key, double *value) {
  pa_status status = check_key(trainer, key);
  if (status != PA_OK) return status;
  if (!value) return pa__fail(PA_ERROR_ARGUMENT, "value is NULL");
  *value = VALUE(trainer, key);
  return PA_OK;
}

pa_status pa_trainer_set_progress(pa_trainer *trainer, uint64_t every, pa_progress_fn progress, void *user,
                                  pa_free_fn free_user) {
  pa_status status = pa__trainer_idle(trainer);
  if (status != PA_OK) return status;
  if (every == 0) return pa__fail(PA_ERROR_ARGUMENT, "every is 0, must be at least 1");
  if (trainer->free_user) trainer->free_user(trainer->user);
  trainer->report = progress;
  trainer->report_every = every;
  trainer->user = user;
  trainer->free_user = free_user;
  return PA_OK;
}

void pa_trainer_request_stop(pa_trainer *trainer) {
  if (trainer) atomic_store(&trainer->stop, 1);
}

static double power_dual(const pa_trainer *t) {
  size_t first;
  const pa__constraint *power = pa__problem_power(&t->problem, &first);
  double sum = 0;
  if (!power || !t->estimates.dual) return NAN;
  for (size_t k = 0; k < power->count; k++) sum += t->estimates.dual[first + k];
  return sum / (double)power->count;
}

pa_status pa_trainer_stat(const pa_trainer *trainer, int32_t what, double *value) {
  if (!trainer || !value) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", trainer ? "value" : "trainer");
  const pa__progress *p = &trainer->progress;
  const pa__look *best = trainer->kept_step > 0 ? &trainer->kept : &p->best;
  bool free_of_model = trainer->problem.reward;
  const struct {
    int32_t what;
    double value;
  } stats[] = {{PA_TRAINER_STAT_STEP, p->step},
               {PA_TRAINER_STAT_RATE, p->rate},
               {PA_TRAINER_STAT_HELD_OUT_RATE, p->last.rate},
               {PA_TRAINER_STAT_BEST_RATE, best->rate},
               {PA_TRAINER_STAT_BEST_STEP, trainer->kept_step > 0 ? trainer->kept_step : p->best_step},
               {PA_TRAINER_STAT_GRADIENT_NORM, p->gradient_norm},
               {PA_TRAINER_STAT_DROPPED, p->dropped},
               {PA_TRAINER_STAT_STEP_RATE, p->step_rate},
               {PA_TRAINER_STAT_BASELINE_RATE, free_of_model || isnan(p->best.rate) ? NAN : p->baseline_rate},
               {PA_TRAINER_STAT_POWER, free_of_model ? p->last.power : NAN},
               {PA_TRAINER_STAT_BEST_POWER, free_of_model ? best->power : NAN},
               {PA_TRAINER_STAT_VIOLATION, free_of_model ? p->last.worst : NAN},
               {PA_TRAINER_STAT_BEST_VIOLATION, free_of_model ? best->worst : NAN},
               {PA_TRAINER_STAT_POWER_DUAL, power_dual(trainer)}};
  for (size_t k = 0; k < sizeof stats / sizeof stats[0]; k++)
    if (stats[k].what == what) {
      *value = stats[k].value;
      return PA_OK;
    }
  return pa__fail(PA_ERROR_ARGUMENT, "%d is no number that a trainer tells", (int)what);
}

pa_status pa_trainer_set_pool(pa_trainer *trainer, pa_pool *pool) {
  pa_status status = pa__trainer_idle(trainer);
  if (status == PA_OK) trainer->pool = pool;
  return status;
}
