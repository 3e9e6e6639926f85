/* How much is left: the policies beside the certified optimum, on networks small enough for it. */
#include "figure.h"
#include "studies.h"

#include "../command.h"
#include "../source.h"

#include <math.h>
#include <stdlib.h>

/* Up to so many links there are samples enough to judge by. */
enum { POINTS = 6, POLICIES = 6, OPTIMAL = 5, MANY_SAMPLES = 6 };

static const char *const labels[POLICIES] = {"WMMSE, 4 iterations", "WMMSE, 100 iterations",    "WMMSE, converged",
                                             "robust UWMMSE",       "WMMSE, best of 60 starts", "certified optimum"};
static const char *const names[POLICIES] = {"wmmse-truncated", "wmmse",  "wmmse-converged", NULL,
                                            "wmmse-best",      "optimal"};

static pa_policy *policy_of(size_t k) {
  pa_policy *policy;
  if (!names[k]) {
    must(pa_policy_load(&policy, "builtin:uwmmse-robust", NULL));
    return policy;
  }
  must(pa_policy_create(&policy, names[k], NULL));
  if (k == OPTIMAL) must(pa_policy_set(policy, PA_POLICY_NODES, 0)); /* until it is certified */
  return policy;
}

/* The certified optimum; *gap rises to the largest gap of its samples. */
static measured optimum(const study *s, const pa_policy *optimal, const pa_states *states, double *gap) {
  size_t batch = pa_states_batch(states);
  double *power = need(batch * pa_states_links(states), sizeof *power), *upper = need(batch, sizeof *upper);
  must(pa_policy_certify(optimal, states, power, upper));
  measured m = measure_powers(s, states, power);
  for (size_t b = 0; b < batch; b++) *gap = fmax(*gap, upper[b] / m.rate[b] - 1);
  free(power);
  free(upper);
  return m;
}

int reproduce_anchors(const reproduction_options *o) {
  static const double x[POINTS] = {3, 4, 5, 6, 8, 10};
  study s = study_begin(o, "anchors", "How much is left: small networks and their certified optimum", "bit/s/Hz",
                        "links", labels[OPTIMAL]);
  size_t networks = o->quick ? 3 : 10, count = o->quick ? 3 : POINTS;
  const char *lines[POLICIES - 1];
  double noise = pa_db_to_ratio(-91), gap = 0;
  study_parameter(&s, "noise_dB", -91);
  study_parameter(&s, "networks", (double)networks);
  for (size_t k = 0; k < POLICIES - 1; k++) lines[k] = labels[k];
  for (size_t p = 0; p < count; p++)
    for (size_t n = 0; n < (x[p] > 8 ? 3 : networks); n++) {
      pa_network *network;
      pa_states *states;
      size_t samples = x[p] > 8              ? 1
                       : x[p] > MANY_SAMPLES ? 2
                                             : 20; /* eight links take seconds a sample, ten half a minute */
      must(pa_network_create_adhoc(&network, (size_t)x[p], o->seed + n, NULL));
      must(pa_network_set_noise(network, &noise, 1));
      must(pa_network_draw_states(network, STREAM_EVALUATE, 0, samples, &states, NULL));
      measured all[POLICIES];
      for (size_t k = 0; k < POLICIES; k++) {
        pa_policy *policy = policy_of(k);
        all[k] = k == OPTIMAL ? optimum(&s, policy, states, &gap) : measure(&s, policy, states);
        pa_policy_free(policy);
      }
      for (size_t k = 0; k < POLICIES; k++) {
        study_cell(&s, x[p], o->seed + n, labels[k], &all[k], &all[OPTIMAL]);
        measured_free(&all[k]);
      }
      pa_states_free(states);
      pa_network_free(network);
    }
  double last = x[0];
  for (size_t p = 0; p < count; p++)
    if (x[p] <= MANY_SAMPLES) last = x[p];
  study_verdict(
      &s, "WMMSE approaches the optimum", "said of it in both papers",
      text_of("%.3f of the optimum after 100 iterations, %.3f converged, %.3f by 60 starts (%g links)",
              study_mean(&s, last, labels[1], RATIO).value, study_mean(&s, last, labels[2], RATIO).value,
              study_mean(&s, last, labels[4], RATIO).value, last),
      NAN, study_mean(&s, last, labels[2], RATIO).value >= MATCHES,
      "its local optima from full power are far from the best where links are few and interference is strong");
  study_remark(
      &s,
      "Every optimum is certified by branch and bound to a gap of at most %.4f of it. robust UWMMSE is "
      "builtin:uwmmse-robust, which was trained on 10 to 30 links. More than %d links are of 2 samples a network or "
      "fewer: they are shown, not judged by.",
      gap, MANY_SAMPLES);
  figure_lines(&s, "links", RATIO, false, 1, lines, POLICIES - 1);
  study_finish(&s);
  return EXIT_SUCCESS;
}
