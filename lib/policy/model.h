/* Learned models: a pa_policy stands first in each, so that a model and its policy are one piece of memory. */
#ifndef POWALLOC_LIB_POLICY_MODEL_H
#define POWALLOC_LIB_POLICY_MODEL_H

#include "policy.h"

extern const pa__policy_class pa__regnn_class, pa__uwmmse_class;

/* The model of a file, borrowed, if its kind is the name of one of the classes (NULL-terminated; NULL: of any that
 * this version knows). */
pa_status pa__model_load(pa_policy **out, const char *path, const pa__policy_class *const *classes,
                         const pa_allocator *allocator);

#endif
