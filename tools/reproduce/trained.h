/* Trained models of the studies: kept as files, so that studies share them and interrupted work goes on. */
#ifndef POWALLOC_TOOLS_TRAINED_H
#define POWALLOC_TOOLS_TRAINED_H

#include "../training.h"
#include "study.h"

typedef struct plan {
  const char *name; /* of the file in OUT/models, before the steps */
  const char *what; /* all that the result depends on, but version, seed and steps */
  const pa_network *network;
  uint64_t seed, steps;
  pa_policy *(*make)(const struct plan *plan);               /* a new model, borrowed */
  void (*set)(const struct plan *plan, pa_trainer *trainer); /* problem and keys */
  int32_t variant;                                           /* for the functions above */
  const void *user;
} plan;

typedef struct trained {
  pa_policy *policy; /* to be freed with pa_policy_free() */
  curve curve;       /* while training: sum-rate in bit/s/Hz */
  double seconds;    /* that the training took */
} trained;

/* The model of a file that this very training left, or of a training that ends or goes on now. */
trained trained_by(study *s, const plan *plan);
void trained_free(trained *t);

#endif
