/* Links of a network join, leave and move: who hears them and whom they hear is found again, all else stays. */
#include "change.h"

#include "cells.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Path gains that are computed together; a whole number of vectors. */
enum { TOGETHER = 64 };

const double pa__nowhere[2] = {NAN, NAN};

static double *transmitter(const pa_network *n, size_t i) { return n->transmitter_at + 2 * i; }

static double *receiver(const pa_network *n, size_t i) { return n->receiver_at + 2 * i; }

static void stand(pa_network *n, size_t i, const double transmitter_at[2], const double receiver_at[2]) {
  struct pa__room *r = n->room;
  if (pa__is_there(transmitter(n, i))) {
    pa__nearby_take(&r->transmitters, i);
    pa__nearby_take(&r->receivers, i);
  }
  memcpy(transmitter(n, i), transmitter_at, 2 * sizeof(double));
  memcpy(receiver(n, i), receiver_at, 2 * sizeof(double));
  if (pa__is_there(transmitter_at)) {
    pa__nearby_put(&r->transmitters, i);
    pa__nearby_put(&r->receivers, i);
  }
}

/* ---- what a change does to the edges ---- */

static bool hears(const pa_network *n, size_t from, size_t to, double *squared) {
  double cutoff = PA__VALUE(n, PA_NETWORK_CUTOFF);
  *squared = pa__squared_distance(transmitter(n, from), receiver(n, to));
  return *squared <= cutoff * cutoff;
}

static void gain_edge(struct pa__tally *t, size_t from, size_t to, double squared) {
  t->gained++;
  if (squared < t->nearest) *t = (struct pa__tally){t->lost, t->gained, squared, from, to};
}

/* The row of link i, in any order, into the room's row; returns its edges. */
static size_t gather(const pa_network *n, size_t i, struct pa__tally *t) {
  size_t count = 0, j;
  double squared;
  hears(n, i, i, &squared);
  gain_edge(t, i, i, squared);
  n->room->row[count++] = n->room->row_of[i];
  for (pa__nearby_walk w = pa__nearby_around(&n->room->receivers, transmitter(n, i)); pa__nearby_next(&w, &j);) {
    if (i == j || !hears(n, i, j, &squared)) continue;
    gain_edge(t, i, j, squared);
    n->room->row[count++] = n->room->row_of[j];
  }
  return count;
}

/* The next link that stays. */
static bool next_staying(const pa_network *n, pa__nearby_walk *w, size_t *j) {
  while (pa__nearby_next(w, j))
    if (!n->room->moving[*j]) return true;
  return false;
}

struct pa__tally pa__change_count(const struct pa__change *c) {
  const pa_network *n = c->network;
  const struct pa__room *r = n->room;
  struct pa__tally t = {.nearest = INFINITY};
  double squared;
  for (size_t k = 0; k < c->count; k++) {
    size_t i = (size_t)r->list[k], row = (size_t)r->row_of[i], j;
    const double *before = r->before + 4 * k + 2;
    t.lost += (size_t)(r->graph->end[row] - r->graph->offset[row]);
    if (c->others > 0 && pa__is_there(before))
      for (pa__nearby_walk w = pa__nearby_around(&r->transmitters, before); next_staying(n, &w, &j);)
        t.lost += pa__room_find(r->graph, (size_t)r->row_of[j], (int32_t)row) >= 0;
    if (!pa__is_there(receiver(n, i))) continue;
    gather(n, i, &t);
    if (c->others > 0)
      for (pa__nearby_walk w = pa__nearby_around(&r->transmitters, receiver(n, i)); next_staying(n, &w, &j);)
        if (hears(n, j, i, &squared)) gain_edge(&t, j, i, squared);
  }
  return t;
}

/* What errors call link i: its number, or its place in the call if it joins. */
static size_t name_of(const struct pa__change *c, size_t i, const char **where) {
  *where = "";
  for (size_t k = 0; c->joins && k < c->count; k++) {
    if ((size_t)c->network->room->list[k] != i) continue;
    *where = " of the call";
    return k;
  }
  return i;
}

pa_status pa__change_check_nearest(const struct pa__change *c, const struct pa__tally *t) {
  const pa_network *n = c->network;
  const char *from_where, *to_where;
  if (t->nearest == INFINITY) return PA_OK;
  double nearest = PA__VALUE(n, PA_NETWORK_MIN_DISTANCE), gain[TOGETHER];
  for (size_t k = 0; k < TOGETHER; k++) gain[k] = fmax(t->nearest, nearest * nearest);
  bool apart = gain[0] >= DBL_MIN;
  if (apart) pa__network_edge_gains(n, TOGETHER, gain);
  if (apart && gain[0] <= DBL_MAX) return PA_OK;
  size_t from = name_of(c, t->from, &from_where), to = name_of(c, t->to, &to_where);
  return pa__fail(PA_ERROR_ARGUMENT, "transmitter %zu%s stands on receiver %zu%s: min_distance must be > 0", from,
                  from_where, to, to_where);
}

pa_status pa__change_check_room(size_t slots, size_t edges) {
  if (edges <= slots) return PA_OK;
  return pa__fail(PA_ERROR_STATE, "there is room for %zu edges, %zu are needed: see pa_network_reserve()", slots,
                  edges);
}

/* ---- the edges ---- */

static void row_gains(pa_network *n, size_t i) {
  const pa_graph *g = n->room->graph;
  size_t row = (size_t)n->room->row_of[i];
  double nearest = PA__VALUE(n, PA_NETWORK_MIN_DISTANCE), gain[TOGETHER];
  for (int64_t e = g->offset[row]; e < g->end[row]; e += TOGETHER) {
    size_t left = (size_t)(g->end[row] - e), count = left < TOGETHER ? left : TOGETHER;
    for (size_t k = 0; k < TOGETHER; k++) {
      size_t j = pa__graph_link(g, (size_t)g->receiver[e + (int64_t)(k < count ? k : 0)]);
      gain[k] = fmax(pa__squared_distance(transmitter(n, i), receiver(n, j)), nearest * nearest);
    }
    pa__network_edge_gains(n, TOGETHER, gain);
    memcpy(n->gain + e, gain, count * sizeof *gain);
  }
}

/* Link i's receiver into the rows of the transmitters that stay. */
static void insert_column(pa_network *n, size_t i) {
  const struct pa__room *r = n->room;
  double nearest = PA__VALUE(n, PA_NETWORK_MIN_DISTANCE), gain[TOGETHER], squared;
  size_t from[TOGETHER], count = 0, j;
  pa__nearby_walk w = pa__nearby_around(&r->transmitters, receiver(n, i));
  for (bool more = true; more;) {
    more = next_staying(n, &w, &j);
    if (more && hears(n, j, i, &squared)) {
      from[count] = j;
      gain[count++] = fmax(squared, nearest * nearest);
    }
    if (more && count < TOGETHER) continue;
    for (size_t k = count; k < TOGETHER; k++) gain[k] = 1;
    pa__network_edge_gains(n, TOGETHER, gain);
    for (size_t k = 0; k < count; k++) pa__room_insert(n, (size_t)r->row_of[from[k]], r->row_of[i], gain[k]);
    count = 0;
  }
}

void pa__change_edges(const struct pa__change *c) {
  pa_network *n = c->network;
  struct pa__room *r = n->room;
  struct pa__tally unused = {0};
  size_t j;
  for (size_t k = 0; k < c->count; k++) {
    size_t row = (size_t)r->row_of[r->list[k]];
    const double *before = r->before + 4 * k + 2;
    pa__room_clear(n, row);
    if (c->others > 0 && pa__is_there(before))
      for (pa__nearby_walk w = pa__nearby_around(&r->transmitters, before); next_staying(n, &w, &j);)
        pa__room_remove(n, (size_t)r->row_of[j], (int32_t)row);
  }
  for (size_t k = 0; k < c->count; k++) {
    size_t i = (size_t)r->list[k];
    if (!pa__is_there(receiver(n, i))) continue;
    size_t count = gather(n, i, &unused);
    pa__sort_row(r->row, count);
    pa__room_fill(n, (size_t)r->row_of[i], r->row, count);
    row_gains(n, i);
    if (c->others > 0) insert_column(n, i);
  }
  r->graph->version++;
}

void pa__change_end(const struct pa__change *c) {
  for (size_t k = 0; k < c->count; k++) c->network->room->moving[c->network->room->list[k]] = false;
}

pa_status pa__change_run(const struct pa__change *c, const double *transmitters, const double *receivers) {
  pa_network *n = c->network;
  struct pa__room *r = n->room;
  for (size_t k = 0; k < c->count; k++) {
    size_t i = (size_t)r->list[k];
    double *before = r->before + 4 * k;
    memcpy(before, transmitter(n, i), 2 * sizeof(double));
    memcpy(before + 2, receiver(n, i), 2 * sizeof(double));
    bool leaves = !transmitters && !receivers;
    stand(n, i,
          transmitters ? transmitters + 2 * k
          : leaves     ? pa__nowhere
                       : before,
          receivers ? receivers + 2 * k
          : leaves  ? pa__nowhere
                    : before + 2);
  }
  struct pa__tally t = pa__change_count(c);
  pa_status status = pa__change_check_nearest(c, &t);
  if (status == PA_OK)
    status = pa__change_check_room(r->graph->pattern.slots, r->graph->pattern.edges - t.lost + t.gained);
  if (status == PA_OK)
    pa__change_edges(c);
  else
    for (size_t k = 0; k < c->count; k++) stand(n, (size_t)r->list[k], r->before + 4 * k, r->before + 4 * k + 2);
  pa__change_end(c);
  return status;
}
