/* The weighted sum-rate of a policy that gives outputs, and its gradient through their mean powers: the model-based
 * half of a learner made from its model-free half. Each has the type of the learner's function of the same name. */
#ifndef POWALLOC_LIB_SUM_RATE_H
#define POWALLOC_LIB_SUM_RATE_H

#include "policy.h"

void pa__sum_rate_workspace(const pa_policy *policy, const pa__extent *extent, pa__arena *arena);
size_t pa__sum_rate_gradient(const pa_policy *policy, const pa_states *states, double sample_clip, double *gradient,
                             double *rate, void *work);
void pa__sum_rates(const pa_policy *policy, const pa_states *states, double *rate, void *work);

/* The same work, for imitation: adds the gradient of minus the summed cross-entropy between the powers of a teacher,
 * `label` [batch][links] as parts of the limits, and the policy's. */
size_t pa__imitation_gradient(const pa_policy *policy, const pa_states *states, const double *label, double *gradient,
                              double *rate, void *work);

#endif
