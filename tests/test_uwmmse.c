#include "fixture.h"
#include "suite.h"

#include <stdio.h>

/* The fixtures' theta: for each layer GCN a, GCN b in the library's order of parts, then mu. */
static pa_uwmmse *model_of(const fixture *f) {
  pa_uwmmse *model;
  ok(pa_uwmmse_create(&model, PA_UWMMSE_PAPER, 4, 5, 0, NULL));
  ck_assert_uint_eq(pa_uwmmse_weight_count(model), 260);
  ok(pa_uwmmse_set_weights(model, fixture_get(f, "theta", NULL), 260));
  return model;
}

static const char *const cases[] = {"uwmmse_M%d_s1_mu0.0",     "uwmmse_M%d_s1_mu0.05",    "uwmmse_M%d_s1em10_mu0.0",
                                    "uwmmse_M%d_s1em10_mu0.05", "uwmmse_M%d_s1em9p1_mu0.0", "uwmmse_M%d_s1em9p1_mu0.05"};
static const int sizes[] = {1, 2, 3, 20, 50};

START_TEST(fixtures) {
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++)
    for (size_t m = 0; m < sizeof sizes / sizeof sizes[0]; m++) {
      char name[64];
      snprintf(name, sizeof name, cases[c], sizes[m]);
      fixture *f = fixture_open(name);
      size_t shape[8];
      const double *h = fixture_get(f, "H", shape), *p = fixture_get(f, "p", NULL), *grad = fixture_get(f, "grad_theta", NULL);
      pa_states *states;
      ok(pa_states_create(&states, shape[0], shape[1], h, fixture_scalar(f, "s2"), fixture_scalar(f, "pmax"), NULL));
      pa_uwmmse *model = model_of(f);
      double *power = calloc(shape[0] * shape[1], sizeof(double)), gradient[260], loss;
      ok(pa_policy_allocate(pa_uwmmse_policy(model), states, power, NULL, 0));
      for (size_t k = 0; k < shape[0] * shape[1]; k++) close_to(power[k], p[k], 1e-10);
      ok(pa_uwmmse_gradient(model, states, &loss, gradient, 260));
      close_to(loss, fixture_scalar(f, "loss"), 1e-9 * fabs(loss));
      double largest = 0;
      for (size_t k = 0; k < 260; k++) largest = fmax(largest, fabs(grad[k]));
      for (size_t k = 0; k < 260; k++)
        ck_assert_msg(fabs(gradient[k] - grad[k]) <= 1e-8 * fmax(fabs(grad[k]), 1e-3 * largest), "%s: gradient[%zu] is %.12g, not %.12g", name, k, gradient[k], grad[k]);
      free(power);
      pa_uwmmse_free(model);
      pa_states_free(states);
      fixture_close(f);
    }
}
END_TEST

int main(void) { return run_tests("uwmmse", (const TTest *const[]){fixtures, NULL}); }
