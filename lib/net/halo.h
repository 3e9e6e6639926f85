#ifndef POWALLOC_LIB_NET_HALO_H
#define POWALLOC_LIB_NET_HALO_H

#include "../la/halo.h"
#include "graph.h"

struct pa_halo {
  pa_allocator allocator;
  _Atomic(size_t) holders;
  const pa_graph *graph;
  size_t owned;
  pa__halo nodes;
  pa_free_fn free_user;
};

/* Shares a halo, until it is freed; NULL is fine. */
pa_halo *pa__halo_hold(pa_halo *halo);

/* The start of a collective call: the worst status of all ranks, each with its own so far, or an error unless all make
 * the same call, told by a number of it. */
pa_status pa__halo_open(pa_halo *halo, pa_status status, uint32_t call);
/* Its end, if that was no error: the worst of how it went. */
pa_status pa__halo_close(pa_halo *halo, pa_status status);

/* A number that tells calls apart, from one and the bytes that follow. */
uint32_t pa__halo_call(uint32_t call, const void *bytes, size_t count);

#endif
