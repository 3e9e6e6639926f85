#include "channels.h"

#include "command.h"
#include "options.h"

#include <stdlib.h>

bool channels_sparse(const char *path) { return ends_with(path, ".npz"); }

static channels load_sparse(const char *path) {
  channels c = {.batch = 0};
  must(pa_sparse_array_load(&c.sparse, path, NULL));
  c.batch = pa_sparse_array_batch(c.sparse);
  c.links = pa_sparse_array_rows(c.sparse);
  c.size = c.batch * pa_sparse_array_entries(c.sparse);
  c.h = pa_sparse_array_data(c.sparse);
  must(pa_graph_create(&c.graph, c.links, pa_sparse_array_indptr(c.sparse), pa_sparse_array_indices(c.sparse), NULL));
  return c;
}

channels channels_load(const char *path) {
  if (channels_sparse(path)) return load_sparse(path);
  channels c = {.batch = 1};
  must(pa_array_load(&c.full, path, NULL));
  size_t rank = pa_array_rank(c.full);
  c.size = pa_array_size(c.full);
  if ((rank != 2 && rank != 3) || pa_array_extent(c.full, rank - 1) != pa_array_extent(c.full, rank - 2) || c.size == 0)
    fail(EXIT_FAILED, "%s: channels must be [M,M] or [B,M,M], the array has %zu dimensions%s", path, rank,
         rank == 2 || rank == 3 ? " and is not square or empty" : "");
  if (rank == 3) c.batch = pa_array_extent(c.full, 0);
  c.links = pa_array_extent(c.full, rank - 1);
  c.h = pa_array_data(c.full);
  return c;
}

void channels_free(channels *c) {
  pa_graph_free(c->graph);
  pa_sparse_array_free(c->sparse);
  pa_array_free(c->full);
  *c = (channels){.batch = 0};
}

/* An edge of a row, by the caller's links. */
typedef struct entry {
  int32_t column;
  int64_t edge;
} entry;

static int by_column(const void *a, const void *b) {
  int32_t x = ((const entry *)a)->column, y = ((const entry *)b)->column;
  return (x > y) - (x < y);
}

static size_t link_of(const pa_graph *graph, size_t row) {
  const int32_t *order = pa_graph_order(graph);
  return order ? (size_t)order[row] : row;
}

/* Edges in the caller's order of links; edge [edges]: which of the graph's each is. */
static void put_in_order(const pa_graph *graph, int64_t *indptr, int32_t *indices, int64_t *edge) {
  size_t links = pa_graph_links(graph), *row_of = need(links, sizeof *row_of), at = 0;
  entry *row = need(links, sizeof *row);
  for (size_t k = 0; k < links; k++) row_of[link_of(graph, k)] = k;
  for (size_t i = 0; i < links; i++) {
    const int64_t *bounds = pa_graph_offset(graph) + row_of[i];
    size_t count = (size_t)(bounds[1] - bounds[0]);
    for (size_t k = 0; k < count; k++) {
      int64_t e = bounds[0] + (int64_t)k;
      row[k] = (entry){(int32_t)link_of(graph, (size_t)pa_graph_receiver(graph)[e]), e};
    }
    qsort(row, count, sizeof *row, by_column);
    for (size_t k = 0; k < count; k++, at++) {
      indices[at] = row[k].column;
      edge[at] = row[k].edge;
    }
    indptr[i + 1] = (int64_t)at;
  }
  free(row);
  free(row_of);
}

static void save_sparse(const char *path, const pa_states *states, const pa_graph *graph) {
  size_t batch = pa_states_batch(states), links = pa_graph_links(graph), edges = pa_graph_edges(graph);
  int64_t *indptr = need(links + 1, sizeof *indptr), *edge = need(edges, sizeof *edge);
  int32_t *indices = need(edges, sizeof *indices);
  double *data = need(batch * edges, sizeof *data);
  put_in_order(graph, indptr, indices, edge);
  for (size_t b = 0; b < batch; b++)
    for (size_t e = 0; e < edges; e++) data[b * edges + e] = pa_states_channel(states)[b * edges + (size_t)edge[e]];
  must(pa_sparse_array_save(path, batch, links, indptr, indices, data));
  free(data);
  free(indices);
  free(edge);
  free(indptr);
}

void channels_save(const char *path, const pa_states *states) {
  const pa_graph *graph = pa_states_graph(states);
  size_t links = pa_states_links(states);
  if (graph)
    save_sparse(path, states, graph);
  else
    must(pa_array_save(path, 3, (const size_t[]){pa_states_batch(states), links, links}, pa_states_channel(states)));
}
