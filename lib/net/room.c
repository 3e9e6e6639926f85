#include "room.h"

#include <math.h>
#include <string.h>

/* Room of a row beyond what it needs, as a part of that. */
#define SLACK .25

static void empty(int32_t *receiver, double *gain, int64_t begin, int64_t end) {
  for (int64_t e = begin; e < end; e++) receiver[e] = -1, gain[e] = 0;
}

static void put_row(const pa_network *n, size_t row, int64_t begin, int64_t end, int32_t *receiver, double *gain) {
  pa_graph *g = n->room->graph;
  size_t count = (size_t)(g->end[row] - g->offset[row]);
  memmove(receiver + begin, g->receiver + g->offset[row], count * sizeof *receiver);
  memmove(gain + begin, n->gain + g->offset[row], count * sizeof *gain);
  empty(receiver, gain, begin + (int64_t)count, end);
  g->offset[row] = begin;
  g->end[row] = begin + (int64_t)count;
  n->room->limit[row] = end;
}

/* All rows in order into the spare slots, which become the slots; half of what is left is room for rows, the other half
 * the tail. */
static void pack(pa_network *n, size_t grown, size_t need) {
  struct pa__room *r = n->room;
  pa_graph *g = r->graph;
  pa__pattern *p = &g->pattern;
  size_t total = p->edges + need - (size_t)(g->end[grown] - g->offset[grown]);
  double slack = fmin(SLACK, (double)(p->slots - total) / 2 / (double)(total + p->links));
  int64_t at = 0;
  for (size_t k = 0; k < p->links; k++) {
    size_t count = k == grown ? need : (size_t)(g->end[k] - g->offset[k]);
    int64_t end = at + (int64_t)(count + (size_t)(slack * (double)(count + 1)));
    put_row(n, k, at, end, r->spare_receiver, r->spare_gain);
    at = end;
  }
  r->tail = (size_t)at;
  empty(r->spare_receiver, r->spare_gain, at, (int64_t)p->slots);
  int32_t *receiver = g->receiver;
  double *gain = n->gain;
  p->receiver = g->receiver = r->spare_receiver;
  n->gain = r->spare_gain;
  r->spare_receiver = receiver;
  r->spare_gain = gain;
  pa__graph_reach(p);
}

static void make_room(pa_network *n, size_t row, size_t need) {
  struct pa__room *r = n->room;
  pa_graph *g = r->graph;
  if ((size_t)(r->limit[row] - g->offset[row]) >= need) return;
  size_t left = g->pattern.slots - r->tail, room = need + (size_t)(SLACK * (double)need) + 1;
  if (left < need) {
    pack(n, row, need);
    return;
  }
  int64_t begin = g->offset[row], end = g->end[row], to = (int64_t)r->tail;
  r->tail += room < left ? room : left;
  put_row(n, row, to, (int64_t)r->tail, g->receiver, n->gain);
  empty(g->receiver, n->gain, begin, end);
}

/* First edge of a row whose receiver is not less. */
static int64_t place_of(const pa_graph *g, size_t row, int32_t receiver) {
  int64_t low = g->offset[row], high = g->end[row];
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (g->receiver[middle] < receiver)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

int64_t pa__room_find(const pa_graph *g, size_t row, int32_t receiver) {
  int64_t at = place_of(g, row, receiver);
  return at < g->end[row] && g->receiver[at] == receiver ? at - g->offset[row] : -1;
}

/* What a block of rows reaches only grows, until rows are packed. */
static void widen(pa__pattern *p, size_t row, const int32_t *receiver, size_t count) {
  p->reach[row / PA__PATTERN_ROWS] |= pa__graph_segments(p, receiver, count);
}

void pa__room_clear(pa_network *n, size_t row) {
  pa_graph *g = n->room->graph;
  empty(g->receiver, n->gain, g->offset[row], g->end[row]);
  g->pattern.edges -= (size_t)(g->end[row] - g->offset[row]);
  g->end[row] = g->offset[row];
  g->pattern.own[row] = 0;
}

void pa__room_fill(pa_network *n, size_t row, const int32_t *receiver, size_t count) {
  pa_graph *g = n->room->graph;
  make_room(n, row, count);
  memcpy(g->receiver + g->offset[row], receiver, count * sizeof *receiver);
  g->end[row] = g->offset[row] + (int64_t)count;
  g->pattern.edges += count;
  g->pattern.own[row] = (int32_t)(place_of(g, row, (int32_t)row) - g->offset[row]);
  widen(&g->pattern, row, receiver, count);
}

void pa__room_insert(pa_network *n, size_t row, int32_t receiver, double gain) {
  pa_graph *g = n->room->graph;
  make_room(n, row, (size_t)(g->end[row] - g->offset[row]) + 1);
  int64_t at = place_of(g, row, receiver), end = g->end[row]++;
  memmove(g->receiver + at + 1, g->receiver + at, (size_t)(end - at) * sizeof *g->receiver);
  memmove(n->gain + at + 1, n->gain + at, (size_t)(end - at) * sizeof *n->gain);
  g->receiver[at] = receiver;
  n->gain[at] = gain;
  g->pattern.edges++;
  g->pattern.own[row] += receiver < (int32_t)row;
  widen(&g->pattern, row, &receiver, 1);
}

void pa__room_remove(pa_network *n, size_t row, int32_t receiver) {
  pa_graph *g = n->room->graph;
  int64_t place = pa__room_find(g, row, receiver);
  if (place < 0) return;
  int64_t at = g->offset[row] + place, end = --g->end[row];
  memmove(g->receiver + at, g->receiver + at + 1, (size_t)(end - at) * sizeof *g->receiver);
  memmove(n->gain + at, n->gain + at + 1, (size_t)(end - at) * sizeof *n->gain);
  empty(g->receiver, n->gain, end, end + 1);
  g->pattern.edges--;
  g->pattern.own[row] -= receiver < (int32_t)row;
}
