#include "beyond.h"
#include "command.h"
#include "options.h"
#include "report.h"
#include "source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cJSON *pairs(const double *at, size_t count) {
  cJSON *array = cJSON_CreateArray();
  for (size_t k = 0; k < count; k++) cJSON_AddItemToArray(array, cJSON_CreateDoubleArray(at + 2 * k, 2));
  return array;
}

static cJSON *path_gains(const pa_network *network) {
  size_t n = pa_network_links(network);
  double *gain = need(n * n, sizeof *gain);
  cJSON *rows = cJSON_CreateArray();
  must(pa_network_path_gain(network, gain));
  for (size_t i = 0; i < n; i++) cJSON_AddItemToArray(rows, cJSON_CreateDoubleArray(gain + i * n, (int)n));
  free(gain);
  return rows;
}

static void add_left_out(cJSON *json, const pa_network *network) {
  size_t n = pa_network_links(network);
  double *mean = need(n, sizeof *mean), *most = need(n, sizeof *most);
  if (pa_network_left_out(network, mean, most) == PA_OK) {
    cJSON *left_out = cJSON_AddObjectToObject(json, "left_out");
    cJSON_AddItemToObject(left_out, "mean", cJSON_CreateDoubleArray(mean, (int)n));
    cJSON_AddItemToObject(left_out, "most", cJSON_CreateDoubleArray(most, (int)n));
  }
  free(mean);
  free(most);
}

/* Unless standard output is a layout. */
static void say_left_out(const pa_network *network, const char *layout) {
  beyond b = beyond_of(network, 1);
  if (isnan(b.mean) || (layout && strcmp(layout, "-") == 0)) return;
  printf("beyond the cut-off: %.3g W (at most %.3g W) with 1 W at every transmitter\n", b.mean, b.most);
}

static void write_layout(const char *path, const pa_network *network) {
  size_t n = pa_network_links(network);
  double *transmitters = need(n, 2 * sizeof *transmitters), *receivers = need(n, 2 * sizeof *receivers);
  cJSON *json = source_json();
  if (pa_network_positions(network, transmitters, receivers) == PA_OK) {
    cJSON_AddItemToObject(json, "transmitters", pairs(transmitters, n));
    cJSON_AddItemToObject(json, "receivers", pairs(receivers, n));
  }
  if (!pa_network_graph(network)) cJSON_AddItemToObject(json, "path_gain", path_gains(network));
  add_left_out(json, network);
  free(transmitters);
  free(receivers);
  write_json_to(path, json);
}

int simulate(int count, char **words) {
  uint64_t samples = 1;
  const char *out = NULL, *layout = NULL;
  const option own[] = {{"--samples", COUNT, &samples, "B", "fading states (default 1)"},
                        {"--out", OUTPUT, &out, "H.npy",
                         "where the amplitudes [B,M,M] go; a .npz, as of SciPy, of a network with --cutoff"},
                        {"--layout", OUTPUT, &layout, "FILE.json", "also positions, and path gains without a cut-off"},
                        {NULL, FLAG, NULL, NULL, NULL}};
  parse_options("simulate --out H.npy [options]", "Draws a network and fading states on it.",
                (const option *const[]){own, network_options, NULL}, count, words, NULL);
  if (!out) fail(EXIT_USAGE, "--out is missing: the file for the channels");
  if (samples == 0) fail(EXIT_USAGE, "--samples must be at least 1");
  if (!isnan(source.remainder))
    fail(EXIT_USAGE, "--remainder: these are channels, without the noise that it counts in");
  pa_network *network = source_network(false);
  if (pa_network_links_min(network) != pa_network_links(network))
    fail(EXIT_USAGE, "--links: an array needs one size, not a range");
  if (channels_sparse(out) != (pa_network_graph(network) != NULL))
    fail(EXIT_USAGE, "--out: \"%s\" %s", out,
         channels_sparse(out) ? "is for sparse channels: give --cutoff, or a .npy or .csv"
                              : "is for full matrices: sparse channels go to a .npz");
  pa_states *states;
  must(pa_network_draw_states(network, STREAM_SIMULATE, 0, samples, &states, NULL));
  if (layout) write_layout(layout, network);
  channels_save(out, states);
  say_left_out(network, layout);
  pa_states_free(states);
  pa_network_free(network);
  return EXIT_SUCCESS;
}
