#include "recorded.h"

#include "command.h"
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_files(const list *files) {
  if (files->count > 1 && source.state) fail(EXIT_USAGE, "--state goes with one --channel");
  for (size_t k = 0; k < files->count; k++)
    for (size_t other = 0; other < k; other++)
      if (strcmp(files->items[k], files->items[other]) == 0)
        fail(EXIT_USAGE, "--channel: %s is there twice", files->items[k]);
}

static float *narrowed(const channels *c) {
  float *narrow = need(c->size, sizeof *narrow);
  for (size_t k = 0; k < c->size; k++) narrow[k] = (float)c->h[k];
  return narrow;
}

recorded recorded_load(const list *files, bool single) {
  size_t count = files->count;
  check_files(files);
  recorded r = {.files = files,
                .channels = need(count, sizeof *r.channels),
                .narrow = need(count, sizeof *r.narrow),
                .parts = need(count, sizeof *r.parts)};
  for (size_t k = 0; k < count; k++) {
    channels *c = &r.channels[k];
    *c = channels_load(files->items[k]);
    r.narrow[k] = single ? narrowed(c) : NULL;
    r.parts[k] = single ? source_states_f32(c, r.narrow[k]) : source_states(c);
    if (c->links > r.links) r.links = c->links;
  }
  r.states = r.parts[0];
  if (count > 1) must(pa_states_create_mixed(&r.states, (const pa_states *const *)r.parts, count, NULL));
  return r;
}

/* What is wrong with a part is wrong with its file. */
void recorded_must(const recorded *r, pa_status status) {
  const char *why = pa_last_error();
  size_t part = 0;
  int told = 0;
  if (status >= 0) return;
  if (r->files->count == 1 || (sscanf(why, "part %zu: %n", &part, &told) == 1 && told > 0))
    fail(EXIT_FAILED, "%s: %s", r->files->items[part], why + told);
  fail(EXIT_FAILED, "--channel: %s", why);
}

void recorded_free(recorded *r) {
  size_t count = r->files ? r->files->count : 0;
  if (count > 1) pa_states_free(r->states);
  for (size_t k = 0; k < count; k++) {
    pa_states_free(r->parts[k]);
    channels_free(&r->channels[k]);
    free(r->narrow[k]);
  }
  free(r->channels);
  free(r->narrow);
  free(r->parts);
}
