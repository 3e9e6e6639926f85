#ifndef POWALLOC_LIB_CELLS_H
#define POWALLOC_LIB_CELLS_H

#include "graph.h"

/* pa_graph_create_positions_part() with arguments that were checked. */
pa_status pa__graph_of_positions(pa_graph **out, size_t owned, size_t links, const double *transmitters,
                                 const double *receivers, double cutoff, const pa_allocator *allocator);

/* order[row]: the link of each row, along a Hilbert curve; those whose position is NaN come last. key is scratch
 * [links]. */
void pa__order_links(const double *at, size_t links, uint64_t *key, int32_t *order);

/* A row's receivers ascend. */
void pa__sort_row(int32_t *row, size_t count);

#endif
