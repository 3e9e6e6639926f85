#include "problem.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Rewards count as this part of their mean at least where a utility divides by them. */
#define LEAST_SHARE .01
#define LEAST 1e-100

void pa__problem_free(pa__problem *p, const pa_allocator *allocator) {
  if (p->free_user) p->free_user(p->user);
  if (p->free_utility_user) p->free_utility_user(p->utility_user);
  for (size_t k = 0; k < p->constraint_count; k++) {
    if (p->constraints[k].free_user) p->constraints[k].free_user(p->constraints[k].user);
    pa__release(allocator, p->constraints[k].bound);
  }
  pa__release(allocator, p->constraints);
  pa__release(allocator, p->weights);
}

const pa__constraint *pa__problem_power(const pa__problem *p, size_t *first) {
  *first = 0;
  for (size_t k = 0; k < p->constraint_count; *first += p->constraints[k++].count)
    if (p->constraints[k].kind == PA_CONSTRAINT_MEAN_POWER) return &p->constraints[k];
  return NULL;
}

pa_status pa__callback_status(int32_t code, const char *name, double step) {
  switch (code) {
  case PA_CALLBACK_OK:
    return PA_OK;
  case PA_CALLBACK_STOP:
    return PA_STOPPED;
  case PA_CALLBACK_ABORT:
    return pa__fail(PA_ERROR_CALLBACK, "the %s callback aborted at step %.0f", name, step);
  default:
    return pa__fail(PA_ERROR_CALLBACK, "the %s callback returned %d, which is no code of it", name, (int)code);
  }
}

/* ---- utilities ---- */

static double weight(const pa__problem *p, size_t k) {
  return p->weights ? p->weights[k] : p->link_weights ? p->link_weights[k] : 1;
}

/* Utilities of positive rewards: those at 0 are lifted, so that a silent link has a slope, if a large one. */
static pa_status positive(const pa__problem *p, const double *r, double *least) {
  double mean = 0;
  for (size_t k = 0; k < p->rewards; k++) {
    mean += r[k] / (double)p->rewards;
    if (r[k] < 0)
      return pa__fail(PA_ERROR_NUMERIC,
                      "reward %zu has mean %g: proportional fair and harmonic utilities need rewards > 0; costs need "
                      "another utility",
                      k, r[k]);
  }
  *least = fmax(LEAST_SHARE * mean, LEAST);
  return PA_OK;
}

static void soft_min(const pa__problem *p, const double *r, pa__judgement *j) {
  double lowest = INFINITY, sum = 0, s = p->sharpness;
  for (size_t k = 0; k < p->rewards; k++) lowest = fmin(lowest, weight(p, k) * r[k]);
  for (size_t k = 0; k < p->rewards; k++) sum += j->slope[k] = exp(-s * (weight(p, k) * r[k] - lowest));
  for (size_t k = 0; k < p->rewards; k++) j->slope[k] *= weight(p, k) / sum;
  j->utility = lowest - log(sum) / s;
}

static void minimum(const pa__problem *p, const double *r, pa__judgement *j) {
  size_t lowest = 0;
  for (size_t k = 0; k < p->rewards; k++) {
    j->slope[k] = 0;
    if (weight(p, k) * r[k] < weight(p, lowest) * r[lowest]) lowest = k;
  }
  j->slope[lowest] = weight(p, lowest);
  j->utility = weight(p, lowest) * r[lowest];
}

static pa_status user_utility(const pa__problem *p, const double *r, pa__judgement *j) {
  j->utility = NAN;
  for (size_t k = 0; k < p->rewards; k++) j->slope[k] = NAN;
  pa_status status =
      pa__callback_status(p->utility_fn(p->utility_user, r, p->rewards, &j->utility, j->slope), "utility", 0);
  if (status != PA_OK) return status;
  if (!isfinite(j->utility))
    return pa__fail(PA_ERROR_CALLBACK, "the utility callback left the value at %g", j->utility);
  for (size_t k = 0; k < p->rewards; k++)
    if (!isfinite(j->slope[k]))
      return pa__fail(PA_ERROR_CALLBACK, "the utility callback left gradient[%zu] at %g", k, j->slope[k]);
  return PA_OK;
}

static pa_status judge_utility(const pa__problem *p, const double *r, pa__judgement *j) {
  double least = 0;
  pa_status status = PA_OK;
  j->utility = 0;
  switch (p->utility) {
  case PA_UTILITY_SUM:
    for (size_t k = 0; k < p->rewards; k++) j->utility += (j->slope[k] = weight(p, k)) * r[k];
    return PA_OK;
  case PA_UTILITY_PROPORTIONAL_FAIR:
  case PA_UTILITY_HARMONIC:
    if ((status = positive(p, r, &least)) != PA_OK) return status;
    for (size_t k = 0; k < p->rewards; k++) {
      bool fair = p->utility == PA_UTILITY_PROPORTIONAL_FAIR;
      double lifted = fmax(r[k], least), w = weight(p, k);
      j->utility += fair ? w * log(lifted) : -w / lifted;
      j->slope[k] = fair ? w / lifted : w / (lifted * lifted);
    }
    return PA_OK;
  case PA_UTILITY_MIN:
    minimum(p, r, j);
    return PA_OK;
  case PA_UTILITY_SOFT_MIN:
    soft_min(p, r, j);
    return PA_OK;
  default:
    return user_utility(p, r, j);
  }
}

/* ---- constraints ---- */

static double sum(const double *x, size_t n) {
  double total = 0;
  for (size_t k = 0; k < n; k++) total += x[k];
  return total;
}

/* What the element is about, and the bound that it must stay under or over. */
static double subject(const pa__problem *p, const pa__constraint *c, size_t k, const pa__means *m, double *bound) {
  *bound = c->kind == PA_CONSTRAINT_DEMAND ? m->demand[k] : c->bound[k];
  if (c->kind == PA_CONSTRAINT_MEAN_POWER) return c->count == 1 ? sum(m->power, p->links) : m->power[k];
  return m->reward[k];
}

static pa_status user_constraints(const pa__problem *p, const pa__constraint *c, const double *r, double *violation,
                                  double *jacobian) {
  for (size_t k = 0; k < c->count; k++) violation[k] = NAN;
  for (size_t k = 0; k < c->count * p->rewards; k++) jacobian[k] = NAN;
  pa_status status = pa__callback_status(c->fn(c->user, r, p->rewards, violation, jacobian, c->count), "constraint", 0);
  if (status != PA_OK) return status;
  for (size_t k = 0; k < c->count; k++) {
    if (!isfinite(violation[k]))
      return pa__fail(PA_ERROR_CALLBACK, "the constraint callback left value[%zu] at %g", k, violation[k]);
    violation[k] = -violation[k];
  }
  for (size_t k = 0; k < c->count * p->rewards; k++)
    if (!isfinite(jacobian[k]))
      return pa__fail(PA_ERROR_CALLBACK, "the constraint callback left jacobian[%zu][%zu] at %g", k / p->rewards,
                      k % p->rewards, jacobian[k]);
  return PA_OK;
}

pa_status pa__problem_judge(const pa__problem *p, const pa__means *m, pa__judgement *j) {
  pa_status status = judge_utility(p, m->reward, j);
  size_t at = 0;
  for (size_t q = 0; q < p->constraint_count && status == PA_OK; at += p->constraints[q++].count) {
    const pa__constraint *c = &p->constraints[q];
    if (!c->kind) status = user_constraints(p, c, m->reward, j->violation + at, j->jacobian + at * p->rewards);
    for (size_t k = 0; k < c->count && c->kind; k++) {
      bool above = c->kind == PA_CONSTRAINT_MIN_REWARD || c->kind == PA_CONSTRAINT_DEMAND;
      double bound, value = subject(p, c, k, m, &bound), excess = above ? bound - value : value - bound;
      j->violation[at + k] = excess / fmax(bound, DBL_MIN);
      if (bound == 0) j->violation[at + k] = excess > 0 ? 1 : -1;
    }
  }
  return status;
}

void pa__problem_lagrangian(const pa__problem *p, const pa__judgement *j, const double *dual, double *coefficient) {
  double unit = 0;
  for (size_t k = 0; k < p->rewards; k++) unit += fabs(j->slope[k]) / (double)p->rewards;
  if (unit == 0) unit = 1;
  memcpy(coefficient, j->slope, p->rewards * sizeof(double));
  size_t at = 0;
  for (size_t q = 0; q < p->constraint_count; at += p->constraints[q++].count) {
    const pa__constraint *c = &p->constraints[q];
    for (size_t k = 0; k < c->count; k++)
      if (c->kind == PA_CONSTRAINT_MIN_REWARD || c->kind == PA_CONSTRAINT_DEMAND)
        coefficient[k] += unit * dual[at + k];
      else if (c->kind == PA_CONSTRAINT_MAX_REWARD)
        coefficient[k] -= unit * dual[at + k];
      else if (!c->kind)
        for (size_t r = 0; r < p->rewards; r++)
          coefficient[r] += unit * dual[at + k] * j->jacobian[(at + k) * p->rewards + r];
  }
}

void pa__problem_worst(const pa__problem *p, const double *violation, char *text, size_t size) {
  size_t worst = 0, at = 0;
  for (size_t k = 1; k < p->duals; k++)
    if (violation[k] > violation[worst]) worst = k;
  const pa__constraint *c = p->constraints;
  for (; worst >= at + c->count; c++) at += c->count;
  size_t k = worst - at;
  double v = violation[worst], bound = c->bound ? c->bound[k] : 0;
  switch (c->kind) {
  case PA_CONSTRAINT_MEAN_POWER:
    if (c->count == 1)
      snprintf(text, size, "mean total power is %g W, must be at most %g W", bound * (1 + v), bound);
    else
      snprintf(text, size, "mean power of link %zu is %g W, must be at most %g W", k, bound * (1 + v), bound);
    break;
  case PA_CONSTRAINT_MIN_REWARD:
    snprintf(text, size, "mean of reward %zu is %g, must be at least %g", k, bound * (1 - v), bound);
    break;
  case PA_CONSTRAINT_MAX_REWARD:
    snprintf(text, size, "mean of reward %zu is %g, must be at most %g", k, bound * (1 + v), bound);
    break;
  case PA_CONSTRAINT_DEMAND:
    snprintf(text, size, "mean rate of link %zu is %g of its demand", k, 1 - v);
    break;
  default:
    snprintf(text, size, "element %zu of a constraint callback is %g, must be at least 0", k, -v);
  }
}
