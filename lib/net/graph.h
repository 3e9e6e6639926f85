#ifndef POWALLOC_LIB_GRAPH_H
#define POWALLOC_LIB_GRAPH_H

#include "../base/base.h"
#include "../la/pattern.h"

#include <powalloc/graph.h>

struct pa_graph {
  pa_allocator allocator;
  _Atomic(size_t) holders;
  pa__pattern pattern;
  int64_t *offset; /* the pattern's, if the graph owns them; NULL: the caller's */
  int32_t *receiver;
};

/* Shares a graph, until it is released; NULL is fine. */
const pa_graph *pa__graph_hold(const pa_graph *graph);
void pa__graph_release(const pa_graph *graph);

pa_status pa__graph_check_links(size_t links);
/* A graph that lacks its receivers, and its offsets if none are lent to it. */
pa_status pa__graph_begin(pa_graph **out, size_t links, const int64_t *offset, const pa_allocator *allocator);
/* Room for the receivers, once the graph's own offsets are known. */
pa_status pa__graph_take_receivers(pa_graph *graph);
/* What follows from offsets and receivers. */
void pa__graph_finish(pa_graph *graph);

/* The caller's link of a row. */
static inline size_t pa__graph_link(const pa_graph *graph, size_t row) {
  return graph->pattern.link ? (size_t)graph->pattern.link[row] : row;
}

#endif
