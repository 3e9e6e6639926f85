/* Model-based training: fresh states in every step, the sum-rate's gradient from the policy's own backward pass. */
#include "run.h"

#include <math.h>
#include <string.h>

/* Weight of a step in the running mean of the rate. */
#define RATE_MEMORY .01

/* Tasks are chunks of states; each writes to places of its own, which are summed in order afterwards, so that the
 * number of threads does not matter. */
struct ascent {
  pa_policy *baseline; /* WMMSE */
  pa__chunk *chunks;   /* [threads] */
  void **work;         /* [threads] */
  pa__range *ranges;
  double *gradients; /* [chunks of a batch][weight_count] */
  double *rates;     /* [most states at once] */
  size_t *dropped;   /* [chunks of a batch] */
  double sample_clip;
};

static void gradient_task(void *user, size_t worker, size_t task) {
  pa__run *r = user;
  struct ascent *own = r->own;
  pa_trainer *t = r->trainer;
  pa__range range = own->ranges[task];
  double *gradient = own->gradients + task * t->weight_count;
  pa__flush saved = pa__flush_begin();
  pa__source_fill(&t->source, false, range.first, range.count, &own->chunks[worker]);
  memset(gradient, 0, t->weight_count * sizeof(double));
  own->dropped[task] =
      t->policy->class->learner->gradient(t->policy, &own->chunks[worker].states, own->sample_clip, gradient,
                                          own->rates + (range.first - own->ranges[0].first), own->work[worker]);
  pa__flush_end(saved);
}

static void held_out_task(void *user, size_t worker, size_t task) {
  pa__run *r = user;
  struct ascent *own = r->own;
  pa_trainer *t = r->trainer;
  pa__range range = own->ranges[task];
  pa__flush saved = pa__flush_begin();
  pa__source_fill(&t->source, true, range.first, range.count, &own->chunks[worker]);
  t->policy->class->learner->rates(t->policy, &own->chunks[worker].states, own->rates + range.first, own->work[worker]);
  pa__flush_end(saved);
}

static void baseline_task(void *user, size_t worker, size_t task) {
  pa__run *r = user;
  struct ascent *own = r->own;
  pa__range range = own->ranges[task];
  pa_states *s = &own->chunks[worker].states;
  pa__flush saved = pa__flush_begin();
  pa__source_fill(&r->trainer->source, true, range.first, range.count, &own->chunks[worker]);
  size_t n = s->batch * s->links;
  double *power = own->work[worker], *rate = power + n;
  void *rest = (char *)power + (2 * n * sizeof(double) + PA__ALIGNMENT - 1) / PA__ALIGNMENT * PA__ALIGNMENT;
  own->baseline->class->allocate(own->baseline, s, power, rest);
  pa_rates(s, power, rate);
  for (size_t b = 0; b < s->batch; b++) {
    own->rates[range.first + b] = 0;
    for (size_t i = 0; i < s->links; i++) own->rates[range.first + b] += s->weights[i] * rate[b * s->links + i];
  }
  pa__flush_end(saved);
}

/* Mean rate of a task on the held-out states. */
static double held_out_mean(pa__run *r, pa__task_fn task) {
  struct ascent *own = r->own;
  pa__pool_run(r->pool, pa__run_cut(&r->trainer->source, 0, r->held_out, own->ranges), task, r);
  double sum = 0;
  for (size_t k = 0; k < r->held_out; k++) sum += own->rates[k];
  return sum / (double)r->held_out;
}

static pa_status start(pa__run *r) {
  r->trainer->progress.baseline_rate = held_out_mean(r, baseline_task);
  return PA_OK;
}

static pa_status look(pa__run *r, pa__look *look) {
  look->rate = held_out_mean(r, held_out_task);
  look->power = look->offset = 0;
  look->worst = -1;
  return PA_OK;
}

/* Mean of the chunks' gradients over the samples that count. */
static pa_status gradient(pa__run *r, bool *skip) {
  pa_trainer *t = r->trainer;
  struct ascent *own = r->own;
  uint64_t first = (uint64_t)t->progress.step * r->batch;
  pa_status status = pa__source_ask(&t->source, first, r->batch);
  if (status != PA_OK) return status;
  (void)skip;
  size_t tasks = pa__run_cut(&t->source, first, r->batch, own->ranges), dropped = 0;
  pa__pool_run(r->pool, tasks, gradient_task, r);
  memset(r->gradient, 0, t->weight_count * sizeof(double));
  for (size_t task = 0; task < tasks; task++) {
    dropped += own->dropped[task];
    for (size_t k = 0; k < t->weight_count; k++) r->gradient[k] += own->gradients[task * t->weight_count + k];
  }
  t->progress.dropped += (double)dropped;
  if (dropped == r->batch)
    return pa__fail(PA_ERROR_NUMERIC,
                    "step %.0f: the gradients of all %zu samples are not finite; try a lower trainer.learning_rate",
                    t->progress.step + 1, r->batch);
  for (size_t k = 0; k < t->weight_count; k++) r->gradient[k] /= (double)(r->batch - dropped);
  double rate = 0;
  for (size_t b = 0; b < r->batch; b++) rate += own->rates[b] / (double)r->batch;
  t->progress.rate = isnan(t->progress.rate) ? rate : t->progress.rate + RATE_MEMORY * (rate - t->progress.rate);
  return PA_OK;
}

static size_t largest(size_t a, size_t b) { return a > b ? a : b; }

static pa_status worker_memory(pa__run *r, size_t worker) {
  pa_trainer *t = r->trainer;
  struct ascent *own = r->own;
  size_t links = pa__source_links(&t->source), powers = 2 * PA__CHUNK * links * sizeof(double) + PA__ALIGNMENT;
  const pa__learner_class *learner = t->policy->class->learner;
  pa_status status = pa__chunk_create(&own->chunks[worker], &t->source, NULL, NULL, &t->allocator);
  if (status != PA_OK) return status;
  size_t bytes = pa__policy_measure(learner->gradient_workspace, t->policy, PA__CHUNK, links);
  bytes = largest(bytes, pa__policy_measure(learner->gradient_workspace, t->policy, 1, links));
  size_t baseline = pa__policy_measure(own->baseline->class->workspace, own->baseline, PA__CHUNK, links);
  baseline = largest(baseline, pa__policy_measure(own->baseline->class->workspace, own->baseline, 1, links));
  if (bytes == SIZE_MAX || baseline > SIZE_MAX - powers)
    return pa__fail(PA_ERROR_MEMORY, "training on %zu links overflows the address space", links);
  own->work[worker] = pa__allocate(&t->allocator, largest(bytes, baseline + powers), 1);
  return own->work[worker] ? PA_OK : PA_ERROR_MEMORY;
}

static void end(pa__run *r) {
  const pa_allocator *allocator = &r->trainer->allocator;
  struct ascent *own = r->own;
  if (!own) return;
  for (size_t k = 0; k < r->threads; k++) {
    if (own->chunks) pa__chunk_free(&own->chunks[k]);
    if (own->work) pa__release(allocator, own->work[k]);
  }
  pa__release(allocator, own->chunks);
  pa__release(allocator, own->work);
  pa__release(allocator, own->ranges);
  pa__release(allocator, own->gradients);
  pa__release(allocator, own->rates);
  pa__release(allocator, own->dropped);
  pa_policy_free(own->baseline);
  pa__release(allocator, own);
}

static pa_status begin(pa__run *r) {
  pa_trainer *t = r->trainer;
  const pa_allocator *allocator = &t->allocator;
  struct ascent *own = r->own = pa__allocate(allocator, 1, sizeof *own);
  if (!own) return PA_ERROR_MEMORY;
  own->sample_clip = pa__trainer_value_or(t, PA_TRAINER_SAMPLE_CLIP, -1, r->recipe.sample_clip);
  size_t states = largest(r->batch, r->held_out), tasks = pa__source_most_chunks(&t->source, r->batch);
  pa_status status = pa_policy_create(&own->baseline, "wmmse", allocator);
  if (status != PA_OK) return status;
  if (!(own->chunks = pa__allocate(allocator, r->threads, sizeof *own->chunks)) ||
      !(own->work = pa__allocate(allocator, r->threads, sizeof *own->work)) ||
      !(own->ranges = pa__allocate(allocator, pa__source_most_chunks(&t->source, states), sizeof *own->ranges)) ||
      !(own->gradients = pa__allocate(allocator, tasks, t->weight_count * sizeof(double))) ||
      !(own->rates = pa__allocate(allocator, states, sizeof(double))) ||
      !(own->dropped = pa__allocate(allocator, tasks, sizeof(size_t))))
    return PA_ERROR_MEMORY;
  for (size_t k = 0; k < r->threads; k++)
    if ((status = worker_memory(r, k)) != PA_OK) return status;
  return PA_OK;
}

static pa__recipe recipe(const pa_trainer *t) {
  return t->policy->class->learner->recipe(t->policy, pa__source_is_family(&t->source));
}

const pa__method pa__ascent = {
    .recipe = recipe, .begin = begin, .end = end, .start = start, .gradient = gradient, .look = look};
