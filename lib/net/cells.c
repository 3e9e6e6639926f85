/* Graphs from positions: neighbours by a grid of cells, rows along a Hilbert curve. */
#include "cells.h"
#include "network.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Cells of this many cut-offs, unless that makes many more cells than links. */
#define CELL .5
#define MOST_CELLS 4

/* Square cells over the receivers; those of cell c are item[start[c]], ..., item[start[c + 1] - 1], ascending. */
struct grid {
  double low[2], cell;
  int64_t size[2];
  int64_t *start;
  int32_t *item;
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
  pa__release(allocator, g->item);
}

/* Receivers of the rows into cells; to be freed also after an error. */
static pa_status grid_create(struct grid *g, const pa_graph *graph, const double *receivers, double cutoff) {
  size_t links = graph->pattern.links;
  double high[2] = {-DBL_MAX, -DBL_MAX};
  *g = (struct grid){.low = {DBL_MAX, DBL_MAX}};
  bounds(receivers, links, g->low, high);
  double width = high[0] - g->low[0], height = high[1] - g->low[1];
  double fewest = sqrt(width / MOST_CELLS * (height / (double)links));
  g->cell = fmax(fmax(CELL * cutoff, fewest), fmax(width, height) / (MOST_CELLS * (double)links));
  g->size[0] = (int64_t)(width / g->cell) + 1;
  g->size[1] = (int64_t)(height / g->cell) + 1;
  size_t cells = (size_t)(g->size[0] * g->size[1]);
  g->start = pa__allocate(&graph->allocator, cells + 1, sizeof *g->start);
  g->item = pa__allocate(&graph->allocator, links, sizeof *g->item);
  if (!g->start || !g->item) return PA_ERROR_MEMORY;
  for (size_t k = 0; k < links; k++) g->start[cell_of(g, receivers + 2 * pa__graph_link(graph, k)) + 1]++;
  for (size_t c = 0; c < cells; c++) g->start[c + 1] += g->start[c];
  for (size_t k = links; k-- > 0;) {
    int64_t c = cell_of(g, receivers + 2 * pa__graph_link(graph, k));
    g->item[--g->start[c + 1]] = (int32_t)k;
  }
  /* Each start[c + 1] has come down to where cell c begins. */
  for (size_t c = 0; c < cells; c++) g->start[c] = g->start[c + 1];
  g->start[cells] = (int64_t)links;
  return PA_OK;
}

/* Calls of what follows: cells within a cut-off of a transmitter. */
struct reach {
  int64_t from[2], to[2];
};

static struct reach reach_of(const struct grid *g, const double at[2], double cutoff) {
  struct reach r;
  for (int axis = 0; axis < 2; axis++) {
    int64_t from = cell_along(g, axis, at[axis] - cutoff), to = cell_along(g, axis, at[axis] + cutoff);
    r.from[axis] = from < 0 ? 0 : from;
    r.to[axis] = to >= g->size[axis] ? g->size[axis] - 1 : to;
  }
  return r;
}

/* At most so many edges, without a look at the links. */
static double most_edges(const struct grid *g, const pa_graph *graph, size_t owned, const double *transmitters,
                         double cutoff) {
  double most = 0;
  for (size_t k = 0; k < owned; k++) {
    struct reach r = reach_of(g, transmitters + 2 * pa__graph_link(graph, k), cutoff);
    most++;
    for (int64_t y = r.from[1]; y <= r.to[1]; y++)
      if (r.from[0] <= r.to[0])
        most += (double)(g->start[y * g->size[0] + r.to[0] + 1] - g->start[y * g->size[0] + r.from[0]]);
  }
  return most;
}

/* Receivers of row k, in any order if row is not NULL; returns how many. */
static size_t row_of(const struct grid *g, const pa_graph *graph, size_t k, const double *transmitters,
                     const double *receivers, double cutoff, int32_t *row) {
  const double *at = transmitters + 2 * pa__graph_link(graph, k);
  struct reach r = reach_of(g, at, cutoff);
  size_t count = 0;
  bool own = false;
  for (int64_t y = r.from[1]; y <= r.to[1] && r.from[0] <= r.to[0]; y++)
    for (int64_t e = g->start[y * g->size[0] + r.from[0]]; e < g->start[y * g->size[0] + r.to[0] + 1]; e++) {
      const double *there = receivers + 2 * pa__graph_link(graph, (size_t)g->item[e]);
      double dx = at[0] - there[0], dy = at[1] - there[1];
      if (!(dx * dx + dy * dy <= cutoff * cutoff)) continue;
      own |= (size_t)g->item[e] == k;
      if (row) row[count] = g->item[e];
      count++;
    }
  if (!own && row) row[count] = (int32_t)k;
  return count + !own;
}

static int compare_links(const void *a, const void *b) {
  int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
  return (x > y) - (x < y);
}

/* Short rows are of a few ascending runs. */
void pa__sort_row(int32_t *row, size_t count) {
  if (count > 200) {
    qsort(row, count, sizeof *row, compare_links);
    return;
  }
  for (size_t k = 1; k < count; k++) {
    int32_t x = row[k];
    size_t at = k;
    for (; at > 0 && row[at - 1] > x; at--) row[at] = row[at - 1];
    row[at] = x;
  }
}

static pa_status fill(pa_graph *graph, const struct grid *g, size_t owned, const double *transmitters,
                      const double *receivers, double cutoff) {
  size_t links = graph->pattern.links;
  double most = most_edges(g, graph, owned, transmitters, cutoff);
  if (most > (double)PTRDIFF_MAX / 64)
    return pa__fail(PA_ERROR_MEMORY, "a cut-off of %g leaves up to %g edges", cutoff, most);
  graph->offset[0] = 0;
  for (size_t k = 0; k < links; k++)
    graph->offset[k + 1] =
        graph->offset[k] + (int64_t)(k < owned ? row_of(g, graph, k, transmitters, receivers, cutoff, NULL) : 0);
  pa_status status = pa__graph_take_receivers(graph);
  for (size_t k = 0; k < owned && status == PA_OK; k++) {
    int32_t *row = graph->receiver + graph->offset[k];
    pa__sort_row(row, row_of(g, graph, k, transmitters, receivers, cutoff, row));
  }
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
  if (status == PA_OK) status = grid_create(&grid, graph, receivers, cutoff);
  if (status == PA_OK) status = fill(graph, &grid, owned, transmitters, receivers, cutoff);
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
