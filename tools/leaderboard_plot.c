#include "leaderboard.h"

#include "command.h"
#include "plot.h"
#include "report.h"

#include <math.h>
#include <stdlib.h>

enum { ROW_HEIGHT = 34, FRAME_HEIGHT = 130, WIDTH = 760, HEIGHT = 520 };

/* A value with its interval; no interval makes a point alone, no value none. Widens the reach [2] to it. */
static void add_point(text *t, double place, interval x, double *reach) {
  double half = isnan(x.half_width) ? 0 : x.half_width;
  if (!isfinite(x.value)) return;
  text_add(t, "%g %.9g %.9g\n", place, x.value, half);
  reach[0] = fmin(reach[0], x.value - half);
  reach[1] = fmax(reach[1], x.value + half);
}

/* The range of the ratios, with the 1 of the baseline in it. */
static void add_range(text *t, const char *axis, const double *reach) {
  double low = fmin(reach[0], 1), high = fmax(reach[1], 1), margin = fmax(.05 * (high - low), .005);
  if (reach[0] > reach[1]) fail(EXIT_FAILED, "there is nothing to draw: the baseline's sum-rates are 0");
  text_add(t, "set %srange [%.9g:%.9g]\n", axis, low - margin, high + margin);
}

/* sizes: of the networks. Where a size has one network, the intervals are over its states. */
static void add_title(text *t, const leaderboard *b, const char *sizes) {
  size_t *all = need(b->scene_count, sizeof *all);
  size_t count = leaderboard_sizes(b, all), single = 0, networks;
  for (size_t k = 0; k < count; k++) {
    leaderboard_over(b, all[k], 0, &networks);
    single += networks == 1;
  }
  text_add(t, "set title '%zu network%s of %s, 95 %% intervals over the %s'\n", b->scene_count,
           b->scene_count > 1 ? "s" : "", sizes,
           single == 0       ? "networks"
           : single == count ? "states"
                             : "networks, or the states of a single one");
  free(all);
}

/* Policies in the order of their ratios, the best last. */
static size_t *ranking(const leaderboard *b, const score *scores) {
  size_t *order = need(b->policy_count, sizeof *order);
  for (size_t k = 0; k < b->policy_count; k++) {
    size_t at = k;
    for (; at > 0 && scores[order[at - 1]].of[TO_BASELINE].value > scores[k].of[TO_BASELINE].value; at--)
      order[at] = order[at - 1];
    order[at] = k;
  }
  return order;
}

/* One size: a line of the picture a policy. */
static void add_dots(text *t, const leaderboard *b, const char *const *labels, size_t links) {
  score *scores = need(b->policy_count, sizeof *scores);
  for (size_t p = 0; p < b->policy_count; p++) scores[p] = leaderboard_over(b, links, p, NULL);
  size_t *order = ranking(b, scores);
  double reach[] = {INFINITY, -INFINITY};
  text_add(t, "$data << EOD\n");
  for (size_t k = 0; k < b->policy_count; k++) add_point(t, (double)k, scores[order[k]].of[TO_BASELINE], reach);
  text_add(t, "EOD\n");
  add_terminal(t, WIDTH, FRAME_HEIGHT + ROW_HEIGHT * b->policy_count);
  text_add(t, "set border 3\nset tics nomirror\n");
  add_title(t, b, text_of("%zu %s", links, links == 1 ? "link" : "links"));
  add_range(t, "x", reach);
  text_add(t, "set xlabel %s noenhanced\n", gnuplot_text(text_of("sum-rate / sum-rate of %s", labels[b->baseline])));
  text_add(t,
           "unset key\nset grid xtics linetype 1 linecolor '#dddddd'\n"
           "set yrange [-0.7:%zu.7]\nset ytics scale 0 noenhanced (",
           b->policy_count - 1);
  for (size_t k = 0; k < b->policy_count; k++)
    text_add(t, "%s%s %zu", k ? ", " : "", gnuplot_text(labels[order[k]]), k);
  text_add(t,
           ")\nset arrow from first 1, graph 0 to first 1, graph 1 nohead dashtype 2 linecolor '#666666'\n"
           "plot $data using 2:1:3 with xerrorbars linewidth 2 pointtype 7 pointsize 1.4 linecolor '%s'\n",
           plot_colour(0));
  free(order);
  free(scores);
}

/* Several sizes, evenly spaced: a line a policy, moved aside a little so that the intervals can be told apart. */
static void add_lines(text *t, const leaderboard *b, const char *const *labels, const size_t *sizes, size_t count) {
  double reach[] = {INFINITY, -INFINITY};
  for (size_t p = 0; p < b->policy_count; p++) {
    double aside = b->policy_count > 1 ? .24 * ((double)p / (double)(b->policy_count - 1) - .5) : 0;
    text_add(t, "$data%zu << EOD\n", p);
    for (size_t k = 0; k < count; k++)
      add_point(t, (double)k + aside, leaderboard_over(b, sizes[k], p, NULL).of[TO_BASELINE], reach);
    text_add(t, "EOD\n");
  }
  add_terminal(t, WIDTH, HEIGHT);
  text_add(t, "set border 3\nset tics nomirror\n");
  add_title(t, b, text_of("%zu sizes", count));
  add_range(t, "y", reach);
  text_add(t, "set ylabel %s noenhanced\n", gnuplot_text(text_of("sum-rate / sum-rate of %s", labels[b->baseline])));
  text_add(t,
           "set xlabel 'links'\nset grid ytics linetype 1 linecolor '#dddddd'\nset xrange [-0.4:%zu.4]\n"
           "set key outside right center Left reverse samplen 2 spacing 1.2 "
           "noenhanced\nset xtics (",
           count - 1);
  for (size_t k = 0; k < count; k++) text_add(t, "%s'%zu' %zu", k ? ", " : "", sizes[k], k);
  text_add(t, ")\nset arrow from graph 0, first 1 to graph 1, first 1 nohead dashtype 2 linecolor '#666666'\nplot ");
  for (size_t p = 0; p < b->policy_count; p++)
    text_add(t,
             "%s$data%zu using 1:2:3 with yerrorlines linewidth 2 pointtype %zu pointsize 1.1 linecolor '%s' title %s",
             p ? ", " : "", p, p < PLOT_COLOURS ? (size_t)7 : (size_t)9, plot_colour(p), gnuplot_text(labels[p]));
  text_add(t, "\n");
}

void leaderboard_plot(const leaderboard *b, const char *path) {
  size_t *sizes = need(b->scene_count, sizeof *sizes), count = leaderboard_sizes(b, sizes);
  const char *const *labels = leaderboard_labels(b);
  text script = {0};
  if (count > 1)
    add_lines(&script, b, labels, sizes, count);
  else
    add_dots(&script, b, labels, sizes[0]);
  plot_file(path, script.bytes);
  free(script.bytes);
  free(sizes);
  free((void *)labels);
}
