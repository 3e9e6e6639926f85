/* The states that files of channels hold: of one network, or of several as one batch. */
#ifndef POWALLOC_TOOLS_RECORDED_H
#define POWALLOC_TOOLS_RECORDED_H

#include "channels.h"
#include "options.h"

typedef struct recorded {
  size_t links; /* the most */
  pa_states *states;
  /* One a file; states are the first's if there is but one, else mixed. */
  const list *files;
  channels *channels;
  float **narrow; /* channels in single precision, or NULL */
  pa_states **parts;
} recorded;

/* With noise, limits, --weights and --state. Ends the command if a file is none of channels, or is there twice. */
recorded recorded_load(const list *files, bool single);
/* must(), and the message names the file. */
void recorded_must(const recorded *r, pa_status status);
void recorded_free(recorded *r);

#endif
