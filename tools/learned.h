/* The models that can be trained, made by options. */
#ifndef POWALLOC_TOOLS_LEARNED_H
#define POWALLOC_TOOLS_LEARNED_H

#include "options.h"

#include <powalloc/powalloc.h>

extern const option learned_table[]; /* --model, --from, --layers, --set, ... */

/* The model by the options, as its policy; for states of so many links; constrained: it is to learn under constraints
 * on its rewards. Ends the command if the options do not make one. */
pa_policy *learned_model(size_t links, bool constrained);
void learned_free(pa_policy *policy);

/* Whether it is of a kind that learns by probing a reward: REGNN, FCNN. */
bool learned_by_probing(const pa_policy *policy);

/* Sets the keys of --set that are a trainer's. */
void learned_set_trainer(pa_trainer *trainer);

#endif
