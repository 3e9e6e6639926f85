/* What the cut-off of a network leaves out. */
#ifndef POWALLOC_TOOLS_BEYOND_H
#define POWALLOC_TOOLS_BEYOND_H

#include <powalloc/powalloc.h>

struct cJSON;

/* The interference at a receiver from beyond, in the mean over the fading, with all transmitters at their limits: the
 * mean over the links, and an upper bound of the largest. In W, or over the noise. NaN without a cut-off. */
typedef struct beyond {
  double mean, most;
} beyond;

/* In units of so many W. */
beyond beyond_of(const pa_network *network, double unit);
/* Means over networks; the largest bound. */
beyond beyond_over(const beyond *all, size_t count);
/* A sentence on what is over the noise. */
const char *beyond_text(beyond b);
void beyond_add_json(struct cJSON *json, const char *name, beyond b);

#endif
