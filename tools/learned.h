/* The models that can be trained: made by options, saved as files. */
#ifndef POWALLOC_TOOLS_LEARNED_H
#define POWALLOC_TOOLS_LEARNED_H

#include "options.h"

#include <powalloc/powalloc.h>

extern const option learned_table[]; /* --model, --from, --layers, --set, ... */

typedef struct learned {
  pa_uwmmse *uwmmse; /* one of the two */
  pa_regnn *regnn;
  pa_policy *policy; /* borrowed from it */
} learned;

/* The model by the options; constrained: it is to learn under constraints on its rewards. Ends the command if the
 * options do not make one. */
learned learned_model(bool constrained);
void learned_save(const learned *model, const char *path, const char *note);
void learned_free(learned *model);

/* Sets the keys of --set that are a trainer's. */
void learned_set_trainer(pa_trainer *trainer);

#endif
