/* What model-free training solves: maximise u0(r) subject to u(r) >= 0 (REGNN paper, eqs. (3), (5), (16)). */
#ifndef POWALLOC_LIB_PROBLEM_H
#define POWALLOC_LIB_PROBLEM_H

#include "../base/base.h"

#include <powalloc/trainer.h>

typedef struct pa__constraint {
  int32_t kind;  /* PA_CONSTRAINT_*, 0: the user's */
  size_t count;  /* elements */
  double *bound; /* [count] */
  pa_constraint_fn fn;
  void *user;
  pa_free_fn free_user;
} pa__constraint;

typedef struct pa__problem {
  size_t links, rewards;
  pa_reward_fn reward; /* NULL: there is no problem, training is model-based */
  pa_reward_gradient_fn reward_gradient;
  void *user;
  pa_free_fn free_user;
  int32_t utility;            /* PA_UTILITY_*, 0: the user's */
  double *weights;            /* [rewards]; NULL: */
  const double *link_weights; /* those of the states, if rewards are of links; NULL: all 1 */
  double sharpness;           /* of the soft minimum */
  pa_utility_fn utility_fn;
  void *utility_user;
  pa_free_fn free_utility_user;
  pa__constraint *constraints;
  size_t constraint_count, duals; /* constraints, and their elements */
} pa__problem;

/* Means over states: of the rewards [rewards], of the powers in W [links], and of the demands [links]. */
typedef struct pa__means {
  double *reward, *power, *demand;
} pa__means;

/* A problem at given means. */
typedef struct pa__judgement {
  double utility;
  double *slope;     /* [rewards] d u0 / d r */
  double *violation; /* [duals] relative to the bounds, > 0: not met */
  double *jacobian;  /* [duals][rewards] of the user's constraints; the others' rows are not used */
} pa__judgement;

void pa__problem_free(pa__problem *problem, const pa_allocator *allocator);

/* The one power constraint; NULL if there is none. *first is its first element. */
const pa__constraint *pa__problem_power(const pa__problem *problem, size_t *first);

pa_status pa__problem_judge(const pa__problem *problem, const pa__means *means, pa__judgement *judgement);

/* What the Lagrangian gives for a unit of each reward: slope, and to the constraints' share in units of the mean size
 * of slope; [rewards]. */
void pa__problem_lagrangian(const pa__problem *problem, const pa__judgement *judgement, const double *dual,
                            double *coefficient);

/* Says which constraint is furthest from being met: "r[3] is 0.1, must be at least 0.5". */
void pa__problem_worst(const pa__problem *problem, const double *violation, char *text, size_t size);

/* What a callback's code means. */
pa_status pa__callback_status(int32_t code, const char *name, double step);

#endif
