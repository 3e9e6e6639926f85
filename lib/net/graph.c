#include "graph.h"

#include <math.h>
#include <string.h>

pa_status pa__graph_check_links(size_t links) {
  if (links > 0 && links <= INT32_MAX) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "links is %zu, must be 1 to %d", links, INT32_MAX);
}

/* Not so small that threads wait for each other more than they work. */
static size_t segment_of(size_t links) {
  enum { LEAST = 1024, UNIT = 64 };
  size_t equal = (links + PA__PATTERN_SEGMENTS - 1) / PA__PATTERN_SEGMENTS;
  return equal < LEAST ? LEAST : (equal + UNIT - 1) / UNIT * UNIT;
}

pa_status pa__graph_begin(pa_graph **out, size_t links, const int64_t *offset, const pa_allocator *allocator) {
  pa_graph *g = NULL;
  pa_status status = pa__graph_check_links(links);
  if (status == PA_OK) status = pa__handle_create(out ? (void *)&g : NULL, sizeof *g, allocator);
  if (status != PA_OK) return status;
  size_t blocks = (links + PA__PATTERN_ROWS - 1) / PA__PATTERN_ROWS;
  g->holders = 1;
  g->pattern.links = links;
  g->pattern.own = pa__allocate(&g->allocator, links, sizeof *g->pattern.own);
  g->pattern.segment = segment_of(links);
  g->pattern.reach = pa__allocate(&g->allocator, blocks, sizeof *g->pattern.reach);
  if (!offset) g->offset = pa__allocate(&g->allocator, links + 1, sizeof *g->offset);
  g->pattern.offset = offset ? offset : g->offset;
  if (g->pattern.offset) g->pattern.end = g->pattern.offset + 1;
  if (!g->pattern.own || !g->pattern.reach || !g->pattern.offset) {
    pa_graph_free(g);
    return PA_ERROR_MEMORY;
  }
  *out = g;
  return PA_OK;
}

uint64_t pa__graph_segments(const pa__pattern *p, const int32_t *receiver, size_t count) {
  uint64_t segments = 0;
  for (size_t k = 0, first = 1, last = 0; k < count; k++) {
    size_t j = (size_t)receiver[k];
    if (j >= first && j <= last) continue;
    first = j / p->segment * p->segment;
    last = first + p->segment - 1;
    segments |= (uint64_t)1 << j / p->segment;
  }
  return segments;
}

void pa__graph_reach(pa__pattern *p) {
  for (size_t b = 0; b * PA__PATTERN_ROWS < p->links; b++) p->reach[b] = 0;
  for (size_t i = 0; i < p->links; i++)
    p->reach[i / PA__PATTERN_ROWS] |=
        pa__graph_segments(p, p->receiver + p->offset[i], (size_t)(p->end[i] - p->offset[i]));
}

/* Where the direct channels are, and what blocks of rows reach. */
void pa__graph_finish(pa_graph *g) {
  pa__pattern *p = &g->pattern;
  p->edges = p->slots = (size_t)p->offset[p->links];
  for (size_t i = 0; i < p->links; i++) {
    size_t begin = (size_t)p->offset[i], end = (size_t)p->end[i], low = begin, high = end;
    while (low < high) {
      size_t middle = low + (high - low) / 2;
      if ((size_t)p->receiver[middle] < i)
        low = middle + 1;
      else
        high = middle;
    }
    p->own[i] = (int32_t)((low < end && (size_t)p->receiver[low] == i ? low : end) - begin);
  }
  pa__graph_reach(p);
}

static pa_status check_offsets(size_t links, const int64_t *offset) {
  if (offset[0] != 0) return pa__fail(PA_ERROR_ARGUMENT, "offset[0] is %lld, must be 0", (long long)offset[0]);
  for (size_t i = 0; i < links; i++) {
    if (offset[i + 1] < offset[i])
      return pa__fail(PA_ERROR_ARGUMENT, "offset[%zu] is %lld, less than %lld before it", i + 1,
                      (long long)offset[i + 1], (long long)offset[i]);
    if ((uint64_t)(offset[i + 1] - offset[i]) > links)
      return pa__fail(PA_ERROR_ARGUMENT, "row %zu has %lld edges, more than there are links", i,
                      (long long)(offset[i + 1] - offset[i]));
  }
  return PA_OK;
}

static pa_status check_receivers(size_t links, const int64_t *offset, const int32_t *receiver) {
  for (size_t i = 0; i < links; i++)
    for (int64_t e = offset[i]; e < offset[i + 1]; e++) {
      if (receiver[e] < 0 || (size_t)receiver[e] >= links)
        return pa__fail(PA_ERROR_ARGUMENT, "receiver[%lld] in row %zu is %d, must be 0 to %zu", (long long)e, i,
                        (int)receiver[e], links - 1);
      if (e > offset[i] && receiver[e] <= receiver[e - 1])
        return pa__fail(PA_ERROR_ARGUMENT, "receiver[%lld] in row %zu is %d, %s: rows must ascend", (long long)e, i,
                        (int)receiver[e], receiver[e] == receiver[e - 1] ? "twice" : "less than the one before it");
    }
  return PA_OK;
}

pa_status pa_graph_create(pa_graph **out, size_t links, const int64_t *offset, const int32_t *receiver,
                          const pa_allocator *allocator) {
  if (!offset || !receiver) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", offset ? "receiver" : "offset");
  pa_graph *g = NULL;
  pa_status status = pa__graph_begin(out ? &g : NULL, links, offset, allocator);
  if (status != PA_OK) return status;
  if ((status = check_offsets(links, offset)) != PA_OK ||
      (status = check_receivers(links, offset, receiver)) != PA_OK) {
    pa_graph_free(g);
    return status;
  }
  g->pattern.receiver = receiver;
  pa__graph_finish(g);
  *out = g;
  return PA_OK;
}

pa_status pa__graph_take_receivers(pa_graph *g, size_t edges) {
  g->receiver = pa__allocate(&g->allocator, edges, sizeof *g->receiver);
  g->pattern.receiver = g->receiver;
  return g->receiver ? PA_OK : PA_ERROR_MEMORY;
}

static pa_status check_matrix(size_t links, const double *h) {
  for (size_t k = 0; k < links * links; k++)
    if (!(h[k] >= 0 && isfinite(h[k])))
      return pa__fail(PA_ERROR_ARGUMENT, "h[%zu][%zu] is %g, must be finite and >= 0", k / links, k % links, h[k]);
  return PA_OK;
}

pa_status pa_graph_create_threshold(pa_graph **out, size_t links, const double *h, double least,
                                    const pa_allocator *allocator) {
  if (!h) return pa__fail(PA_ERROR_ARGUMENT, "h is NULL");
  if (!(least >= 0)) return pa__fail(PA_ERROR_ARGUMENT, "least is %g, must be >= 0", least);
  pa_graph *g = NULL;
  size_t elements;
  pa_status status = pa__channel_size(1, links, &elements);
  if (status == PA_OK) status = pa__graph_begin(out ? &g : NULL, links, NULL, allocator);
  if (status != PA_OK) return status;
  if ((status = check_matrix(links, h)) != PA_OK) goto fail;
  for (int fill = 0; fill < 2; fill++) {
    int64_t edges = 0;
    for (size_t i = 0; i < links; i++) {
      g->offset[i] = edges;
      for (size_t j = 0; j < links; j++) {
        double x = h[i * links + j];
        if (i != j && !(x >= least && x > 0)) continue;
        if (fill) g->receiver[edges] = (int32_t)j;
        edges++;
      }
    }
    g->offset[links] = edges;
    if (!fill && (status = pa__graph_take_receivers(g, (size_t)edges)) != PA_OK) goto fail;
  }
  pa__graph_finish(g);
  *out = g;
  return PA_OK;
fail:
  pa_graph_free(g);
  return status;
}

const pa_graph *pa__graph_hold(const pa_graph *graph) {
  if (graph) ((pa_graph *)graph)->holders++;
  return graph;
}

void pa__graph_release(const pa_graph *graph) { pa_graph_free((pa_graph *)graph); }

void pa_graph_free(pa_graph *graph) {
  if (!graph || --graph->holders > 0) return;
  pa_allocator allocator = graph->allocator;
  pa__release(&allocator, graph->pattern.own);
  pa__release(&allocator, graph->pattern.link);
  pa__release(&allocator, graph->pattern.reach);
  pa__release(&allocator, graph->offset);
  pa__release(&allocator, graph->end);
  pa__release(&allocator, graph->receiver);
  pa__release(&allocator, graph->ghost);
  pa__release(&allocator, graph);
}

size_t pa_graph_links(const pa_graph *graph) { return graph ? graph->pattern.links : 0; }

size_t pa_graph_edges(const pa_graph *graph) { return graph ? graph->pattern.edges : 0; }

size_t pa_graph_slots(const pa_graph *graph) { return graph ? graph->pattern.slots : 0; }

const int64_t *pa_graph_offset(const pa_graph *graph) { return graph ? graph->pattern.offset : NULL; }

const int64_t *pa_graph_end(const pa_graph *graph) { return graph ? graph->pattern.end : NULL; }

const int32_t *pa_graph_receiver(const pa_graph *graph) { return graph ? graph->pattern.receiver : NULL; }

const int32_t *pa_graph_order(const pa_graph *graph) { return graph ? graph->pattern.link : NULL; }

pa_status pa_graph_pick(const pa_graph *graph, const double *h, double *value, double *left_out) {
  if (!graph || !h || !value) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", !graph ? "graph" : !h ? "h" : "value");
  const pa__pattern *p = &graph->pattern;
  size_t n = p->links, elements;
  pa_status status = pa__channel_size(1, n, &elements);
  if (status == PA_OK) status = check_matrix(n, h);
  if (status != PA_OK) return status;
  for (size_t j = 0; left_out && j < n; j++) left_out[j] = 0;
  for (size_t e = 0; e < p->slots; e++) value[e] = 0;
  for (size_t k = 0; k < n; k++) {
    const double *row = h + pa__graph_link(graph, k) * n;
    int64_t e = p->offset[k];
    for (size_t c = 0; c < n; c++) {
      size_t j = pa__graph_link(graph, c);
      if (e < p->end[k] && (size_t)p->receiver[e] == c)
        value[e++] = row[j];
      else if (left_out)
        left_out[j] += row[j] * row[j];
    }
  }
  return PA_OK;
}
