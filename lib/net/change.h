/* A change of a network in place: first it is told what it takes, then it is done, which cannot fail. */
#ifndef POWALLOC_LIB_CHANGE_H
#define POWALLOC_LIB_CHANGE_H

#include "room.h"

#include <math.h>

/* The first `count` of the room's list change, and are marked as moving; `others` stay. */
struct pa__change {
  pa_network *network;
  size_t count, others;
  bool joins; /* their numbers are not the caller's yet */
};

/* Edges, by the positions before the change and now. */
struct pa__tally {
  size_t lost, gained;
  double nearest; /* of the pairs of what is gained, squared: */
  size_t from, to;
};

struct pa__tally pa__change_count(const struct pa__change *change);
pa_status pa__change_check_nearest(const struct pa__change *change, const struct pa__tally *tally);
pa_status pa__change_check_room(size_t slots, size_t edges);
/* The edges follow the positions. */
void pa__change_edges(const struct pa__change *change);

/* All of this: to new places [count][2]; NULL for both: away; for one: where it was. Nothing is changed if it fails. */
pa_status pa__change_run(const struct pa__change *change, const double *transmitters, const double *receivers);
/* They move no longer. */
void pa__change_end(const struct pa__change *change);

/* Of a link that is not there. */
extern const double pa__nowhere[2];
static inline bool pa__is_there(const double at[2]) { return !isnan(at[0]); }

#endif
