/* The channel as the dense models see it. */
#ifndef POWALLOC_LIB_CHANNEL_INPUT_H
#define POWALLOC_LIB_CHANNEL_INPUT_H

#include "../la/la.h"
#include "../net/states.h"

/* What input k of [links][links] is: h_ij, or log(1 + h_ij^2 pmax_i / noise_j). h and out [rows][stride], `links`
 * columns, what is behind them 0; stride a multiple of the vector width. */
void pa__channel_input(const pa__la *la, const pa_states *states, int kind, size_t sample, size_t stride, double *out);

#endif
