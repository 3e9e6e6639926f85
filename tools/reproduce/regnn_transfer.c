/* REGNN paper, figures 6 to 10 and 13: a model on networks that it was not trained on. */
#include "figure.h"
#include "regnn.h"
#include "studies.h"

#include "../command.h"

#include <math.h>
#include <stdlib.h>

#define TRANSFERRED "REGNN from 50 links"
#define AS_TRAINED "REGNN from 50 links, not re-priced"
#define OF_MANY "REGNN of many networks of 50 links"

/* Trained at 50 links, or 50 users in 5 cells, as in figures 4 and 12. */
static trained at_fifty(study *s, size_t cells) {
  regnn_place place = {
      .setting = regnn_setting(s->o, 'B'), .cells = cells, .links = 50, .density = 1, .noise = 1, .seed = s->o->seed};
  return regnn_trained(s, &place, ON_OFF);
}

/* Trained on many networks of 50 links: one network holds no links as strong as those that others may have. */
static trained of_many(study *s) {
  regnn_place place = {.setting = regnn_setting(s->o, 'B'), .links = 50, .density = 1, .noise = 1, .seed = s->o->seed};
  return regnn_trained(s, &place, MANY_NETWORKS);
}

/* Networks that nothing was trained on. */
static uint64_t unseen(const reproduction_options *o, uint64_t k) { return o->seed + 1000 + k; }

static void add_repriced(regnn_match *m, const char *label, pa_policy *policy) {
  must(pa_policy_set(policy, PA_POLICY_OFFSET, 0));
  measured found = regnn_match_add(m, label, policy, true);
  measured_free(&found);
}

/* The offset with which training left the model. */
static double trained_offset(const pa_policy *policy) {
  double offset;
  must(pa_policy_get(policy, PA_POLICY_OFFSET, &offset));
  return offset;
}

static void add_as_trained(regnn_match *m, pa_policy *policy, double offset) {
  must(pa_policy_set(policy, PA_POLICY_OFFSET, offset));
  measured found = regnn_match_add(m, AS_TRAINED, policy, false);
  measured_free(&found);
}

int reproduce_regnn_fig6(const reproduction_options *o) {
  char setting = regnn_setting(o, 'B');
  enum { HOME, UNSEEN };
  study s =
      study_begin(o, "regnn-fig6", text_of("REGNN paper, figure 6: another network of 50 links (setting %c)", setting),
                  "nat/s/Hz", "unseen", REGNN_PRICED);
  size_t tests = o->quick ? 1000 : 10000, pricing = o->quick ? 300 : 2000;
  study_parameter(&s, "tests", (double)tests);
  regnn_place home = {.setting = setting, .links = 50, .density = 1, .noise = 1, .seed = o->seed}, place = home;
  place.seed = unseen(o, 0);
  trained t = at_fifty(&s, 0), many = of_many(&s);
  double offset = trained_offset(t.policy);
  regnn_match at_home = regnn_match_begin(&s, HOME, &home, tests, pricing);
  add_repriced(&at_home, TRANSFERRED, t.policy);
  regnn_match_end(&at_home);
  regnn_match m = regnn_match_begin(&s, UNSEEN, &place, tests, pricing);
  add_as_trained(&m, t.policy, offset);
  measured found = regnn_match_add(&m, TRANSFERRED, t.policy, true);
  add_repriced(&m, OF_MANY, many.policy);
  const series all[] = {{TRANSFERRED, found.rate, found.samples}, {REGNN_PRICED, m.priced.rate, m.priced.samples}};
  figure_histograms(&s, "sum-rate of a fading draw, nat/s/Hz", all, 2);
  double of_home = study_mean(&s, HOME, TRANSFERRED, RATIO).value,
         away = study_mean(&s, UNSEEN, TRANSFERRED, RATIO).value, over = regnn_over_heuristics(&s, UNSEEN, TRANSFERRED);
  study_verdict(
      &s, "a model of one network does as well on another of the same size", "histogram",
      text_of("%.3f of WMMSE at a price, %.3f on the network of its training", away, of_home), NAN,
      away >= MATCHES * of_home,
      text_of("nothing in the model belongs to a network, but it saw no links other than that one's; trained on "
              "many networks it has %.3f",
              study_mean(&s, UNSEEN, OF_MANY, RATIO).value));
  study_verdict(&s, "it is above all heuristics there", "histogram", text_of("%.2f times the paper's heuristics", over),
                NAN, over > 1, "WMMSE with the budget shared out evenly cannot save power for good moments");
  study_remark(&s, "Re-priced: one offset on the outputs, set on other draws of the network, brings the mean power to "
                   "the budget. " REGNN_SETTINGS);
  study_finish(&s);
  measured_free(&found);
  regnn_match_end(&m);
  trained_free(&t);
  trained_free(&many);
  return EXIT_SUCCESS;
}

/* ---- figures 7 and 8: against a model trained at that size ---- */

static int size_study(const reproduction_options *o, const char *name, const char *title, size_t links) {
  char setting = regnn_setting(o, 'B');
  const char *there = text_of("REGNN trained at %zu links", links);
  study s = study_begin(o, name, text_of("%s (setting %c)", title, setting), "nat/s/Hz", NULL, REGNN_PRICED);
  size_t networks = o->quick ? 5 : 50, tests = 100, pricing = o->quick ? 50 : 100;
  double *small_rates = need(networks, sizeof *small_rates), *large_rates = need(networks, sizeof *large_rates);
  study_parameter(&s, "links", (double)links);
  study_parameter(&s, "tests", (double)tests);
  study_parameter(&s, "pricing", (double)pricing);
  study_parameter(&s, "steps", (double)regnn_steps(o, ON_OFF));
  regnn_place home = {
      .setting = setting, .links = links, .reference_links = 50, .density = 1, .noise = 1, .seed = o->seed};
  trained small = at_fifty(&s, 0), large = regnn_trained(&s, &home, ON_OFF), many = of_many(&s);
  double offset = trained_offset(small.policy);
  for (size_t k = 0; k < networks; k++) {
    regnn_place place = home;
    place.seed = unseen(o, k);
    regnn_match m = regnn_match_begin(&s, 0, &place, tests, pricing);
    add_as_trained(&m, small.policy, offset);
    add_repriced(&m, TRANSFERRED, small.policy);
    add_repriced(&m, OF_MANY, many.policy);
    measured found = regnn_match_add(&m, there, large.policy, true);
    measured_free(&found);
    regnn_match_end(&m);
  }
  size_t own = study_method(&s, TRANSFERRED), other = study_method(&s, there), a = 0, b = 0;
  for (size_t k = 0; k < s.count; k++) {
    if (s.cells[k].method == own) small_rates[a++] = s.cells[k].rate.value;
    if (s.cells[k].method == other) large_rates[b++] = s.cells[k].rate.value;
  }
  const series all[] = {{TRANSFERRED, small_rates, a}, {there, large_rates, b}};
  figure_histograms(&s, "sum-rate of a network, nat/s/Hz", all, 2);
  interval ratio = study_ratio(&s, 0, TRANSFERRED, there);
  study_verdict(
      &s, text_of("a model of 50 links almost matches one trained at %zu", links), "histograms",
      text_of("%s of it", interval_text(ratio, 4)), NAN, ratio.value >= ALMOST_MATCHES,
      text_of("of WMMSE at a price: %.3f, trained there %.3f, of many networks of 50 links %.3f; mean power before "
              "re-pricing %.2f of the budget, after it %.2f",
              study_mean(&s, 0, TRANSFERRED, RATIO).value, study_mean(&s, 0, there, RATIO).value,
              study_mean(&s, 0, OF_MANY, RATIO).value, study_mean(&s, 0, AS_TRAINED, MEAN_POWER).value / (double)links,
              study_mean(&s, 0, TRANSFERRED, MEAN_POWER).value / (double)links));
  study_remark(
      &s,
      "Each of the networks has draws of its own to test on, and others to set prices and offsets on. " REGNN_SETTINGS);
  study_finish(&s);
  trained_free(&small);
  trained_free(&large);
  trained_free(&many);
  free(small_rates);
  free(large_rates);
  return EXIT_SUCCESS;
}

int reproduce_regnn_fig7(const reproduction_options *o) {
  return size_study(o, "regnn-fig7", "REGNN paper, figure 7: from 50 to 75 links", 75);
}

int reproduce_regnn_fig8(const reproduction_options *o) {
  return size_study(o, "regnn-fig8", "REGNN paper, figure 8: from 50 to 100 links", 100);
}

/* ---- figures 9, 10 and 13: sweeps ---- */

typedef struct sweep {
  const char *name, *title, *x_name, *x_label;
  const double *x;
  size_t count, quick_count, cells;
  bool log_x;
} sweep;

static size_t count_of(const reproduction_options *o, const sweep *w) { return o->quick ? w->quick_count : w->count; }

/* Draws fall with the links so that the work stays the same: WMMSE at a price takes the time. */
static size_t draws(double work, size_t links, size_t least, size_t most) {
  double count = work / ((double)links * (double)links);
  return count < (double)least ? least : count > (double)most ? most : (size_t)count;
}

static study sweep_study(const reproduction_options *o, const sweep *w,
                         void (*place_at)(regnn_place *place, double x)) {
  char setting = regnn_setting(o, 'B');
  study s = study_begin(o, w->name, text_of("%s (setting %c)", w->title, setting), "nat/s/Hz", w->x_name, REGNN_PRICED);
  size_t networks = o->quick ? 2 : 10, count = count_of(o, w);
  study_parameter(&s, "networks", (double)networks);
  trained t = at_fifty(&s, w->cells), many = {0};
  if (w->cells == 0) many = of_many(&s);
  double offset = trained_offset(t.policy);
  for (size_t x = 0; x < count; x++)
    for (size_t k = 0; k < networks; k++) {
      regnn_place place = {.setting = setting,
                           .cells = w->cells,
                           .links = 50,
                           .reference_links = w->cells ? 0 : 50,
                           .density = 1,
                           .noise = 1,
                           .seed = unseen(o, k)};
      place_at(&place, w->x[x]);
      size_t tests = draws(4e6, place.links, 20, 400), pricing = draws(1e6, place.links, 10, 200);
      if (k == 0) study_parameter(&s, text_of("tests at %s %g", w->x_name, w->x[x]), (double)tests);
      if (k == 0) study_parameter(&s, text_of("pricing at %s %g", w->x_name, w->x[x]), (double)pricing);
      regnn_match m = regnn_match_begin(&s, w->x[x], &place, tests, pricing);
      add_as_trained(&m, t.policy, offset);
      add_repriced(&m, TRANSFERRED, t.policy);
      if (many.policy) add_repriced(&m, OF_MANY, many.policy);
      regnn_match_end(&m);
    }
  trained_free(&t);
  trained_free(&many);
  const char *lines[REGNN_BASELINES + 2] = {TRANSFERRED};
  for (size_t k = 0; k < REGNN_BASELINES; k++) lines[k + 1] = regnn_baselines[k];
  if (w->cells == 0) lines[REGNN_BASELINES + 1] = OF_MANY;
  figure_lines(&s, w->x_label, RATIO, w->log_x, NAN, lines, REGNN_BASELINES + (w->cells == 0 ? 2 : 1));
  study_remark(&s, "The model is the one trained on 50 links, its offset set anew for each network. " REGNN_SETTINGS);
  return s;
}

static double worst_over(const study *s, const double *x, size_t count, const char *label, const char *reference) {
  double worst = INFINITY;
  for (size_t k = 0; k < count; k++) worst = fmin(worst, study_ratio(s, x[k], label, reference).value);
  return worst;
}

/* Of the best of the paper's heuristics at each x. */
static double worst_over_heuristics(const study *s, const double *x, size_t count) {
  double worst = INFINITY;
  for (size_t k = 0; k < count; k++) worst = fmin(worst, regnn_over_heuristics(s, x[k], TRANSFERRED));
  return worst;
}

static const char *own_text(const study *s, const double *x, size_t count) {
  return text_of("at least %.2f times the paper's heuristics, %.3f of WMMSE at a price",
                 worst_over_heuristics(s, x, count), worst_over(s, x, count, TRANSFERRED, REGNN_PRICED));
}

static void at_links(regnn_place *place, double x) { place->links = (size_t)x; }

static void at_density(regnn_place *place, double x) { place->density = x; }

static void at_cells(regnn_place *place, double x) {
  place->cells = (size_t)x;
  place->links = 10 * (size_t)x;
}

int reproduce_regnn_fig9(const reproduction_options *o) {
  static const double x[] = {50, 75, 100, 150, 200, 300, 400, 500};
  const sweep w = {"regnn-fig9", "REGNN paper, figure 9: sizes", "links", "links", x, 8, 3, 0, false};
  study s = sweep_study(o, &w, at_links);
  size_t count = count_of(o, &w);
  double over = worst_over_heuristics(&s, x, count);
  study_verdict(
      &s, text_of("from %g to %g links the model of 50 outperforms the heuristics", x[0], x[count - 1]), "curves",
      own_text(&s, x, count), NAN, over > 1,
      text_of("the paper does not show WMMSE at a price; trained on many networks REGNN has at least %.3f of it",
              worst_over(&s, x, count, OF_MANY, REGNN_PRICED)));
  study_finish(&s);
  return EXIT_SUCCESS;
}

int reproduce_regnn_fig10(const reproduction_options *o) {
  static const double x[] = {.1, .2, .5, 1, 2, 5, 10};
  const sweep w = {"regnn-fig10", "REGNN paper, figure 10: densities", "density", "density factor", x, 7, 7, 0, true};
  study s = sweep_study(o, &w, at_density);
  const double *dense = x + 4;
  study_verdict(&s, "at densities up to 1 the model outperforms the heuristics", "curves", own_text(&s, x, 4), NAN,
                worst_over_heuristics(&s, x, 4) > 1,
                text_of("a network may have links stronger than any of the one that it was trained on; trained on many "
                        "networks it has at least %.3f of WMMSE at a price",
                        worst_over(&s, x, 4, OF_MANY, REGNN_PRICED)));
  study_verdict(&s, "at higher densities it falls behind WMMSE", "curves", own_text(&s, dense, 3), NAN,
                worst_over(&s, dense, 3, TRANSFERRED, REGNN_CAPPED) < FALLS_BEHIND,
                "its shift is made of shares of what a receiver hears, whatever the density");
  study_finish(&s);
  return EXIT_SUCCESS;
}

int reproduce_regnn_fig13(const reproduction_options *o) {
  static const double x[] = {5, 10, 15, 20, 30, 40, 50};
  const sweep w = {"regnn-fig13", "REGNN paper, figure 13: cells, 10 users each", "cells", "cells", x, 7, 3, 5, false};
  study s = sweep_study(o, &w, at_cells);
  size_t count = count_of(o, &w);
  study_verdict(&s, text_of("from %g to %g cells the model of 5 matches the best heuristic", x[0], x[count - 1]),
                "curves", own_text(&s, x, count), NAN, worst_over_heuristics(&s, x, count) >= MATCHES,
                "the paper's WMMSE has the budget shared out evenly");
  study_finish(&s);
  return EXIT_SUCCESS;
}
