/* Graphs from positions: neighbours by a grid of cells, rows along a Hilbert curve. */
#include "cells.h"
#include "network.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A sum and a distance are off by less than this part of their terms. */
#define ROUNDING 0x1p-48

/* Cells of this many cut-offs, unless that makes many more cells than links. */
#define CELL .5
#define MOST_CELLS 4

/* Square cells over the transmitters; those of cell c are number start[c], ..., start[c + 1] - 1: rows, ascending, and
 * where they stand. */
struct grid {
  double low[2], cell;
  int64_t size[2];
  int64_t *start;
  int32_t *row;
  double *x, *y;
};

static void bounds(const double *at, size_t count, double low[2], double high[2]) {
  for (size_t k = 0; k < 2 * count; k++) {
    low[k % 2] = fmin(low[k % 2], at[k]);
    high[k % 2] = fmax(high[k % 2], at[k]);
  }
}

/* Hilbert's curve through a square of 2^16 x 2^16: how far along it (x, y) lies. */
static uint32_t hilbert(uint32_t x, uint32_t y) {
  uint32_t along = 0;
  for (uint32_t s = 1u << 15; s > 0; s /= 2) {
    uint32_t right = (x & s) > 0, up = (y & s) > 0;
    along += s * s * ((3 * right) ^ up);
    if (!up) {
      if (right) {
        x = 65535 - x;
        y = 65535 - y;
      }
      uint32_t swap = x;
      x = y;
      y = swap;
    }
  }
  return along;
}

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

void pa__order_links(const double *at, size_t links, uint64_t *key, int32_t *order) {
  double low[2] = {DBL_MAX, DBL_MAX}, high[2] = {-DBL_MAX, -DBL_MAX};
  bounds(at, links, low, high);
  double width = fmax(fmax(high[0] - low[0], high[1] - low[1]), DBL_MIN);
  for (size_t i = 0; i < links; i++) {
    key[i] = (uint64_t)UINT32_MAX << 32 | i;
    if (isnan(at[2 * i])) continue;
    uint32_t x = (uint32_t)(65535 * ((at[2 * i] - low[0]) / width)),
             y = (uint32_t)(65535 * ((at[2 * i + 1] - low[1]) / width));
    key[i] = (uint64_t)hilbert(x, y) << 32 | i;
  }
  qsort(key, links, sizeof *key, compare);
  for (size_t k = 0; k < links; k++) order[k] = (int32_t)(key[k] & UINT32_MAX);
}

static int64_t cell_along(const struct grid *g, int axis, double x) {
  double c = floor((x - g->low[axis]) / g->cell);
  return c < 0 ? -1 : c >= (double)g->size[axis] ? g->size[axis] : (int64_t)c;
}

static int64_t cell_of(const struct grid *g, const double at[2]) {
  return cell_along(g, 1, at[1]) * g->size[0] + cell_along(g, 0, at[0]);
}

static void grid_free(struct grid *g, const pa_allocator *allocator) {
  pa__release(allocator, g->start);
  pa__release(allocator, g->row);
  pa__release(allocator, g->x);
}

static void take_place(struct grid *g, size_t place, size_t row, const double at[2]) {
  g->row[place] = (int32_t)row;
  g->x[place] = at[0];
  g->y[place] = at[1];
}

/* Transmitters of the first `rows` rows, at least one, into cells; to be freed also after an error. */
static pa_status grid_create(struct grid *g, const pa_graph *graph, size_t rows, const double *transmitters,
                             double cutoff) {
  double high[2] = {-DBL_MAX, -DBL_MAX};
  *g = (struct grid){.low = {DBL_MAX, DBL_MAX}};
  bounds(transmitters, rows, g->low, high);
  double width = high[0] - g->low[0], height = high[1] - g->low[1];
  double fewest = sqrt(width / MOST_CELLS * (height / (double)rows));
  g->cell = fmax(fmax(CELL * cutoff, fewest), fmax(width, height) / (MOST_CELLS * (double)rows));
  g->size[0] = (int64_t)(width / g->cell) + 1;
  g->size[1] = (int64_t)(height / g->cell) + 1;
  size_t cells = (size_t)(g->size[0] * g->size[1]);
  g->start = pa__allocate(&graph->allocator, cells + 1, sizeof *g->start);
  g->row = pa__allocate(&graph->allocator, rows, sizeof *g->row);
  g->x = pa__allocate(&graph->allocator, rows, 2 * sizeof *g->x);
  if (!g->start || !g->row || !g->x) return PA_ERROR_MEMORY;
  g->y = g->x + rows;
  for (size_t k = 0; k < rows; k++) g->start[cell_of(g, transmitters + 2 * pa__graph_link(graph, k)) + 1]++;
  for (size_t c = 0; c < cells; c++) g->start[c + 1] += g->start[c];
  for (size_t k = rows; k-- > 0;) {
    const double *at = transmitters + 2 * pa__graph_link(graph, k);
    take_place(g, (size_t)--g->start[cell_of(g, at) + 1], k, at);
  }
  /* Each start[c + 1] has come down to where cell c begins. */
  for (size_t c = 0; c < cells; c++) g->start[c] = g->start[c + 1];
  g->start[cells] = (int64_t)rows;
  return PA_OK;
}

/* The transmitters that may be within the cut-off of a receiver: those of rows of cells, number first, ..., last - 1
 * of each. */
struct around {
  const struct grid *grid;
  int64_t from[2], to[2]; /* cells */
  size_t first, last;
};

static struct around around(const struct grid *g, const double at[2], double cutoff) {
  struct around a = {.grid = g};
  for (int axis = 0; axis < 2; axis++) {
    double reach = cutoff + ROUNDING * (cutoff + fabs(at[axis]));
    int64_t from = cell_along(g, axis, at[axis] - reach), to = cell_along(g, axis, at[axis] + reach);
    a.from[axis] = from < 0 ? 0 : from;
    a.to[axis] = to >= g->size[axis] ? g->size[axis] - 1 : to;
  }
  return a;
}

static bool next(struct around *a) {
  const struct grid *g = a->grid;
  if (a->from[1] > a->to[1] || a->from[0] > a->to[0]) return false;
  a->first = (size_t)g->start[a->from[1] * g->size[0] + a->from[0]];
  a->last = (size_t)g->start[a->from[1] * g->size[0] + a->to[0] + 1];
  a->from[1]++;
  return true;
}

/* Shell's sort: unlike qsort() it takes no memory, and rows come as ascending runs, with which it is quick. */
void pa__sort_row(int32_t *row, size_t count) {
  size_t gap = 1;
  while (gap < count / 3) gap = 3 * gap + 1;
  for (; gap > 0; gap /= 3)
    for (size_t k = gap; k < count; k++) {
      int32_t x = row[k];
      size_t at = k;
      for (; at >= gap && row[at - gap] > x; at -= gap) row[at] = row[at - gap];
      row[at] = x;
    }
}

/* A graph in the making. */
struct layout {
  pa_graph *graph;
  const struct grid *grid;
  size_t owned; /* rows that have edges */
  const double *transmitters, *receivers;
  double cutoff;
};

static const double *receiver_at(const struct layout *l, size_t column) {
  return l->receivers + 2 * pa__graph_link(l->graph, column);
}

/* Whether a row's own receiver is no neighbour of its transmitter. */
static bool own_is_far(const struct layout *l, size_t row) {
  return !(pa__squared_distance(l->transmitters + 2 * pa__graph_link(l->graph, row), receiver_at(l, row)) <=
           l->cutoff * l->cutoff);
}

/* At most so many edges, without a look at the links. */
static double most_edges(const struct layout *l) {
  double most = (double)l->owned;
  for (size_t j = 0; j < l->graph->pattern.links; j++)
    for (struct around a = around(l->grid, receiver_at(l, j), l->cutoff); next(&a);) most += (double)(a.last - a.first);
  return most;
}

/* Edges of each row, row k's in offset[k + 1]; count is scratch [owned]. */
static void count_edges(const struct layout *l, int64_t *restrict count) {
  const double *restrict x = l->grid->x, *restrict y = l->grid->y;
  double most = l->cutoff * l->cutoff;
  for (size_t j = 0; j < l->graph->pattern.links; j++) {
    const double *at = receiver_at(l, j);
    for (struct around a = around(l->grid, at, l->cutoff); next(&a);)
      for (size_t k = a.first; k < a.last; k++) {
        double dx = x[k] - at[0], dy = y[k] - at[1];
        count[k] += dx * dx + dy * dy <= most;
      }
  }
  for (size_t k = 0; k < l->owned; k++) {
    size_t row = (size_t)l->grid->row[k];
    l->graph->offset[row + 1] = count[k] + own_is_far(l, row);
  }
}

/* Receivers are taken in order, so that rows ascend. */
static void fill(const struct layout *l) {
  const struct grid *g = l->grid;
  int64_t *end = l->graph->offset + 1; /* of each row, so far */
  double most = l->cutoff * l->cutoff;
  for (size_t j = 0; j < l->graph->pattern.links; j++) {
    const double *at = receiver_at(l, j);
    for (struct around a = around(g, at, l->cutoff); next(&a);)
      for (size_t k = a.first; k < a.last; k++) {
        double dx = g->x[k] - at[0], dy = g->y[k] - at[1];
        if (dx * dx + dy * dy <= most) l->graph->receiver[end[g->row[k]]++] = (int32_t)j;
      }
    if (j < l->owned && own_is_far(l, j)) l->graph->receiver[end[j]++] = (int32_t)j;
  }
}

static pa_status add_edges(const struct layout *l) {
  int64_t *offset = l->graph->offset, edges = 0;
  double most = most_edges(l);
  if (most > (double)PTRDIFF_MAX / 64)
    return pa__fail(PA_ERROR_MEMORY, "a cut-off of %g leaves up to %g edges", l->cutoff, most);
  int64_t *count = pa__allocate(&l->graph->allocator, l->owned, sizeof *count);
  if (!count) return PA_ERROR_MEMORY;
  count_edges(l, count);
  pa__release(&l->graph->allocator, count);
  for (size_t row = 0; row < l->graph->pattern.links; row++) {
    int64_t of_row = offset[row + 1];
    offset[row + 1] = edges;
    edges += of_row;
  }
  pa_status status = pa__graph_take_receivers(l->graph, (size_t)edges);
  if (status == PA_OK) fill(l);
  return status;
}

pa_status pa__graph_of_positions(pa_graph **out, size_t owned, size_t links, const double *transmitters,
                                 const double *receivers, double cutoff, const pa_allocator *allocator) {
  pa_graph *graph = NULL;
  struct grid grid = {0};
  pa_status status = pa__graph_begin(out ? &graph : NULL, links, NULL, allocator);
  if (status != PA_OK) return status;
  uint64_t *key = pa__allocate(&graph->allocator, owned, sizeof *key);
  graph->pattern.link = pa__allocate(&graph->allocator, links, sizeof *graph->pattern.link);
  status = key && graph->pattern.link ? PA_OK : PA_ERROR_MEMORY;
  if (status == PA_OK) pa__order_links(transmitters, owned, key, graph->pattern.link);
  for (size_t k = owned; k < links && status == PA_OK; k++) graph->pattern.link[k] = (int32_t)k;
  pa__release(&graph->allocator, key);
  if (status == PA_OK && owned > 0) status = grid_create(&grid, graph, owned, transmitters, cutoff);
  const struct layout layout = {graph, &grid, owned, transmitters, receivers, cutoff};
  if (status == PA_OK) status = owned > 0 ? add_edges(&layout) : pa__graph_take_receivers(graph, 0);
  grid_free(&grid, &graph->allocator);
  if (status != PA_OK) {
    pa_graph_free(graph);
    return status;
  }
  pa__graph_finish(graph);
  *out = graph;
  return PA_OK;
}

pa_status pa_graph_create_positions_part(pa_graph **out, size_t owned, size_t links, const double *transmitters,
                                         const double *receivers, double cutoff, const pa_allocator *allocator) {
  pa_status status = pa__graph_check_links(links);
  if (status == PA_OK && owned > links)
    status = pa__fail(PA_ERROR_ARGUMENT, "owned is %zu, there are %zu links", owned, links);
  if (status == PA_OK && owned > 0) status = pa__positions_check("transmitters", transmitters, owned);
  if (status == PA_OK) status = pa__positions_check("receivers", receivers, links);
  if (status == PA_OK) status = pa__key_check(PA_NETWORK_CUTOFF, cutoff);
  if (status != PA_OK) return status;
  return pa__graph_of_positions(out, owned, links, transmitters, receivers, cutoff, allocator);
}

pa_status pa_graph_create_positions(pa_graph **out, size_t links, const double *transmitters, const double *receivers,
                                    double cutoff, const pa_allocator *allocator) {
  return pa_graph_create_positions_part(out, links, links, transmitters, receivers, cutoff, allocator);
}
