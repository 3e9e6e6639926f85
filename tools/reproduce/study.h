/* A table or figure in the making: what was measured, what the paper claims, and the files that come of it. */
#ifndef POWALLOC_TOOLS_STUDY_H
#define POWALLOC_TOOLS_STUDY_H

#include "../report.h"

#include <powalloc/powalloc.h>

#define NATS 0.69314718055994530942

typedef struct reproduction_options {
  const char *out, *setting;
  bool quick;
  uint64_t topologies, seed, threads;
} reproduction_options;

enum { STUDY_METHODS = 24 };

/* A policy on one network: sum-rate in the study's unit and its ratio to the study's reference, paired by sample, with
 * intervals over the draws; mean total power. */
typedef struct cell {
  double x;
  uint64_t network; /* seed */
  size_t method;
  interval rate, ratio;
  double power;
} cell;

typedef struct verdict {
  const char *claim, *paper, *ours, *holds, *why;
  double ratio; /* ours / paper, NAN: the paper gives no number */
} verdict;

typedef struct study {
  const reproduction_options *o;
  const char *name, *title, *unit;
  const char *x_name;    /* what is varied, NULL: nothing */
  const char *reference; /* of the ratios */
  const char *labels[STUDY_METHODS];
  double seconds[STUDY_METHODS]; /* median of one allocation; 0: not measured */
  size_t methods;
  cell *cells;
  size_t count, room;
  verdict *verdicts;
  size_t verdict_count;
  text remarks;
  char *picture; /* gnuplot script */
  cJSON *parameters;
  double begun;
  double training; /* seconds that the models took, in this run or an earlier one */
  double spent;    /* the part of them in this run */
} study;

/* unit "bit/s/Hz" or "nat/s/Hz". */
study study_begin(const reproduction_options *o, const char *name, const char *title, const char *unit,
                  const char *x_name, const char *reference);
void study_parameter(study *s, const char *name, double value);
/* A sentence for the page. */
void study_remark(study *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Of a bit/s/Hz in the study's unit. */
double study_unit(const study *s);
const char *study_file(const study *s, const char *ending);

/* Sum-rates in the study's unit and total powers of each sample. */
typedef struct measured {
  size_t samples;
  double *rate, *power;
} measured;

measured measure(const study *s, const pa_policy *policy, const pa_states *states);
/* Of powers [batch][links]. */
measured measure_powers(const study *s, const pa_states *states, const double *power);
void measured_free(measured *m);

/* Methods are numbered in the order in which they first come. */
size_t study_method(study *s, const char *label);
void study_cell(study *s, double x, uint64_t network, const char *label, const measured *m, const measured *reference);

/* Measures the time of one allocation on these states, one sample a call. Not in the CSV: no two runs agree. */
void study_time(study *s, const char *label, const pa_policy *policy, const pa_states *states);

/* Over the networks, with an interval over them; the interval over the draws if there is one network. NAN for what was
 * not measured. */
typedef enum field { RATE, RATIO, MEAN_POWER } field;
interval study_mean(const study *s, double x, const char *label, field what);
/* Mean over the networks of the ratio of two methods' sum-rates there. */
interval study_ratio(const study *s, double x, const char *label, const char *reference);
double study_least(const study *s, double x, const char *label, field what);

/* What the words of a claim mean here, as ratios of sum-rates. */
#define MATCHES .99        /* at least: matches, follows closely, does as well */
#define ALMOST_MATCHES .95 /* at least */
#define FALLS_BEHIND \
  .98                 /* below: falls behind, falls short; by a significant margin if it does not even almost match */
#define INADEQUATE .9 /* below */
#define SUBSTANTIALLY 1.2 /* above: outperforms by so much */

/* holds: computed by the caller from what was measured. */
void study_verdict(study *s, const char *claim, const char *paper, const char *ours, double ratio, bool holds,
                   const char *why);

/* Whether the folder holds this very study, complete, of this library and its models. */
bool study_is_complete(const reproduction_options *o, const char *name);
/* Prints the table and writes NAME.csv, NAME.md, NAME.svg, NAME.png and, last, NAME.json. */
void study_finish(study *s);

#endif
