/* Pictures by gnuplot. */
#ifndef POWALLOC_TOOLS_PLOT_H
#define POWALLOC_TOOLS_PLOT_H

#include "report.h"

#include <stdbool.h>

/* Writes script to base.gp and runs it once for base.svg and once for base.png: the script gets the variables `svg`
 * (1 or 0) and `output`. Ends the command if gnuplot is missing or fails; the script and its data stay. */
void plot(const char *base, const char *script);

/* Draws path alone, which ends in .svg or .png, by a script as above; nothing but the picture stays. */
void plot_file(const char *path, const char *script);
/* Whether it ends so. */
bool is_picture(const char *path);

/* Any text in gnuplot's single quotes. */
const char *gnuplot_text(const char *plain);

/* Begins a script: size in the units of SVG; a PNG has twice as many pixels. */
void add_terminal(text *script, size_t width, size_t height);
/* Colours of lines, which repeat after so many. */
enum { PLOT_COLOURS = 10 };
const char *plot_colour(size_t k);

#endif
