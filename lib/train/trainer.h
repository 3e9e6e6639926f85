#ifndef POWALLOC_LIB_TRAINER_H
#define POWALLOC_LIB_TRAINER_H

#include "../base/pool.h"
#include "../policy/policy.h"
#include "adam.h"
#include "problem.h"
#include "ranks.h"
#include "source.h"

#include <powalloc/trainer.h>
#include <stdatomic.h>

enum { PA__TRAINER_FIRST_KEY = PA_TRAINER_BATCH, PA__TRAINER_KEYS = 18 };

/* How good weights are on the held-out states: the utility there, the offset of the outputs that they were judged with,
 * the mean total power, and the worst relative violation of a constraint (< 0: all are met). */
typedef struct pa__look {
  double rate, offset, power, worst;
} pa__look;

/* Where a run stands: what a checkpoint keeps beside weights, optimiser and estimates. */
typedef struct pa__progress {
  double step, steps_of_schedule, rate, gradient_norm, dropped, step_rate, baseline_rate, best_step;
  pa__look last, best;
  double offset; /* of the outputs while training */
  double scale;  /* running mean of the size of a sample's Lagrangian */
} pa__progress;

enum { PA__PROGRESS_FIELDS = sizeof(pa__progress) / sizeof(double) };

/* What model-free training estimates beside the weights; one block of memory. */
typedef struct pa__estimates {
  double *dual, *drift;                    /* [duals], drift: running mean of the violations */
  double *reward, *demand;                 /* [rewards], [links]: running means */
  double *best_violation, *kept_violation; /* [duals], at the best look, and of the weights that are kept */
  double *best_reward, *kept_reward;       /* [rewards], likewise */
  double *link_weight;                     /* [links], of the last step */
  size_t count;                            /* numbers in all */
} pa__estimates;

struct pa_trainer {
  pa_allocator allocator;
  pa_policy *policy;
  pa__source source;
  pa__problem problem;
  pa__ranks ranks;
  uint64_t seed;
  double value[PA__TRAINER_KEYS];
  size_t weight_count;
  double *weights, *best; /* [weight_count] */
  size_t constant_count;
  double *constants;        /* of the policy, see pa__learner_class */
  pa_pool *pool;            /* the caller's; NULL: a run makes its own */
  const pa_policy *teacher; /* whose powers are imitated; NULL: the reward is what counts */
  pa__adam adam;
  pa__estimates estimates;
  pa__progress progress;
  pa__look kept;    /* of the weights that the policy holds after a run, */
  double kept_step; /* which were those of this step; 0 before the first look of a run */
  bool running;
  atomic_int stop;
  pa_progress_fn report;
  void *user;
  pa_free_fn free_user;
  uint64_t report_every;
};

/* Fails while the trainer runs. */
pa_status pa__trainer_idle(const pa_trainer *trainer);

/* Makes room for the estimates of the problem, once it is settled. */
pa_status pa__estimates_create(pa_trainer *trainer);

/* Leaves weights and offset in the policy. */
void pa__trainer_keep(pa_trainer *trainer, const double *weights, double offset);

#endif
