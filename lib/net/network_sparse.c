/* Networks whose channels end at a distance, or stand on the user's graph. */
#include "../base/random.h"
#include "../la/la.h"
#include "cells.h"
#include "room.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Path gains of the edges; room for a whole number of vectors. */
static double *take_gains(const pa_network *n, const pa_graph *graph) {
  return pa__allocate(&n->allocator, pa_graph_edges(graph) + pa__la_best()->width, sizeof(double));
}

/* Path gains of squared distances, of a whole number of vectors. */
static void of_squared(size_t count, double *gain, double exponent) {
  const pa__la *la = pa__la_best();
  la->log(count, gain, gain);
  for (size_t e = 0; e < count; e++) gain[e] *= -exponent / 2;
  la->exp(count, gain, gain);
}

void pa__network_edge_gains(const pa_network *n, size_t count, double *gain) {
  of_squared(count, gain, PA__VALUE(n, PA_NETWORK_PATH_LOSS_EXPONENT));
}

/* Edges whose gains are computed together; a multiple of every vector's width. */
enum { PART = 256 };

static double squared_of_edge(const pa_graph *graph, size_t row, int64_t edge, const double *transmitters,
                              const double *receivers) {
  return pa__squared_distance(transmitters + 2 * pa__graph_link(graph, row),
                              receivers + 2 * pa__graph_link(graph, (size_t)graph->pattern.receiver[edge]));
}

/* Fails unless all edges have a finite gain. */
static pa_status check_edges(const pa_graph *graph, const double *transmitters, const double *receivers, double nearest,
                             double exponent) {
  const pa__pattern *p = &graph->pattern;
  double shortest = INFINITY, gain[PART];
  size_t from = 0, to = 0;
  for (size_t k = 0; k < p->links; k++)
    for (int64_t e = p->offset[k]; e < p->offset[k + 1]; e++) {
      double squared = squared_of_edge(graph, k, e, transmitters, receivers);
      size_t j = (size_t)p->receiver[e];
      if (!(squared <= DBL_MAX))
        return pa__fail(PA_ERROR_ARGUMENT, "the distance from transmitter %zu to receiver %zu is %g, must be finite",
                        pa__graph_link(graph, k), pa__graph_link(graph, j), sqrt(squared));
      if (squared >= shortest) continue;
      shortest = squared;
      from = k;
      to = j;
    }
  for (size_t e = 0; e < PART; e++) gain[e] = fmax(shortest, nearest * nearest);
  bool apart = gain[0] >= DBL_MIN;
  if (apart && shortest < INFINITY) of_squared(PART, gain, exponent);
  if (apart && (gain[0] <= DBL_MAX || shortest == INFINITY)) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "transmitter %zu stands on receiver %zu: min_distance must be > 0",
                  pa__graph_link(graph, from), pa__graph_link(graph, to));
}

/* max(distance, min_distance)^-exponent, as pa__path_gain() has it, of edges that passed the check. */
static void edge_gains(const pa_graph *graph, const double *transmitters, const double *receivers, double nearest,
                       double exponent, double *gain) {
  const pa__pattern *p = &graph->pattern;
  double part[PART];
  size_t waiting = 0;
  for (size_t k = 0; k < p->links; k++)
    for (int64_t e = p->offset[k]; e < p->offset[k + 1]; e++) {
      double squared = squared_of_edge(graph, k, e, transmitters, receivers);
      part[waiting++] = squared > nearest * nearest ? squared : nearest * nearest;
      if (waiting < PART && e + 1 < p->offset[p->links]) continue;
      for (size_t rest = waiting; rest < PART; rest++) part[rest] = 1;
      of_squared(PART, part, exponent);
      memcpy(gain + e + 1 - waiting, part, waiting * sizeof *gain);
      waiting = 0;
    }
}

pa_status pa_graph_path_gain(const pa_graph *graph, const double *transmitters, const double *receivers,
                             double min_distance, double exponent, double *gain) {
  if (!graph || !transmitters || !receivers || !gain)
    return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL",
                    !graph          ? "graph"
                    : !transmitters ? "transmitters"
                    : !receivers    ? "receivers"
                                    : "gain");
  if (graph->end)
    return pa__fail(PA_ERROR_ARGUMENT, "the graph is of a network that can change it: see pa_network_path_gain()");
  pa_status status = pa__key_check(PA_NETWORK_MIN_DISTANCE, min_distance);
  if (status == PA_OK) status = pa__key_check(PA_NETWORK_PATH_LOSS_EXPONENT, exponent);
  if (status == PA_OK) status = check_edges(graph, transmitters, receivers, min_distance, exponent);
  if (status == PA_OK) edge_gains(graph, transmitters, receivers, min_distance, exponent, gain);
  return status;
}

void pa__network_drop(pa_network *n) {
  if (n->kind == PA__SPARSE_ADHOC)
    pa__drop_pairs(pa__random_key(n->seed, PA__STREAM_POSITIONS, 0), 0, 0, n->links, pa__network_box(n),
                   n->transmitter_at, n->receiver_at);
}

pa_status pa__network_build_sparse(pa_network *n) {
  if (n->kind == PA__ON_GRAPH) return PA_OK;
  if (n->room) return pa__network_make_room(n, n->links, n->room->wanted);
  pa__network_drop(n);
  pa_graph *graph;
  pa_status status = pa__graph_of_positions(&graph, n->links, n->links, n->transmitter_at, n->receiver_at,
                                            PA__VALUE(n, PA_NETWORK_CUTOFF), &n->allocator);
  if (status != PA_OK) return status;
  double *gain = take_gains(n, graph), nearest = PA__VALUE(n, PA_NETWORK_MIN_DISTANCE),
         exponent = PA__VALUE(n, PA_NETWORK_PATH_LOSS_EXPONENT);
  status = gain ? check_edges(graph, n->transmitter_at, n->receiver_at, nearest, exponent) : PA_ERROR_MEMORY;
  if (status == PA_OK) edge_gains(graph, n->transmitter_at, n->receiver_at, nearest, exponent, gain);
  pa_network next = *n;
  next.graph = graph;
  next.gain = gain;
  if (status == PA_OK) status = pa__remainder_find(&next);
  if (status != PA_OK) {
    pa__release(&n->allocator, gain);
    pa_graph_free(graph);
    return status;
  }
  if (n->graph) ((pa_graph *)n->graph)->replaced = true;
  pa__graph_release(n->graph);
  pa__release(&n->allocator, n->gain);
  pa__release(&n->allocator, n->left_out);
  *n = next;
  return PA_OK;
}

static pa_status build_or_free(pa_network **out, pa_network *n) {
  pa_status status = pa__network_build_sparse(n);
  if (status == PA_OK)
    *out = n;
  else
    pa_network_free(n);
  return status;
}

pa_status pa_network_create_sparse_adhoc(pa_network **out, size_t links, size_t reference, double cutoff, uint64_t seed,
                                         const pa_allocator *allocator) {
  if (reference == 0) return pa__fail(PA_ERROR_ARGUMENT, "reference is 0, must be at least 1");
  pa_status status = pa__key_check(PA_NETWORK_REFERENCE_LINKS, (double)reference);
  if (status == PA_OK) status = pa__key_check(PA_NETWORK_CUTOFF, cutoff);
  pa_network *n = NULL;
  if (status == PA_OK)
    status = pa__network_create(out ? &n : NULL, PA__SPARSE_ADHOC, links, links, links, seed, allocator);
  if (status != PA_OK) return status;
  PA__VALUE(n, PA_NETWORK_REFERENCE_LINKS) = (double)reference;
  PA__VALUE(n, PA_NETWORK_CUTOFF) = cutoff;
  return build_or_free(out, n);
}

pa_status pa_network_create_sparse_positions(pa_network **out, size_t links, const double *transmitters,
                                             const double *receivers, double min_distance, double cutoff, uint64_t seed,
                                             const pa_allocator *allocator) {
  pa_status status = pa__key_check(PA_NETWORK_MIN_DISTANCE, min_distance);
  if (status == PA_OK) status = pa__key_check(PA_NETWORK_CUTOFF, cutoff);
  pa_network *n = NULL;
  if (status == PA_OK)
    status = pa__network_create(out ? &n : NULL, PA__SPARSE_POSITIONS, links, links, links, seed, allocator);
  if (status != PA_OK) return status;
  if ((status = pa__positions_check("transmitters", transmitters, links)) != PA_OK ||
      (status = pa__positions_check("receivers", receivers, links)) != PA_OK) {
    pa_network_free(n);
    return status;
  }
  memcpy(n->transmitter_at, transmitters, links * 2 * sizeof(double));
  memcpy(n->receiver_at, receivers, links * 2 * sizeof(double));
  PA__VALUE(n, PA_NETWORK_MIN_DISTANCE) = min_distance;
  PA__VALUE(n, PA_NETWORK_CUTOFF) = cutoff;
  return build_or_free(out, n);
}

pa_status pa_network_create_graph(pa_network **out, const pa_graph *graph, const double *path_gain, uint64_t seed,
                                  const pa_allocator *allocator) {
  if (!graph || !path_gain) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", graph ? "path_gain" : "graph");
  if (graph->end) return pa__fail(PA_ERROR_ARGUMENT, "the graph is of a network that can change it");
  size_t links = graph->pattern.links, edges = graph->pattern.edges;
  pa_network *n = NULL;
  pa_status status = pa__network_create(out ? &n : NULL, PA__ON_GRAPH, links, links, links, seed, allocator);
  if (status != PA_OK) return status;
  n->graph = pa__graph_hold(graph);
  if (!(n->gain = take_gains(n, graph))) status = PA_ERROR_MEMORY;
  for (size_t e = 0; e < edges && status == PA_OK; e++)
    if (!(path_gain[e] >= 0 && path_gain[e] <= DBL_MAX))
      status = pa__fail(PA_ERROR_ARGUMENT, "path_gain[%zu] is %g, must be finite and >= 0", e, path_gain[e]);
  if (status != PA_OK) {
    pa_network_free(n);
    return status;
  }
  memcpy(n->gain, path_gain, edges * sizeof(double));
  *out = n;
  return PA_OK;
}
