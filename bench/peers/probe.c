/* What bench/peers/run.py times of the library: calls from Python would cost more than the work. */
#include "probe.h"
#include "policy/policy.h"

typedef void probe_fn(const void *job);

PA_API double probe_allocate(const pa_policy *policy, const pa_states *states, void *power, pa_pool *pool,
                             size_t times);
PA_API int probe_latency(const pa_policy *policy, const pa_states *states, void *power, size_t times, double *each);
PA_API double probe_gradient(const pa_policy *policy, const pa_states *states, double *gradient, size_t times);
PA_API double probe_step(const pa_policy *policy, const pa_states *states, const double *dy, double *gradient,
                         size_t times);
PA_API double probe_train(pa_trainer *trainer, size_t steps);
PA_API double probe_repeat(probe_fn *run, const void *job, size_t times);
PA_API void probe_flush_denormals(void);

/* For good: so that peers pay no more for denormals than the library, which flushes them. */
void probe_flush_denormals(void) { pa__flush_begin(); }

/* Nanoseconds of `times` runs of a peer in C. */
double probe_repeat(probe_fn *run, const void *job, size_t times) {
  double start = probe_now();
  for (size_t k = 0; k < times; k++) run(job);
  return probe_now() - start;
}

/* ---- allocations ---- */

static pa_status allocate(const pa_policy *policy, const pa_states *states, void *power, pa_pool *pool, void *work,
                          size_t bytes) {
  bool single = states->precision == PA__SINGLE;
  if (pool)
    return single ? pa_policy_allocate_parallel_f32(policy, states, power, pool, work, bytes)
                  : pa_policy_allocate_parallel(policy, states, power, pool, work, bytes);
  return single ? pa_policy_allocate_f32(policy, states, power, work, bytes)
                : pa_policy_allocate(policy, states, power, work, bytes);
}

static void *workspace(const pa_policy *policy, const pa_states *states, const pa_pool *pool, size_t *bytes) {
  return pa_policy_workspace_states(policy, states, pool, bytes) == PA_OK ? probe_memory(*bytes) : NULL;
}

/* Nanoseconds of `times` allocations, by the threads of a pool if there is one; negative on an error. */
double probe_allocate(const pa_policy *policy, const pa_states *states, void *power, pa_pool *pool, size_t times) {
  size_t bytes;
  void *work = workspace(policy, states, pool, &bytes);
  double start = probe_now();
  for (size_t k = 0; k < times; k++)
    if (!work || allocate(policy, states, power, pool, work, bytes) != PA_OK) return -1;
  double end = probe_now();
  free(work);
  return end - start;
}

/* Clock ticks of each of `times` allocations, a reading of the clock included. */
int probe_latency(const pa_policy *policy, const pa_states *states, void *power, size_t times, double *each) {
  size_t bytes;
  void *work = workspace(policy, states, NULL, &bytes);
  for (size_t k = 0; k < times; k++) {
    uint64_t start = probe_ticks();
    if (!work || allocate(policy, states, power, NULL, work, bytes) != PA_OK) return -1;
    each[k] = (double)(probe_ticks() - start);
  }
  free(work);
  return 0;
}

/* ---- gradients ---- */

/* Nanoseconds of `times` gradients of the sum-rate, summed over the samples into gradient [weights]. */
double probe_gradient(const pa_policy *policy, const pa_states *states, double *gradient, size_t times) {
  const pa__learner_class *learner = policy->class->learner;
  size_t bytes = pa__measure(learner->gradient_workspace, policy, pa__extent_of(states));
  void *work = probe_memory(bytes);
  double *rate = probe_memory(states->batch * sizeof *rate), start = probe_now();
  pa__flush saved = pa__flush_begin();
  for (size_t k = 0; k < times; k++) {
    memset(gradient, 0, learner->weight_count(policy) * sizeof *gradient);
    learner->gradient(policy, states, 0, gradient, rate, work);
  }
  pa__flush_end(saved);
  double end = probe_now();
  free(work);
  free(rate);
  return end - start;
}

/* Nanoseconds of `times` forward and backward passes; gradient [weights] of sum y dy, dy [batch][links]. */
double probe_step(const pa_policy *policy, const pa_states *states, const double *dy, double *gradient, size_t times) {
  const pa__learner_class *learner = policy->class->learner;
  size_t bytes = pa__measure(learner->tape_workspace, policy, pa__extent_of(states));
  void *work = probe_memory(bytes);
  double *y = probe_memory(states->batch * states->links * sizeof *y), start = probe_now();
  pa__flush saved = pa__flush_begin();
  for (size_t k = 0; k < times; k++) {
    memset(gradient, 0, learner->weight_count(policy) * sizeof *gradient);
    learner->forward(policy, states, y, work);
    learner->backward(policy, states, dy, gradient, work);
  }
  pa__flush_end(saved);
  double end = probe_now();
  free(work);
  free(y);
  return end - start;
}

/* ---- training ---- */

struct watch {
  double first, last; /* ends of the first and the last step */
  size_t steps;
};

static int32_t watch_step(void *user, const pa_trainer *trainer) {
  struct watch *watch = user;
  (void)trainer;
  watch->last = probe_now();
  if (watch->steps++ == 0) watch->first = watch->last;
  return PA_CALLBACK_OK;
}

/* Nanoseconds of `steps` whole training steps; what the run does before and after them does not count. Negative on an
 * error. */
double probe_train(pa_trainer *trainer, size_t steps) {
  struct watch watch = {0, 0, 0};
  if (pa_trainer_set_progress(trainer, 1, watch_step, &watch, NULL) != PA_OK) return -1;
  if (pa_trainer_run(trainer, steps + 1) < 0) return -1;
  return watch.last - watch.first;
}
