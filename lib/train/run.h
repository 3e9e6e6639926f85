/* What a run of a trainer needs while it lasts, and the two ways it knows to a gradient. */
#ifndef POWALLOC_LIB_RUN_H
#define POWALLOC_LIB_RUN_H

#include "trainer.h"

typedef struct pa__run pa__run;

typedef struct pa__method {
  bool probes; /* looks call the user's system */
  /* What the trainer's keys mean at their defaults. */
  pa__recipe (*recipe)(const pa_trainer *trainer);
  /* Memory for run->own; what it took is released by end, also after a failure. */
  pa_status (*begin)(pa__run *run);
  void (*end)(pa__run *run);
  /* Before the first step of all. */
  pa_status (*start)(pa__run *run);
  /* Direction of the next step, to be climbed, into run->gradient; nothing is to be done if *skip is set. A status > 0
   * ends the run. */
  pa_status (*gradient)(pa__run *run, bool *skip);
  /* How good the present weights are on the held-out states. */
  pa_status (*look)(pa__run *run, pa__look *look);
} pa__method;

/* Along the gradient of the sum-rate (UWMMSE paper, eq. (9)): the policy's class knows it. */
extern const pa__method pa__ascent;
/* By trying powers and observing rewards (REGNN paper, algorithm 1). */
extern const pa__method pa__probing;

struct pa__run {
  pa_trainer *trainer;
  const pa__method *method;
  void *own; /* the method's */
  pa_pool *pool;
  size_t threads, batch, held_out;
  double *gradient;                 /* [weight_count] */
  const double *violation, *reward; /* of the last look, if the method judges a problem */
  pa__recipe recipe;
};

/* Weights that meet all constraints come first, then those that miss them by less. */
bool pa__look_better(const pa__look *a, const pa__look *b);

/* Value of one of the trainer's keys, or the recipe's if the key is at `unset`. */
double pa__trainer_value(const pa_trainer *trainer, int32_t key);
double pa__trainer_value_or(const pa_trainer *trainer, int32_t key, double unset, double recipe);

/* States first .. first + count - 1 in chunks of the source; returns how many chunks. */
size_t pa__run_cut(const pa__source *source, bool held_out, uint64_t first, size_t count, pa__range *ranges);

/* Runs this rank's tasks, on the threads of the pool. */
pa_status pa__run_tasks(pa__run *run, size_t tasks, pa_task_fn task);

/* Makes sure that all ranks are about to do the same. */
pa_status pa__run_meet(pa__run *run, pa_status status, uint64_t steps);

#endif
