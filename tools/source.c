#include "source.h"

#include "command.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

source_options source = {.network = "adhoc",
                         .links = {20, 20},
                         .density = {1, 1},
                         .cells = 5,
                         .reference_links = NOT_GIVEN,
                         .constant_density = NOT_GIVEN,
                         .exponent = NAN,
                         .min_distance = NAN,
                         .cutoff = NAN,
                         .remainder = NAN,
                         .noise = NAN,
                         .bandwidth = NAN,
                         .noise_figure = 0,
                         .pmax = NAN};

const option network_options[] = {
    {"--network", TEXT, &source.network, "adhoc|multicell", "kind of network (default adhoc)"},
    {"--links", RANGE, &source.links, "M", "links (default 20); M0:M1 makes a family of sizes"},
    {"--cells", COUNT, &source.cells, "N", "base stations of a multi-cell network (default 5)"},
    {"--density", RANGE, &source.density, "D", "density factor (default 1); D0:D1 makes a family of densities"},
    {"--reference-links", COUNT, &source.reference_links, "M0",
     "reference size of the geometry (default: M; of a family: the middle)"},
    {"--constant-density", COUNT, &source.constant_density, "0|1",
     "whether the box grows with M (default 1; of a family 0)"},
    {"--path-loss-exponent", NUMBER, &source.exponent, "A", "path gain is distance^-A (default 2.2)"},
    {"--min-distance", NUMBER, &source.min_distance, "L", "shorter distances count as this (default 0)"},
    {"--cutoff", NUMBER, &source.cutoff, "L",
     "of an ad hoc network: channels over a longer distance are left out; for up to millions of links"},
    {"--remainder", NUMBER, &source.remainder, "SHARE",
     "part of the interference from beyond --cutoff, at full power, that counts as noise (default 0)"},
    {"--path-gain", INPUT, &source.path_gain, "A.npy",
     "amplitudes [M,M], or sparse ones in a .npz, to draw Rayleigh fading on, in place of a network"},
    {"--seed", COUNT, &source.seed, "S", "seed of positions, fading and training (default 0)"},
    {NULL, FLAG, NULL, NULL, NULL}};

const option channel_options[] = {
    {"--channel", INPUT, &source.channel, "H.npy",
     "channel amplitudes [B,M,M] or [M,M], row: transmitter, column: receiver of link; or a .npz of sparse ones"},
    {"--state", INPUT, &source.state, "x.npy",
     "with --channel: node states [B,M] or [B,M,F], for models that take one"},
    {NULL, FLAG, NULL, NULL, NULL}};

const option physics_options[] = {
    {"--noise-power", POWER, &source.noise, "W", "noise power: 1e-9, -91dB, -97dBm, ..."},
    {"--bandwidth", NUMBER, &source.bandwidth, "HZ", "in place of --noise-power: thermal noise of this bandwidth"},
    {"--noise-figure", NUMBER, &source.noise_figure, "DB",
     "with --bandwidth: noise figure of the receivers (default 0)"},
    {"--pmax", POWER, &source.pmax, "W", "power limit of a transmitter: 1, 30dBm, 200mW, ..."},
    {"--weights", INPUT, &source.weights, "w.npy", "weights [M] of the sum-rate (default 1)"},
    {NULL, FLAG, NULL, NULL, NULL}};

double source_noise(void) {
  double noise = source.noise;
  if (!isnan(source.bandwidth)) {
    if (!isnan(noise)) fail(EXIT_USAGE, "give --noise-power or --bandwidth, not both");
    if (pa_thermal_noise(source.bandwidth, source.noise_figure, &noise) != PA_OK)
      fail(EXIT_USAGE, "%s", pa_last_error());
  }
  if (isnan(noise))
    fail(EXIT_USAGE, "--noise-power is missing: the receivers' noise in W, such as 2e-13, -97dBm or -91dB");
  if (noise <= 0) fail(EXIT_USAGE, "--noise-power is %g W, must be > 0", noise);
  return noise;
}

double source_limit(void) {
  if (isnan(source.pmax)) fail(EXIT_USAGE, "--pmax is missing: a transmitter's power limit in W, such as 1 or 30dBm");
  if (source.pmax <= 0) fail(EXIT_USAGE, "--pmax is %g W, must be > 0", source.pmax);
  return source.pmax;
}

static size_t links_of(double value) {
  if (!(value >= 1 && value <= 1e7) || value != floor(value))
    fail(EXIT_USAGE, "--links: %g is not a number of links", value);
  return (size_t)value;
}

/* The path gains are loaded once and live as long as the command: networks borrow their graph. */
static pa_network *sparse_path_gain_network(void) {
  static channels gain;
  pa_network *network;
  if (!gain.graph) gain = channels_load(source.path_gain);
  if (gain.batch != 1) fail(EXIT_FAILED, "%s: path gains must be one matrix, not %zu", source.path_gain, gain.batch);
  if (pa_network_create_graph(&network, gain.graph, gain.h, source.seed, NULL) != PA_OK)
    fail(EXIT_FAILED, "%s: %s", source.path_gain, pa_last_error());
  return network;
}

static pa_network *path_gain_network(void) {
  pa_array *gain;
  pa_network *network;
  if (channels_sparse(source.path_gain)) return sparse_path_gain_network();
  must(pa_array_load(&gain, source.path_gain, NULL));
  if (pa_array_rank(gain) != 2 || pa_array_extent(gain, 0) != pa_array_extent(gain, 1) || pa_array_size(gain) == 0)
    fail(EXIT_FAILED, "%s: path gains must be a square matrix [M,M]", source.path_gain);
  if (pa_network_create_path_gain(&network, pa_array_extent(gain, 0), pa_array_data(gain), source.seed, NULL) != PA_OK)
    fail(EXIT_FAILED, "%s: %s", source.path_gain, pa_last_error());
  pa_array_free(gain);
  return network;
}

static void set_key(pa_network *network, int32_t key, double value) {
  if (pa_network_set(network, key, value) != PA_OK) fail(EXIT_USAGE, "%s", pa_last_error());
}

static pa_network *drawn_network(void) {
  pa_network *network;
  size_t most = links_of(source.links.highest), fewest = links_of(source.links.lowest);
  bool family = fewest != most || source.density.lowest != source.density.highest, sparse = !isnan(source.cutoff);
  pa_status status;
  if (sparse && (family || strcmp(source.network, "adhoc") != 0))
    fail(EXIT_USAGE, "--cutoff: of one ad hoc network, not of %s", family ? "a family" : source.network);
  if (strcmp(source.network, "multicell") == 0) {
    if (family) fail(EXIT_USAGE, "a family is of ad hoc networks: --links and --density take one number here");
    status = pa_network_create_multicell(&network, source.cells, most, source.seed, NULL);
  } else if (strcmp(source.network, "adhoc") != 0) {
    fail(EXIT_USAGE, "--network: \"%s\" is neither adhoc nor multicell", source.network);
  } else if (family) {
    status = pa_network_create_adhoc_family(&network, fewest, most, source.density.lowest, source.density.highest,
                                            source.seed, NULL);
  } else if (sparse) {
    size_t reference = source.reference_links == NOT_GIVEN ? most : source.reference_links;
    status = pa_network_create_sparse_adhoc(&network, most, reference, source.cutoff, source.seed, NULL);
  } else {
    status = pa_network_create_adhoc(&network, most, source.seed, NULL);
  }
  if (status != PA_OK) fail(EXIT_USAGE, "%s", pa_last_error());
  if (!family && source.density.highest != 1) set_key(network, PA_NETWORK_DENSITY, source.density.highest);
  if (source.reference_links != NOT_GIVEN && !sparse)
    set_key(network, PA_NETWORK_REFERENCE_LINKS, (double)source.reference_links);
  if (source.constant_density != NOT_GIVEN)
    set_key(network, PA_NETWORK_CONSTANT_DENSITY, (double)source.constant_density);
  if (!isnan(source.exponent)) set_key(network, PA_NETWORK_PATH_LOSS_EXPONENT, source.exponent);
  if (!isnan(source.min_distance)) set_key(network, PA_NETWORK_MIN_DISTANCE, source.min_distance);
  return network;
}

static void check_remainder(bool with_cutoff) {
  if (!isnan(source.remainder) && !with_cutoff)
    fail(EXIT_USAGE, "--remainder: of a network with --cutoff, which leaves something out");
}

pa_network *source_network(bool with_physics) {
  double noise = with_physics ? source_noise() : 1, limit = with_physics ? source_limit() : 1;
  check_remainder(!isnan(source.cutoff) && !source.path_gain);
  pa_network *network = source.path_gain ? path_gain_network() : drawn_network();
  must(pa_network_set_noise(network, &noise, 1));
  must(pa_network_set_power_limit(network, &limit, 1));
  if (!isnan(source.remainder)) set_key(network, PA_NETWORK_REMAINDER, source.remainder);
  return network;
}

double *rate_or_array(const char *text, const char *option_name, pa_array **array) {
  char *end;
  double number = strtod(text, &end);
  *array = NULL;
  if (*end)
    must(pa_array_load(array, text, NULL));
  else if (!(number >= 0 && isfinite(number)))
    fail(EXIT_USAGE, "%s: \"%s\" must be finite and >= 0", option_name, text);
  size_t count = *array ? pa_array_size(*array) : 1;
  double *numbers = need(count, sizeof *numbers);
  for (size_t k = 0; k < count; k++) numbers[k] = *array ? pa_array_data(*array)[k] : number;
  return numbers;
}

void source_weigh(pa_states *states) {
  pa_array *weights;
  if (!source.weights) return;
  must(pa_array_load(&weights, source.weights, NULL));
  if (pa_states_set_weights(states, pa_array_data(weights), pa_array_size(weights)) != PA_OK)
    fail(EXIT_FAILED, "%s: %s", source.weights, pa_last_error());
  pa_array_free(weights);
}

/* The array is loaded once and lives as long as the command: states borrow it. */
static void add_node_state(pa_states *states, size_t batch, size_t links) {
  static pa_array *x;
  if (!source.state) return;
  if (!x) must(pa_array_load(&x, source.state, NULL));
  size_t rank = pa_array_rank(x);
  if ((rank != 2 && rank != 3) || pa_array_extent(x, 0) != batch || pa_array_extent(x, 1) != links)
    fail(EXIT_FAILED, "%s: node states must be [%zu,%zu] or [%zu,%zu,F]", source.state, batch, links, batch, links);
  if (pa_states_set_node_state(states, pa_array_data(x), rank == 3 ? pa_array_extent(x, 2) : 1) != PA_OK)
    fail(EXIT_FAILED, "%s: %s", source.state, pa_last_error());
}

static pa_states *with_options(pa_states *states, const channels *c) {
  check_remainder(false);
  source_weigh(states);
  add_node_state(states, c->batch, c->links);
  return states;
}

pa_states *source_states(const channels *c) {
  pa_states *states;
  double noise = source_noise(), limit = source_limit();
  must(c->graph ? pa_states_create_sparse(&states, c->batch, c->graph, c->h, noise, limit, NULL)
                : pa_states_create(&states, c->batch, c->links, c->h, noise, limit, NULL));
  return with_options(states, c);
}

pa_states *source_states_f32(const channels *c, const float *h) {
  pa_states *states;
  double noise = source_noise(), limit = source_limit();
  must(c->graph ? pa_states_create_sparse_f32(&states, c->batch, c->graph, h, noise, limit, NULL)
                : pa_states_create_f32(&states, c->batch, c->links, h, noise, limit, NULL));
  return with_options(states, c);
}

pa_status source_must(pa_status status) {
  if (status < 0 && source.channel) fail(EXIT_FAILED, "%s: %s", source.channel, pa_last_error());
  return must(status);
}

cJSON *source_json(void) {
  cJSON *json = cJSON_CreateObject();
  if (source.channel) {
    cJSON_AddStringToObject(json, "channel", source.channel);
  } else {
    if (source.path_gain)
      cJSON_AddStringToObject(json, "path_gain", source.path_gain);
    else
      cJSON_AddStringToObject(json, "network", source.network);
    cJSON_AddNumberToObject(json, "seed", (double)source.seed);
  }
  if (!source.channel && !source.path_gain) {
    cJSON_AddNumberToObject(json, "links_min", source.links.lowest);
    cJSON_AddNumberToObject(json, "links", source.links.highest);
    cJSON_AddNumberToObject(json, "density_min", source.density.lowest);
    cJSON_AddNumberToObject(json, "density", source.density.highest);
    if (!isnan(source.cutoff)) cJSON_AddNumberToObject(json, "cutoff", source.cutoff);
    if (!isnan(source.remainder)) cJSON_AddNumberToObject(json, "remainder", source.remainder);
    if (strcmp(source.network, "multicell") == 0) cJSON_AddNumberToObject(json, "cells", (double)source.cells);
  }
  return json;
}
