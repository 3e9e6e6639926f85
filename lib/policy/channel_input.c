#include "channel_input.h"

#include <powalloc/policy.h>
#include <string.h>

void pa__channel_input(const pa__la *la, const pa_states *s, int kind, size_t sample, size_t stride, double *out) {
  size_t n = s->links;
  for (size_t i = 0; i < n; i++) {
    const double *h = s->h + (sample * n + i) * n;
    double *row = out + i * stride;
    if (kind == PA_INPUT_AMPLITUDE)
      memcpy(row, h, n * sizeof(double));
    else
      for (size_t j = 0; j < n; j++) row[j] = 1 + h[j] * h[j] * s->limit[i] / s->noise[j];
    for (size_t j = n; j < stride; j++) row[j] = kind == PA_INPUT_AMPLITUDE ? 0 : 1;
  }
  if (kind == PA_INPUT_LOG) la->log(n * stride, out, out);
}
