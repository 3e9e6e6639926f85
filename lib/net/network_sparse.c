/* Networks whose channels end at a distance, or stand on the user's graph. */
#include "../base/random.h"
#include "../la/la.h"
#include "cells.h"
#include "network.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Path gains of the edges; room for a whole number of vectors. */
static double *take_gains(const pa_network *n, const pa_graph *graph) {
  return pa__allocate(&n->allocator, pa_graph_edges(graph) + pa__la_best()->width, sizeof(double));
}

/* max(distance, min_distance)^-exponent, as pa__path_gain() has it. */
static pa_status edge_gains(const pa_network *n, const pa_graph *graph, double *gain) {
  const pa__pattern *p = &graph->pattern;
  const pa__la *la = pa__la_best();
  double nearest = PA__VALUE(n, PA_NETWORK_MIN_DISTANCE), exponent = PA__VALUE(n, PA_NETWORK_PATH_LOSS_EXPONENT);
  size_t padded = (p->edges + la->width - 1) / la->width * la->width;
  for (size_t k = 0; k < p->links; k++)
    for (int64_t e = p->offset[k]; e < p->offset[k + 1]; e++) {
      size_t i = pa__graph_link(graph, k), j = pa__graph_link(graph, (size_t)p->receiver[e]);
      double squared = pa__squared_distance(n->transmitter_at + 2 * i, n->receiver_at + 2 * j);
      gain[e] = fmax(squared, nearest * nearest);
      if (!(gain[e] >= DBL_MIN))
        return pa__fail(PA_ERROR_ARGUMENT, "transmitter %zu stands on receiver %zu: min_distance must be > 0", i, j);
    }
  for (size_t e = p->edges; e < padded; e++) gain[e] = 1;
  la->log(padded, gain, gain);
  for (size_t e = 0; e < padded; e++) gain[e] *= -exponent / 2;
  la->exp(padded, gain, gain);
  for (size_t k = 0; k < p->links; k++)
    for (int64_t e = p->offset[k]; e < p->offset[k + 1]; e++)
      if (!(gain[e] <= DBL_MAX))
        return pa__fail(PA_ERROR_ARGUMENT, "transmitter %zu stands on receiver %zu: min_distance must be > 0",
                        pa__graph_link(graph, k), pa__graph_link(graph, (size_t)p->receiver[e]));
  return PA_OK;
}

pa_status pa__network_build_sparse(pa_network *n) {
  if (n->kind == PA__ON_GRAPH) return PA_OK;
  if (n->kind == PA__SPARSE_ADHOC)
    pa__drop_pairs(pa__random_key(n->seed, PA__STREAM_POSITIONS, 0), 0, 0, n->links, pa__network_box(n),
                   n->transmitter_at, n->receiver_at);
  pa_graph *graph;
  pa_status status = pa__graph_of_positions(&graph, n->links, n->transmitter_at, n->receiver_at,
                                            PA__VALUE(n, PA_NETWORK_CUTOFF), &n->allocator);
  if (status != PA_OK) return status;
  double *gain = take_gains(n, graph);
  status = gain ? edge_gains(n, graph, gain) : PA_ERROR_MEMORY;
  if (status != PA_OK) {
    pa__release(&n->allocator, gain);
    pa_graph_free(graph);
    return status;
  }
  pa__graph_release(n->graph);
  pa__release(&n->allocator, n->gain);
  n->graph = graph;
  n->gain = gain;
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
