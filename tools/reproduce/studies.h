/* The tables and figures, one function each: writes NAME.csv, .json, .md, .svg and .png and returns the exit status. */
#ifndef POWALLOC_TOOLS_STUDIES_H
#define POWALLOC_TOOLS_STUDIES_H

#include "study.h"

int reproduce_anchors(const reproduction_options *o);
int reproduce_uwmmse_table1(const reproduction_options *o);
int reproduce_uwmmse_fig2a(const reproduction_options *o);
int reproduce_uwmmse_fig2b(const reproduction_options *o);
int reproduce_uwmmse_fig2c(const reproduction_options *o);
int reproduce_regnn_fig3(const reproduction_options *o);
int reproduce_regnn_fig4(const reproduction_options *o);
int reproduce_regnn_fig5(const reproduction_options *o);
int reproduce_regnn_fig6(const reproduction_options *o);
int reproduce_regnn_fig7(const reproduction_options *o);
int reproduce_regnn_fig8(const reproduction_options *o);
int reproduce_regnn_fig9(const reproduction_options *o);
int reproduce_regnn_fig10(const reproduction_options *o);
int reproduce_regnn_fig11(const reproduction_options *o);
int reproduce_regnn_fig12(const reproduction_options *o);
int reproduce_regnn_fig13(const reproduction_options *o);

#endif
