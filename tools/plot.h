/* Pictures by gnuplot. */
#ifndef POWALLOC_TOOLS_PLOT_H
#define POWALLOC_TOOLS_PLOT_H

/* Writes script to base.gp and runs it once for base.svg and once for base.png: the script gets the variables `svg`
 * (1 or 0) and `output`. Ends the command if gnuplot is missing or fails; the script and its data stay. */
void plot(const char *base, const char *script);

/* Any text in gnuplot's single quotes. */
const char *gnuplot_text(const char *plain);

#endif
