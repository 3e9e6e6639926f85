#include "command.h"
#include "comparison.h"
#include "leaderboard.h"
#include "options.h"
#include "plot.h"
#include "policies.h"
#include "progress.h"
#include "ranks.h"
#include "report.h"
#include "scene.h"
#include "source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct { const char *min_rate, *baseline, *csv, *plot; } wanted;

static const option own[] = {
    {"--baseline", TEXT, &wanted.baseline, "NAME",
     "--policy or --model that the others are compared with, paired by sample (default: the first)"},
    {"--min-rate", INPUT, &wanted.min_rate, "R|r.npy",
     "count the links that reach this mean rate in bit/s/Hz, one or [M]"},
    {"--csv", OUTPUT, &wanted.csv, "FILE", "a row for each network, size and policy"},
    {"--plot", OUTPUT, &wanted.plot, "FILE", "ratios to the baseline with intervals: .svg or .png"},
    {NULL, FLAG, NULL, NULL, NULL}};

/* Least mean rate [links] by --min-rate; NULL if it was not given. */
static double *minimum_rates(size_t links) {
  if (!wanted.min_rate) return NULL;
  pa_array *array;
  double *rates = rate_or_array(wanted.min_rate, "--min-rate", &array);
  size_t count = array ? pa_array_size(array) : 1;
  if (count != 1 && count != links)
    fail(EXIT_FAILED, "%s: %zu minimum rates for %zu links", wanted.min_rate, count, links);
  double *all = need(links, sizeof *all);
  for (size_t i = 0; i < links; i++) all[i] = rates[count == 1 ? 0 : i];
  free(rates);
  pa_array_free(array);
  return all;
}

static size_t baseline_of(const named_policy *all, size_t count) {
  if (!wanted.baseline) return 0;
  for (size_t k = 0; k < count; k++)
    if (strcmp(all[k].name, wanted.baseline) == 0) return k;
  fail(EXIT_USAGE, "--baseline: \"%s\" is no --policy or --model of this comparison", wanted.baseline);
}

/* Ends the command before any work if a policy cannot do a scene, or the scene is no good. */
static void check(scene *s, const leaderboard *b) {
  scene_open(s, 1, false);
  pa_policy *any = policy_named("full-power");
  double *power = need(s->samples * s->links, sizeof *power);
  source_must(pa_policy_allocate(any, s->states, power, NULL, 0));
  for (size_t k = 0; k < b->policy_count; k++)
    if (!runs_on(b->policies[k].policy, s->states))
      fail(EXIT_FAILED, "%s cannot run on %s: %s", b->policies[k].name, scene_text(s), pa_last_error());
  free(minimum_rates(s->links));
  free(power);
  pa_policy_free(any);
  scene_close(s);
}

/* Scores [policy] on a scene. */
static void run(scene *s, const leaderboard *b, const pa_policy *wmmse, bool calibrate, score *scores, progress *bar) {
  outcome *outcomes = need(b->policy_count, sizeof *outcomes);
  scene_open(s, 0, calibrate);
  seed_policies(b->policies, b->policy_count);
  outcome reference = outcome_untimed("wmmse", wmmse, s->states, NAN);
  double *least = minimum_rates(s->links);
  for (size_t k = 0; k < b->policy_count; k++) {
    const named_policy *p = &b->policies[k];
    meet_budget(p->policy, s->calibration);
    outcomes[k] = outcome_of(p->name, p->policy, s->states, policies.sum_power);
    if (bar) progress_at(bar, (double)((size_t)(scores - b->scores) + k + 1), NULL, NAN);
  }
  for (size_t k = 0; k < b->policy_count; k++)
    scores[k] = score_of(&outcomes[k], &reference, &outcomes[b->baseline], least);
  for (size_t k = 0; k < b->policy_count; k++) outcome_free(&outcomes[k]);
  outcome_free(&reference);
  scene_close(s);
  free(outcomes);
  free(least);
}

static void write_results(const leaderboard *b) {
  char *csv = leaderboard_csv(b);
  bool printed = wanted.csv && strcmp(wanted.csv, "-") == 0;
  if (printed)
    fputs(csv, stdout);
  else if (b->scene_count == 1 && !wanted.baseline)
    leaderboard_print_one(b);
  else
    leaderboard_print(b);
  write_json(leaderboard_json(b));
  if (wanted.csv && !printed) write_text(wanted.csv, csv);
  if (wanted.plot) leaderboard_plot(b, wanted.plot);
  free(csv);
}

int evaluate(int count, char **words) {
  parse_options(
      "evaluate [--policy NAME ...] [--model FILE ...] --noise-power W --pmax W [--channel H.npy ... | network "
      "options]",
      "Compares policies on the same states, paired by sample: on a network, or on networks of several sizes.",
      (const option *const[]){policy_table, scene_table, channel_options, physics_options, network_options, own,
                              ranks_table, json_table, progress_table, NULL},
      count, words, NULL);
  leaderboard b = {.policies = NULL};
  named_policy *all = policy_list(&b.policy_count);
  if (b.policy_count == 0) fail(EXIT_USAGE, "give at least one --policy or --model");
  b.policies = all;
  b.baseline = baseline_of(all, b.policy_count);
  if (wanted.plot && !is_picture(wanted.plot))
    fail(EXIT_USAGE, "--plot: \"%s\" ends neither in .svg nor in .png", wanted.plot);
  scene *scenes = scene_list(&b.scene_count);
  b.scenes = scenes;
  b.scores = need(b.scene_count * b.policy_count, sizeof *b.scores);
  bool calibrate = false;
  for (size_t k = 0; k < b.policy_count; k++) calibrate |= takes_budget(all[k].policy);
  for (size_t k = 0; k < b.scene_count; k++) check(&scenes[k], &b);
  pa_policy *wmmse;
  must(pa_policy_create(&wmmse, "wmmse", NULL));
  progress bar = progress_begin("evaluating", (double)(b.scene_count * b.policy_count));
  for (size_t k = 0; k < b.scene_count; k++)
    run(&scenes[k], &b, wmmse, calibrate, b.scores + k * b.policy_count, b.scene_count > 1 ? &bar : NULL);
  if (b.scene_count > 1) progress_end(&bar);
  if (ranks_first()) write_results(&b);
  for (size_t k = 0; k < b.scene_count; k++) cJSON_Delete(scenes[k].source);
  for (size_t k = 0; k < b.policy_count; k++) pa_policy_free(all[k].policy);
  pa_policy_free(wmmse);
  free(b.scores);
  free(scenes);
  free(all);
  return EXIT_SUCCESS;
}
