/* Where a verb's states come from: a network by its options, path gains with fading on them, or channels from a file.
 */
#ifndef POWALLOC_TOOLS_SOURCE_H
#define POWALLOC_TOOLS_SOURCE_H

#include "channels.h"
#include "options.h"

#include <powalloc/powalloc.h>

/* Streams of a network's draws. Trainers use streams of their own. */
enum { STREAM_SIMULATE = 0, STREAM_EVALUATE = 1, STREAM_CALIBRATE = 2 };

typedef struct source_options {
  const char *network, *path_gain, *channel;
  range links, density;
  uint64_t cells, reference_links, constant_density, seed;
  double exponent, min_distance, cutoff, remainder, noise, bandwidth, noise_figure, pmax;
  const char *weights, *state;
} source_options;

extern source_options source;
extern const option network_options[]; /* --network ... --seed, --path-gain */
extern const option channel_options[]; /* --channel, --state */
extern const option physics_options[]; /* --noise-power, --pmax, ... */

/* Noise and power limit in W; ends the command if they were not given. */
double source_noise(void);
double source_limit(void);

/* The network or family by the options; noise and limits set if with_physics. */
pa_network *source_network(bool with_physics);

/* A number, or the numbers of a file: a new array of them; *array is the file's, NULL for a number. */
double *rate_or_array(const char *text, const char *option, pa_array **array);

/* Gives states the weights of --weights, if it was given. */
void source_weigh(pa_states *states);
/* States of these channels with noise, limits, --weights and --state. */
pa_states *source_states(const channels *c);
/* The same of the channels in single precision, h. */
pa_states *source_states_f32(const channels *c, const float *h);

/* must(), and the message names the file of --channel if the states came from it. */
pa_status source_must(pa_status status);

/* JSON description of the source, for results; what the cut-off leaves out is the caller's to add. */
struct cJSON *source_json(void);

#endif
