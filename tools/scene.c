#include "scene.h"

#include "command.h"
#include "report.h"
#include "source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CALIBRATION = 1000 };

static struct {
  list channels;
  counts links;
  uint64_t networks, samples;
} wanted = {.networks = 1, .samples = 1000};

const option scene_table[] = {
    {"--channel", INPUTS, &wanted.channels, "H.npy",
     "channel amplitudes [B,M,M] or [M,M] (row: transmitter), or a .npz of sparse ones; each file is a network"},
    {"--links", COUNTS, &wanted.links, "M[,M...]", "links (default 20), or several sizes to compare on"},
    {"--networks", COUNT, &wanted.networks, "N", "networks of a size, of seeds S to S + N - 1 (default 1)"},
    {"--samples", COUNT, &wanted.samples, "B", "states to draw from a network (default 1000)"},
    {NULL, FLAG, NULL, NULL, NULL}};

static scene *of_files(size_t *count) {
  if (wanted.links.count > 1 || wanted.networks > 1)
    fail(EXIT_USAGE, "%s: the networks are those of --channel", wanted.links.count > 1 ? "--links" : "--networks");
  if (wanted.channels.count > 1 && source.state) fail(EXIT_USAGE, "--state goes with one --channel");
  for (size_t k = 0; k < wanted.channels.count; k++)
    for (size_t other = 0; other < k; other++)
      if (strcmp(wanted.channels.items[k], wanted.channels.items[other]) == 0)
        fail(EXIT_USAGE, "--channel: %s is there twice", wanted.channels.items[k]);
  *count = wanted.channels.count;
  scene *all = need(*count, sizeof *all);
  for (size_t k = 0; k < *count; k++) all[k] = (scene){.channel = wanted.channels.items[k], .seed = source.seed};
  return all;
}

static void check_sizes(void) {
  for (size_t k = 0; k < wanted.links.count; k++)
    for (size_t other = 0; other < k; other++)
      if (wanted.links.items[k] == wanted.links.items[other])
        fail(EXIT_USAGE, "--links: %llu is there twice", (unsigned long long)wanted.links.items[k]);
  if (source.path_gain && (wanted.links.count > 1 || wanted.networks > 1))
    fail(EXIT_USAGE, "%s: the network is that of --path-gain", wanted.links.count > 1 ? "--links" : "--networks");
}

scene *scene_list(size_t *count) {
  if (wanted.samples == 0) fail(EXIT_USAGE, "--samples must be at least 1");
  if (wanted.networks == 0) fail(EXIT_USAGE, "--networks must be at least 1");
  if (wanted.channels.count > 0) return of_files(count);
  check_sizes();
  if (wanted.links.count == 0) wanted.links = (counts){.items = {(uint64_t)source.links.highest}, .count = 1};
  *count = wanted.links.count * wanted.networks;
  scene *all = need(*count, sizeof *all);
  for (size_t k = 0; k < *count; k++) {
    all[k].links = wanted.links.items[k / wanted.networks];
    all[k].seed = source.seed + k % wanted.networks;
  }
  return all;
}

static void open_file(scene *s) {
  s->channels = channels_load(s->channel);
  s->links = s->channels.links;
  s->states = s->calibration = source_states(&s->channels);
}

static void draw(scene *s, uint64_t samples, bool calibrate) {
  s->network = source_network(true);
  must(pa_network_draw_states(s->network, STREAM_EVALUATE, 0, samples, &s->states, NULL));
  source_weigh(s->states);
  if (calibrate) {
    must(pa_network_draw_states(s->network, STREAM_CALIBRATE, 0, CALIBRATION, &s->calibration, NULL));
    source_weigh(s->calibration);
  }
  s->links = pa_states_links(s->states);
}

void scene_open(scene *s, uint64_t samples, bool calibrate) {
  source.channel = s->channel;
  source.seed = s->seed;
  source.links = (range){(double)s->links, (double)s->links};
  if (s->channel)
    open_file(s);
  else
    draw(s, samples ? samples : wanted.samples, calibrate);
  s->samples = pa_states_batch(s->states);
  if (s->source) return;
  s->source = source_json();
  s->beyond = s->network ? beyond_of(s->network, source_noise()) : (beyond){NAN, NAN};
  beyond_add_json(s->source, "left_out_over_noise", s->beyond);
}

void scene_close(scene *s) {
  if (s->calibration != s->states) pa_states_free(s->calibration);
  pa_states_free(s->states);
  channels_free(&s->channels);
  pa_network_free(s->network);
  s->states = s->calibration = NULL;
  s->network = NULL;
}

const char *scene_text(const scene *s) {
  if (s->channel) return text_of("%zu links of %s", s->links, s->channel);
  return text_of("%zu links", s->links);
}
