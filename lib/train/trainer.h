#ifndef POWALLOC_LIB_TRAINER_H
#define POWALLOC_LIB_TRAINER_H

#include "../base/pool.h"
#include "../policy/policy.h"
#include "adam.h"
#include "source.h"

#include <powalloc/trainer.h>
#include <stdatomic.h>

enum { PA__TRAINER_FIRST_KEY = PA_TRAINER_BATCH, PA__TRAINER_KEYS = 10 };

/* Where a run stands: all that a checkpoint keeps beside weights and optimiser. */
typedef struct pa__progress {
  double step, steps_of_schedule, rate, held_out_rate, best_rate, best_step, gradient_norm, dropped, step_rate,
      baseline_rate;
} pa__progress;

enum { PA__PROGRESS_FIELDS = sizeof(pa__progress) / sizeof(double) };

struct pa_trainer {
  pa_allocator allocator;
  pa_policy *policy;
  pa__source source;
  uint64_t seed;
  double value[PA__TRAINER_KEYS];
  size_t weight_count;
  double *weights, *best; /* [weight_count] */
  pa__adam adam;
  pa__progress progress;
  double kept_rate, kept_step; /* of the weights that the policy holds after a run */
  bool running;
  atomic_int stop;
  pa_progress_fn report;
  void *user;
  pa_free_fn free_user;
  uint64_t report_every;
};

#endif
