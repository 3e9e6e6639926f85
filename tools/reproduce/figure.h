/* Pictures of the studies: each leaves data beside the study and a script in it, which study_finish() draws. */
#ifndef POWALLOC_TOOLS_FIGURE_H
#define POWALLOC_TOOLS_FIGURE_H

#include "../training.h"
#include "study.h"

/* What is drawn of a method. */
typedef struct series {
  const char *label;
  const double *values; /* [count] */
  size_t count;
} series;

/* Learning curves of the first network by iteration, in the study's unit; its baselines as dashed lines. */
void figure_curves(study *s, const char *const *labels, const curve *curves, size_t count, const char *const *baselines,
                   size_t baseline_count);
/* Means over networks with their intervals against x. log_x: a logarithmic axis; top: of the values, NAN if they have
 * none. */
void figure_lines(study *s, const char *x_label, field what, bool log_x, double top, const char *const *labels,
                  size_t count);
/* Histograms over each other, one a series, with their means; x_label tells what was counted. */
void figure_histograms(study *s, const char *x_label, const series *all, size_t count);
/* Boxes: quartiles and median, lines from the 5th to the 95th percentile. */
void figure_boxes(study *s, const char *x_label, const series *all, size_t count);
/* A line for each of several values by iteration, and a line at 0. */
void figure_traces(study *s, const char *y_label, const curve *curves, size_t count);

#endif
