/* The ranks that train together: each computes its share of the tasks of a batch, and gathering gives all of them the
 * results of all, which they add in the same order. */
#ifndef POWALLOC_LIB_RANKS_H
#define POWALLOC_LIB_RANKS_H

#include "../base/base.h"

#include <powalloc/trainer.h>

typedef struct pa__ranks {
  size_t rank, count;
  pa_gather_fn gather;
  void *user;
  pa_free_fn free_user;
  double *numbers; /* what is gathered: the ranks' parts, each with its status in front */
  size_t room;     /* of numbers */
  size_t *first;   /* [count + 1] */
  bool lost;       /* gathering failed: the others cannot be reached any more */
} pa__ranks;

/* States first .. first + count - 1. */
typedef struct pa__range {
  uint64_t first;
  size_t count;
} pa__range;

/* Numbers that tasks leave: [planes][tasks or their states][width]. */
typedef enum pa__items { PA__TASKS, PA__STATES } pa__items;
typedef struct pa__field {
  double *numbers;
  size_t planes, width;
  pa__items items;
} pa__field;

/* What must be alike on all ranks, and a hash of it. */
typedef struct pa__trait {
  const char *of;
  uint64_t hash;
} pa__trait;

/* First of the tasks of a rank; they end where those of the next rank begin. */
static inline size_t pa__ranks_task(const pa__ranks *ranks, size_t tasks, size_t rank) {
  return tasks / ranks->count * rank + tasks % ranks->count * rank / ranks->count;
}

/* States of the tasks of this rank. */
pa__range pa__ranks_share(const pa__ranks *ranks, const pa__range *ranges, size_t tasks);

/* Room to gather `numbers` at a time. */
pa_status pa__ranks_reserve(pa__ranks *ranks, size_t numbers, const pa_allocator *allocator);
void pa__ranks_free(pa__ranks *ranks, const pa_allocator *allocator);

/* All ranks call these together, each with how it fares, and get the same back: the first error, with its message, else
 * whether one of them was stopped. */
pa_status pa__ranks_agree(pa__ranks *ranks, pa_status status);
/* Every rank gets what the others' tasks left in the fields; [tasks] ranges. */
pa_status pa__ranks_gather(pa__ranks *ranks, pa_status status, const pa__range *ranges, size_t tasks,
                           const pa__field *fields, size_t count);
/* Fails if a trait is not the same on all ranks; 15 at most. */
pa_status pa__ranks_compare(pa__ranks *ranks, pa_status status, const pa__trait *traits, size_t count);

#endif
