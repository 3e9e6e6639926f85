/* Graphs of some rows of a larger network. */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

static pa_status check_rows(size_t owned, uint64_t first, uint64_t links, const int64_t *offset,
                            const int64_t *receiver) {
  if (!offset) return pa__fail(PA_ERROR_ARGUMENT, "offset is NULL");
  if (links < 1 || links > INT64_MAX)
    return pa__fail(PA_ERROR_ARGUMENT, "links is %llu, must be 1 to %lld", (unsigned long long)links,
                    (long long)INT64_MAX);
  if (first > links || links - first < owned)
    return pa__fail(PA_ERROR_ARGUMENT, "there are no %zu links from number %llu on in a network of %llu", owned,
                    (unsigned long long)first, (unsigned long long)links);
  if (offset[0] != 0) return pa__fail(PA_ERROR_ARGUMENT, "offset[0] is %lld, must be 0", (long long)offset[0]);
  for (size_t i = 0; i < owned; i++)
    if (offset[i + 1] < offset[i])
      return pa__fail(PA_ERROR_ARGUMENT, "offset[%zu] is %lld, less than %lld before it", i + 1,
                      (long long)offset[i + 1], (long long)offset[i]);
  if (!receiver && offset[owned] > 0) return pa__fail(PA_ERROR_ARGUMENT, "receiver is NULL");
  for (size_t i = 0; i < owned; i++)
    for (int64_t e = offset[i]; e < offset[i + 1]; e++) {
      if (receiver[e] < 0 || receiver[e] >= (int64_t)links)
        return pa__fail(PA_ERROR_ARGUMENT, "receiver[%lld] in row %zu is %lld, must be 0 to %lld", (long long)e, i,
                        (long long)receiver[e], (long long)(links - 1));
      if (e > offset[i] && receiver[e] <= receiver[e - 1])
        return pa__fail(PA_ERROR_ARGUMENT, "receiver[%lld] in row %zu is %lld after %lld: rows must ascend",
                        (long long)e, i, (long long)receiver[e], (long long)receiver[e - 1]);
    }
  return PA_OK;
}

static int compare(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* The rows' receivers outside of [first, end), each once, ascending; returns how many. */
static size_t find_ghosts(int64_t edges, const int64_t *receiver, int64_t first, int64_t end, int64_t *ghost) {
  size_t found = 0, count = 0;
  for (int64_t e = 0; e < edges; e++)
    if (receiver[e] < first || receiver[e] >= end) ghost[found++] = receiver[e];
  qsort(ghost, found, sizeof *ghost, compare);
  for (size_t k = 0; k < found; k++)
    if (count == 0 || ghost[k] != ghost[count - 1]) ghost[count++] = ghost[k];
  return count;
}

/* Ghosts that are less than a link. */
static size_t ghosts_before(const int64_t *ghost, size_t count, int64_t link) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (ghost[middle] < link)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Nodes are in the order of the network, so that rows ascend as the caller's: `lower` ghosts, owned links, ghosts. */
static pa_status fill(pa_graph *g, size_t owned, int64_t first, const int64_t *offset, const int64_t *receiver,
                      const int64_t *ghost, size_t ghosts) {
  size_t links = g->pattern.links, lower = ghosts_before(ghost, ghosts, first);
  int64_t end = first + (int64_t)owned;
  g->pattern.link = pa__allocate(&g->allocator, links, sizeof *g->pattern.link);
  g->ghost = pa__allocate(&g->allocator, ghosts, sizeof *ghost);
  if (!g->pattern.link || !g->ghost) return PA_ERROR_MEMORY;
  g->ghosts = ghosts;
  for (size_t k = 0; k < ghosts; k++) {
    g->ghost[k] = ghost[k];
    g->pattern.link[k < lower ? k : owned + k] = (int32_t)(owned + k);
  }
  for (size_t i = 0; i < owned; i++) g->pattern.link[lower + i] = (int32_t)i;
  for (size_t k = 0; k <= links; k++) g->offset[k] = offset[k < lower ? 0 : k - lower < owned ? k - lower : owned];
  pa_status status = pa__graph_take_receivers(g, (size_t)offset[owned]);
  for (int64_t e = 0; e < offset[owned] && status == PA_OK; e++) {
    int64_t j = receiver[e];
    size_t place = j >= first && j < end ? lower + (size_t)(j - first) : ghosts_before(ghost, ghosts, j);
    g->receiver[e] = (int32_t)(j < end ? place : owned + place);
  }
  return status;
}

pa_status pa_graph_create_rows(pa_graph **out, size_t owned, uint64_t first, uint64_t links, const int64_t *offset,
                               const int64_t *receiver, const pa_allocator *allocator) {
  pa_allocator memory;
  pa_graph *g = NULL;
  pa_status status = check_rows(owned, first, links, offset, receiver);
  if (status == PA_OK) status = pa__allocator_copy(&memory, allocator);
  if (status != PA_OK) return status;
  int64_t *ghost = pa__allocate(&memory, (size_t)offset[owned], sizeof *ghost);
  if (!ghost) return PA_ERROR_MEMORY;
  size_t ghosts = find_ghosts(offset[owned], receiver, (int64_t)first, (int64_t)(first + owned), ghost);
  status = pa__graph_begin(out ? &g : NULL, owned + ghosts > 0 ? owned + ghosts : 1, NULL, allocator);
  if (status == PA_OK) status = fill(g, owned, (int64_t)first, offset, receiver, ghost, ghosts);
  pa__release(&memory, ghost);
  if (status != PA_OK) {
    pa_graph_free(g);
    return status;
  }
  pa__graph_finish(g);
  *out = g;
  return PA_OK;
}

size_t pa_graph_ghost_count(const pa_graph *graph) { return graph ? graph->ghosts : 0; }

const int64_t *pa_graph_ghosts(const pa_graph *graph) { return graph ? graph->ghost : NULL; }
