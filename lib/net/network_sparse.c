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

/* The gain of an edge that is none: says why. */
static pa_status refuse_edge(const pa_graph *graph, size_t edge, double squared) {
  const pa__pattern *p = &graph->pattern;
  size_t row = 0;
  while ((size_t)p->offset[row + 1] <= edge) row++;
  return pa__fail(PA_ERROR_ARGUMENT,
                  isfinite(squared) ? "transmitter %zu stands on receiver %zu: min_distance must be > 0"
                                    : "transmitter %zu and receiver %zu are infinitely far apart",
                  pa__graph_link(graph, row), pa__graph_link(graph, (size_t)p->receiver[edge]));
}

/* Edges whose gains are computed together; a multiple of every vector's width. */
enum { PART = 256 };

/* max(distance, min_distance)^-exponent of `count` edges from number `first` on. */
static pa_status part_gains(const pa_graph *graph, size_t first, size_t count, double *squared, double nearest,
                            double exponent, double *gain) {
  double part[PART];
  bool good = true;
  for (size_t e = count; e < PART; e++) squared[e] = 1;
  for (size_t e = 0; e < PART; e++) part[e] = squared[e] > nearest * nearest ? squared[e] : nearest * nearest;
  for (size_t e = 0; e < PART; e++) good &= part[e] >= DBL_MIN && squared[e] <= DBL_MAX;
  if (good) {
    of_squared(PART, part, exponent);
    for (size_t e = 0; e < PART; e++) good &= part[e] <= DBL_MAX;
  }
  if (good) memcpy(gain + first, part, count * sizeof *gain);
  for (size_t e = 0; e < count && !good; e++)
    if (!(part[e] >= DBL_MIN && squared[e] <= DBL_MAX && part[e] <= DBL_MAX))
      return refuse_edge(graph, first + e, squared[e]);
  return PA_OK;
}

/* As pa__path_gain() has them. */
static pa_status edge_gains(const pa_graph *graph, const double *transmitters, const double *receivers, double nearest,
                            double exponent, double *gain) {
  const pa__pattern *p = &graph->pattern;
  double squared[PART];
  size_t waiting = 0, done = 0;
  pa_status status = PA_OK;
  for (size_t k = 0; k < p->links && status == PA_OK; k++) {
    const double *from = transmitters + 2 * pa__graph_link(graph, k);
    for (size_t e = (size_t)p->offset[k]; e < (size_t)p->offset[k + 1] && status == PA_OK; e++) {
      squared[waiting++] = pa__squared_distance(from, receivers + 2 * pa__graph_link(graph, (size_t)p->receiver[e]));
      if (waiting < PART) continue;
      status = part_gains(graph, done, waiting, squared, nearest, exponent, gain);
      done += waiting;
      waiting = 0;
    }
  }
  return status == PA_OK ? part_gains(graph, done, waiting, squared, nearest, exponent, gain) : status;
}

pa_status pa_graph_path_gain(const pa_graph *graph, const double *transmitters, const double *receivers,
                             double min_distance, double exponent, double *gain) {
  if (!graph || !transmitters || !receivers || !gain)
    return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL",
                    !graph          ? "graph"
                    : !transmitters ? "transmitters"
                    : !receivers    ? "receivers"
                                    : "gain");
  pa_status status = pa__key_check(PA_NETWORK_MIN_DISTANCE, min_distance);
  if (status == PA_OK) status = pa__key_check(PA_NETWORK_PATH_LOSS_EXPONENT, exponent);
  return status == PA_OK ? edge_gains(graph, transmitters, receivers, min_distance, exponent, gain) : status;
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
  double *gain = take_gains(n, graph);
  status = gain ? edge_gains(graph, n->transmitter_at, n->receiver_at, PA__VALUE(n, PA_NETWORK_MIN_DISTANCE),
                             PA__VALUE(n, PA_NETWORK_PATH_LOSS_EXPONENT), gain)
                : PA_ERROR_MEMORY;
  pa_network next = *n;
  next.graph = graph;
  next.gain = gain;
  if (status == PA_OK) status = pa__remainder_find(&next);
  if (status != PA_OK) {
    pa__release(&n->allocator, gain);
    pa_graph_free(graph);
    return status;
  }
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
