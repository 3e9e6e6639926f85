#ifndef POWALLOC_LIB_REGNN_H
#define POWALLOC_LIB_REGNN_H

#include "policy.h"

#include <powalloc/model_file.h>
#include <powalloc/regnn.h>

/* The policy of a model read from a file; freeing the policy frees the model. */
pa_status pa__regnn_policy_from(pa_policy **out, const pa_model_file *file, const pa_allocator *allocator);

#endif
