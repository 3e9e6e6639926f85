#ifndef POWALLOC_LIB_NETWORK_H
#define POWALLOC_LIB_NETWORK_H

#include "states.h"

#include <powalloc/network.h>

/* Draws that share a topology come in groups; a draw's group is first / pa__network_group(). */
size_t pa__network_group(const pa_network *network);

/* Doubles of scratch that pa__network_sample() needs. */
size_t pa__network_scratch(const pa_network *network);

/* Draws first .. first + count - 1 of a stream, all in one group: channels h [count][links][links] in a precision, each
 * of which has draws of its own; returns links. */
size_t pa__network_sample(const pa_network *network, int precision, uint64_t stream, uint64_t first, size_t count,
                          void *h, double *scratch);

/* The network's noise and power limits [links of the network]. */
const double *pa__network_noise(const pa_network *network);
const double *pa__network_limit(const pa_network *network);

/* true if states are drawn by the user's callback, on the thread that called the library, by pa__network_ask() alone:
 * h [batch][links][links] and x [batch][links][features]; a status > 0 ends what it was asked for. */
bool pa__network_asks(const pa_network *network);
pa_status pa__network_ask(const pa_network *network, uint64_t stream, uint64_t first, size_t batch, double *h,
                          double *x);

#endif
