/* Every instruction set that this machine runs gives the same powers as the baseline, over odd sizes, channels that are
 * not aligned, zeros, huge and tiny ones. */
#include "la/cpu.h"
#include "suite.h"

enum { BATCH = 11, MOST = 131 };

static uint64_t drawn;

static double uniform(void) {
  drawn = drawn * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return ((double)(drawn >> 12) + .5) * 0x1p-52;
}

/* Amplitudes over `decades` powers of ten around 1, a tenth of them 0; one number off a vector's alignment. */
static void fill(double *wide, float *narrow, size_t count, double decades) {
  for (size_t k = 0; k < count; k++) {
    double h = uniform() < .1 ? 0 : pow(10, decades * (uniform() - .5));
    narrow[k + 1] = (float)h;
    wide[k + 1] = (double)narrow[k + 1];
  }
}

struct models {
  pa_policy *wmmse;
  pa_uwmmse *paper, *extended;
  pa_regnn *regnn[4];
};

static struct models make_models(void) {
  struct models m;
  static const int32_t keys[] = {PA_REGNN_SHIFT, PA_REGNN_OUTPUT};
  ok(pa_policy_create(&m.wmmse, "wmmse-truncated", NULL));
  ok(pa_uwmmse_create(&m.paper, PA_UWMMSE_PAPER, 4, 5, 3, NULL));
  ok(pa_uwmmse_create(&m.extended, PA_UWMMSE_EXTENDED, 3, 4, 3, NULL));
  for (int k = 0; k < 4; k++) {
    const double values[] = {PA_REGNN_SHIFT_SCALE + k, PA_REGNN_OUTPUT_CONTINUOUS};
    ok(pa_regnn_create(&m.regnn[k], keys, values, 2, 3, NULL));
  }
  return m;
}

static void free_models(struct models *m) {
  pa_policy_free(m->wmmse);
  pa_uwmmse_free(m->paper);
  pa_uwmmse_free(m->extended);
  for (int k = 0; k < 4; k++) pa_regnn_free(m->regnn[k]);
}

static const pa_policy *policy_of(const struct models *m, size_t k) {
  return k == 0   ? m->wmmse
         : k == 1 ? pa_uwmmse_policy(m->paper)
         : k == 2 ? pa_uwmmse_policy(m->extended)
                  : pa_regnn_policy(m->regnn[k - 3]);
}

static void same_rates(const double *a, const double *b, size_t n, double near, const char *what, size_t links) {
  for (size_t k = 0; k < n; k++)
    ck_assert_msg(fabs(a[k] - b[k]) <= near * (1 + fabs(a[k])), "%s, %zu links, sample %zu: %.17g, not %.17g", what,
                  links, k / links, b[k], a[k]);
}

/* Rates of a policy's powers in either precision, by the best set up to a limit. */
static void rates_of(const pa_policy *policy, int set, const pa_states *wide, const pa_states *narrow, double *rate,
                     double *rate_f32) {
  static double power[BATCH * MOST];
  static float power_f32[BATCH * MOST], rates[BATCH * MOST];
  pa__cpu_limit(set);
  ok(pa_policy_allocate(policy, wide, power, NULL, 0));
  ok(pa_rates(wide, power, rate));
  ok(pa_policy_allocate_f32(policy, narrow, power_f32, NULL, 0));
  ok(pa_rates_f32(narrow, power_f32, rates));
  for (size_t k = 0; k < pa_states_batch(wide) * pa_states_links(wide); k++) rate_f32[k] = (double)rates[k];
}

START_TEST(instruction_sets_agree) {
  static const size_t sizes[] = {1, 2, 3, 5, 7, 8, 13, 20, 31, 32, 33, 47, 63, 64, 65, 97, 131};
  static double wide[BATCH * MOST * MOST + 1], expected[2][BATCH * MOST], got[2][BATCH * MOST];
  static float narrow[BATCH * MOST * MOST + 1];
  struct models models = make_models();
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
    for (int decades = 1; decades <= 9; decades += 4) {
      size_t n = sizes[s];
      pa_states *states[2];
      fill(wide, narrow, BATCH * n * n, decades);
      ok(pa_states_create(&states[0], BATCH, n, wide + 1, 1, 1, NULL));
      ok(pa_states_create_f32(&states[1], BATCH, n, narrow + 1, 1, 1, NULL));
      for (size_t k = 0; k < 7; k++) {
        if (k == 3 && decades > 1) continue; /* powers of a shift without bounds overflow */
        const pa_policy *policy = policy_of(&models, k);
        rates_of(policy, PA__BASELINE, states[0], states[1], expected[0], expected[1]);
        for (int set = PA__BASELINE + 1; set < PA__SETS; set++) {
          if (!pa__cpu_runs(set)) continue;
          rates_of(policy, set, states[0], states[1], got[0], got[1]);
          same_rates(expected[0], got[0], BATCH * n, 1e-8, pa_instruction_set(), n);
          same_rates(expected[1], got[1], BATCH * n, 2e-2, pa_instruction_set(), n);
        }
      }
      pa_states_free(states[0]);
      pa_states_free(states[1]);
    }
  free_models(&models);
  pa__cpu_limit(PA__SETS - 1);
}
END_TEST

START_TEST(the_set_can_be_asked_for) {
  pa__cpu_limit(PA__BASELINE);
  ck_assert_str_eq(pa_instruction_set(), "baseline");
  ck_assert_int_eq(pa__cpu_set(), PA__BASELINE);
  pa__cpu_limit(PA__SETS - 1);
  ck_assert(pa__cpu_runs(pa__cpu_set()) && !pa__cpu_runs(PA__SETS));
}
END_TEST

/* Outputs that overflow to what is no number stand for a link that is off, never for a power that is none. */
START_TEST(overflow_is_off) {
  double h[4] = {1e30, 1e30, 1e30, 1e30}, power[2];
  float h_f32[4] = {1e4f, 1e4f, 1e4f, 1e4f}, power_f32[2];
  pa_states *states[2];
  ok(pa_states_create(&states[0], 1, 2, h, 1, 1, NULL));
  ok(pa_states_create_f32(&states[1], 1, 2, h_f32, 1, 1, NULL));
  for (uint64_t seed = 0; seed < 20; seed++) {
    static const int32_t keys[] = {PA_REGNN_SHIFT, PA_REGNN_OUTPUT, PA_REGNN_ACTIVATION};
    const double values[] = {PA_REGNN_SHIFT_SCALE, PA_REGNN_OUTPUT_CONTINUOUS, PA_REGNN_ACTIVATION_ABSOLUTE};
    pa_regnn *model;
    ok(pa_regnn_create(&model, keys, values, 3, seed, NULL));
    ok(pa_policy_allocate(pa_regnn_policy(model), states[0], power, NULL, 0));
    ok(pa_policy_allocate_f32(pa_regnn_policy(model), states[1], power_f32, NULL, 0));
    for (int k = 0; k < 2; k++) ck_assert(power[k] >= 0 && power[k] <= 1 && power_f32[k] >= 0 && power_f32[k] <= 1);
    pa_regnn_free(model);
  }
  pa_states_free(states[0]);
  pa_states_free(states[1]);
}
END_TEST

int main(void) {
  return run_tests("sets",
                   (const TTest *const[]){instruction_sets_agree, the_set_can_be_asked_for, overflow_is_off, NULL});
}
