#ifndef POWALLOC_LIB_CELLS_H
#define POWALLOC_LIB_CELLS_H

#include "graph.h"

/* pa_graph_create_positions() with arguments that were checked. */
pa_status pa__graph_of_positions(pa_graph **out, size_t links, const double *transmitters, const double *receivers,
                                 double cutoff, const pa_allocator *allocator);

#endif
