/* A training run with progress, checkpoints and interrupts. */
#ifndef POWALLOC_TOOLS_TRAINING_H
#define POWALLOC_TOOLS_TRAINING_H

#include <powalloc/powalloc.h>
#include <stdbool.h>

typedef struct training {
  const char *what;                                        /* for the progress bar */
  const char *checkpoint;                                  /* NULL: none */
  uint64_t checkpoint_every, steps;                        /* steps in all, those of a resumed run included */
  double held_out_rate, baseline_rate, best_step, seconds; /* results; baseline NAN if training was model-free, */
  double power, violation;                                 /* then these are not */
  const char *infeasible;                                  /* why the constraints are not met; NULL: they are */
  bool complete;
} training;

/* Threads to use unless told otherwise: one a processor that is online. */
uint64_t online_processors(void);

/* Runs what is left of the steps; ends the command on an error, after a last checkpoint. */
void run_training(training *t, pa_trainer *trainer);

#endif
