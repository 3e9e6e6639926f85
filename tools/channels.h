/* Channels in files: full matrices in .npy and .csv, sparse ones in .npz. */
#ifndef POWALLOC_TOOLS_CHANNELS_H
#define POWALLOC_TOOLS_CHANNELS_H

#include <powalloc/powalloc.h>
#include <stdbool.h>

typedef struct channels {
  size_t batch, links, size; /* size: amplitudes in all */
  const double *h;           /* [batch][links][links], or [batch][edges] */
  pa_graph *graph;           /* NULL if they are full */
  pa_array *full;            /* where they are: in one of these */
  pa_sparse_array *sparse;
} channels;

/* Whether a file of this name has sparse channels. */
bool channels_sparse(const char *path);
/* Ends the command with a message if the file is none of channels. */
channels channels_load(const char *path);
/* With each link in the caller's row and column. */
void channels_save(const char *path, const pa_states *states);
void channels_free(channels *c);

#endif
