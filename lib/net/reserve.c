/* Room for changes: the network is built again, with gaps between its rows. */
#include "../la/la.h"
#include "cells.h"
#include "change.h"

#include <math.h>
#include <string.h>

/* Slots a link that are not too many for any network. */
#define FEWEST 32

void pa__network_free_room(pa_network *n) {
  struct pa__room *r = n->room;
  if (!r) return;
  const pa_allocator *allocator = &n->allocator;
  void *const memory[] = {r->limit,  r->spare_receiver, r->spare_gain, r->row_of, r->free,
                          r->moving, r->before,         r->list,       r->row};
  for (size_t k = 0; k < sizeof memory / sizeof memory[0]; k++) pa__release(allocator, memory[k]);
  pa__nearby_free(&r->transmitters, allocator);
  pa__nearby_free(&r->receivers, allocator);
  pa__release(allocator, r);
}

static pa_status take_room(pa_network *n) {
  const pa_allocator *allocator = &n->allocator;
  struct pa__room *r = n->room = pa__allocate(allocator, 1, sizeof *r);
  if (!r) return PA_ERROR_MEMORY;
  pa_status status = pa__graph_begin(&r->graph, n->links, NULL, allocator);
  if (status != PA_OK) return status;
  pa_graph *g = r->graph;
  n->graph = g;
  g->pattern.link = pa__allocate(allocator, n->links, sizeof *g->pattern.link);
  g->pattern.end = g->end = pa__allocate(allocator, n->links, sizeof *g->end);
  r->limit = pa__allocate(allocator, n->links, sizeof *r->limit);
  r->row_of = pa__allocate(allocator, n->links, sizeof *r->row_of);
  r->free = pa__allocate(allocator, n->links, sizeof *r->free);
  r->moving = pa__allocate(allocator, n->links, sizeof *r->moving);
  r->before = pa__allocate(allocator, n->links, 4 * sizeof *r->before);
  r->list = pa__allocate(allocator, n->links, sizeof *r->list);
  r->row = pa__allocate(allocator, n->links, sizeof *r->row);
  if (!g->pattern.link || !g->end || !r->limit || !r->row_of || !r->free || !r->moving || !r->before || !r->list ||
      !r->row)
    return PA_ERROR_MEMORY;
  double cutoff = PA__VALUE(n, PA_NETWORK_CUTOFF);
  status = pa__nearby_create(&r->transmitters, n->transmitter_at, n->links, cutoff, allocator);
  if (status == PA_OK) status = pa__nearby_create(&r->receivers, n->receiver_at, n->links, cutoff, allocator);
  return status;
}

/* Without a number: twice as many as there would be if each link had as many edges as those that are there. */
static size_t choose_slots(size_t wanted, size_t edges, size_t links, size_t present) {
  if (wanted > 0) return wanted;
  double each = present > 0 ? ceil(2 * (double)edges / (double)present) : 0;
  double all = fmin(fmax(each, FEWEST), (double)links) * (double)links;
  return all < (double)PTRDIFF_MAX ? (size_t)all : PTRDIFF_MAX;
}

static pa_status take_slots(pa_network *n, size_t slots) {
  struct pa__room *r = n->room;
  pa_graph *g = r->graph;
  size_t gains = slots + pa__la_best()->width;
  if (slots > PTRDIFF_MAX / 64) return pa__fail(PA_ERROR_MEMORY, "%zu slots overflow the address space", slots);
  g->pattern.receiver = g->receiver = pa__allocate(&n->allocator, slots, sizeof *g->receiver);
  r->spare_receiver = pa__allocate(&n->allocator, slots, sizeof *r->spare_receiver);
  n->gain = pa__allocate(&n->allocator, gains, sizeof *n->gain);
  r->spare_gain = pa__allocate(&n->allocator, gains, sizeof *r->spare_gain);
  if (!g->receiver || !r->spare_receiver || !n->gain || !r->spare_gain) return PA_ERROR_MEMORY;
  for (size_t e = 0; e < slots; e++) g->receiver[e] = -1;
  g->pattern.slots = slots;
  g->offset[n->links] = (int64_t)slots;
  return PA_OK;
}

/* All that follows from positions, keys and room. */
static pa_status settle(pa_network *n, size_t slots) {
  pa_status status = take_room(n);
  if (status != PA_OK) return status;
  struct pa__room *r = n->room;
  pa__pattern *p = &r->graph->pattern;
  uint64_t *key = pa__allocate(&n->allocator, n->links, sizeof *key);
  if (!key) return PA_ERROR_MEMORY;
  pa__order_links(n->transmitter_at, n->links, key, p->link);
  pa__release(&n->allocator, key);
  r->wanted = slots;
  struct pa__change c = {.network = n};
  for (size_t row = 0; row < n->links; row++) {
    size_t i = (size_t)p->link[row];
    r->row_of[i] = (int32_t)row;
    if (!pa__is_there(n->transmitter_at + 2 * i)) continue;
    memcpy(r->before + 4 * c.count + 2, pa__nowhere, sizeof pa__nowhere);
    r->list[c.count++] = (int32_t)i;
    pa__nearby_put(&r->transmitters, i);
    pa__nearby_put(&r->receivers, i);
  }
  for (size_t i = n->links; i-- > 0;)
    if (!pa__is_there(n->transmitter_at + 2 * i)) r->free[r->free_count++] = (int32_t)i;
  p->absent = r->free_count;
  struct pa__tally t = pa__change_count(&c);
  slots = choose_slots(slots, t.gained, n->links, c.count);
  if ((status = pa__change_check_nearest(&c, &t)) != PA_OK ||
      (status = pa__change_check_room(slots, t.gained)) != PA_OK || (status = take_slots(n, slots)) != PA_OK)
    return status;
  pa__change_edges(&c);
  return PA_OK;
}

static void release(pa_network *n) {
  pa__graph_release(n->graph);
  pa__release(&n->allocator, n->gain);
  pa__release(&n->allocator, n->transmitter_at);
  pa__release(&n->allocator, n->receiver_at);
  pa__release(&n->allocator, n->noise);
  pa__release(&n->allocator, n->left_out);
  pa__network_free_room(n);
}

pa_status pa__network_make_room(pa_network *n, size_t links, size_t slots) {
  pa_network next = *n;
  const pa_allocator *allocator = &n->allocator;
  next.kind = PA__SPARSE_POSITIONS;
  next.links = next.links_min = next.receivers = links;
  next.graph = NULL;
  next.gain = NULL;
  next.room = NULL;
  next.left_out = next.heard = NULL;
  next.transmitter_at = pa__allocate(allocator, links, 2 * sizeof(double));
  next.receiver_at = pa__allocate(allocator, links, 2 * sizeof(double));
  next.noise = pa__allocate(allocator, links, 2 * sizeof(double));
  if (!next.transmitter_at || !next.receiver_at || !next.noise) {
    release(&next);
    return PA_ERROR_MEMORY;
  }
  next.limit = next.noise + links;
  for (size_t i = 0; i < links; i++) {
    bool old = i < n->links;
    memcpy(next.transmitter_at + 2 * i, old ? n->transmitter_at + 2 * i : pa__nowhere, sizeof pa__nowhere);
    memcpy(next.receiver_at + 2 * i, old ? n->receiver_at + 2 * i : pa__nowhere, sizeof pa__nowhere);
    next.noise[i] = n->noise[old ? i : n->links - 1];
    next.limit[i] = n->limit[old ? i : n->links - 1];
  }
  pa_status status = settle(&next, slots);
  if (status == PA_OK) status = pa__remainder_find(&next);
  if (status != PA_OK) {
    release(&next);
    return status;
  }
  ((pa_graph *)n->graph)->replaced = true;
  release(n);
  *n = next;
  return PA_OK;
}

pa_status pa_network_reserve(pa_network *network, size_t links, size_t slots) {
  if (!network) return pa__fail(PA_ERROR_ARGUMENT, "network is NULL");
  if (!network->graph || !network->transmitter_at)
    return pa__fail(PA_ERROR_ARGUMENT, "the network has no cut-off and no positions that could change");
  if (links < network->links)
    return pa__fail(PA_ERROR_ARGUMENT, "links is %zu, less than the %zu of the network", links, network->links);
  pa_status status = pa__graph_check_links(links);
  return status == PA_OK ? pa__network_make_room(network, links, slots) : status;
}
