#include "fading.h"

#include "../la/la.h"

#include <string.h>

#ifdef PA_SINGLE
#define pa__fade pa__fade_f32
#endif

/* The gains in the file's precision, narrowed behind the amplitudes of a draw in work. */
static const real *gains_of(const pa__fading *f, real *work) {
#ifdef PA_SINGLE
  size_t n = f->gains;
  for (size_t k = 0; k < n; k++) work[n + k] = (real)f->gain[k];
  return work + n;
#else
  (void)work;
  return f->gain;
#endif
}

/* Channel [links][links] of what is given per receiver. */
static void spread(const pa__fading *f, const real *per_receiver, real *h) {
  for (size_t i = 0; i < f->links; i++)
    for (size_t j = 0; j < f->links; j++) h[i * f->links + j] = per_receiver[i * f->receivers + f->receiver_of[j]];
}

void pa__fade(const pa__fading *f, uint64_t key, uint64_t first, size_t count, real *h, void *work) {
  const pa__la *la = pa__la_best();
  size_t n = f->gains;
  real *drawn = work;
  const real *gain = gains_of(f, drawn);
  for (size_t b = 0; b < count; b++, h += f->channels) {
    real *amplitude = f->receiver_of ? drawn : h;
    if (f->rayleigh) {
      la->rayleigh(key, first + b, n, amplitude);
      for (size_t k = 0; k < n; k++) amplitude[k] *= gain[k];
    }
    if (f->receiver_of)
      spread(f, f->rayleigh ? amplitude : gain, h);
    else if (!f->rayleigh)
      memcpy(h, gain, n * sizeof(real));
  }
}
