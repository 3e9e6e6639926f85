/* The problem of the REGNN paper, eq. (49): its networks, baselines and models.
 *
 * Setting 'A' is the text's: amplitude d^-2.2 Rayleigh, noise 1 W, p0 = 10 W. 'B' is the authors' code: power gain
 * d^-2.2 Rayleigh^2, p0 = 4 W. The average power budget is 1 W a link in both. */
#ifndef POWALLOC_TOOLS_REGNN_H
#define POWALLOC_TOOLS_REGNN_H

#include "trained.h"

/* Where: cells 0 is ad hoc. */
typedef struct regnn_place {
  char setting;
  size_t cells, links, reference_links;
  double density, noise;
  uint64_t seed;
} regnn_place;

#define REGNN_SETTINGS                                                                                             \
  "A is as the text has it (amplitude d^-2.2 Rayleigh, noise 1 W, p0 = 10 W), B as the authors' code (power gain " \
  "d^-2.2 Rayleigh^2, p0 = 4 W); the average budget is 1 W a link in both."

pa_network *regnn_network(const regnn_place *place);

/* MANY_NETWORKS: on or off, but trained on a fresh topology every 8 samples. */
typedef enum variant { ON_OFF, CONTINUOUS, FORTY, FULLY_CONNECTED, MANY_NETWORKS } variant;
const char *regnn_label(variant v);
/* Iterations of a full training. */
uint64_t regnn_steps(const reproduction_options *o, variant v);
trained regnn_trained(study *s, const regnn_place *place, variant v);

/* Setting of the options, or the usual one of a figure. */
char regnn_setting(const reproduction_options *o, char usual);

/* The policies that every figure compares with, in this order: the first ones are the paper's. */
enum { REGNN_BASELINES = 5, REGNN_HEURISTICS = 3 };
extern const char *const regnn_baselines[REGNN_BASELINES];
#define REGNN_EQUAL "equal power"
#define REGNN_RANDOM "random links"
#define REGNN_CAPPED "WMMSE, budget / M each"
#define REGNN_PRICED "WMMSE at a price"
#define REGNN_THRESHOLD "threshold on the own SNR"

/* How much a method has of the best of the paper's heuristics. */
double regnn_over_heuristics(const study *s, double x, const char *label);

/* Comparison on one network: fresh draws to test on, others to set prices on. */
typedef struct regnn_match {
  study *study;
  double x, budget;
  uint64_t network;
  pa_states *tests, *pricing;
  measured priced;
} regnn_match;

/* Adds the cells of the baselines. */
regnn_match regnn_match_begin(study *s, double x, const regnn_place *place, size_t tests, size_t pricing);
/* Adds a model's cell; re-priced: its offset is set to meet the budget first. Returns what it reached, to be freed. */
measured regnn_match_add(regnn_match *m, const char *label, pa_policy *policy, bool reprice);
void regnn_match_end(regnn_match *m);

#endif
