/* Model-based training: fresh states in every step, the sum-rate's gradient from the policy's own backward pass. */
#include "run.h"

#include "../net/rates.h"
#include "../policy/sum_rate.h"

#include <math.h>
#include <string.h>

/* Weight of a step in the running mean of the rate. */
#define RATE_MEMORY .01
/* States that a policy is prepared on. */
enum { PREPARED = 256 };

/* Tasks are chunks of states; each writes to places of its own, which are summed in order afterwards, so that the
 * number of threads does not matter. */
struct ascent {
  pa_policy *baseline; /* WMMSE */
  pa__chunk *chunks;   /* [threads] */
  void **work;         /* [threads] */
  double **label;      /* [threads], of the teacher: parts of the power limits */
  void **teacher_work; /* [threads] */
  pa__range *ranges;
  double *gradients; /* [chunks of a batch][weight_count] */
  double *rates;     /* [most states at once] */
  double *dropped;   /* [chunks of a batch] */
  double sample_clip;
};

static size_t largest(size_t a, size_t b) { return a > b ? a : b; }

/* Memory of powers_of() for a chunk of a kind: its workspace, and in front of it the powers in single precision. */
static pa_status powers_of_kind(const pa_policy *policy, const pa__source *source, size_t kind, size_t *bytes) {
  pa__arena arena = {NULL, 0};
  pa__extent extent = pa__source_extent(source, kind, PA__CHUNK);
  pa_status status = pa__policy_workspace(policy, extent, bytes);
  if (status != PA_OK) return status;
  if (extent.precision == PA__SINGLE) pa__arena_take(&arena, PA__CHUNK * extent.links, sizeof(float));
  pa__arena_take(&arena, *bytes, 1);
  *bytes = arena.used;
  return PA_OK;
}

static pa_status powers_workspace(const pa_policy *policy, const pa__source *source, size_t *bytes) {
  pa_status status = PA_OK;
  *bytes = 0;
  for (size_t k = 0; k < pa__source_kinds(source) && status == PA_OK; k++) {
    size_t one = 0;
    status = pa__states_of_part(source->states, k, powers_of_kind(policy, source, k, &one));
    *bytes = largest(*bytes, one);
  }
  return status;
}

/* Of the policy's own passes. */
static size_t passes_workspace(const pa_trainer *t) {
  size_t bytes = 0;
  for (size_t k = 0; k < pa__source_kinds(&t->source); k++) {
    pa__extent extent = pa__source_extent(&t->source, k, PA__CHUNK);
    bytes = largest(bytes, pa__measure(t->policy->class->learner->gradient_workspace, t->policy, extent));
    if (t->teacher) /* imitation goes through the outputs, whatever way the policy's own gradient goes */
      bytes = largest(bytes, pa__measure(pa__sum_rate_workspace, t->policy, extent));
  }
  return bytes;
}

/* Powers, computed in the states' precision. */
static pa_status powers_of(const pa_policy *policy, const pa_states *states, double *power, void *work) {
  if (states->precision == PA__DOUBLE) return pa__policy_run(policy, states, power, work);
  pa__arena arena = {work, 0};
  float *narrow = pa__arena_take(&arena, PA__CHUNK * states->links, sizeof(float));
  pa_status status = pa__policy_run(policy, states, narrow, pa__arena_take(&arena, 0, 1));
  for (size_t k = 0; k < states->batch * states->links && status == PA_OK; k++) power[k] = (double)narrow[k];
  return status;
}

/* A teacher that fails has its states left out. */
static size_t imitate(pa__run *r, size_t worker, const pa_states *states, double *gradient, double *rates) {
  struct ascent *own = r->own;
  pa_trainer *t = r->trainer;
  double *label = own->label[worker];
  size_t n = states->batch * states->links;
  if (powers_of(t->teacher, states, label, own->teacher_work[worker]) != PA_OK) return states->batch;
  for (size_t k = 0; k < n; k++) label[k] /= states->limit[k % states->links];
  return pa__imitation_gradient(t->policy, states, label, gradient, rates, own->work[worker]);
}

static void gradient_task(void *user, size_t worker, size_t task) {
  pa__run *r = user;
  struct ascent *own = r->own;
  pa_trainer *t = r->trainer;
  pa__range range = own->ranges[task];
  double *gradient = own->gradients + task * t->weight_count;
  pa__flush saved = pa__flush_begin();
  pa__source_fill(&t->source, false, range.first, range.count, &own->chunks[worker]);
  memset(gradient, 0, t->weight_count * sizeof(double));
  const pa_states *states = &own->chunks[worker].states;
  double *rates = own->rates + (range.first - own->ranges[0].first);
  size_t dropped = t->teacher ? imitate(r, worker, states, gradient, rates)
                              : t->policy->class->learner->gradient(t->policy, states, own->sample_clip, gradient,
                                                                    rates, own->work[worker]);
  own->dropped[task] = (double)dropped;
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
  powers_of(own->baseline, s, power, rest);
  pa__rates_any(s, power, rate);
  for (size_t b = 0; b < s->batch; b++) {
    own->rates[range.first + b] = 0;
    for (size_t i = 0; i < s->links; i++) own->rates[range.first + b] += s->weights[i] * rate[b * s->links + i];
  }
  pa__flush_end(saved);
}

/* Mean rate of a task on the held-out states. */
static pa_status held_out_mean(pa__run *r, pa_task_fn task, double *mean) {
  struct ascent *own = r->own;
  size_t tasks = pa__run_cut(&r->trainer->source, true, 0, r->held_out, own->ranges);
  const pa__field rates = {own->rates, 1, 1, PA__STATES};
  pa_status status = pa__run_tasks(r, tasks, task);
  status = pa__ranks_gather(&r->trainer->ranks, status, own->ranges, tasks, &rates, 1);
  if (status != PA_OK) return status;
  double sum = 0;
  for (size_t k = 0; k < r->held_out; k++) sum += own->rates[k];
  *mean = sum / (double)r->held_out;
  return PA_OK;
}

/* Fits the policy's constants to held-out states. */
static pa_status prepare(pa__run *r) {
  pa_trainer *t = r->trainer;
  struct ascent *own = r->own;
  const pa__learner_class *learner = t->policy->class->learner;
  pa__chunk *chunk = &own->chunks[0];
  size_t sample = pa__states_channels(&chunk->states) * pa__number_size(chunk->states.precision),
         count = r->held_out < PREPARED ? r->held_out : PREPARED;
  struct pa_states all = chunk->states;
  char *h = pa__allocate(&t->allocator, count, sample);
  if (!h) return PA_ERROR_MEMORY;
  size_t tasks = pa__run_cut(&t->source, true, 0, count, own->ranges);
  for (size_t k = 0; k < tasks; k++) {
    pa__source_fill(&t->source, true, own->ranges[k].first, own->ranges[k].count, chunk);
    memcpy(h + own->ranges[k].first * sample, chunk->h, own->ranges[k].count * sample);
  }
  pa__states_place(&all, h);
  all.batch = count;
  pa_status status = learner->prepare(t->policy, &all, 0);
  learner->get_weights(t->policy, t->weights);
  pa__get_constants(t->policy, t->constants);
  pa__release(&t->allocator, h);
  return status;
}

static pa_status try_kind(pa__run *r, size_t kind) {
  struct ascent *own = r->own;
  const pa_states *states = &own->chunks[0].states;
  pa__source_show(&r->trainer->source, kind, &own->chunks[0]);
  pa_status status = pa__states_check_any(states);
  if (status != PA_OK || !r->trainer->teacher) return status;
  return powers_of(r->trainer->teacher, states, own->label[0], own->teacher_work[0]);
}

/* States that cannot be computed with in this precision, or by the teacher, say so here, on the caller's thread. */
static pa_status try_states(pa__run *r) {
  const pa__source *source = &r->trainer->source;
  pa_status status = PA_OK;
  for (size_t k = 0; k < pa__source_kinds(source) && status == PA_OK; k++)
    status = pa__states_of_part(source->states, k, try_kind(r, k));
  return status;
}

static pa_status start(pa__run *r) {
  pa_status status = r->trainer->policy->class->learner->prepare ? prepare(r) : PA_OK;
  if (status == PA_OK) status = try_states(r);
  status = pa__ranks_agree(&r->trainer->ranks, status);
  return status == PA_OK ? held_out_mean(r, baseline_task, &r->trainer->progress.baseline_rate) : status;
}

static pa_status look(pa__run *r, pa__look *look) {
  look->power = look->offset = 0;
  look->worst = -1;
  return held_out_mean(r, held_out_task, &look->rate);
}

/* Mean of the chunks' gradients over the samples that count. */
static pa_status gradient(pa__run *r, bool *skip) {
  pa_trainer *t = r->trainer;
  struct ascent *own = r->own;
  uint64_t first = (uint64_t)t->progress.step * r->batch;
  pa_status status = pa__source_ask(&t->source, first, r->batch);
  (void)skip;
  size_t tasks = pa__run_cut(&t->source, false, first, r->batch, own->ranges), dropped = 0;
  const pa__field results[] = {
      {own->gradients, 1, t->weight_count, PA__TASKS}, {own->dropped, 1, 1, PA__TASKS}, {own->rates, 1, 1, PA__STATES}};
  if (status == PA_OK) status = pa__run_tasks(r, tasks, gradient_task);
  status = pa__ranks_gather(&t->ranks, status, own->ranges, tasks, results, 3);
  if (status != PA_OK) return status;
  memset(r->gradient, 0, t->weight_count * sizeof(double));
  for (size_t task = 0; task < tasks; task++) {
    dropped += (size_t)own->dropped[task];
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

static pa_status teacher_memory(pa__run *r, size_t worker, size_t links) {
  pa_trainer *t = r->trainer;
  struct ascent *own = r->own;
  size_t bytes;
  pa_status status = powers_workspace(t->teacher, &t->source, &bytes);
  if (status != PA_OK) return status;
  own->label[worker] = pa__allocate(&t->allocator, PA__CHUNK * links, sizeof(double));
  own->teacher_work[worker] = own->label[worker] ? pa__allocate(&t->allocator, bytes, 1) : NULL;
  return own->teacher_work[worker] ? PA_OK : PA_ERROR_MEMORY;
}

static pa_status worker_memory(pa__run *r, size_t worker) {
  pa_trainer *t = r->trainer;
  struct ascent *own = r->own;
  size_t links = pa__source_links(&t->source), powers = 2 * PA__CHUNK * links * sizeof(double) + PA__ALIGNMENT;
  size_t baseline, bytes = passes_workspace(t);
  pa_status status = powers_workspace(own->baseline, &t->source, &baseline);
  if (status == PA_OK) status = pa__chunk_create(&own->chunks[worker], &t->source, true, &t->allocator);
  if (status != PA_OK) return status;
  if (bytes == SIZE_MAX || baseline > SIZE_MAX - powers)
    return pa__fail(PA_ERROR_MEMORY, "training on %zu links overflows the address space", links);
  own->work[worker] = pa__allocate(&t->allocator, largest(bytes, baseline + powers), 1);
  if (!own->work[worker]) return PA_ERROR_MEMORY;
  return t->teacher ? teacher_memory(r, worker, links) : PA_OK;
}

static void end(pa__run *r) {
  const pa_allocator *allocator = &r->trainer->allocator;
  struct ascent *own = r->own;
  if (!own) return;
  for (size_t k = 0; k < r->threads; k++) {
    if (own->chunks) pa__chunk_free(&own->chunks[k]);
    if (own->work) pa__release(allocator, own->work[k]);
    if (own->label) pa__release(allocator, own->label[k]);
    if (own->teacher_work) pa__release(allocator, own->teacher_work[k]);
  }
  pa__release(allocator, own->chunks);
  pa__release(allocator, own->work);
  pa__release(allocator, own->label);
  pa__release(allocator, own->teacher_work);
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
      !(own->label = pa__allocate(allocator, r->threads, sizeof *own->label)) ||
      !(own->teacher_work = pa__allocate(allocator, r->threads, sizeof *own->teacher_work)) ||
      !(own->ranges = pa__allocate(allocator, pa__source_most_chunks(&t->source, states), sizeof *own->ranges)) ||
      !(own->gradients = pa__allocate(allocator, tasks, t->weight_count * sizeof(double))) ||
      !(own->rates = pa__allocate(allocator, states, sizeof(double))) ||
      !(own->dropped = pa__allocate(allocator, tasks, sizeof(double))))
    return PA_ERROR_MEMORY;
  for (size_t k = 0; k < r->threads; k++)
    if ((status = worker_memory(r, k)) != PA_OK) return status;
  return pa__ranks_reserve(&t->ranks, tasks * (t->weight_count + 1) + states, allocator);
}

/* Several networks are as various as a family. */
static pa__recipe recipe(const pa_trainer *t) {
  bool several = pa__source_is_family(&t->source) || pa__source_kinds(&t->source) > 1;
  return t->policy->class->learner->recipe(t->policy, several);
}

const pa__method pa__ascent = {
    .recipe = recipe, .begin = begin, .end = end, .start = start, .gradient = gradient, .look = look};
