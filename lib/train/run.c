#include "run.h"

#include <math.h>
#include <string.h>

/* Constraints count as met up to this part of their bounds. */
#define TOLERANCE .01

double pa__trainer_value(const pa_trainer *t, int32_t key) { return t->value[key - PA__TRAINER_FIRST_KEY]; }

double pa__trainer_value_or(const pa_trainer *t, int32_t key, double unset, double recipe) {
  double value = pa__trainer_value(t, key);
  return value == unset ? recipe : value;
}

size_t pa__run_cut(const pa__source *source, bool held_out, uint64_t first, size_t count, pa__range *ranges) {
  size_t tasks = 0;
  for (size_t done = 0; done < count; done += ranges[tasks++].count)
    ranges[tasks] = (pa__range){first + done, pa__source_chunk(source, held_out, first + done, count - done)};
  return tasks;
}

struct share {
  pa__run *run;
  pa_task_fn task;
  size_t first;
};

static void share_task(void *user, size_t worker, size_t index) {
  struct share *share = user;
  share->task(share->run, worker, share->first + index);
}

pa_status pa__run_tasks(pa__run *r, size_t tasks, pa_task_fn task) {
  const pa__ranks *ranks = &r->trainer->ranks;
  struct share share = {r, task, pa__ranks_task(ranks, tasks, ranks->rank)};
  return pa__pool_run(r->pool, pa__ranks_task(ranks, tasks, ranks->rank + 1) - share.first, share_task, &share);
}

void pa__trainer_keep(pa_trainer *t, const double *weights, double offset) {
  t->policy->class->learner->set_weights(t->policy, weights);
  if (t->policy->class->budget_key == PA_POLICY_OFFSET) pa_policy_set(t->policy, PA_POLICY_OFFSET, offset);
}

/* ---- looks ---- */

static bool look_is_due(const pa__run *r) {
  double every = pa__trainer_value_or(r->trainer, PA_TRAINER_HELD_OUT_EVERY, 0, r->recipe.held_out_every);
  return fmod(r->trainer->progress.step, every) == 0;
}

bool pa__look_better(const pa__look *a, const pa__look *b) {
  bool met = a->worst <= TOLERANCE, other = b->worst <= TOLERANCE;
  if (isnan(b->rate)) return true;
  if (met && other) return a->rate > b->rate;
  return met || (!other && a->worst < b->worst);
}

static void copy_judgement(const pa__run *r, double *violation, double *reward) {
  if (!r->violation) return;
  memcpy(violation, r->violation, r->trainer->problem.duals * sizeof(double));
  memcpy(reward, r->reward, r->trainer->problem.rewards * sizeof(double));
}

static pa_status look(pa__run *r) {
  pa_trainer *t = r->trainer;
  pa__progress *p = &t->progress;
  pa_status status = r->method->look(r, &p->last);
  if (status != PA_OK || !pa__look_better(&p->last, &p->best)) return status;
  p->best = p->last;
  p->best_step = p->step;
  memcpy(t->best, t->weights, t->weight_count * sizeof(double));
  copy_judgement(r, t->estimates.best_violation, t->estimates.best_reward);
  return PA_OK;
}

/* ---- steps ---- */

/* Cuts the gradient to the norm PA_TRAINER_CLIP. */
static void clip(pa__run *r) {
  pa_trainer *t = r->trainer;
  double square = 0, most = pa__trainer_value_or(t, PA_TRAINER_CLIP, -1, r->recipe.clip);
  for (size_t k = 0; k < t->weight_count; k++) square += r->gradient[k] * r->gradient[k];
  t->progress.gradient_norm = sqrt(square);
  double scale = most > 0 && t->progress.gradient_norm > most ? most / t->progress.gradient_norm : 1;
  for (size_t k = 0; k < t->weight_count; k++) r->gradient[k] *= scale;
}

static void climb(pa__run *r) {
  pa_trainer *t = r->trainer;
  const pa__learner_class *learner = t->policy->class->learner;
  clip(r);
  t->progress.step_rate =
      pa__learning_rate(pa__trainer_value_or(t, PA_TRAINER_LEARNING_RATE, 0, r->recipe.learning_rate),
                        pa__trainer_value_or(t, PA_TRAINER_FINAL_RATE, 0, r->recipe.final_rate),
                        pa__trainer_value_or(t, PA_TRAINER_WARMUP, -1, r->recipe.warmup),
                        (uint64_t)t->progress.steps_of_schedule, (uint64_t)t->progress.step);
  pa__adam_step(&t->adam, (uint64_t)t->progress.step, t->progress.step_rate, t->weight_count, r->gradient, t->weights);
  if (learner->project) learner->project(t->policy, t->weights);
  learner->set_weights(t->policy, t->weights);
}

static pa_status step(pa__run *r) {
  bool skip = false;
  pa_status status = r->method->gradient(r, &skip);
  if (status != PA_OK) return status;
  r->trainer->progress.step++;
  if (!skip) climb(r);
  return look_is_due(r) ? look(r) : PA_OK;
}

static pa_status report(pa_trainer *t) {
  return pa__callback_status(t->report(t->user, t), "progress", t->progress.step);
}

/* ---- a run ---- */

/* Leaves the better of the best and the present weights in the policy. What the checkpoint keeps does not change, so
 * that a run in pieces ends like one in a whole. Present weights that may not be looked at are not better. */
static pa_status finish(pa__run *r, bool may_look) {
  pa_trainer *t = r->trainer;
  pa__estimates *e = &t->estimates;
  pa__look now = t->progress.last;
  pa_status status = may_look && !look_is_due(r) ? r->method->look(r, &now) : PA_OK;
  bool present = may_look && status == PA_OK && pa__look_better(&now, &t->progress.best);
  t->kept = present ? now : t->progress.best;
  t->kept_step = present ? t->progress.step : t->progress.best_step;
  if (t->problem.reward) {
    memcpy(e->kept_violation, e->best_violation, t->problem.duals * sizeof(double));
    memcpy(e->kept_reward, e->best_reward, t->problem.rewards * sizeof(double));
  }
  if (present) copy_judgement(r, e->kept_violation, e->kept_reward);
  pa__trainer_keep(t, present ? t->weights : t->best, t->kept.offset);
  return status;
}

static pa_status feasibility(const pa_trainer *t) {
  char text[200];
  if (!(t->kept.worst > TOLERANCE)) return PA_OK;
  pa__problem_worst(&t->problem, t->estimates.kept_violation, text, sizeof text);
  return pa__fail(PA_INFEASIBLE,
                  "no weights met every constraint on the held-out states; with the closest %s; relax it, give more "
                  "power or train longer",
                  text);
}

static pa_status start(pa__run *r, uint64_t steps) {
  pa_trainer *t = r->trainer;
  double schedule = pa__trainer_value(t, PA_TRAINER_SCHEDULE);
  t->progress.steps_of_schedule = schedule > 0 ? schedule : (double)steps;
  pa_status status = r->method->start(r);
  return status == PA_OK ? look(r) : status;
}

static pa_status run(pa__run *r, uint64_t steps) {
  pa_trainer *t = r->trainer;
  pa_status status = PA_OK;
  t->kept_step = 0;
  pa__trainer_keep(t, t->weights, t->progress.offset);
  if (t->progress.step == 0 && (status = start(r, steps)) != PA_OK) return status;
  bool stepped = true;
  for (uint64_t k = 0; k < steps && status == PA_OK; k++) {
    status = step(r);
    stepped = status == PA_OK;
    bool due = t->report && ((uint64_t)t->progress.step % t->report_every == 0 || k + 1 == steps);
    if (status == PA_OK && due) status = report(t);
    if (status == PA_OK && atomic_load(&t->stop)) status = PA_STOPPED;
    if (stepped) status = pa__ranks_agree(&t->ranks, status);
  }
  atomic_store(&t->stop, 0); /* the last look is not stopped by what stopped the steps */
  pa_status finished = finish(r, !r->method->probes || (stepped && status >= 0));
  if (status == PA_OK) status = finished;
  return status == PA_OK ? feasibility(t) : status;
}

static void end(pa__run *r) {
  r->method->end(r);
  pa__source_end(&r->trainer->source, &r->trainer->allocator);
  if (r->pool != r->trainer->pool) pa_pool_free(r->pool);
  pa__release(&r->trainer->allocator, r->gradient);
}

static pa_status begin(pa__run *r) {
  pa_trainer *t = r->trainer;
  t->source.precision = (int)pa__trainer_value(t, PA_TRAINER_PRECISION);
  if (t->policy->class->learner->forget) t->policy->class->learner->forget(t->policy);
  r->recipe = r->method->recipe(t);
  r->batch = (size_t)pa__trainer_value_or(t, PA_TRAINER_BATCH, 0, r->recipe.batch);
  r->held_out =
      pa__source_held_out(&t->source, (size_t)pa__trainer_value_or(t, PA_TRAINER_HELD_OUT, 0, r->recipe.held_out));
  pa_status status = pa__source_check(&t->source, t->problem.links);
  if (status == PA_OK) status = pa__estimates_create(t);
  if (t->pool)
    r->pool = t->pool;
  else if (status == PA_OK)
    status = pa_pool_create(&r->pool, r->threads, &t->allocator);
  if (status != PA_OK) return status;
  if (!(r->gradient = pa__allocate(&t->allocator, t->weight_count, sizeof(double)))) return PA_ERROR_MEMORY;
  status = r->method->begin(r);
  return status == PA_OK ? pa__source_begin(&t->source, r->batch, r->held_out, &t->allocator) : status;
}

pa_status pa_trainer_run(pa_trainer *trainer, uint64_t steps) {
  pa_status status = pa__trainer_idle(trainer);
  if (status != PA_OK) return status;
  if (steps == 0) return pa__fail(PA_ERROR_ARGUMENT, "steps is 0, must be at least 1");
  pa__run r = {.trainer = trainer,
               .method = trainer->problem.reward ? &pa__probing : &pa__ascent,
               .threads = trainer->pool ? pa_pool_threads(trainer->pool)
                                        : (size_t)pa__trainer_value(trainer, PA_TRAINER_THREADS)};
  trainer->running = true;
  atomic_store(&trainer->stop, 0);
  status = pa__run_meet(&r, begin(&r), steps);
  if (status == PA_OK) status = run(&r, steps);
  end(&r);
  trainer->running = false;
  return status;
}
