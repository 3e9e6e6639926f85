/* REGNN paper, figures 3, 4 and 12: learning curves beside the baselines; and figure 5: over the SNR. */
#include "figure.h"
#include "regnn.h"
#include "studies.h"

#include "../command.h"

#include <math.h>
#include <stdlib.h>

enum { CURVES = 4 };

static const char *number(double x) { return text_of("%.3g", x); }

/* What a learning-curve figure claims: how much REGNN has of WMMSE, at least `least`, the paper's curves `paper`. */
typedef struct claim {
  const char *text;
  double least, paper;
} claim;

static void judge(study *s, claim c) {
  const char *regnn = regnn_label(ON_OFF), *forty = regnn_label(FORTY);
  double over_capped = study_ratio(s, 0, regnn, REGNN_CAPPED).value, of_priced = study_mean(s, 0, regnn, RATIO).value,
         forty_over_capped = study_ratio(s, 0, forty, REGNN_CAPPED).value;
  study_verdict(s, c.text, isnan(c.paper) ? "curve" : text_of("%.2f times", c.paper),
                text_of("%.2f times WMMSE with budget / M each", over_capped), over_capped / c.paper,
                over_capped > c.least, "WMMSE with the budget shared out evenly cannot save power for good moments");
  study_verdict(s, "REGNN beats WMMSE at a price, which spends the same mean power as it likes", "not shown",
                text_of("%.3f of it", of_priced), NAN, of_priced > 1,
                "it knows the model of the channel and the rate, REGNN tries powers");
  study_verdict(
      s, "the paper's own 40 parameters (8 layers of one feature, x = ones) beat WMMSE with budget / M each", "curve",
      text_of("%.2f times it, %.2f of WMMSE at a price", forty_over_capped, study_mean(s, 0, forty, RATIO).value), NAN,
      forty_over_capped > 1,
      "x = ones cannot tell a direct channel from a strong cross link, and one feature dies easily: the default "
      "sees the own SNR and has four");
}

static int curves_study(const reproduction_options *o, const char *name, const char *title, size_t cells, size_t links,
                        bool with_fcnn, claim c) {
  char setting = regnn_setting(o, 'A');
  study s = study_begin(o, name, text_of("%s (setting %c)", title, setting), "nat/s/Hz", NULL, REGNN_PRICED);
  const variant variants[CURVES] = {ON_OFF, CONTINUOUS, FORTY, FULLY_CONNECTED};
  size_t count = with_fcnn ? 4 : 3, tests = o->quick ? 1000 : 5000, pricing = o->quick ? 500 : 2000;
  curve first[CURVES] = {{0}};
  const char *labels[CURVES];
  study_parameter(&s, "links", (double)links);
  study_parameter(&s, "cells", (double)cells);
  study_parameter(&s, "tests", (double)tests);
  for (size_t v = 0; v < count; v++)
    study_parameter(&s, text_of("steps %s", labels[v] = regnn_label(variants[v])), (double)regnn_steps(o, variants[v]));
  for (uint64_t k = 0; k < o->topologies; k++) {
    regnn_place place = {
        .setting = setting, .cells = cells, .links = links, .density = 1, .noise = 1, .seed = o->seed + k};
    regnn_match m = regnn_match_begin(&s, 0, &place, tests, pricing);
    for (size_t v = 0; v < count; v++) {
      trained t = regnn_trained(&s, &place, variants[v]);
      measured found = regnn_match_add(&m, labels[v], t.policy, false);
      measured_free(&found);
      if (k == 0) first[v] = t.curve, t.curve = (curve){0};
      trained_free(&t);
    }
    regnn_match_end(&m);
  }
  judge(&s, c);
  study_remark(&s,
               "Curves are of the first network, running means of the sampled policy while training. " REGNN_SETTINGS);
  figure_curves(&s, labels, first, count, regnn_baselines, REGNN_BASELINES);
  if (with_fcnn) {
    double of_fcnn = study_ratio(&s, 0, regnn_label(ON_OFF), regnn_label(FULLY_CONNECTED)).value;
    study_verdict(&s, "REGNN matches the FCNN with a hundredth of its parameters", "curve",
                  text_of("%.3f of it", of_fcnn), NAN, of_fcnn >= MATCHES,
                  "220 parameters here (40 in the paper) against 28 000");
  }
  study_finish(&s);
  for (size_t v = 0; v < count; v++) free(first[v].step), free(first[v].value);
  return EXIT_SUCCESS;
}

int reproduce_regnn_fig3(const reproduction_options *o) {
  return curves_study(o, "regnn-fig3", "REGNN paper, figure 3: training, 20 links", 0, 20, true,
                      (claim){"REGNN beats WMMSE while 20 links learn by probing", 1, NAN});
}

int reproduce_regnn_fig4(const reproduction_options *o) {
  return curves_study(
      o, "regnn-fig4", "REGNN paper, figure 4: training, 50 links", 0, 50, false,
      (claim){"REGNN substantially outperforms WMMSE at 50 links (3.0 against 1.8)", SUBSTANTIALLY, 3.0 / 1.8});
}

int reproduce_regnn_fig12(const reproduction_options *o) {
  return curves_study(o, "regnn-fig12", "REGNN paper, figure 12: training, 5 cells with 50 users", 5, 50, false,
                      (claim){"REGNN almost matches WMMSE in a multi-cell network", ALMOST_MATCHES, NAN});
}

int reproduce_regnn_fig5(const reproduction_options *o) {
  static const double snr[] = {.5, 1, 2};
  char setting = regnn_setting(o, 'A');
  const char *regnn = regnn_label(ON_OFF);
  study s = study_begin(o, "regnn-fig5", text_of("REGNN paper, figure 5: over the SNR, 50 links (setting %c)", setting),
                        "nat/s/Hz", "1/sigma^2", REGNN_PRICED);
  size_t tests = o->quick ? 500 : 4000, pricing = o->quick ? 200 : 1000;
  study_parameter(&s, "links", 50);
  study_parameter(&s, "tests", (double)tests);
  study_parameter(&s, "steps", (double)regnn_steps(o, ON_OFF));
  for (size_t x = 0; x < 3; x++)
    for (uint64_t k = 0; k < o->topologies; k++) {
      regnn_place place = {.setting = setting, .links = 50, .density = 1, .noise = 1 / snr[x], .seed = o->seed + k};
      regnn_match m = regnn_match_begin(&s, snr[x], &place, tests, pricing);
      trained t = regnn_trained(&s, &place, ON_OFF);
      measured found = regnn_match_add(&m, regnn, t.policy, false);
      measured_free(&found);
      trained_free(&t);
      regnn_match_end(&m);
    }
  double gain[3];
  for (size_t x = 0; x < 3; x++) gain[x] = study_ratio(&s, snr[x], regnn, REGNN_CAPPED).value;
  study_verdict(
      &s, "REGNN gains more over WMMSE at higher SNR and only matches it at 1/sigma^2 = 0.5", "bars",
      text_of("%s, %s, %s times WMMSE with budget / M each", number(gain[0]), number(gain[1]), number(gain[2])), NAN,
      gain[2] > gain[0] && gain[0] < 1.1,
      "the less SNR, the more is won by saving power for good moments, which the even share forbids");
  study_remark(&s, REGNN_SETTINGS);
  const char *lines[REGNN_BASELINES + 1] = {regnn};
  for (size_t k = 0; k < REGNN_BASELINES; k++) lines[k + 1] = regnn_baselines[k];
  figure_lines(&s, "1/sigma^2, 1/W", RATIO, false, NAN, lines, REGNN_BASELINES + 1);
  study_finish(&s);
  return EXIT_SUCCESS;
}
