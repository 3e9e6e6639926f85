/* A training run with progress, checkpoints and interrupts. */
#ifndef POWALLOC_TOOLS_TRAINING_H
#define POWALLOC_TOOLS_TRAINING_H

#include <powalloc/powalloc.h>
#include <stdbool.h>

/* Steps between reports: those of learning curves are multiples. */
enum { PROGRESS_EVERY = 50 };

/* Sum-rate or utility of recent steps while training. */
typedef struct curve {
  size_t count, room;
  double *step, *value;
} curve;

void curve_add(curve *c, double step, double value);

typedef struct training {
  const char *what;                 /* for the progress bar */
  const char *checkpoint;           /* NULL: none */
  uint64_t checkpoint_every, steps; /* steps in all, those of a resumed run included */
  curve *curve;                     /* NULL: none; written with every checkpoint */
  uint64_t curve_every;
  const char *curve_file;
  double seconds_before;                                   /* of the runs that the checkpoint goes back to */
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
