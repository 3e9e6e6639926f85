/* The part of a network that a rank has: which nodes it shares with others, and how their numbers get there. */
#ifndef POWALLOC_LIB_LA_HALO_H
#define POWALLOC_LIB_LA_HALO_H

#include <powalloc/halo.h>
#include <stdbool.h>

/* Numbers of a node that go at once. */
enum { PA__HALO_COLUMNS = 8 };

/* Nodes that are shared with the neighbours: of neighbour k number first[k], ..., first[k + 1] - 1. */
typedef struct pa__border {
  size_t *first; /* [neighbours + 1] */
  int32_t *node; /* [first[neighbours]], */
  int32_t *link; /* and the caller's links */
} pa__border;

typedef struct pa__halo {
  size_t begin, end; /* the nodes owned: begin, ..., end - 1 */
  uint64_t first;    /* number of the first owned link in the whole network */
  pa__border shared; /* owned, which neighbours have as ghosts */
  pa__border ghosts;
  size_t neighbours;
  void *send, *receive; /* [nodes of the larger border][PA__HALO_COLUMNS] doubles */
  pa_exchange_fn exchange;
  pa_sum_fn sum;
  void *user;
  bool failed; /* the transport, since the call began */
} pa__halo;

/* Numbers c < columns of node (or link) i, of `bytes` bytes, a float or a double, stand at i * step + c * stride. */
typedef struct pa__numbers {
  void *at;
  size_t bytes, columns, step, stride;
} pa__numbers;

/* Ghosts get the numbers of their owners, nodes or the caller's links. */
void pa__halo_refresh(pa__halo *halo, pa__numbers x);
void pa__halo_refresh_links(pa__halo *halo, pa__numbers x);
/* Owners add the numbers of their ghosts, neighbour by neighbour. */
void pa__halo_collect(pa__halo *halo, pa__numbers x);
/* Sums over all ranks, not a number if they could not be made. */
void pa__halo_sum(pa__halo *halo, double *x, size_t count);

#endif
