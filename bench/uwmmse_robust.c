/* Trains one robust UWMMSE model over random topologies (UWMMSE paper, section 4.2) and reports its sum-rate on unseen
 * ones, as a part of WMMSE's with 100 iterations.
 *
 *   uwmmse_robust STEPS THREADS SEED MODEL.safetensors [PATH_GAIN.npy ...]
 *
 * Training: densities .5 to 5, 10 to 30 links in the box of 20. Test: 50 topologies a cell, 64 draws each; noise
 * 10^-9.1 W, power limit 1 W. Then, on path gains [M][M] that it never saw, 3200 Rayleigh draws (200 above 100 links)
 * at noise 2e-13 W. */
#include "bench.h"

enum { TOPOLOGIES = 50, DRAWS = 64 };

static double mean_rate(const pa_policy *policy, const pa_states *states) {
  size_t n = pa_states_batch(states) * pa_states_links(states);
  double *power = malloc(n * sizeof *power), *rate = malloc(n * sizeof *rate), sum = 0;
  must(pa_policy_allocate(policy, states, power, NULL, 0));
  must(pa_rates(states, power, rate));
  for (size_t k = 0; k < n; k++) sum += rate[k];
  free(power);
  free(rate);
  return sum / (double)pa_states_batch(states);
}

static void compare(const pa_policy *model, const pa_states *states, double sum[3], double *worst) {
  pa_policy *wmmse, *truncated;
  must(pa_policy_create(&wmmse, "wmmse", NULL));
  must(pa_policy_create(&truncated, "wmmse-truncated", NULL));
  double w = mean_rate(wmmse, states), u = mean_rate(model, states);
  sum[0] += w;
  sum[1] += mean_rate(truncated, states);
  sum[2] += u;
  *worst = u / w < *worst ? u / w : *worst;
  pa_policy_free(wmmse);
  pa_policy_free(truncated);
}

static void cell(const pa_policy *model, size_t links, double density) {
  double sum[3] = {0}, noise = pa_db_to_ratio(-91), worst = 1e9;
  for (uint64_t k = 0; k < TOPOLOGIES; k++) {
    pa_network *network;
    pa_states *states;
    must(pa_network_create_adhoc(&network, links, 1000000 + k, NULL));
    must(pa_network_set(network, PA_NETWORK_REFERENCE_LINKS, 20));
    must(pa_network_set(network, PA_NETWORK_CONSTANT_DENSITY, 0));
    must(pa_network_set(network, PA_NETWORK_DENSITY, density));
    must(pa_network_set_noise(network, &noise, 1));
    must(pa_network_draw_states(network, 7, 0, DRAWS, &states, NULL));
    compare(model, states, sum, &worst);
    pa_states_free(states);
    pa_network_free(network);
  }
  printf("M %2zu d %.1f: WMMSE-100 %6.2f bit/s/Hz, WMMSE-4 %.4f, UWMMSE %.4f, worst topology %.4f\n", links, density,
         sum[0] / TOPOLOGIES, sum[1] / sum[0], sum[2] / sum[0], worst);
}

static void channel(const pa_policy *model, const char *path) {
  double sum[3] = {0}, noise = 2e-13, worst = 1e9;
  pa_array *gain;
  pa_network *network;
  pa_states *states;
  must(pa_array_load(&gain, path, NULL));
  must(pa_network_create_path_gain(&network, pa_array_extent(gain, 0), pa_array_data(gain), 1, NULL));
  must(pa_network_set_noise(network, &noise, 1));
  must(pa_network_draw_states(network, 7, 0, pa_array_extent(gain, 0) > 100 ? 200 : 3200, &states, NULL));
  compare(model, states, sum, &worst);
  printf("%s: WMMSE-100 %6.2f bit/s/Hz, WMMSE-4 %.4f, UWMMSE %.4f\n", path, sum[0], sum[1] / sum[0], sum[2] / sum[0]);
  pa_states_free(states);
  pa_network_free(network);
  pa_array_free(gain);
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  uint64_t seed = strtoull(argv[3], NULL, 10);
  double noise = pa_db_to_ratio(-91), start = now(), best;
  pa_network *family;
  pa_uwmmse *model;
  pa_trainer *trainer;
  must(pa_network_create_adhoc_family(&family, 10, 30, .5, 5, seed, NULL));
  must(pa_network_set_noise(family, &noise, 1));
  must(pa_uwmmse_create(&model, PA_UWMMSE_EXTENDED, 4, 5, seed, NULL));
  must(pa_trainer_create(&trainer, pa_uwmmse_policy(model), family, seed, NULL));
  must(pa_trainer_set(trainer, PA_TRAINER_THREADS, atof(argv[2])));
  must(pa_trainer_run(trainer, strtoull(argv[1], NULL, 10)));
  must(pa_trainer_stat(trainer, PA_TRAINER_STAT_BEST_STEP, &best));
  printf("seed %s: trained in %.1f s, best at step %.0f\n", argv[3], now() - start, best);
  must(pa_uwmmse_save(model, argv[4], "robust"));
  const double densities[] = {.5, 1, 2, 3, 4, 5};
  const size_t sizes[] = {10, 15, 20, 25, 30};
  for (size_t k = 0; k < 6; k++) cell(pa_uwmmse_policy(model), 20, densities[k]);
  for (size_t k = 0; k < 5; k++) cell(pa_uwmmse_policy(model), sizes[k], 1);
  for (int k = 5; k < argc; k++) channel(pa_uwmmse_policy(model), argv[k]);
  pa_trainer_free(trainer);
  pa_uwmmse_free(model);
  pa_network_free(family);
  return 0;
}
