#include "trainer.h"

#include <math.h>
#include <string.h>

#define VALUE(trainer, key) ((trainer)->value[(key)-PA__TRAINER_FIRST_KEY])

/* Weight of a step in the running mean of the rate. */
#define RATE_MEMORY .01

/* ---- the handle ---- */

static pa_status create(pa_trainer **out, pa_policy *policy, pa__source source, uint64_t seed,
                        const pa_allocator *allocator) {
  if (!policy) return pa__fail(PA_ERROR_ARGUMENT, "policy is NULL");
  const pa__learner_class *learner = policy->class->learner;
  if (!learner) return pa__fail(PA_ERROR_ARGUMENT, "policy %s has nothing to learn", policy->class->name);
  if (!learner->gradient)
    return pa__fail(PA_ERROR_ARGUMENT, "policy %s has no model-based gradient to be trained with", policy->class->name);
  pa_trainer *t = NULL;
  pa_status status = pa__handle_create(out ? (void *)&t : NULL, sizeof *t, allocator);
  if (status != PA_OK) return status;
  t->policy = policy;
  t->source = source;
  t->seed = seed;
  t->weight_count = learner->weight_count(policy);
  for (int32_t k = 0; k < PA__TRAINER_KEYS; k++) t->value[k] = pa__key_default(PA__TRAINER_FIRST_KEY + k);
  t->weights = pa__allocate(&t->allocator, t->weight_count, 4 * sizeof(double));
  if (!t->weights) {
    pa_trainer_free(t);
    return PA_ERROR_MEMORY;
  }
  t->best = t->weights + t->weight_count;
  t->adam = (pa__adam){t->best + t->weight_count, t->best + 2 * t->weight_count};
  learner->get_weights(policy, t->weights);
  t->progress = (pa__progress){.rate = NAN,
                               .held_out_rate = NAN,
                               .best_rate = NAN,
                               .best_step = NAN,
                               .gradient_norm = NAN,
                               .step_rate = NAN,
                               .baseline_rate = NAN};
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
  pa_status status = pa__states_check(states);
  if (status != PA_OK) return status;
  if (states->batch < 2)
    return pa__fail(PA_ERROR_ARGUMENT, "states has %zu samples, training needs 2: some are held out", states->batch);
  return create(out, policy, pa__source_of_states(states, seed), seed, allocator);
}

void pa_trainer_free(pa_trainer *trainer) {
  if (!trainer) return;
  if (trainer->free_user) trainer->free_user(trainer->user);
  pa_allocator allocator = trainer->allocator;
  pa__release(&allocator, trainer->weights);
  pa__release(&allocator, trainer);
}

static pa_status check_idle(const pa_trainer *trainer) {
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
  pa_status status = check_idle(trainer);
  if (status == PA_OK) status = check_key(trainer, key);
  if (status == PA_OK) status = pa__key_check(key, value);
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
  pa_status status = check_idle(trainer);
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

pa_status pa_trainer_stat(const pa_trainer *trainer, int32_t what, double *value) {
  if (!trainer || !value) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", trainer ? "value" : "trainer");
  const pa__progress *p = &trainer->progress;
  const struct {
    int32_t what;
    double value;
  } stats[] = {{PA_TRAINER_STEP, p->step},
               {PA_TRAINER_RATE, p->rate},
               {PA_TRAINER_HELD_OUT_RATE, p->held_out_rate},
               {PA_TRAINER_BEST_RATE, trainer->kept_step > 0 ? trainer->kept_rate : p->best_rate},
               {PA_TRAINER_BEST_STEP, trainer->kept_step > 0 ? trainer->kept_step : p->best_step},
               {PA_TRAINER_GRADIENT_NORM, p->gradient_norm},
               {PA_TRAINER_DROPPED, p->dropped},
               {PA_TRAINER_STEP_RATE, p->step_rate},
               {PA_TRAINER_BASELINE_RATE, p->baseline_rate}};
  for (size_t k = 0; k < sizeof stats / sizeof stats[0]; k++)
    if (stats[k].what == what) {
      *value = stats[k].value;
      return PA_OK;
    }
  return pa__fail(PA_ERROR_ARGUMENT, "%d is no number that a trainer tells", (int)what);
}

/* ---- a run ---- */

struct range {
  uint64_t first;
  size_t count;
};

/* What a run needs while it lasts. Tasks are chunks of states; each writes to places of its own, which are summed in
 * order afterwards, so that the number of threads does not matter. */
struct run {
  pa_trainer *trainer;
  pa_policy *baseline; /* WMMSE */
  pa__pool *pool;
  size_t threads;
  pa__chunk *chunks; /* [threads] */
  void **work;       /* [threads] */
  struct range *ranges;
  double *gradients; /* [chunks of a batch][weight_count] */
  double *rates;     /* [most states at once] */
  size_t *dropped;   /* [chunks of a batch] */
  double *gradient;  /* [weight_count] */
  double sample_clip;
  pa__recipe recipe;
};

/* Cuts states first .. first + count - 1 into chunks; returns how many. */
static size_t cut(const pa__source *source, uint64_t first, size_t count, struct range *ranges) {
  size_t tasks = 0;
  for (size_t done = 0; done < count; done += ranges[tasks++].count)
    ranges[tasks] = (struct range){first + done, pa__source_chunk(source, first + done, count - done)};
  return tasks;
}

static void gradient_task(void *user, size_t worker, size_t task) {
  struct run *r = user;
  pa_trainer *t = r->trainer;
  struct range range = r->ranges[task];
  double *gradient = r->gradients + task * t->weight_count;
  pa__flush saved = pa__flush_begin();
  pa__source_fill(&t->source, false, range.first, range.count, &r->chunks[worker]);
  memset(gradient, 0, t->weight_count * sizeof(double));
  r->dropped[task] =
      t->policy->class->learner->gradient(t->policy, &r->chunks[worker].states, r->sample_clip, gradient,
                                          r->rates + (range.first - r->ranges[0].first), r->work[worker]);
  pa__flush_end(saved);
}

static void held_out_task(void *user, size_t worker, size_t task) {
  struct run *r = user;
  pa_trainer *t = r->trainer;
  struct range range = r->ranges[task];
  pa__flush saved = pa__flush_begin();
  pa__source_fill(&t->source, true, range.first, range.count, &r->chunks[worker]);
  t->policy->class->learner->rates(t->policy, &r->chunks[worker].states, r->rates + range.first, r->work[worker]);
  pa__flush_end(saved);
}

static void baseline_task(void *user, size_t worker, size_t task) {
  struct run *r = user;
  struct range range = r->ranges[task];
  pa_states *s = &r->chunks[worker].states;
  pa__flush saved = pa__flush_begin();
  pa__source_fill(&r->trainer->source, true, range.first, range.count, &r->chunks[worker]);
  size_t n = s->batch * s->links;
  double *power = r->work[worker], *rate = power + n;
  void *rest = (char *)power + (2 * n * sizeof(double) + PA__ALIGNMENT - 1) / PA__ALIGNMENT * PA__ALIGNMENT;
  r->baseline->class->allocate(r->baseline, s, power, rest);
  pa_rates(s, power, rate);
  for (size_t b = 0; b < s->batch; b++) {
    r->rates[range.first + b] = 0;
    for (size_t i = 0; i < s->links; i++) r->rates[range.first + b] += s->weights[i] * rate[b * s->links + i];
  }
  pa__flush_end(saved);
}

/* Mean rate of a task on the held-out states. */
static double held_out_mean(struct run *r, pa__task_fn task) {
  pa_trainer *t = r->trainer;
  size_t count = pa__source_held_out(&t->source, (size_t)VALUE(t, PA_TRAINER_HELD_OUT));
  pa__pool_run(r->pool, cut(&t->source, 0, count, r->ranges), task, r);
  double sum = 0;
  for (size_t k = 0; k < count; k++) sum += r->rates[k];
  return sum / (double)count;
}

static void look(struct run *r) {
  pa_trainer *t = r->trainer;
  pa__progress *p = &t->progress;
  p->held_out_rate = held_out_mean(r, held_out_task);
  if (p->best_rate >= p->held_out_rate) return;
  p->best_rate = p->held_out_rate;
  p->best_step = p->step;
  memcpy(t->best, t->weights, t->weight_count * sizeof(double));
}

/* Sum of the chunks' gradients over the samples that count, cut to PA_TRAINER_CLIP; false if none counts. */
static bool reduce(struct run *r, size_t tasks, size_t batch) {
  pa_trainer *t = r->trainer;
  size_t dropped = 0;
  double square = 0, rate = 0, clip = VALUE(t, PA_TRAINER_CLIP);
  memset(r->gradient, 0, t->weight_count * sizeof(double));
  for (size_t task = 0; task < tasks; task++) {
    dropped += r->dropped[task];
    for (size_t k = 0; k < t->weight_count; k++) r->gradient[k] += r->gradients[task * t->weight_count + k];
  }
  t->progress.dropped += (double)dropped;
  if (dropped == batch) return false;
  for (size_t k = 0; k < t->weight_count; k++) {
    r->gradient[k] /= (double)(batch - dropped);
    square += r->gradient[k] * r->gradient[k];
  }
  double norm = sqrt(square), scale = clip > 0 && norm > clip ? clip / norm : 1;
  for (size_t k = 0; k < t->weight_count; k++) r->gradient[k] *= scale;
  t->progress.gradient_norm = norm;
  for (size_t b = 0; b < batch; b++) rate += r->rates[b] / (double)batch;
  t->progress.rate = isnan(t->progress.rate) ? rate : t->progress.rate + RATE_MEMORY * (rate - t->progress.rate);
  return true;
}

/* A key, or what the policy's recipe says if the key is at `unset`. */
static double or_recipe(const pa_trainer *t, int32_t key, double unset, double recipe) {
  return VALUE(t, key) == unset ? recipe : VALUE(t, key);
}

static pa_status step(struct run *r) {
  pa_trainer *t = r->trainer;
  const pa__learner_class *learner = t->policy->class->learner;
  size_t batch = (size_t)VALUE(t, PA_TRAINER_BATCH);
  size_t tasks = cut(&t->source, (uint64_t)t->progress.step * batch, batch, r->ranges);
  pa__pool_run(r->pool, tasks, gradient_task, r);
  t->progress.step++;
  if (!reduce(r, tasks, batch))
    return pa__fail(PA_ERROR_NUMERIC,
                    "step %.0f: the gradients of all %zu samples are not finite; try a lower trainer.learning_rate",
                    t->progress.step, batch);
  t->progress.step_rate = pa__learning_rate(or_recipe(t, PA_TRAINER_LEARNING_RATE, 0, r->recipe.learning_rate),
                                            or_recipe(t, PA_TRAINER_FINAL_RATE, 0, r->recipe.final_rate),
                                            or_recipe(t, PA_TRAINER_WARMUP, -1, r->recipe.warmup),
                                            (uint64_t)t->progress.steps_of_schedule, (uint64_t)t->progress.step);
  pa__adam_step(&t->adam, (uint64_t)t->progress.step, t->progress.step_rate, t->weight_count, r->gradient, t->weights);
  if (learner->project) learner->project(t->policy, t->weights);
  learner->set_weights(t->policy, t->weights);
  if (fmod(t->progress.step, VALUE(t, PA_TRAINER_HELD_OUT_EVERY)) == 0) look(r);
  return PA_OK;
}

static pa_status report(pa_trainer *t) {
  int32_t code = t->report(t->user, t);
  switch (code) {
  case PA_CALLBACK_OK:
    return PA_OK;
  case PA_CALLBACK_STOP:
    return PA_STOPPED;
  case PA_CALLBACK_ABORT:
    return pa__fail(PA_ERROR_CALLBACK, "the progress callback aborted at step %.0f", t->progress.step);
  default:
    return pa__fail(PA_ERROR_CALLBACK, "the progress callback returned %d, which is no code of it", (int)code);
  }
}

/* Leaves the better of the best and the present weights in the policy. What the checkpoint keeps does not change, so
 * that a run in pieces ends like one in a whole. */
static void finish(struct run *r) {
  pa_trainer *t = r->trainer;
  pa__progress at_end = t->progress;
  if (fmod(at_end.step, VALUE(t, PA_TRAINER_HELD_OUT_EVERY)) != 0)
    at_end.held_out_rate = held_out_mean(r, held_out_task);
  bool present = at_end.held_out_rate > t->progress.best_rate;
  t->kept_rate = present ? at_end.held_out_rate : t->progress.best_rate;
  t->kept_step = present ? at_end.step : t->progress.best_step;
  t->policy->class->learner->set_weights(t->policy, present ? t->weights : t->best);
}

static pa_status run(struct run *r, uint64_t steps) {
  pa_trainer *t = r->trainer;
  pa_status status = PA_OK;
  t->kept_step = 0;
  t->policy->class->learner->set_weights(t->policy, t->weights);
  if (t->progress.step == 0) {
    double schedule = VALUE(t, PA_TRAINER_SCHEDULE);
    t->progress.steps_of_schedule = schedule > 0 ? schedule : (double)steps;
    t->progress.baseline_rate = held_out_mean(r, baseline_task);
    look(r);
  }
  for (uint64_t k = 0; k < steps && status == PA_OK; k++) {
    status = step(r);
    bool due = t->report && ((uint64_t)t->progress.step % t->report_every == 0 || k + 1 == steps);
    if (status == PA_OK && due) status = report(t);
    if (status == PA_OK && atomic_load(&t->stop)) status = PA_STOPPED;
  }
  finish(r);
  return status;
}

static size_t largest(size_t a, size_t b) { return a > b ? a : b; }

static pa_status worker_memory(struct run *r, size_t worker) {
  pa_trainer *t = r->trainer;
  size_t links = pa__source_links(&t->source), powers = 2 * PA__CHUNK * links * sizeof(double) + PA__ALIGNMENT;
  const pa__learner_class *learner = t->policy->class->learner;
  pa_status status = pa__chunk_create(&r->chunks[worker], &t->source, &t->allocator);
  if (status != PA_OK) return status;
  size_t bytes = pa__policy_measure(learner->gradient_workspace, t->policy, PA__CHUNK, links);
  bytes = largest(bytes, pa__policy_measure(learner->gradient_workspace, t->policy, 1, links));
  size_t baseline = pa__policy_measure(r->baseline->class->workspace, r->baseline, PA__CHUNK, links);
  baseline = largest(baseline, pa__policy_measure(r->baseline->class->workspace, r->baseline, 1, links));
  if (bytes == SIZE_MAX || baseline > SIZE_MAX - powers)
    return pa__fail(PA_ERROR_MEMORY, "training on %zu links overflows the address space", links);
  r->work[worker] = pa__allocate(&t->allocator, largest(bytes, baseline + powers), 1);
  return r->work[worker] ? PA_OK : PA_ERROR_MEMORY;
}

static void end(struct run *r) {
  const pa_allocator *allocator = &r->trainer->allocator;
  pa__pool_free(r->pool);
  for (size_t k = 0; k < r->threads; k++) {
    if (r->chunks) pa__chunk_free(&r->chunks[k]);
    if (r->work) pa__release(allocator, r->work[k]);
  }
  pa__release(allocator, r->chunks);
  pa__release(allocator, r->work);
  pa__release(allocator, r->ranges);
  pa__release(allocator, r->gradients);
  pa__release(allocator, r->rates);
  pa__release(allocator, r->dropped);
  pa__release(allocator, r->gradient);
  pa_policy_free(r->baseline);
}

static pa_status begin(struct run *r) {
  pa_trainer *t = r->trainer;
  const pa_allocator *allocator = &t->allocator;
  size_t batch = (size_t)VALUE(t, PA_TRAINER_BATCH);
  size_t held_out = pa__source_held_out(&t->source, (size_t)VALUE(t, PA_TRAINER_HELD_OUT));
  size_t states = largest(batch, held_out);
  pa_status status = pa_policy_create(&r->baseline, "wmmse", allocator);
  if (status == PA_OK) status = pa__pool_create(&r->pool, r->threads, allocator);
  if (status != PA_OK) return status;
  size_t tasks = pa__source_most_chunks(&t->source, batch);
  if (!(r->chunks = pa__allocate(allocator, r->threads, sizeof *r->chunks)) ||
      !(r->work = pa__allocate(allocator, r->threads, sizeof *r->work)) ||
      !(r->ranges = pa__allocate(allocator, pa__source_most_chunks(&t->source, states), sizeof *r->ranges)) ||
      !(r->gradients = pa__allocate(allocator, tasks, t->weight_count * sizeof(double))) ||
      !(r->rates = pa__allocate(allocator, states, sizeof(double))) ||
      !(r->dropped = pa__allocate(allocator, tasks, sizeof(size_t))) ||
      !(r->gradient = pa__allocate(allocator, t->weight_count, sizeof(double))))
    return PA_ERROR_MEMORY;
  for (size_t k = 0; k < r->threads; k++)
    if ((status = worker_memory(r, k)) != PA_OK) return status;
  return PA_OK;
}

pa_status pa_trainer_run(pa_trainer *trainer, uint64_t steps) {
  pa_status status = check_idle(trainer);
  if (status != PA_OK) return status;
  if (steps == 0) return pa__fail(PA_ERROR_ARGUMENT, "steps is 0, must be at least 1");
  struct run r = {.trainer = trainer, .threads = (size_t)VALUE(trainer, PA_TRAINER_THREADS)};
  r.recipe = trainer->policy->class->learner->recipe(trainer->policy, pa__source_is_family(&trainer->source));
  r.sample_clip = or_recipe(trainer, PA_TRAINER_SAMPLE_CLIP, -1, r.recipe.sample_clip);
  trainer->running = true;
  status = begin(&r);
  if (status == PA_OK) status = run(&r, steps);
  end(&r);
  atomic_store(&trainer->stop, 0);
  trainer->running = false;
  return status;
}
