/* What the outputs of a link mean: the distribution that a learned policy draws powers from. Powers are parts of pmax.
 */
#ifndef POWALLOC_LIB_OUTPUT_H
#define POWALLOC_LIB_OUTPUT_H

#include "../net/states.h"

#include <powalloc/policy.h>

typedef struct pa__output {
  int kind;         /* PA_REGNN_OUTPUT_BERNOULLI, ... */
  size_t count;     /* outputs of a link */
  double deviation; /* of the normal number (continuous) */
} pa__output;

enum { PA__OUTPUT_MOST = 64 };

/* Power of deterministic inference if the outputs were raised by offset: of levels, each by its part of it. */
double pa__output_power(const pa__output *output, const double *y, double offset);
/* Powers [links] for outputs y [links][count] whose mean powers are `mean`, drawn with the numbers of draw
 * (key, counter) and, for many links, those that follow it, and their scores [links][count]. */
void pa__output_draw_many(const pa__output *output, uint64_t key, uint64_t counter, size_t links, const double *y,
                          const double *mean, double *power, double *score);
/* A power drawn with numbers index, index + 1 of draw (key, counter); d log density / d y into score [count] if not
 * NULL. */
double pa__output_draw(const pa__output *output, const double *y, uint64_t key, uint64_t counter, uint64_t index,
                       double *score);
/* Mean power and its derivative slope [count]; the median in place of the mean if continuous. */
double pa__output_mean(const pa__output *output, const double *y, double *slope);
/* Keys of the policies whose outputs these are; for outputs y [batch][links] (without the offset, one a link) their
 * powers, drawn if PA_POLICY_SAMPLE says so. */
extern const int32_t pa__output_keys[];
void pa__output_powers(const pa_policy *policy, const pa__output *output, const pa_states *states, const double *y,
                       double *power);
/* Entropy in nats and its derivative; 0 if continuous. */
double pa__output_entropy(const pa__output *output, const double *y, double *slope);
/* Probabilities [count]; the median power if continuous. */
void pa__output_probabilities(const pa__output *output, const double *y, double *probability);

#endif
