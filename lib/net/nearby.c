#include "nearby.h"

#include <math.h>
#include <string.h>

/* Cells are whole numbers that doubles hold, and so are their neighbours. */
#define FURTHEST 0x1p50

static void cell_of(const pa__nearby *g, const double at[2], double cell[2]) {
  for (int axis = 0; axis < 2; axis++) cell[axis] = fmax(fmin(floor(at[axis] / g->cell), FURTHEST), -FURTHEST);
}

static size_t bucket_of(const pa__nearby *g, const double cell[2]) {
  uint64_t x = (uint64_t)(int64_t)cell[0] * 0x9e3779b97f4a7c15u, y = (uint64_t)(int64_t)cell[1] * 0xc2b2ae3d27d4eb4fu;
  uint64_t mixed = (x ^ (y >> 31) ^ (y << 33)) * 0xff51afd7ed558ccdu;
  return (size_t)(mixed >> 32) & (g->buckets - 1);
}

pa_status pa__nearby_create(pa__nearby *out, const double *at, size_t points, double reach,
                            const pa_allocator *allocator) {
  /* A little more than the reach, so that rounding puts no point two cells away. */
  pa__nearby g = {.cell = reach * (1 + 0x1p-20), .at = at, .buckets = 1};
  while (g.buckets < points) g.buckets *= 2;
  g.first = pa__allocate(allocator, g.buckets, sizeof *g.first);
  g.next = pa__allocate(allocator, points, sizeof *g.next);
  g.cell_of = pa__allocate(allocator, points, 2 * sizeof *g.cell_of);
  if (!g.first || !g.next || !g.cell_of) {
    pa__nearby_free(&g, allocator);
    return PA_ERROR_MEMORY;
  }
  memset(g.first, -1, g.buckets * sizeof *g.first);
  *out = g;
  return PA_OK;
}

void pa__nearby_free(pa__nearby *g, const pa_allocator *allocator) {
  pa__release(allocator, g->first);
  pa__release(allocator, g->next);
  pa__release(allocator, g->cell_of);
}

void pa__nearby_put(pa__nearby *g, size_t point) {
  cell_of(g, g->at + 2 * point, g->cell_of + 2 * point);
  int32_t *first = g->first + bucket_of(g, g->cell_of + 2 * point);
  g->next[point] = *first;
  *first = (int32_t)point;
}

void pa__nearby_take(pa__nearby *g, size_t point) {
  int32_t *link = g->first + bucket_of(g, g->cell_of + 2 * point);
  while (*link != (int32_t)point) link = &g->next[*link];
  *link = g->next[point];
}

pa__nearby_walk pa__nearby_around(const pa__nearby *g, const double place[2]) {
  pa__nearby_walk w = {.points = g, .point = -1};
  cell_of(g, place, w.corner);
  for (int axis = 0; axis < 2; axis++) w.corner[axis]--;
  return w;
}

/* Cells that share a bucket are told apart. */
bool pa__nearby_next(pa__nearby_walk *w, size_t *point) {
  for (;;) {
    while (w->point >= 0) {
      size_t candidate = (size_t)w->point;
      const double *cell = w->points->cell_of + 2 * candidate;
      w->point = w->points->next[candidate];
      if (cell[0] != w->here[0] || cell[1] != w->here[1]) continue;
      *point = candidate;
      return true;
    }
    if (w->cell == 9) return false;
    w->here[0] = w->corner[0] + w->cell % 3;
    w->here[1] = w->corner[1] + w->cell / 3;
    w->point = w->points->first[bucket_of(w->points, w->here)];
    w->cell++;
  }
}
