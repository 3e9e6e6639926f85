#include "regnn.h"

#include "../command.h"
#include "../source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const regnn_baselines[REGNN_BASELINES] = {REGNN_EQUAL, REGNN_RANDOM, REGNN_CAPPED, REGNN_PRICED,
                                                      REGNN_THRESHOLD};

static const struct {
  const char *label, *file;
  uint64_t steps;
} variants[] = {[ON_OFF] = {"REGNN, on or off", "regnn", 10000},
                [CONTINUOUS] = {"REGNN, continuous powers", "regnn-continuous", 20000},
                [FORTY] = {"REGNN, the paper's 40 parameters", "regnn-forty", 20000},
                [FULLY_CONNECTED] = {"FCNN", "fcnn", 10000},
                [MANY_NETWORKS] = {"REGNN, on or off, of many networks", "regnn-many", 20000}};

static double p0(char setting) { return setting == 'A' ? 10 : 4; }

static pa_network *with_physics(pa_network *network, const regnn_place *p) {
  double limit = p0(p->setting);
  must(pa_network_set(network, PA_NETWORK_PATH_LOSS_EXPONENT, p->setting == 'A' ? 2.2 : 1.1));
  must(pa_network_set_noise(network, &p->noise, 1));
  must(pa_network_set_power_limit(network, &limit, 1));
  return network;
}

pa_network *regnn_network(const regnn_place *p) {
  pa_network *network;
  if (p->cells > 0)
    must(pa_network_create_multicell(&network, p->cells, p->links, p->seed, NULL));
  else
    must(pa_network_create_adhoc(&network, p->links, p->seed, NULL));
  if (p->reference_links > 0) must(pa_network_set(network, PA_NETWORK_REFERENCE_LINKS, (double)p->reference_links));
  if (p->density != 1) must(pa_network_set(network, PA_NETWORK_DENSITY, p->density));
  return with_physics(network, p);
}

/* Networks like the place's, a little denser and less dense. */
static pa_network *many_networks(const regnn_place *p) {
  pa_network *network;
  must(pa_network_create_adhoc_family(&network, p->links, p->links, .9, 1.1, p->seed, NULL));
  return with_physics(network, p);
}

char regnn_setting(const reproduction_options *o, char usual) {
  return !o->setting ? usual : o->setting[0] == 't' ? 'A' : 'B';
}

/* ---- models ---- */

const char *regnn_label(variant v) { return variants[v].label; }

uint64_t regnn_steps(const reproduction_options *o, variant v) {
  return o->quick ? variants[v].steps / 20 : variants[v].steps;
}

static pa_policy *make(const plan *p) {
  static const int32_t paper_keys[] = {PA_REGNN_LAYERS, PA_REGNN_FEATURES, PA_REGNN_TAPS, PA_REGNN_INPUTS,
                                       PA_REGNN_SHIFT};
  static const double paper[] = {8, 1, 5, PA_REGNN_INPUT_ONES, PA_REGNN_SHIFT_SPECTRAL};
  static const size_t hidden[] = {64, 32};
  const int32_t output = PA_REGNN_OUTPUT;
  const double continuous = PA_REGNN_OUTPUT_CONTINUOUS;
  pa_regnn *regnn;
  pa_mlp *fcnn;
  if (p->variant == FULLY_CONNECTED) {
    must(pa_mlp_create(&fcnn, PA_MLP_PROBABILITIES, pa_network_links(p->network), hidden, 2, PA_INPUT_LOG, p->seed,
                       NULL));
    return pa_mlp_policy(fcnn);
  }
  if (p->variant == FORTY)
    must(pa_regnn_create(&regnn, paper_keys, paper, 5, p->seed, NULL));
  else
    must(pa_regnn_create(&regnn, &output, &continuous, p->variant == CONTINUOUS, p->seed, NULL));
  return pa_regnn_policy(regnn);
}

static void set(const plan *p, pa_trainer *trainer) {
  double budget = (double)pa_network_links(p->network);
  must(pa_trainer_add_constraint(trainer, PA_CONSTRAINT_MEAN_POWER, &budget, 1));
}

trained regnn_trained(study *s, const regnn_place *place, variant v) {
  pa_network *network = v == MANY_NETWORKS ? many_networks(place) : regnn_network(place);
  const char *where = place->cells > 0 ? text_of("%zucells", place->cells) : "";
  const char *noise = place->noise == 1 ? "" : text_of("-noise%g", place->noise);
  plan p = {.name = text_of("%s-%c-%s%zu%s-s%llu", variants[v].file, place->setting, where, place->links, noise,
                            (unsigned long long)place->seed),
            .what = text_of("%s, setting %c, %s%zu links, reference size %zu, noise %g W", variants[v].label,
                            place->setting, where, place->links, place->reference_links, place->noise),
            .network = network,
            .seed = place->seed,
            .steps = regnn_steps(s->o, v),
            .make = make,
            .set = set,
            .variant = (int32_t)v};
  trained t = trained_by(s, &p);
  pa_network_free(network);
  return t;
}

/* ---- comparison ---- */

double regnn_over_heuristics(const study *s, double x, const char *label) {
  double least = INFINITY;
  for (size_t k = 0; k < REGNN_HEURISTICS; k++) least = fmin(least, study_ratio(s, x, label, regnn_baselines[k]).value);
  return least;
}

static measured baseline(const regnn_match *m, const char *label, const char *name) {
  pa_policy *policy;
  double present, each = m->budget / (double)pa_states_links(m->tests);
  double limit = pa_states_power_limit(m->tests)[0];
  must(pa_policy_create(&policy, name, NULL));
  bool capped = strcmp(label, REGNN_CAPPED) == 0;
  if (strcmp(label, REGNN_PRICED) == 0 || strcmp(label, REGNN_THRESHOLD) == 0)
    must(pa_policy_meet_budget(policy, m->pricing, m->budget));
  else if (!capped && pa_policy_get(policy, PA_POLICY_SUM_POWER, &present) == PA_OK)
    must(pa_policy_set(policy, PA_POLICY_SUM_POWER, m->budget));
  if (capped) must(pa_states_set_power_limit(m->tests, &each, 1));
  measured found = measure(m->study, policy, m->tests);
  must(pa_states_set_power_limit(m->tests, &limit, 1));
  pa_policy_free(policy);
  return found;
}

regnn_match regnn_match_begin(study *s, double x, const regnn_place *place, size_t tests, size_t pricing) {
  static const char *const names[REGNN_BASELINES] = {"equal", "random", "wmmse", "wmmse-priced", "threshold"};
  pa_network *network = regnn_network(place);
  regnn_match m = {.study = s, .x = x, .budget = (double)place->links, .network = place->seed};
  must(pa_network_draw_states(network, STREAM_EVALUATE, 0, tests, &m.tests, NULL));
  must(pa_network_draw_states(network, STREAM_CALIBRATE, 0, pricing, &m.pricing, NULL));
  measured found[REGNN_BASELINES];
  for (size_t k = 0; k < REGNN_BASELINES; k++) {
    found[k] = baseline(&m, regnn_baselines[k], names[k]);
    if (strcmp(regnn_baselines[k], REGNN_PRICED) == 0) m.priced = found[k];
  }
  for (size_t k = 0; k < REGNN_BASELINES; k++) {
    study_cell(s, x, place->seed, regnn_baselines[k], &found[k], &m.priced);
    if (found[k].rate != m.priced.rate) measured_free(&found[k]);
  }
  pa_network_free(network);
  return m;
}

measured regnn_match_add(regnn_match *m, const char *label, pa_policy *policy, bool reprice) {
  if (reprice) must(pa_policy_meet_budget(policy, m->pricing, m->budget));
  measured found = measure(m->study, policy, m->tests);
  study_cell(m->study, m->x, m->network, label, &found, &m->priced);
  return found;
}

void regnn_match_end(regnn_match *m) {
  measured_free(&m->priced);
  pa_states_free(m->tests);
  pa_states_free(m->pricing);
}
