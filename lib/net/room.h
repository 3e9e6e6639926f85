/* A graph whose rows have room to grow, with the path gains of its edges: rows lie anywhere in the slots, in front of
 * the tail, which is free. */
#ifndef POWALLOC_LIB_ROOM_H
#define POWALLOC_LIB_ROOM_H

#include "nearby.h"
#include "network.h"

/* What a network has beside its graph and gains if it can change; all but `free` and the slots by rows or by links. */
struct pa__room {
  pa_graph *graph;         /* the network's */
  size_t tail;             /* first slot behind all rows */
  size_t wanted;           /* slots that were asked for; 0: as many as seem good */
  int64_t *limit;          /* [links] slot behind the room of each row */
  int32_t *spare_receiver; /* [slots] receivers and gains move here, row after row, when the tail is used up */
  double *spare_gain;
  int32_t *row_of; /* [links] each link's row */
  int32_t *free;   /* [free_count] numbers that no link has; the last is the next to be taken */
  size_t free_count;
  bool *moving;                       /* [links] of the change under way; else false */
  double *before;                     /* [links][2][2] transmitters and receivers before it */
  int32_t *list;                      /* [links] the links of this change */
  int32_t *row;                       /* [links] a row that is being made */
  pa__nearby transmitters, receivers; /* of the links that are there */
};

/* The number of an edge in its row, or -1. */
int64_t pa__room_find(const pa_graph *graph, size_t row, int32_t receiver);

/* These never fail, as long as edges do not become more than slots. */
void pa__room_clear(pa_network *network, size_t row);
/* An empty row's receivers, ascending, with gains 0. */
void pa__room_fill(pa_network *network, size_t row, const int32_t *receiver, size_t count);
void pa__room_insert(pa_network *network, size_t row, int32_t receiver, double gain);
/* If it is there. */
void pa__room_remove(pa_network *network, size_t row, int32_t receiver);

#endif
