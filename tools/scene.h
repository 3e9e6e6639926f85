/* What policies are compared on: networks of every size and seed, or the channels of every file. */
#ifndef POWALLOC_TOOLS_SCENE_H
#define POWALLOC_TOOLS_SCENE_H

#include "beyond.h"
#include "channels.h"
#include "options.h"

#include <cjson/cJSON.h>
#include <powalloc/powalloc.h>

typedef struct scene {
  const char *channel; /* its file, NULL if it is drawn */
  uint64_t seed;
  size_t links, samples; /* of a file, and of any: once it was open */
  cJSON *source;         /* once it was open */
  beyond beyond;         /* over the noise; likewise */
  /* While it is open. */
  pa_states *states,
      *calibration; /* those to compare on, and those to set prices on: other draws, or the same channels */
  channels channels;
  pa_network *network;
} scene;

extern const option scene_table[]; /* --links, --channel, --networks, --samples; takes the place of others' */

/* The scenes by the options. */
scene *scene_list(size_t *count);
/* Makes the source that of the scene and draws or reads its states; samples: to draw, 0 for --samples. Without
 * calibration there are no states to set prices on. */
void scene_open(scene *s, uint64_t samples, bool calibrate);
void scene_close(scene *s);
/* Its name in a message. */
const char *scene_text(const scene *s);

#endif
