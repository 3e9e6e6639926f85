#ifndef POWALLOC_LIB_GRAPH_H
#define POWALLOC_LIB_GRAPH_H

#include "../base/base.h"
#include "../la/pattern.h"

#include <powalloc/graph.h>

struct pa_graph {
  pa_allocator allocator;
  _Atomic(size_t) holders;
  pa__pattern pattern;
  int64_t *offset, *end; /* the pattern's, if the graph owns them; NULL: the caller's, and behind each other's offset */
  int32_t *receiver;
  uint64_t version; /* changes that a network has made to the graph */
  bool replaced;    /* the network has another one now */
  int64_t *ghost;   /* [ghosts] links of a larger network, ascending; NULL: the graph is not of rows */
  size_t ghosts;
};

/* Shares a graph, until it is released; NULL is fine. */
const pa_graph *pa__graph_hold(const pa_graph *graph);
void pa__graph_release(const pa_graph *graph);

pa_status pa__graph_check_links(size_t links);
/* A graph that lacks its receivers, and its offsets if none are lent to it. */
pa_status pa__graph_begin(pa_graph **out, size_t links, const int64_t *offset, const pa_allocator *allocator);
/* Room for the receivers. */
pa_status pa__graph_take_receivers(pa_graph *graph, size_t edges);
/* What follows from offsets and receivers. */
void pa__graph_finish(pa_graph *graph);

/* The segments of the pattern that some receivers are in, a bit each. */
uint64_t pa__graph_segments(const pa__pattern *pattern, const int32_t *receiver, size_t count);
/* What each block of rows reaches. */
void pa__graph_reach(pa__pattern *pattern);

/* The caller's link of a row. */
static inline size_t pa__graph_link(const pa_graph *graph, size_t row) {
  return graph->pattern.link ? (size_t)graph->pattern.link[row] : row;
}

#endif
