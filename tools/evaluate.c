#include "command.h"
#include "comparison.h"
#include "options.h"
#include "policies.h"
#include "report.h"
#include "source.h"

#include <math.h>
#include <stdlib.h>

enum { COLUMNS = 7, CALIBRATION = 1000 };

static uint64_t samples = 1000;
static const char *min_rate;

static const option own[] = {
    {"--samples", COUNT, &samples, "B", "states to draw from a network (default 1000)"},
    {"--min-rate", TEXT, &min_rate, "R|r.npy", "count the links that reach this mean rate in bit/s/Hz, one or [M]"},
    {NULL, FLAG, NULL, NULL, NULL}};

/* Least mean rate [links] by --min-rate; NULL if it was not given. */
static double *minimum_rates(size_t links) {
  if (!min_rate) return NULL;
  pa_array *array;
  double *rates = rate_or_array(min_rate, "--min-rate", &array);
  size_t count = array ? pa_array_size(array) : 1;
  if (count != 1 && count != links) fail(EXIT_FAILED, "%s: %zu minimum rates for %zu links", min_rate, count, links);
  double *all = need(links, sizeof *all);
  for (size_t i = 0; i < links; i++) all[i] = rates[count == 1 ? 0 : i];
  free(rates);
  pa_array_free(array);
  return all;
}

static double share_met(const outcome *o, const double *least) {
  size_t met = 0;
  for (size_t i = 0; i < o->links; i++) met += o->link_rate[i] >= least[i];
  return (double)met / (double)o->links;
}

/* States to compare on, and those to set prices on: other draws of a network, the same channels of a file. */
static void get_states(pa_states **states, pa_states **calibration, pa_array **channels, pa_network **network) {
  if (source.channel) {
    size_t batch, links;
    *channels = source_channels(source.channel, &batch, &links);
    *states = *calibration = source_states(batch, links, pa_array_data(*channels));
    return;
  }
  *network = source_network(true);
  if (pa_network_links_min(*network) != pa_network_links(*network))
    fail(EXIT_USAGE, "--links: evaluation needs one size, not a range");
  must(pa_network_draw_states(*network, STREAM_EVALUATE, 0, samples, states, NULL));
  must(pa_network_draw_states(*network, STREAM_CALIBRATE, 0, CALIBRATION, calibration, NULL));
  source_weigh(*states);
  source_weigh(*calibration);
}

static void add_row(const char **row, cJSON *rows, const outcome *o, const outcome *wmmse, const double *least) {
  double met = least ? share_met(o, least) : o->within;
  interval rate = mean_of(o->sum_rate, o->samples), power = mean_of(o->total_power, o->samples);
  interval ratio = ratio_of(o->sum_rate, wmmse->sum_rate, o->samples);
  row[0] = o->name;
  row[1] = interval_text(rate, 3);
  row[2] = interval_text(ratio, 4);
  row[3] = interval_text(power, 3);
  row[4] = text_of("%.1f", 100 * met);
  row[5] = text_of("%.2f", 1e6 * o->median);
  row[6] = text_of("%.2f", 1e6 * o->p99);
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "policy", o->name);
  add_interval(json, "sum_rate", rate);
  add_interval(json, "ratio_to_wmmse", ratio);
  add_interval(json, "total_power", power);
  cJSON_AddNumberToObject(json, "constraints_met", met);
  cJSON_AddNumberToObject(json, "seconds_median", o->median);
  cJSON_AddNumberToObject(json, "seconds_p99", o->p99);
  cJSON_AddItemToArray(rows, json);
}

int evaluate(int count, char **words) {
  parse_options(
      "evaluate [--policy NAME ...] [--model FILE ...] --noise-power W --pmax W [--channel H.npy | network options]",
      "Compares policies on the same states, paired by sample.",
      (const option *const[]){policy_table, channel_options, physics_options, network_options, own, json_table, NULL},
      count, words, NULL);
  size_t policy_count;
  named_policy *all = policy_list(&policy_count);
  if (policy_count == 0) fail(EXIT_USAGE, "give at least one --policy or --model");
  if (samples == 0) fail(EXIT_USAGE, "--samples must be at least 1");
  pa_states *states, *calibration;
  pa_array *channels = NULL;
  pa_network *network = NULL;
  get_states(&states, &calibration, &channels, &network);
  pa_policy *reference;
  must(pa_policy_create(&reference, "wmmse", NULL));
  outcome wmmse = outcome_of("wmmse", reference, states, NAN);
  double *least = minimum_rates(pa_states_links(states));
  const char **cells = need((policy_count + 1) * COLUMNS, sizeof *cells);
  const char *const heading[COLUMNS] = {"policy", "sum-rate bit/s/Hz", "of WMMSE-100", "total power W",
                                        "met %",  "median us",         "p99 us"};
  for (size_t c = 0; c < COLUMNS; c++) cells[c] = heading[c];
  cJSON *json = cJSON_CreateObject(), *rows = cJSON_CreateArray();
  for (size_t k = 0; k < policy_count; k++) {
    meet_budget(all[k].policy, calibration);
    outcome o = outcome_of(all[k].name, all[k].policy, states, policies.sum_power);
    add_row(cells + (k + 1) * COLUMNS, rows, &o, &wmmse, least);
    outcome_free(&o);
    pa_policy_free(all[k].policy);
  }
  print_table(cells, policy_count + 1, COLUMNS);
  cJSON_AddItemToObject(json, "source", source_json());
  cJSON_AddNumberToObject(json, "samples", (double)pa_states_batch(states));
  cJSON_AddStringToObject(json, "version", pa_version_text());
  cJSON_AddItemToObject(json, "rows", rows);
  write_json(json);
  outcome_free(&wmmse);
  pa_policy_free(reference);
  if (calibration != states) pa_states_free(calibration);
  pa_states_free(states);
  pa_array_free(channels);
  pa_network_free(network);
  free(all);
  free(least);
  free(cells);
  return EXIT_SUCCESS;
}
