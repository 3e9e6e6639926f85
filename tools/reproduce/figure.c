#include "figure.h"

#include "../command.h"
#include "../plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 860 };

static const char *data_file(const study *s) { return gnuplot_text(study_file(s, ".dat")); }

static void begin(const study *s, text *script, size_t height) {
  add_terminal(script, WIDTH, height);
  text_add(script,
           "set title %s\nset border 3\nset xtics nomirror\nset ytics nomirror\n"
           "set grid ytics linecolor '#dddddd'\nset key outside bottom center horizontal maxcols 2 spacing 1.2 height "
           "1.5 samplen 2\n",
           gnuplot_text(s->title));
}

static void end(study *s, text *script, text *data) {
  if (data->bytes) write_text(study_file(s, ".dat"), data->bytes);
  free(data->bytes);
  s->picture = script->bytes;
}

/* Of the first network, which the curves are of. */
static double first_rate(const study *s, const char *label) {
  size_t k = 0;
  while (k < s->count && strcmp(s->labels[s->cells[k].method], label) != 0) k++;
  return k < s->count ? s->cells[k].rate.value : NAN;
}

void figure_curves(study *s, const char *const *labels, const curve *curves, size_t count, const char *const *baselines,
                   size_t baseline_count) {
  text script = {0}, data = {0};
  double last = 0;
  for (size_t c = 0; c < count; c++) {
    text_add(&data, "%s# iteration, %s: %s\n", c ? "\n\n" : "", s->unit, labels[c]);
    for (size_t k = 0; k < curves[c].count; k++)
      text_add(&data, "%.0f %.6g\n", curves[c].step[k], curves[c].value[k] * study_unit(s));
    if (curves[c].count > 0) last = fmax(last, curves[c].step[curves[c].count - 1]);
  }
  begin(s, &script, 640);
  text_add(&script,
           "set xlabel 'training iteration'\nset ylabel 'sum-rate, %s'\nset xrange [0:%g]\nset yrange [0:*]\nplot ",
           s->unit, last);
  for (size_t b = 0; b < baseline_count; b++)
    text_add(&script, "%g with lines dashtype 2 linecolor '%s' title %s, ", first_rate(s, baselines[b]),
             plot_colour(count + b), gnuplot_text(baselines[b]));
  for (size_t c = 0; c < count; c++)
    text_add(&script, "%s index %zu with lines linewidth 2 linecolor '%s' title %s%s", data_file(s), c, plot_colour(c),
             gnuplot_text(labels[c]), c + 1 < count ? ", " : "\n");
  end(s, &script, &data);
}

static const char *what_text(const study *s, field what) {
  return what == RATE    ? text_of("sum-rate, %s", s->unit)
         : what == RATIO ? text_of("sum-rate, of %s", s->reference)
                         : "total power, W";
}

void figure_lines(study *s, const char *x_label, field what, bool log_x, double top, const char *const *labels,
                  size_t count) {
  text script = {0}, data = {0};
  double lowest = INFINITY, highest = -INFINITY;
  for (size_t c = 0; c < count; c++) {
    text_add(&data, "%s# %s, mean, 95 %%: %s\n", c ? "\n\n" : "", x_label, labels[c]);
    double before = NAN;
    for (size_t k = 0; k < s->count; k++) {
      double x = s->cells[k].x;
      if (strcmp(s->labels[s->cells[k].method], labels[c]) != 0 || x == before) continue;
      interval mean = study_mean(s, x, labels[c], what);
      text_add(&data, "%g %.6g %.6g\n", x, mean.value, isnan(mean.half_width) ? 0 : mean.half_width);
      lowest = fmin(lowest, x), highest = fmax(highest, x), before = x;
    }
  }
  begin(s, &script, 560);
  double margin = log_x ? pow(highest / lowest, .04) : (highest - lowest) * .04;
  text_add(&script, "set xlabel %s\nset ylabel %s\nset xrange [%g:%g]\nset yrange [%s:%s]\n%splot ",
           gnuplot_text(x_label), gnuplot_text(what_text(s, what)), log_x ? lowest / margin : lowest - margin,
           log_x ? highest * margin : highest + margin, what == RATE ? "0" : "*", isnan(top) ? "*" : text_of("%g", top),
           log_x ? "set logscale x\n" : "");
  for (size_t c = 0; c < count; c++)
    text_add(&script,
             "%s index %zu using 1:2 with lines linewidth 2 linecolor '%s' title %s, "
             "'' index %zu using 1:2:3 with yerrorbars linewidth 2 pointtype 7 pointsize 0.6 linecolor '%s' notitle%s",
             data_file(s), c, plot_colour(c), gnuplot_text(labels[c]), c, plot_colour(c), c + 1 < count ? ", " : "\n");
  end(s, &script, &data);
}

void figure_histograms(study *s, const char *x_label, const series *all, size_t count) {
  enum { BINS = 30 };
  text script = {0}, data = {0};
  double lowest = INFINITY, highest = -INFINITY;
  for (size_t c = 0; c < count; c++)
    for (size_t k = 0; k < all[c].count; k++) {
      lowest = fmin(lowest, all[c].values[k]);
      highest = fmax(highest, all[c].values[k]);
    }
  double width = highest > lowest ? (highest - lowest) / BINS : 1;
  for (size_t c = 0; c < count; c++) {
    double bins[BINS] = {0};
    for (size_t k = 0; k < all[c].count; k++) {
      size_t bin = (size_t)((all[c].values[k] - lowest) / width);
      bins[bin < BINS ? bin : BINS - 1]++;
    }
    text_add(&data, "%s# middle of the bin, part: %s\n", c ? "\n\n" : "", all[c].label);
    for (size_t k = 0; k < BINS; k++)
      text_add(&data, "%.6g %.6g\n", lowest + ((double)k + .5) * width, bins[k] / (double)all[c].count);
  }
  begin(s, &script, 200 + 150 * count);
  text_add(&script,
           "unset title\nset multiplot layout %zu,1 title %s\nset style fill solid 0.6 noborder\nset boxwidth %g\nset "
           "xrange "
           "[%g:%g]\nset yrange [0:*]\nunset key\nset ylabel 'part'\n",
           count, gnuplot_text(s->title), width, lowest - width, highest + width);
  for (size_t c = 0; c < count; c++) {
    double sum = 0;
    for (size_t k = 0; k < all[c].count; k++) sum += all[c].values[k] / (double)all[c].count;
    if (c + 1 == count) text_add(&script, "set xlabel %s\n", gnuplot_text(x_label));
    text_add(&script, "set arrow 1 from %g, graph 0 to %g, graph 1 nohead front dashtype 2 linewidth 2\n", sum, sum);
    text_add(&script, "set title %s\nplot %s index %zu using 1:2 with boxes linecolor '%s'\n",
             gnuplot_text(text_of("%s, mean %.3g", all[c].label, sum)), data_file(s), c, plot_colour(c));
  }
  text_add(&script, "unset multiplot\n");
  end(s, &script, &data);
}

void figure_boxes(study *s, const char *x_label, const series *all, size_t count) {
  text script = {0}, data = {0};
  text_add(&data, "# place, 5 %%, quartile, median, quartile, 95 %%\n");
  begin(s, &script, 120 + 40 * count);
  text_add(
      &script,
      "set xlabel %s\nset xrange [0:*]\nset yrange [%zu.6:0.4]\nunset key\nset style fill solid 0.35 border linecolor "
      "'black'\nset grid noytics xtics linecolor '#dddddd'\nset ytics scale 0 (",
      gnuplot_text(text_of("%s (box: quartiles; line: 5 to 95 %%)", x_label)), count);
  for (size_t c = 0; c < count; c++) {
    double *sorted = need(all[c].count, sizeof *sorted);
    memcpy(sorted, all[c].values, all[c].count * sizeof *sorted);
    text_add(&data, "%zu", c + 1);
    for (size_t q = 0; q < 5; q++) {
      static const double quantiles[] = {.05, .25, .5, .75, .95};
      text_add(&data, " %.6g", quantile_of(sorted, all[c].count, quantiles[q]));
    }
    text_add(&data, "\n");
    free(sorted);
    text_add(&script, "%s%s %zu", c ? ", " : "", gnuplot_text(all[c].label), c + 1);
  }
  text_add(
      &script,
      ")\nplot %s using 2:1:($6-$2):(0) with vectors nohead linecolor 'black', '' using 3:1:3:5:($1-0.3):($1+0.3) "
      "with boxxyerror linecolor '#1f77b4', '' using 4:($1-0.3):(0):(0.6) with vectors nohead linewidth 3 linecolor "
      "'black'\n",
      data_file(s));
  end(s, &script, &data);
}

void figure_traces(study *s, const char *y_label, const curve *curves, size_t count) {
  text script = {0}, data = {0};
  double last = 0;
  for (size_t c = 0; c < count; c++) {
    text_add(&data, "%s# iteration, %s %zu\n", c ? "\n\n" : "", y_label, c + 1);
    for (size_t k = 0; k < curves[c].count; k++) text_add(&data, "%.0f %.6g\n", curves[c].step[k], curves[c].value[k]);
    if (curves[c].count > 0) last = fmax(last, curves[c].step[curves[c].count - 1]);
  }
  begin(s, &script, 560);
  text_add(&script,
           "set xlabel 'training iteration'\nset ylabel %s\nset xrange [0:%g]\nset yrange [-3:*]\nunset key\nplot 0 "
           "with lines linewidth 2 "
           "dashtype 2 linecolor 'black'",
           gnuplot_text(y_label), last);
  for (size_t c = 0; c < count; c++)
    text_add(&script, ", %s index %zu with lines linecolor '%s'", data_file(s), c, plot_colour(c));
  text_add(&script, "\n");
  end(s, &script, &data);
}
