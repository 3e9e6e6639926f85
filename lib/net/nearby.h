/* Points of the plane that come, go and move, found by where they are. */
#ifndef POWALLOC_LIB_NEARBY_H
#define POWALLOC_LIB_NEARBY_H

#include "../base/base.h"

typedef struct pa__nearby {
  double cell;      /* side of the square cells; points within reach of each other are in the same or adjacent ones */
  const double *at; /* [points][2], the caller's */
  size_t buckets;   /* a power of 2 */
  int32_t *first;   /* [buckets] a point of the cells that share a bucket; -1: none */
  int32_t *next;    /* [points] the next in its bucket */
  double *cell_of;  /* [points][2] the cell of each point that is there */
} pa__nearby;

/* A walk over the points in the nine cells around a place. */
typedef struct pa__nearby_walk {
  const pa__nearby *points;
  double corner[2]; /* cell of the first of the nine */
  int cell;         /* of the nine, the next */
  double here[2];   /* cell of what comes now */
  int32_t point;
} pa__nearby_walk;

/* Without any point yet; nothing is left to free if it fails. */
pa_status pa__nearby_create(pa__nearby *out, const double *at, size_t points, double reach,
                            const pa_allocator *allocator);
void pa__nearby_free(pa__nearby *points, const pa_allocator *allocator);

/* A point comes, where `at` has it, or goes. */
void pa__nearby_put(pa__nearby *points, size_t point);
void pa__nearby_take(pa__nearby *points, size_t point);

/* All points within reach of a place, and others near it, each once; no point may come or go meanwhile. */
pa__nearby_walk pa__nearby_around(const pa__nearby *points, const double place[2]);
bool pa__nearby_next(pa__nearby_walk *walk, size_t *point);

#endif
