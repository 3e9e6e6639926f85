/* The models as plain C loops over BLIS, one call a product: what one would write without the library. Compiled once
 * per precision. */
#define _GNU_SOURCE /* blis.h uses POSIX barriers */
#include "la/real.h"

#include <blis.h>
#include <float.h>
#include <math.h>
#include <stddef.h>

#ifdef PA_SINGLE
#define GEMV bli_sgemv_ex
#define GEMM bli_sgemm_ex
#define EXP expf
#define LEAST FLT_MIN
#else
#define GEMV bli_dgemv_ex
#define GEMM bli_dgemm_ex
#define EXP exp
#define LEAST DBL_MIN
#endif

enum { LAYERS = 8, TAPS = 5, UNFOLDED = 4, GCNS = 2 * UNFOLDED, HIDDEN = 5, ITERATIONS = 100 };

/* h [batch][links][links]; out: parts of the power limit [batch][links], or a gradient. */
struct job {
  size_t batch, links;
  const real *h, *weights, *dy;
  real noise, *out, *scratch;
};

/* Of a GCN in the public order. */
struct gcn {
  real first0[HIDDEN], first1[HIDDEN], bias0[HIDDEN], bias1[HIDDEN], second0[HIDDEN], second1[HIDDEN], last0, last1;
};

size_t REAL(blis_scratch)(size_t links);
void REAL(blis_regnn)(const struct job *a);
void REAL(blis_regnn_training)(const struct job *a);
void REAL(blis_wmmse)(const struct job *a);
void REAL(blis_uwmmse)(const struct job *a);

/* Bytes of scratch that every function below can do with. */
size_t REAL(blis_scratch)(size_t links) {
  return (links * links + (LAYERS * (TAPS + 1) + 2 * GCNS) * links) * sizeof(real);
}

static rntm_t one_thread(void) {
  rntm_t one;
  bli_rntm_init(&one);
  bli_rntm_set_num_threads(1, &one);
  return one;
}

/* y = op(A) x */
static void product(rntm_t *one, trans_t op, size_t n, const real *a, const real *x, real *y) {
  real alpha = 1, beta = 0;
  GEMV(op, BLIS_NO_CONJUGATE, (dim_t)n, (dim_t)n, &alpha, (real *)a, (inc_t)n, 1, (real *)x, 1, &beta, y, 1, NULL, one);
}

static real sigmoid(real x) { return 1 / (1 + EXP(-x)); }

/* Powers of the shift on each layer's input into powers [LAYERS][TAPS][n], y [n] the output. */
static void regnn(rntm_t *one, size_t n, const real *h, const real *taps, real *powers, real *y) {
  for (size_t i = 0; i < n; i++) powers[i] = 1;
  for (size_t layer = 0; layer < LAYERS; layer++) {
    real *z = powers + layer * TAPS * n;
    for (size_t k = 1; k < TAPS; k++) product(one, BLIS_NO_TRANSPOSE, n, h, z + (k - 1) * n, z + k * n);
    real *to = layer + 1 < LAYERS ? z + TAPS * n : y;
    for (size_t i = 0; i < n; i++) to[i] = taps[layer * TAPS] * z[i];
    for (size_t k = 1; k < TAPS; k++)
      for (size_t i = 0; i < n; i++) to[i] += taps[layer * TAPS + k] * z[k * n + i];
    for (size_t i = 0; i < n && to != y; i++) to[i] = to[i] > 0 ? to[i] : 0;
  }
}

void REAL(blis_regnn)(const struct job *a) {
  size_t n = a->links;
  rntm_t one = one_thread();
  for (size_t b = 0; b < a->batch; b++) {
    real *y = a->out + b * n;
    regnn(&one, n, a->h + b * n * n, a->weights, a->scratch, y);
    for (size_t i = 0; i < n; i++) y[i] = sigmoid(y[i]);
  }
}

/* out [LAYERS][TAPS] = gradient of sum y dy. */
void REAL(blis_regnn_training)(const struct job *a) {
  size_t n = a->links;
  rntm_t one = one_thread();
  real *powers = a->scratch, *d = powers + LAYERS * TAPS * n, *t = d + n, *next = t + n;
  for (size_t k = 0; k < LAYERS * TAPS; k++) a->out[k] = 0;
  for (size_t b = 0; b < a->batch; b++) {
    const real *h = a->h + b * n * n;
    regnn(&one, n, h, a->weights, powers, d);
    for (size_t i = 0; i < n; i++) d[i] = a->dy[b * n + i];
    for (size_t layer = LAYERS; layer-- > 0;) {
      const real *z = powers + layer * TAPS * n, *tap = a->weights + layer * TAPS;
      for (size_t k = 0; k < TAPS; k++) {
        real sum = 0;
        for (size_t i = 0; i < n; i++) sum += z[k * n + i] * d[i];
        a->out[layer * TAPS + k] += sum;
      }
      if (layer == 0) break;
      for (size_t i = 0; i < n; i++) t[i] = tap[TAPS - 1] * d[i];
      for (size_t k = TAPS - 1; k-- > 0;) {
        product(&one, BLIS_TRANSPOSE, n, h, t, next);
        for (size_t i = 0; i < n; i++) t[i] = next[i] + tap[k] * d[i];
      }
      for (size_t i = 0; i < n; i++) d[i] = z[i] > 0 ? t[i] : 0;
    }
  }
}

/* Gains over the noise, 0 on the diagonal, which goes to d. */
static void gains(size_t n, const real *h, real noise, real *g, real *d) {
  real by = 1 / noise;
  for (size_t k = 0; k < n * n; k++) g[k] = h[k] * h[k] * by;
  for (size_t i = 0; i < n; i++) {
    d[i] = g[i * (n + 1)];
    g[i * (n + 1)] = 0;
  }
}

static real quotient(real x, real y) {
  real z = x / (y > LEAST ? y : LEAST);
  return z < 0 ? 0 : z < 1 ? z : 1;
}

void REAL(blis_wmmse)(const struct job *a) {
  size_t n = a->links;
  rntm_t one = one_thread();
  real *g = a->scratch, *d = g + n * n, *v = d + n, *s = v + n, *interference = s + n, *q = interference + n,
       *numerator = q + n, *denominator = numerator + n;
  for (size_t b = 0; b < a->batch; b++) {
    gains(n, a->h + b * n * n, a->noise, g, d);
    for (size_t i = 0; i < n; i++) v[i] = 1;
    for (size_t iteration = 0; iteration < ITERATIONS; iteration++) {
      for (size_t i = 0; i < n; i++) s[i] = v[i] * v[i];
      product(&one, BLIS_TRANSPOSE, n, g, s, interference);
      for (size_t i = 0; i < n; i++) {
        real noise = 1 + interference[i], received = noise + d[i] * s[i], common = d[i] / (received * noise);
        q[i] = common * s[i];
        numerator[i] = common * v[i] * received;
      }
      product(&one, BLIS_NO_TRANSPOSE, n, g, q, denominator);
      for (size_t i = 0; i < n; i++) v[i] = quotient(numerator[i], denominator[i] + d[i] * q[i]);
    }
    for (size_t i = 0; i < n; i++) a->out[b * n + i] = v[i] * v[i];
  }
}

/* gate [n][GCNS]. All inputs being ones, the first layers share one row sum. */
static void gates(rntm_t *one, size_t n, const real *h, const struct gcn *gcns, real *head, real *gate) {
  real alpha = 1, beta = 1;
  for (size_t i = 0; i < n; i++) {
    real near = h[i * (n + 1)], far = 0;
    for (size_t j = 0; j < n; j++) far += h[i * n + j];
    for (size_t g = 0; g < GCNS; g++) {
      const struct gcn *w = &gcns[g];
      real own = 0, others = 0;
      for (size_t c = 0; c < HIDDEN; c++) {
        real x = near * w->first0[c] + far * w->first1[c] + w->bias0[c] + w->bias1[c];
        x = x > 0 ? x : 0;
        own += x * w->second0[c];
        others += x * w->second1[c];
      }
      gate[i * GCNS + g] = near * own + w->last0 + w->last1;
      head[i * GCNS + g] = others;
    }
  }
  GEMM(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, (dim_t)n, GCNS, (dim_t)n, &alpha, (real *)h, (inc_t)n, 1, head, GCNS, 1,
       &beta, gate, GCNS, 1, NULL, one);
  for (size_t k = 0; k < n * GCNS; k++) gate[k] = sigmoid(gate[k]);
}

void REAL(blis_uwmmse)(const struct job *a) {
  size_t n = a->links;
  rntm_t one = one_thread();
  const struct gcn *gcns = (const void *)a->weights;
  const real *mu = (const real *)(gcns + GCNS);
  real *g = a->scratch, *d = g + n * n, *v = d + n, *s = v + n, *interference = s + n, *q = interference + n,
       *numerator = q + n, *denominator = numerator + n, *gate = denominator + n, *head = gate + GCNS * n;
  for (size_t b = 0; b < a->batch; b++) {
    const real *h = a->h + b * n * n;
    gates(&one, n, h, gcns, head, gate);
    gains(n, h, a->noise, g, d);
    for (size_t i = 0; i < n; i++) v[i] = 1;
    for (size_t layer = 0; layer < UNFOLDED; layer++) {
      for (size_t i = 0; i < n; i++) s[i] = v[i] * v[i];
      product(&one, BLIS_TRANSPOSE, n, g, s, interference);
      for (size_t i = 0; i < n; i++) {
        real noise = 1 + interference[i], received = noise + d[i] * s[i], by_received = 1 / received;
        real w = gate[i * GCNS + 2 * layer] * received / noise + gate[i * GCNS + 2 * layer + 1];
        numerator[i] = d[i] * v[i] * w * by_received;
        q[i] = numerator[i] * v[i] * by_received;
      }
      product(&one, BLIS_NO_TRANSPOSE, n, g, q, denominator);
      for (size_t i = 0; i < n; i++) v[i] = quotient(numerator[i], denominator[i] + d[i] * q[i] + mu[layer]);
    }
    for (size_t i = 0; i < n; i++) a->out[b * n + i] = v[i] * v[i];
  }
}
