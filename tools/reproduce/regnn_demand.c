/* REGNN paper, figure 11: user demand, eq. (50): the most sum-rate with a minimum mean rate for each of 30 links. */
#include "figure.h"
#include "regnn.h"
#include "studies.h"

#include "../command.h"
#include "../progress.h"
#include "../source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS = 30, PIECE = 250 };

#define REGNN "REGNN under demands"
#define ALONE "full power"
/* Mean of the demands, nat/s/Hz. */
#define DEMAND .05

/* Stream of uniform numbers for the demands: amplitudes of Rayleigh fading are sqrt(-2 log u). */
enum { STREAM_DEMAND = 7 };

/* Exponential demands in bit/s/Hz: half the square of a Rayleigh amplitude is exponential with mean 1. */
static void draw_demands(uint64_t seed, double demand[LINKS]) {
  pa_network *network;
  double ones[LINKS * LINKS], h[LINKS * LINKS];
  for (size_t k = 0; k < LINKS * LINKS; k++) ones[k] = 1;
  must(pa_network_create_path_gain(&network, LINKS, ones, seed, NULL));
  must(pa_network_draw(network, STREAM_DEMAND, 0, 1, h));
  for (size_t i = 0; i < LINKS; i++) demand[i] = DEMAND * h[i] * h[i] / 2 / NATS;
  pa_network_free(network);
}

/* Links whose demand not even p0 on them alone would meet. */
static size_t infeasible_alone(const pa_states *s, const double *demand, text *names) {
  size_t batch = pa_states_batch(s), count = 0;
  const double *h = pa_states_channel(s);
  for (size_t i = 0; i < LINKS; i++) {
    double rate = 0;
    for (size_t b = 0; b < batch; b++) {
      double own = h[(b * LINKS + i) * LINKS + i];
      rate += log2(1 + own * own * pa_states_power_limit(s)[i] / pa_states_noise(s)[i]) / (double)batch;
    }
    if (rate < demand[i]) text_add(names, "%s%zu", count++ ? ", " : "", i);
  }
  return count;
}

static size_t met(const pa_policy *policy, const pa_states *s, const double *demand) {
  size_t batch = pa_states_batch(s), count = 0;
  double *power = need(batch * LINKS, sizeof *power), *rate = need(batch * LINKS, sizeof *rate), mean[LINKS] = {0};
  must(pa_policy_allocate(policy, s, power, NULL, 0));
  must(pa_rates(s, power, rate));
  for (size_t k = 0; k < batch * LINKS; k++) mean[k % LINKS] += rate[k] / (double)batch;
  for (size_t i = 0; i < LINKS; i++) count += mean[i] >= demand[i];
  free(power);
  free(rate);
  return count;
}

static void add(study *s, uint64_t seed, const char *label, const pa_policy *policy, const pa_states *tests,
                measured *reference) {
  measured m = measure(s, policy, tests);
  if (!reference->rate) *reference = m;
  study_cell(s, 0, seed, label, &m, reference);
  if (m.rate != reference->rate) measured_free(&m);
}

/* In pieces, which end like one run: after each the violations of the best weights so far on held-out states. */
static void train_in_pieces(const study *s, uint64_t seed, uint64_t steps, pa_trainer *trainer, curve *traces) {
  progress bar = progress_begin(text_of("%s, seed %llu", s->name, (unsigned long long)seed), (double)steps);
  stop_on_interrupt(trainer);
  for (uint64_t done = 0; done < steps; done += PIECE) {
    double violation[LINKS];
    pa_status status = must(pa_trainer_run(trainer, PIECE));
    if (status == PA_STOPPED || interrupted()) fail(EXIT_INTERRUPTED, "interrupted; the same command goes on");
    must(pa_trainer_constraints(trainer, NULL, violation, LINKS));
    for (size_t i = 0; traces && i < LINKS; i++) curve_add(&traces[i], (double)(done + PIECE), violation[i]);
    progress_at(&bar, (double)(done + PIECE), NULL, 0);
  }
  stop_on_interrupt(NULL);
  progress_end(&bar);
}

typedef struct tally {
  double *met, *feasible;
  text infeasible;
} tally;

static void one_network(study *s, size_t k, uint64_t steps, size_t tests, tally *c, curve *traces) {
  const reproduction_options *o = s->o;
  char setting = regnn_setting(o, 'B');
  regnn_place place = {.setting = setting, .links = LINKS, .density = 1, .noise = 1, .seed = o->seed + k};
  const int32_t key = PA_REGNN_INPUTS;
  const double inputs = PA_REGNN_INPUT_ONES + PA_REGNN_INPUT_SNR + PA_REGNN_INPUT_WEIGHT + PA_REGNN_INPUT_WEIGHT_SNR;
  double demand[LINKS], weights[LINKS];
  pa_network *network = regnn_network(&place);
  pa_regnn *model;
  pa_trainer *trainer;
  pa_states *states;
  pa_policy *full;
  measured reference = {0};
  text names = {0};
  draw_demands(place.seed, demand);
  must(pa_regnn_create(&model, &key, &inputs, 1, place.seed, NULL));
  must(pa_trainer_create(&trainer, pa_regnn_policy(model), network, place.seed, NULL));
  must(pa_trainer_add_constraint(trainer, PA_CONSTRAINT_MIN_REWARD, demand, LINKS));
  must(pa_trainer_set(trainer, PA_TRAINER_THREADS, (double)o->threads));
  must(pa_trainer_set(trainer, PA_TRAINER_SCHEDULE, (double)steps));
  train_in_pieces(s, place.seed, steps, trainer, traces);
  must(pa_network_draw_states(network, STREAM_EVALUATE, 0, tests, &states, NULL));
  must(pa_policy_create(&full, "full-power", NULL));
  add(s, place.seed, ALONE, full, states, &reference);
  pa_policy *wmmse;
  must(pa_policy_create(&wmmse, "wmmse", NULL));
  add(s, place.seed, "WMMSE, demands ignored", wmmse, states, &reference);
  must(pa_trainer_link_weights(trainer, weights, LINKS));
  c->feasible[k] = (double)(LINKS - infeasible_alone(states, demand, &names));
  must(pa_states_set_weights(states, weights, LINKS));
  add(s, place.seed, REGNN, pa_regnn_policy(model), states, &reference);
  c->met[k] = (double)met(pa_regnn_policy(model), states, demand);
  text_add(&c->infeasible, "%snetwork %llu: %.0f met, infeasible alone: %s", k ? "; " : "",
           (unsigned long long)place.seed, c->met[k], names.length ? names.bytes : "none");
  measured_free(&reference);
  free(names.bytes);
  pa_policy_free(full);
  pa_policy_free(wmmse);
  pa_states_free(states);
  pa_trainer_free(trainer);
  pa_regnn_free(model);
  pa_network_free(network);
}

static void write_traces(const study *s, const curve *traces) {
  text t = {0};
  text_add(&t, "iteration,link,violation\n");
  for (size_t i = 0; i < LINKS; i++)
    for (size_t k = 0; k < traces[i].count; k++)
      text_add(&t, "%.0f,%zu,%.6f\n", traces[i].step[k], i, traces[i].value[k]);
  write_text(study_file(s, "-violations.csv"), t.bytes);
  free(t.bytes);
}

int reproduce_regnn_fig11(const reproduction_options *o) {
  char setting = regnn_setting(o, 'B');
  study s = study_begin(o, "regnn-fig11", text_of("REGNN paper, figure 11: demand of 30 links (setting %c)", setting),
                        "nat/s/Hz", NULL, ALONE);
  uint64_t steps = o->quick ? 1000 : 10000;
  size_t tests = o->quick ? 1000 : 5000, n = (size_t)o->topologies;
  tally c = {need(n, sizeof(double)), need(n, sizeof(double)), {0}};
  curve traces[LINKS] = {{0}};
  study_parameter(&s, "links", LINKS);
  study_parameter(&s, "mean_demand_nats", DEMAND);
  study_parameter(&s, "steps", (double)steps);
  study_parameter(&s, "tests", (double)tests);
  for (size_t k = 0; k < n; k++) one_network(&s, k, steps, tests, &c, k == 0 ? traces : NULL);
  write_traces(&s, traces);
  figure_traces(&s, "violation of each demand, part of it", traces, LINKS);
  double mean = mean_of(c.met, n).value, feasible = mean_of(c.feasible, n).value;
  study_verdict(&s, "all but 1 of 30 sensors have their demand met", "29 of 30", text_of("%.1f of 30", mean), mean / 29,
                mean >= 29,
                text_of("of demands of mean %g nat/s/Hz, %.1f of 30 could be met if each link had the band to itself",
                        DEMAND, feasible));
  study_remark(&s,
               "The picture shows the first network: violations of the best weights so far on held-out states, below 0 "
               "where a demand is met, cut at -3. By network: %s. The paper's constraint needs no budget: p0 is all "
               "that limits. %s",
               c.infeasible.bytes, REGNN_SETTINGS);
  study_finish(&s);
  for (size_t i = 0; i < LINKS; i++) free(traces[i].step), free(traces[i].value);
  free(c.met);
  free(c.feasible);
  free(c.infeasible.bytes);
  return EXIT_SUCCESS;
}
