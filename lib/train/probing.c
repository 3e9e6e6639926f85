/* Model-free training (REGNN paper, algorithm 1): powers are drawn from the policy's outputs, the system tells rewards,
 * and the score function makes a gradient of them. */
#include "run.h"

#include "../base/random.h"

#include <float.h>
#include <math.h>
#include <powalloc/regnn.h>
#include <stdio.h>
#include <string.h>

/* Weight of a step in running means: of the reported rate, and of what the Lagrangian is made from. */
#define RATE_MEMORY .01
#define MEMORY .02
/* Duals of power budgets multiply, from here; the rate of all duals falls to this part of itself. */
#define FIRST_POWER_DUAL .3
#define LAST_DUAL_RATE .1
/* Deviation of continuous powers, annealed. */
#define FIRST_DEVIATION 1.0
#define LAST_DEVIATION .3
/* Outputs beyond this are pushed back by PA_TRAINER_BARRIER. */
#define BARRIER_FROM 2.0
/* The mean power share of the limits, and of the budget, that a policy counts as silent below. */
#define SILENCE 1e-4
enum { PATIENCE = 200 };
/* Steps of duals of rewards, in units of trainer.dual_rate. */
#define DUAL_STEP 10
/* Links whose reward counts for nothing or less keep this part of the mean weight. */
#define LEAST_WEIGHT 1e-3
#define MOST_OFFSET 1e3

struct probing {
  const pa__problem *problem;
  struct pa_states states; /* the batch, */
  struct pa_states share;  /* what of it this rank draws and probes: */
  size_t begin, end;       /* states begin .. end - 1 of the batch */
  void *h;                 /* its channels */
  double *x;
  pa__chunk *chunks; /* [chunks of a batch] */
  void **tapes;      /* [chunks of a batch] */
  pa__range *ranges;
  bool held_out;
  size_t tasks;            /* of the batch */
  size_t outputs, actions; /* of a link; tried for each state */
  double *y, *dy, *slope;  /* [batch][links][outputs] */
  double *mean;            /* [batch][links] of the power as a part of the limit */
  double *score;           /* [actions][batch][links][outputs] */
  double *power;           /* [actions][batch][links] W */
  double *reward;          /* [actions][batch][rewards] */
  double *value;           /* [actions][batch] Lagrangian, then advantage */
  double *limit;           /* [links] of the powers; 0 of links that are not there */
  double *skipped;         /* [batch] whether a callback left the state out */
  double *gradients;       /* [chunks of a batch][weight_count] */
  double *pull;            /* [chunks of a batch] largest of dy */
  double *y_held_out;      /* [held_out][links][outputs] */
  pa__means means;
  pa__judgement judgement;
  double *coefficient;     /* [rewards] */
  double *price;           /* [links] of the power in parts of the budget */
  double *reward_gradient; /* [batch][links] */
  double *look_reward, *look_demand;
  double *memory;
  size_t constant, dead, silent, skipped_steps; /* steps in a row */
  pa__range *looks; /* [look_count] batches of held-out states; look_begin .. look_end - 1 are this rank's */
  size_t look_count, look_begin, look_end;
  double *skipped_held_out; /* [look_count] */
  double *reward_held_out;  /* [held_out][rewards] */
  double *demand_held_out;  /* [held_out][links], if there are node states */
};

static const pa__learner_class *learner_of(const pa__run *r) { return r->trainer->policy->class->learner; }

static const pa__output *output_of(const pa__run *r) { return pa__output_of(r->trainer->policy); }

/* ---- states and outputs ---- */

/* Fills the chunk of a task and computes its outputs. */
static void outputs_of_task(pa__run *r, size_t task, double *y) {
  struct probing *own = r->own;
  pa_trainer *t = r->trainer;
  pa__range range = own->ranges[task];
  size_t at = (size_t)(range.first - own->ranges[0].first), n = own->states.links;
  pa__chunk *chunk = &own->chunks[task];
  pa__chunk_place(chunk,
                  (char *)own->h + at * pa__states_channels(&own->states) * pa__number_size(own->states.precision),
                  own->x + at * n * own->states.node_features);
  memcpy(chunk->states.weights, own->states.weights, n * sizeof(double));
  pa__source_fill(&t->source, own->held_out, range.first, range.count, chunk);
  if (y) learner_of(r)->forward(t->policy, &chunk->states, y + at * n * own->outputs, own->tapes[task]);
}

static void fill_task(void *user, size_t worker, size_t task) {
  pa__flush saved = pa__flush_begin();
  (void)worker;
  outputs_of_task(user, task, NULL);
  pa__flush_end(saved);
}

static void output_task(void *user, size_t worker, size_t task) {
  pa__run *r = user;
  pa__flush saved = pa__flush_begin();
  (void)worker;
  outputs_of_task(r, task, ((struct probing *)r->own)->y);
  pa__flush_end(saved);
}

/* Outputs, and the powers to try. */
static void action_task(void *user, size_t worker, size_t task) {
  pa__run *r = user;
  struct probing *own = r->own;
  const pa__output *output = output_of(r);
  pa__flush saved = pa__flush_begin();
  (void)worker;
  outputs_of_task(r, task, own->y);
  size_t n = own->states.links, first = (size_t)(own->ranges[task].first - own->ranges[0].first) * n,
         count = own->ranges[task].count * n;
  for (size_t k = first; k < first + count; k++)
    own->mean[k] = pa__output_mean(output, own->y + k * own->outputs, own->slope + k * own->outputs);
  for (size_t a = 0; a < own->actions; a++) {
    uint64_t draw = (uint64_t)r->trainer->progress.step * own->actions + a;
    uint64_t key = pa__random_key(r->trainer->seed, PA__STREAM_ACTIONS, draw);
    size_t all = r->batch * n;
    pa__output_draw_many(output, key, (uint64_t)first << 32, count, own->y + first * own->outputs, own->mean + first,
                         own->power + a * all + first, own->score + (a * all + first) * own->outputs);
    for (size_t k = first; k < first + count; k++) own->power[a * all + k] *= own->limit[k % n];
  }
  pa__flush_end(saved);
}

/* States first .. first + count - 1 become the batch. Ranks share those that train; of those that are held out they
 * share the batches. */
static pa_status take_batch(pa__run *r, bool held_out, uint64_t first, size_t count, pa_task_fn task) {
  struct probing *own = r->own;
  own->held_out = held_out;
  own->tasks = pa__run_cut(&r->trainer->source, held_out, first, count, own->ranges);
  own->states.batch = count;
  own->states.first = first;
  pa__range share = {first, count};
  if (!held_out) share = pa__ranks_share(&r->trainer->ranks, own->ranges, own->tasks);
  own->begin = (size_t)(share.first - first);
  own->end = own->begin + share.count;
  own->share = pa__states_part(&own->states, own->begin, share.count);
  pa_status status = held_out ? PA_OK : pa__source_ask(&r->trainer->source, first, count);
  if (status != PA_OK) return status;
  status = held_out ? pa__pool_run(r->pool, own->tasks, task, r) : pa__run_tasks(r, own->tasks, task);
  if (status != PA_OK || share.count == 0) return status;
  own->share.trusted = false;
  status = pa__states_check_any(&own->share);
  own->share.trusted = status == PA_OK;
  return status;
}

/* ---- rewards ---- */

/* One call of the user's; *skip if the batch is to be left out. */
static pa_status probe(pa__run *r, const double *power, double *reward, bool *skip) {
  struct probing *own = r->own;
  const pa__problem *p = own->problem;
  size_t count = own->share.batch * p->rewards;
  unsigned before = pa__failures();
  for (size_t k = 0; k < count; k++) reward[k] = NAN;
  int32_t code = p->reward(p->user, &own->share, power, reward, p->rewards);
  if (code == PA_CALLBACK_SKIP) {
    *skip = true;
    return PA_OK;
  }
  if (code == PA_CALLBACK_ABORT && pa__failures() != before) {
    char why[400];
    snprintf(why, sizeof why, "%s", pa_last_error());
    return pa__fail(PA_ERROR_CALLBACK, "the reward callback aborted at step %.0f: %s", r->trainer->progress.step, why);
  }
  pa_status status = pa__callback_status(code, "reward", r->trainer->progress.step);
  size_t wrong = 0;
  for (size_t k = 0; k < count; k++) wrong += isfinite(reward[k]) ? 0 : 1;
  for (size_t k = 0; k < count && wrong > 0 && status == PA_OK; k++)
    if (!isfinite(reward[k]))
      status = pa__fail(PA_ERROR_CALLBACK, "step %.0f: the reward callback left reward[%zu][%zu] at %g%s",
                        r->trainer->progress.step, k / p->rewards, k % p->rewards, reward[k],
                        isnan(reward[k]) ? ": it must fill every element with a number" : "");
  return status;
}

static pa_status probe_actions(pa__run *r, bool *skip) {
  struct probing *own = r->own;
  pa_status status = PA_OK;
  for (size_t a = 0; a < own->actions && own->share.batch > 0 && status == PA_OK && !*skip; a++)
    status = probe(r, own->power + (a * r->batch + own->begin) * own->states.links,
                   own->reward + (a * r->batch + own->begin) * own->problem->rewards, skip);
  return status;
}

static void set_skipped(struct probing *own, bool skip) {
  for (size_t b = own->begin; b < own->end; b++) own->skipped[b] = skip;
}

/* A rank that skips skips for all. */
static bool any_skipped(const struct probing *own, size_t batch) {
  for (size_t b = 0; b < batch; b++)
    if (own->skipped[b] != 0) return true;
  return false;
}

/* Draws the next batch and tries powers on it. */
static pa_status try_powers(pa__run *r, bool *skip) {
  struct probing *own = r->own;
  pa_trainer *t = r->trainer;
  size_t n = own->states.links;
  pa_status status = take_batch(r, false, (uint64_t)t->progress.step * r->batch, r->batch, action_task);
  if (status != PA_OK) return status;
  if (t->progress.step == 0 && learner_of(r)->check && own->share.batch > 0)
    status = learner_of(r)->check(t->policy, &own->share);
  if (own->problem->reward_gradient)
    for (size_t k = own->begin * n; k < own->end * n; k++) own->power[k] = own->mean[k] * own->limit[k % n];
  return status == PA_OK ? probe_actions(r, skip) : status;
}

/* What all ranks have tried, and what came of it. */
static pa_status gather_rewards(pa__run *r, pa_status status, bool *skip) {
  struct probing *own = r->own;
  size_t n = own->states.links;
  const pa__field tried[] = {{own->skipped, 1, 1, PA__STATES},
                             {own->reward, own->actions, own->problem->rewards, PA__STATES},
                             {own->power, own->actions, n, PA__STATES},
                             {own->mean, 1, n, PA__STATES},
                             {own->x, 1, n * own->states.node_features, PA__STATES}};
  set_skipped(own, *skip);
  status = pa__ranks_gather(&r->trainer->ranks, status, own->ranges, own->tasks, tried, 5);
  *skip = any_skipped(own, r->batch);
  return status;
}

static void track(double *mean, double now, bool first) { *mean = first ? now : *mean + MEMORY * (now - *mean); }

/* Running means of rewards and demands, means of the powers of this step; the problem at these. */
static pa_status judge_step(pa__run *r) {
  struct probing *own = r->own;
  pa_trainer *t = r->trainer;
  pa__estimates *e = &t->estimates;
  size_t n = own->states.links, rewards = own->problem->rewards, samples = own->actions * r->batch;
  bool first = t->progress.step == 0;
  for (size_t k = 0; k < rewards; k++) {
    double sum = 0;
    for (size_t s = 0; s < samples; s++) sum += own->reward[s * rewards + k];
    track(&e->reward[k], sum / (double)samples, first);
  }
  for (size_t i = 0; i < n; i++) {
    double power = 0, demand = 0;
    for (size_t b = 0; b < r->batch; b++) {
      power += own->mean[b * n + i] * own->limit[i];
      if (own->states.node_features > 0) demand += own->states.node_state[(b * n + i) * own->states.node_features];
    }
    own->means.power[i] = power / (double)r->batch;
    track(&e->demand[i], demand / (double)r->batch, first);
  }
  own->means.reward = e->reward;
  own->means.demand = e->demand;
  return pa__problem_judge(own->problem, &own->means, &own->judgement);
}

/* ---- duals ---- */

static double dual_rate(const pa_trainer *t) {
  double part = fmin(t->progress.step / t->progress.steps_of_schedule, 1);
  return pa__trainer_value(t, PA_TRAINER_DUAL_RATE) * pow(LAST_DUAL_RATE, part);
}

/* Eq. (43): duals of power budgets grow by factors, the others by steps. */
static void move_duals(pa__run *r) {
  struct probing *own = r->own;
  pa_trainer *t = r->trainer;
  double rate = dual_rate(t), most = pa__trainer_value(t, PA_TRAINER_DUAL_LIMIT);
  double margin = pa__trainer_value(t, PA_TRAINER_MARGIN);
  size_t first;
  const pa__constraint *power = pa__problem_power(own->problem, &first);
  for (size_t k = 0; k < own->problem->duals; k++) {
    bool of_power = power && k >= first && k < first + power->count;
    double violation = own->judgement.violation[k];
    if (of_power) {
      violation = fmin(fmax(violation, -1), 1);
      t->estimates.dual[k] *= exp(rate * violation);
    } else {
      violation = fmin(fmax(violation + margin, -3), 3);
      t->estimates.dual[k] = fmin(fmax(t->estimates.dual[k] + DUAL_STEP * rate * violation, 0), most);
    }
    track(&t->estimates.drift[k], violation, t->progress.step == 0);
  }
}

/* What the Lagrangian pays for rewards and charges for powers; the weights of the links that follow. */
static void set_prices(pa__run *r) {
  struct probing *own = r->own;
  pa__estimates *e = &r->trainer->estimates;
  size_t n = own->states.links, first;
  const pa__constraint *power = pa__problem_power(own->problem, &first);
  pa__problem_lagrangian(own->problem, &own->judgement, e->dual, own->coefficient);
  for (size_t i = 0; i < n; i++) {
    size_t k = power && power->count > 1 ? i : 0;
    own->price[i] = power ? e->dual[first + k] * exp(e->drift[first + k]) / power->bound[k] : 0;
  }
  double mean = 0;
  for (size_t i = 0; i < n && own->problem->rewards == n; i++)
    if (own->limit[i] > 0) mean += own->coefficient[i] / (double)pa__states_present(&own->states);
  for (size_t i = 0; i < n; i++) e->link_weight[i] = mean > 0 ? fmax(own->coefficient[i] / mean, LEAST_WEIGHT) : 1;
}

/* ---- the gradient ---- */

static double charge(const struct probing *own, const double *power) {
  double sum = 0;
  for (size_t i = 0; i < own->states.links; i++) sum += own->price[i] * power[i];
  return sum;
}

/* The Lagrangian of each sample, in units of its running mean; the charge for power is part of it where its mean is not
 * a function of the outputs. */
static void value_samples(pa__run *r) {
  struct probing *own = r->own;
  pa__progress *p = &r->trainer->progress;
  size_t samples = own->actions * r->batch, rewards = own->problem->rewards;
  double size = 0;
  for (size_t s = 0; s < samples; s++) {
    own->value[s] = 0;
    for (size_t k = 0; k < rewards; k++) own->value[s] += own->coefficient[k] * own->reward[s * rewards + k];
    size += fabs(own->value[s]) / (double)samples;
  }
  track(&p->scale, size, p->step == 0);
  bool continuous = output_of(r)->kind == PA_REGNN_OUTPUT_CONTINUOUS;
  for (size_t s = 0; s < samples; s++) {
    if (p->scale > 0) own->value[s] /= p->scale;
    if (continuous) own->value[s] -= charge(own, own->power + s * own->states.links);
  }
}

/* Values less the mean of the other values of the same state; of the other states if but one action is tried. Returns
 * the largest. */
static double advantages(struct probing *own, size_t batch) {
  size_t actions = own->actions, groups = actions > 1 ? batch : 1, members = actions > 1 ? actions : batch;
  size_t stride = actions > 1 ? batch : 1;
  double largest = 0;
  for (size_t g = 0; g < groups; g++) {
    double mean = 0;
    for (size_t k = 0; k < members; k++) mean += own->value[g + k * stride] / (double)members;
    for (size_t k = 0; k < members; k++) {
      double *value = &own->value[g + k * stride];
      *value = (*value - mean) * (double)members / (double)(members > 1 ? members - 1 : 1);
      largest = fmax(largest, fabs(*value));
    }
  }
  return largest;
}

/* Derivatives of the mean Lagrangian in the outputs, by the score function (eq. (48)). */
static void score_gradient(pa__run *r) {
  struct probing *own = r->own;
  size_t numbers = own->states.links * own->outputs, all = r->batch * numbers;
  memset(own->dy, 0, all * sizeof(double));
  for (size_t a = 0; a < own->actions; a++)
    for (size_t b = own->begin; b < own->end; b++) {
      double weight = own->value[a * r->batch + b] / (double)(own->actions * r->batch);
      const double *score = own->score + a * all + b * numbers;
      for (size_t k = 0; k < numbers; k++) own->dy[b * numbers + k] += weight * score[k];
    }
}

/* The same through the reward's own gradient at the mean powers (eq. (46)). */
static pa_status model_gradient(pa__run *r, bool *skip) {
  struct probing *own = r->own;
  const pa__problem *p = own->problem;
  size_t n = own->states.links, first = own->begin * n, end = own->end * n;
  if (first == end) return PA_OK;
  for (size_t k = first; k < end; k++) own->reward_gradient[k] = NAN;
  int32_t code = p->reward_gradient(p->user, &own->share, own->power + first, own->coefficient,
                                    own->reward_gradient + first, p->rewards);
  if (code == PA_CALLBACK_SKIP) {
    *skip = true;
    return PA_OK;
  }
  pa_status status = pa__callback_status(code, "reward gradient", r->trainer->progress.step);
  if (status != PA_OK) return status;
  double unit = (double)r->batch * (r->trainer->progress.scale > 0 ? r->trainer->progress.scale : 1);
  for (size_t k = first; k < end; k++) {
    if (!isfinite(own->reward_gradient[k]))
      return pa__fail(PA_ERROR_CALLBACK, "step %.0f: the reward gradient callback left gradient[%zu][%zu] at %g",
                      r->trainer->progress.step, k / n - own->begin, k % n, own->reward_gradient[k]);
    for (size_t o = 0; o < own->outputs; o++)
      own->dy[k * own->outputs + o] =
          own->reward_gradient[k] * own->limit[k % n] * own->slope[k * own->outputs + o] / unit;
  }
  return PA_OK;
}

/* What is a function of the outputs is differentiated as one: the charge for power, the entropy, the barrier. */
static void add_charge(pa__run *r) {
  struct probing *own = r->own;
  size_t n = own->states.links;
  if (output_of(r)->kind == PA_REGNN_OUTPUT_CONTINUOUS && !own->problem->reward_gradient) return;
  for (size_t b = own->begin; b < own->end; b++)
    for (size_t i = 0; i < n; i++) {
      double price = own->price[i] * own->limit[i] / (double)r->batch;
      size_t at = (b * n + i) * own->outputs;
      for (size_t o = 0; o < own->outputs; o++) own->dy[at + o] -= price * own->slope[at + o];
    }
}

static void add_entropy(pa__run *r, double entropy) {
  struct probing *own = r->own;
  size_t n = own->states.links;
  for (size_t k = own->begin * n; k < own->end * n; k++) {
    double turn[PA__OUTPUT_MOST];
    pa__output_entropy(output_of(r), own->y + k * own->outputs, turn);
    for (size_t o = 0; o < own->outputs; o++) own->dy[k * own->outputs + o] += entropy * turn[o] / (double)r->batch;
  }
}

static void add_barrier(pa__run *r, double barrier) {
  struct probing *own = r->own;
  size_t numbers = own->states.links * own->outputs;
  for (size_t k = own->begin * numbers; k < own->end * numbers; k++)
    own->dy[k] -= barrier * copysign(fmax(fabs(own->y[k]) - BARRIER_FROM, 0), own->y[k]) / (double)r->batch;
}

/* Nothing depends on the outputs of links that are not there. */
static void drop_absent(struct probing *own) {
  size_t n = own->states.links;
  for (size_t k = own->begin * n; k < own->end * n; k++)
    for (size_t o = 0; o < own->outputs && own->limit[k % n] == 0; o++) own->dy[k * own->outputs + o] = 0;
}

static void add_exact(pa__run *r) {
  const pa_trainer *t = r->trainer;
  double entropy = pa__trainer_value(t, PA_TRAINER_ENTROPY);
  double barrier = pa__trainer_value_or(t, PA_TRAINER_BARRIER, -1, r->recipe.barrier);
  barrier *= fmax(1 - t->progress.step / t->progress.steps_of_schedule, 0);
  add_charge(r);
  if (entropy > 0) add_entropy(r, entropy);
  if (barrier > 0) add_barrier(r, barrier);
}

static void backward_task(void *user, size_t worker, size_t task) {
  pa__run *r = user;
  struct probing *own = r->own;
  pa_trainer *t = r->trainer;
  double *gradient = own->gradients + task * t->weight_count;
  size_t numbers = own->states.links * own->outputs;
  const double *dy = own->dy + (size_t)(own->ranges[task].first - own->ranges[0].first) * numbers;
  pa__flush saved = pa__flush_begin();
  (void)worker;
  memset(gradient, 0, t->weight_count * sizeof(double));
  learner_of(r)->backward(t->policy, &own->chunks[task].states, dy, gradient, own->tapes[task]);
  own->pull[task] = 0;
  for (size_t k = 0; k < own->ranges[task].count * numbers; k++) own->pull[task] = fmax(own->pull[task], fabs(dy[k]));
  pa__flush_end(saved);
}

/* ---- what goes wrong ---- */

static bool tried_different_powers(const struct probing *own, size_t batch) {
  size_t n = own->states.links;
  for (size_t s = batch * n; s < own->actions * batch * n; s++)
    if (own->power[s] != own->power[s % (batch * n)]) return true;
  return false;
}

static pa_status check_signal(pa__run *r, double largest) {
  struct probing *own = r->own;
  bool constant = largest <= 1e-12 && tried_different_powers(own, r->batch);
  own->constant = constant ? own->constant + 1 : 0;
  if (own->constant < PATIENCE) return PA_OK;
  return pa__fail(PA_ERROR_NUMERIC,
                  "step %.0f: the reward did not depend on the powers in the last %d steps (its mean is %g): is the "
                  "callback using them?",
                  r->trainer->progress.step + 1, PATIENCE, r->trainer->estimates.reward[0]);
}

/* Whether a gradient ever moved the weights: a policy that is at its edges later has learned to be. */
static bool has_moved(const pa_trainer *t) {
  for (size_t k = 0; k < t->weight_count; k++)
    if (t->adam.square[k] > 0) return true;
  return false;
}

/* After the gradient: a policy whose outputs no weight moves, or that has gone silent. */
static pa_status check_policy(pa__run *r) {
  struct probing *own = r->own;
  pa_trainer *t = r->trainer;
  size_t n = own->states.links, first;
  double pull = 0, gradient = 0, power = 0, limit = 0, dual = 0;
  for (size_t task = 0; task < own->tasks; task++) pull = fmax(pull, own->pull[task]);
  for (size_t k = 0; k < t->weight_count; k++) gradient = fmax(gradient, fabs(r->gradient[k]));
  own->dead = pull > 0 && gradient == 0 && !has_moved(t) ? own->dead + 1 : 0;
  if (own->dead >= PATIENCE)
    return pa__fail(PA_ERROR_NUMERIC,
                    "step %.0f: the policy is dead: its outputs have not depended on its weights for %d steps; start "
                    "from another seed, with more features or another activation",
                    t->progress.step + 1, PATIENCE);
  const pa__constraint *budget = pa__problem_power(own->problem, &first);
  for (size_t i = 0; i < n; i++) {
    power += own->means.power[i];
    limit += own->limit[i];
  }
  for (size_t k = 0; budget && k < budget->count; k++) dual += t->estimates.dual[first + k];
  if (budget && budget->count == 1) limit = fmin(limit, budget->bound[0]);
  own->silent = power < SILENCE * limit ? own->silent + 1 : 0;
  if (own->silent >= PATIENCE)
    return pa__fail(PA_ERROR_NUMERIC,
                    "step %.0f: all links have gone silent (mean total power %g W%s%.3g): a reward that falls with "
                    "every power is a cost, and needs utility weights of -1; a dual variable that ran away needs a "
                    "lower trainer.dual_rate",
                    t->progress.step + 1, power, budget ? ", dual variable of the power budget " : ", no budget ",
                    dual);
  return PA_OK;
}

static void set_deviation(pa__run *r) {
  pa_trainer *t = r->trainer;
  double part = fmin(t->progress.step / t->progress.steps_of_schedule, 1);
  t->constants[0] = FIRST_DEVIATION * pow(LAST_DEVIATION / FIRST_DEVIATION, part);
  pa__set_constants(t->policy, t->constants);
}

/* Gradients of this rank's chunks. */
static pa_status differentiate(pa__run *r, bool *skip) {
  struct probing *own = r->own;
  pa_trainer *t = r->trainer;
  pa_status status = judge_step(r);
  if (status != PA_OK) return status;
  move_duals(r);
  set_prices(r);
  value_samples(r);
  t->progress.rate = isnan(t->progress.rate)
                         ? own->judgement.utility
                         : t->progress.rate + RATE_MEMORY * (own->judgement.utility - t->progress.rate);
  if (own->problem->reward_gradient) {
    if ((status = model_gradient(r, skip)) != PA_OK || *skip) return status;
  } else {
    if ((status = check_signal(r, advantages(own, r->batch))) != PA_OK) return status;
    score_gradient(r);
  }
  add_exact(r);
  drop_absent(own);
  return pa__run_tasks(r, own->tasks, backward_task);
}

static pa_status gather_gradients(pa__run *r, pa_status status, bool *skip) {
  struct probing *own = r->own;
  const pa__field results[] = {{own->skipped, 1, 1, PA__STATES},
                               {own->gradients, 1, r->trainer->weight_count, PA__TASKS},
                               {own->pull, 1, 1, PA__TASKS}};
  set_skipped(own, *skip);
  status = pa__ranks_gather(&r->trainer->ranks, status, own->ranges, own->tasks, results, 3);
  *skip = any_skipped(own, r->batch);
  return status;
}

static pa_status gradient(pa__run *r, bool *skip) {
  struct probing *own = r->own;
  pa_trainer *t = r->trainer;
  set_deviation(r);
  memcpy(own->states.weights, t->estimates.link_weight, own->states.links * sizeof(double));
  pa_status status = gather_rewards(r, try_powers(r, skip), skip);
  if (status != PA_OK) return status;
  own->skipped_steps = *skip ? own->skipped_steps + 1 : 0;
  if (own->skipped_steps >= PATIENCE)
    return pa__fail(PA_ERROR_CALLBACK, "the reward callback skipped %d steps in a row", PATIENCE);
  if (*skip) {
    t->progress.dropped += (double)r->batch;
    return PA_OK;
  }
  status = gather_gradients(r, differentiate(r, skip), skip);
  if (status != PA_OK || *skip) return status;
  memset(r->gradient, 0, t->weight_count * sizeof(double));
  for (size_t task = 0; task < own->tasks; task++)
    for (size_t k = 0; k < t->weight_count; k++) r->gradient[k] += own->gradients[task * t->weight_count + k];
  for (size_t k = 0; k < t->weight_count; k++)
    if (!isfinite(r->gradient[k]))
      return pa__fail(PA_ERROR_NUMERIC, "step %.0f: the gradient is not finite; try a lower trainer.learning_rate",
                      t->progress.step + 1);
  return check_policy(r);
}

/* ---- looking ---- */

/* Mean total power of the deterministic policy on the held-out states if its outputs were raised by `offset`. */
static double held_out_power(pa__run *r, double offset, double *per_link) {
  struct probing *own = r->own;
  const pa__output *output = output_of(r);
  size_t n = own->states.links;
  double total = 0;
  for (size_t i = 0; i < n; i++) {
    double sum = 0;
    for (size_t s = 0; s < r->held_out; s++)
      sum += pa__output_power(output, own->y_held_out + (s * n + i) * own->outputs, offset);
    if (per_link) per_link[i] = own->limit[i] * sum / (double)r->held_out;
    total += own->limit[i] * sum / (double)r->held_out;
  }
  return total;
}

/* The offset that brings the mean power to the budget; 0 if there is no such budget or no offset. */
static double offset_for_budget(pa__run *r, bool *below) {
  struct probing *own = r->own;
  size_t first;
  const pa__constraint *power = pa__problem_power(own->problem, &first);
  *below = false;
  if (!power || power->count != 1 || r->trainer->policy->class->budget_key != PA_POLICY_OFFSET) return 0;
  double budget = power->bound[0], low = 0, high = 0;
  *below = held_out_power(r, 0, NULL) <= budget;
  for (double reach = .25; reach < MOST_OFFSET; reach *= 2) {
    *(*below ? &high : &low) = *below ? reach : -reach;
    if (*below != (held_out_power(r, *below ? high : low, NULL) <= budget)) break;
    *(*below ? &low : &high) = *below ? high : low;
  }
  for (int k = 0; k < 40; k++) {
    double middle = (low + high) / 2;
    *(held_out_power(r, middle, NULL) <= budget ? &low : &high) = middle;
  }
  return low;
}

/* Rewards of the deterministic powers on a batch of held-out states. */
static pa_status probe_look(pa__run *r, size_t look, double offset) {
  struct probing *own = r->own;
  const pa__output *output = output_of(r);
  size_t n = own->states.links, first = (size_t)own->looks[look].first, count = own->looks[look].count,
         features = own->states.node_features;
  bool skip = false;
  if (atomic_load(&r->trainer->stop)) return PA_STOPPED;
  pa_status status = take_batch(r, true, first, count, fill_task);
  if (status != PA_OK) return status;
  for (size_t k = 0; k < count * n; k++)
    own->power[k] =
        own->limit[k % n] * pa__output_power(output, own->y_held_out + (first * n + k) * own->outputs, offset);
  for (size_t k = 0; k < count * n && features > 0; k++)
    own->demand_held_out[first * n + k] = own->states.node_state[k * features];
  status = probe(r, own->power, own->reward_held_out + first * own->problem->rewards, &skip);
  own->skipped_held_out[look] = skip;
  return status;
}

/* Means of the rewards and demands over the held-out states that count. */
static pa_status probe_held_out(pa__run *r, double offset) {
  struct probing *own = r->own;
  size_t n = own->states.links, features = own->states.node_features, rewards = own->problem->rewards, counted = 0;
  pa_status status = PA_OK;
  for (size_t k = own->look_begin; k < own->look_end && status == PA_OK; k++) status = probe_look(r, k, offset);
  const pa__field tried[] = {{own->skipped_held_out, 1, 1, PA__TASKS},
                             {own->reward_held_out, 1, rewards, PA__STATES},
                             {own->demand_held_out, 1, features > 0 ? n : 0, PA__STATES}};
  status = pa__ranks_gather(&r->trainer->ranks, status, own->looks, own->look_count, tried, 3);
  if (status != PA_OK) return status;
  memset(own->means.reward, 0, rewards * sizeof(double));
  memset(own->means.demand, 0, n * sizeof(double));
  for (size_t look = 0; look < own->look_count; look++) {
    size_t first = (size_t)own->looks[look].first, count = own->looks[look].count;
    if (own->skipped_held_out[look] != 0) continue;
    counted += count;
    for (size_t k = 0; k < count * rewards; k++)
      own->means.reward[k % rewards] += own->reward_held_out[first * rewards + k];
    for (size_t k = 0; k < count * n && features > 0; k++)
      own->means.demand[k % n] += own->demand_held_out[first * n + k];
  }
  if (counted == 0) return pa__fail(PA_ERROR_CALLBACK, "the reward callback skipped all of the held-out states");
  for (size_t k = 0; k < rewards; k++) own->means.reward[k] /= (double)counted;
  for (size_t i = 0; i < n; i++) own->means.demand[i] /= (double)counted;
  return PA_OK;
}

static pa_status judge_held_out(pa__run *r, double offset, pa__look *look) {
  struct probing *own = r->own;
  look->offset = r->trainer->progress.offset + offset;
  look->power = held_out_power(r, offset, own->means.power);
  pa_status status = probe_held_out(r, offset);
  if (status == PA_OK)
    status = pa__ranks_agree(&r->trainer->ranks, pa__problem_judge(own->problem, &own->means, &own->judgement));
  look->rate = own->judgement.utility;
  look->worst = -1;
  for (size_t k = 0; k < own->problem->duals; k++) look->worst = fmax(look->worst, own->judgement.violation[k]);
  return status;
}

/* Outputs on the held-out states. */
static pa_status look_at_outputs(pa__run *r) {
  struct probing *own = r->own;
  size_t numbers = own->states.links * own->outputs;
  const pa__field outputs = {own->y_held_out, 1, numbers, PA__STATES};
  pa_status status = PA_OK;
  for (size_t k = own->look_begin; k < own->look_end && status == PA_OK; k++) {
    status = take_batch(r, true, own->looks[k].first, own->looks[k].count, output_task);
    memcpy(own->y_held_out + own->looks[k].first * numbers, own->y, own->looks[k].count * numbers * sizeof(double));
  }
  return pa__ranks_gather(&r->trainer->ranks, status, own->looks, own->look_count, &outputs, 1);
}

static pa_status look(pa__run *r, pa__look *look) {
  struct probing *own = r->own;
  bool below;
  memcpy(own->states.weights, r->trainer->estimates.link_weight, own->states.links * sizeof(double));
  pa_status status = look_at_outputs(r);
  if (status != PA_OK) return status;
  own->means.reward = own->look_reward;
  own->means.demand = own->look_demand;
  double offset = offset_for_budget(r, &below);
  status = judge_held_out(r, offset, look);
  if (status == PA_OK && below) { /* more power may do harm */
    pa__look raised = *look;
    status = judge_held_out(r, 0, look);
    if (status == PA_OK && pa__look_better(&raised, look)) status = judge_held_out(r, offset, look);
  }
  r->violation = own->judgement.violation;
  r->reward = own->look_reward;
  return status;
}

/* ---- a run ---- */

/* Links want time before they are shut off for good, more of it under constraints on rewards; continuous powers are not
 * shut off so soon. */
static pa__recipe recipe(const pa_trainer *t) {
  size_t first;
  const pa__constraint *power = pa__problem_power(&t->problem, &first);
  bool constrained = t->problem.duals > (power ? power->count : 0);
  bool continuous = pa__output_of(t->policy)->kind == PA_REGNN_OUTPUT_CONTINUOUS;
  return (pa__recipe){.learning_rate = constrained ? 3e-3 : 5e-3,
                      .final_rate = .01,
                      .batch = 16,
                      .held_out = 4000,
                      .held_out_every = 2500,
                      .barrier = constrained  ? .01
                                 : continuous ? 0
                                              : .003};
}

static pa_status prepare(pa__run *r) {
  struct probing *own = r->own;
  pa_trainer *t = r->trainer;
  size_t n = own->states.links, first;
  const pa__constraint *power = pa__problem_power(own->problem, &first);
  double limit = 0, budget = 0, share = 0;
  for (size_t i = 0; i < n; i++) limit += own->limit[i];
  for (size_t k = 0; power && k < power->count; k++) {
    if (power->count == 1 || own->limit[k] > 0) budget += power->bound[k];
    t->estimates.dual[first + k] = FIRST_POWER_DUAL;
  }
  if (power && !t->policy->given) share = budget / limit;
  pa_status status = take_batch(r, true, 0, r->held_out < r->batch ? r->held_out : r->batch, fill_task);
  if (status == PA_OK && learner_of(r)->check) status = learner_of(r)->check(t->policy, &own->share);
  if (status != PA_OK) return status;
  if (learner_of(r)->prepare) status = learner_of(r)->prepare(t->policy, &own->share, share);
  if (status != PA_OK) return status;
  learner_of(r)->get_weights(t->policy, t->weights);
  pa__get_constants(t->policy, t->constants);
  for (size_t i = 0; i < n; i++) t->estimates.link_weight[i] = 1;
  return PA_OK;
}

static pa_status start(pa__run *r) { return pa__ranks_agree(&r->trainer->ranks, prepare(r)); }

static void end(pa__run *r) {
  const pa_allocator *allocator = &r->trainer->allocator;
  struct probing *own = r->own;
  if (!own) return;
  size_t tasks = pa__source_most_chunks(&r->trainer->source, r->batch);
  for (size_t k = 0; k < tasks; k++) {
    if (own->chunks) pa__chunk_free(&own->chunks[k]);
    if (own->tapes) pa__release(allocator, own->tapes[k]);
  }
  pa__release(allocator, own->states.noise);
  pa__release(allocator, own->h);
  pa__release(allocator, own->chunks);
  pa__release(allocator, own->tapes);
  pa__release(allocator, own->ranges);
  pa__release(allocator, own->gradients);
  pa__release(allocator, own->looks);
  pa__release(allocator, own->y_held_out);
  pa__release(allocator, own->reward_held_out);
  pa__release(allocator, own->demand_held_out);
  pa__release(allocator, own->skipped_held_out);
  pa__release(allocator, own->memory);
  pa__release(allocator, own);
}

static size_t largest(size_t a, size_t b) { return a > b ? a : b; }

static pa_status chunk_memory(pa__run *r) {
  pa_trainer *t = r->trainer;
  struct probing *own = r->own;
  const pa_allocator *allocator = &t->allocator;
  size_t links = own->states.links, tasks = pa__source_most_chunks(&t->source, r->batch);
  size_t bytes = pa__measure(learner_of(r)->tape_workspace, t->policy, pa__source_extent(&t->source, 0, PA__CHUNK));
  if (bytes == SIZE_MAX) return pa__fail(PA_ERROR_MEMORY, "training on %zu links overflows the address space", links);
  if (!(own->chunks = pa__allocate(allocator, tasks, sizeof *own->chunks)) ||
      !(own->tapes = pa__allocate(allocator, tasks, sizeof *own->tapes)) ||
      !(own->ranges = pa__allocate(allocator, tasks, sizeof *own->ranges)) ||
      !(own->gradients = pa__allocate(allocator, tasks, t->weight_count * sizeof(double))))
    return PA_ERROR_MEMORY;
  for (size_t k = 0; k < tasks; k++) {
    pa_status status = pa__chunk_create(&own->chunks[k], &t->source, false, allocator);
    if (status != PA_OK) return status;
    if (!(own->tapes[k] = pa__allocate(allocator, bytes, 1))) return PA_ERROR_MEMORY;
  }
  return PA_OK;
}

/* What ranks tell each other of a look and, at most, of a step. */
static pa_status look_memory(pa__run *r) {
  struct probing *own = r->own;
  const pa_allocator *allocator = &r->trainer->allocator;
  size_t n = own->states.links, rewards = own->problem->rewards, weights = r->trainer->weight_count,
         demands = own->states.node_features > 0 ? n : 0;
  const pa__ranks *ranks = &r->trainer->ranks;
  own->look_count = (r->held_out + r->batch - 1) / r->batch;
  own->look_begin = pa__ranks_task(ranks, own->look_count, ranks->rank);
  own->look_end = pa__ranks_task(ranks, own->look_count, ranks->rank + 1);
  if (!(own->looks = pa__allocate(allocator, own->look_count, sizeof *own->looks)) ||
      !(own->reward_held_out = pa__allocate(allocator, r->held_out, rewards * sizeof(double))) ||
      !(own->demand_held_out = pa__allocate(allocator, r->held_out, demands * sizeof(double))) ||
      !(own->skipped_held_out = pa__allocate(allocator, own->look_count, sizeof(double))))
    return PA_ERROR_MEMORY;
  for (size_t k = 0, done = 0; k < own->look_count; done += own->looks[k++].count)
    own->looks[k] = (pa__range){done, r->held_out - done < r->batch ? r->held_out - done : r->batch};
  size_t step = r->batch * (1 + own->actions * (rewards + n) + n * (1 + own->states.node_features)),
         gradients = r->batch + pa__source_most_chunks(&r->trainer->source, r->batch) * (weights + 1),
         outputs = r->held_out * n * own->outputs, look = r->held_out * (rewards + demands) + own->look_count;
  return pa__ranks_reserve(&r->trainer->ranks, largest(largest(step, gradients), largest(outputs, look)), allocator);
}

/* Arrays of numbers, one after the other; with memory NULL it only measures. Returns how many there are. */
static size_t numbers_of(const pa__run *r, struct probing *own) {
  const pa__problem *p = own->problem;
  size_t n = own->states.links, batch = r->batch, nodes = batch * n, used = 0;
  const struct {
    double **array;
    size_t count;
  } arrays[] = {{&own->x, nodes * own->states.node_features},
                {&own->y, nodes * own->outputs},
                {&own->dy, nodes * own->outputs},
                {&own->slope, nodes * own->outputs},
                {&own->mean, nodes},
                {&own->skipped, batch},
                {&own->pull, batch},
                {&own->score, own->actions * nodes * own->outputs},
                {&own->power, own->actions * nodes},
                {&own->reward, own->actions * batch * p->rewards},
                {&own->value, own->actions * batch},
                {&own->limit, n},
                {&own->means.power, n},
                {&own->judgement.slope, p->rewards},
                {&own->judgement.violation, p->duals},
                {&own->judgement.jacobian, p->duals * p->rewards},
                {&own->coefficient, p->rewards},
                {&own->price, n},
                {&own->reward_gradient, p->reward_gradient ? nodes : 0},
                {&own->look_reward, p->rewards},
                {&own->look_demand, n}};
  for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; used += arrays[k++].count)
    if (own->memory) *arrays[k].array = own->memory + used;
  return used;
}

static void set_limits(struct probing *own) {
  const pa_states *s = &own->states;
  memcpy(own->limit, s->limit, s->links * sizeof(double));
  for (size_t row = 0; s->graph && row < s->links; row++)
    if (pa__pattern_absent(&s->graph->pattern, row)) own->limit[pa__graph_link(s->graph, row)] = 0;
}

static pa_status begin(pa__run *r) {
  pa_trainer *t = r->trainer;
  const pa_allocator *allocator = &t->allocator;
  struct probing *own = r->own = pa__allocate(allocator, 1, sizeof *own);
  if (!own) return PA_ERROR_MEMORY;
  own->problem = &t->problem;
  size_t n = own->states.links = pa__source_links(&t->source), elements;
  own->states.allocator = *allocator;
  pa__states_set_graph(&own->states, pa__source_graph(&t->source));
  own->states.precision = t->source.precision;
  own->states.node_features = pa__source_features(&t->source);
  own->states.batch = 1;
  own->outputs = output_of(r)->count;
  own->actions = t->problem.reward_gradient ? 1 : (size_t)pa__trainer_value(t, PA_TRAINER_ACTIONS);
  pa_status status = pa__channel_size(r->batch * own->actions, n, &elements);
  if (status != PA_OK) return status;
  if (!pa__multiply(own->problem->rewards, r->batch * own->actions + own->problem->duals, &elements) ||
      elements > PTRDIFF_MAX / 64)
    return pa__fail(PA_ERROR_MEMORY, "%zu rewards of %zu samples overflow the address space", own->problem->rewards,
                    r->batch * own->actions);
  if (!(own->memory = pa__allocate(allocator, numbers_of(r, own), sizeof(double))) ||
      !(own->h = pa__allocate(allocator, r->batch * pa__states_channels(&own->states),
                              pa__number_size(own->states.precision))) ||
      !(own->states.noise = pa__allocate(allocator, n, 3 * sizeof(double))) ||
      !(own->y_held_out = pa__allocate(allocator, r->held_out * n, own->outputs * sizeof(double))))
    return PA_ERROR_MEMORY;
  numbers_of(r, own);
  if ((status = chunk_memory(r)) != PA_OK || (status = look_memory(r)) != PA_OK) return status;
  pa__states_place(&own->states, own->h);
  own->states.node_state = own->states.node_features > 0 ? own->x : NULL;
  own->states.limit = own->states.noise + n;
  own->states.weights = own->states.limit + n;
  memcpy(own->states.noise, own->chunks[0].states.noise, 3 * n * sizeof(double));
  set_limits(own);
  if (t->progress.step > 0) pa__set_constants(t->policy, t->constants);
  return PA_OK;
}

const pa__method pa__probing = {
    .probes = true, .recipe = recipe, .begin = begin, .end = end, .start = start, .gradient = gradient, .look = look};
