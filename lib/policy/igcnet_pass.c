/* IGCNet forward and backward on one sample. */
#include "igcnet_pass.h"

#include "channel_input.h"

#include <powalloc/policy.h>
#include <string.h>

/* Of the logarithmic input. */
#define LOG_SCALE .1

static void fill(double *restrict x, size_t n, double value, const double *restrict mask) {
  for (size_t k = 0; k < n; k++) x[k] = value * mask[k];
}

/* What does not change from round to round: f_jj, w_j, f_ji, f_ij of every edge, and of every node f_ii, w_i. */
static void features(const pa__la *la, const pa__igcnet_shape *shape, const pa_states *states, size_t sample,
                     const pa__layout *l, const pa__igcnet_tape *t) {
  size_t n = l->links, padded = l->length, edges = n * padded;
  double *direct = t->features, *weight = direct + edges, *f = direct + 3 * edges, *back = direct + 4 * edges;
  double total = 0, *own = t->inputs[0];
  for (size_t i = 0; i < n; i++) total += states->weights[i];
  for (size_t k = 0; k < padded; k++) t->mask[k] = k < n;
  pa__channel_input(la, states, shape->input, sample, padded, f);
  for (size_t k = 0; shape->input == PA_INPUT_LOG && k < edges; k++) f[k] *= LOG_SCALE;
  memset(back, 0, edges * sizeof(double));
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < n; i++) back[i * padded + j] = f[j * padded + i];
  memset(own, 0, 2 * padded * sizeof(double));
  for (size_t j = 0; j < n; j++) {
    own[j] = f[j * padded + j];
    own[padded + j] = total > 0 ? states->weights[j] * (double)n / total : 1;
    fill(direct + j * padded, padded, own[j], t->mask);
    fill(weight + j * padded, padded, own[padded + j], t->mask);
  }
  for (size_t r = 1; r < shape->rounds; r++)
    if (t->inputs[r] != own) memcpy(t->inputs[r], own, 2 * padded * sizeof(double));
}

/* Largest of each component over the senders but the receiver itself: messages are not negative. */
static void gather(const pa__layout *l, size_t components, const double *messages, double *maximum, double *sender) {
  size_t n = l->links, padded = l->length;
  for (size_t c = 0; c < components; c++) {
    double *restrict most = maximum + c * padded, *restrict who = sender + c * padded;
    for (size_t i = 0; i < padded; i++) most[i] = 0, who[i] = -1;
    for (size_t j = 0; j < n; j++) {
      const double *restrict sent = messages + (c * n + j) * padded;
      double own_most = most[j], own_who = who[j], id = (double)j;
      for (size_t i = 0; i < padded; i++) {
        who[i] = sent[i] > most[i] ? id : who[i];
        most[i] = sent[i] > most[i] ? sent[i] : most[i];
      }
      most[j] = own_most;
      who[j] = own_who;
    }
  }
}

static void one_round(const pa__la *la, const pa__igcnet_shape *shape, const pa__igcnet_weights *w, const pa__layout *l,
                      const pa__igcnet_tape *t, size_t round, const double *power) {
  size_t n = l->links, padded = l->length, edges = n * padded;
  double *inputs = t->inputs[round];
  memcpy(inputs + 2 * padded, power, padded * sizeof(double));
  for (size_t j = 0; j < n; j++) fill(t->features + 2 * edges + j * padded, padded, power[j], t->mask);
  la->dense(edges, PA__IGCNET_EDGE, shape->hidden, t->features, w->first, w->first_bias, true, t->hidden[round]);
  la->dense(edges, shape->hidden, shape->message, t->hidden[round], w->second, w->second_bias, true, t->messages);
  gather(l, shape->message, t->messages, inputs + PA__IGCNET_OWN * padded, t->sender[round]);
  la->dense(padded, PA__IGCNET_OWN + shape->message, shape->hidden, inputs, w->update, w->update_bias, true,
            t->unit[round]);
  la->dense(padded, shape->hidden, 1, t->unit[round], w->last, w->last_bias, false, t->output);
  la->sigmoid(padded, t->power[round], t->output);
  for (size_t k = 0; k < padded; k++) t->power[round][k] *= t->mask[k];
}

extern pa__igcnet_forward_fn KERNEL(igcnet_forward);
void KERNEL(igcnet_forward)(const pa__la *la, const pa__igcnet_shape *shape, const pa__igcnet_weights *w,
                            const pa_states *states, size_t sample, const pa__layout *l, const pa__igcnet_tape *t) {
  features(la, shape, states, sample, l, t);
  for (size_t r = 0; r < shape->rounds; r++) one_round(la, shape, w, l, t, r, r == 0 ? t->mask : t->power[r - 1]);
}

static void add(double *restrict to, const double *restrict x, size_t n) {
  for (size_t k = 0; k < n; k++) to[k] += x[k];
}

/* Adds the gradients of a matrix [a][b] and its bias [b], for inputs x and slopes dy, vectors of n numbers. */
static void add_outer(const pa__la *la, size_t n, size_t a, size_t b, const double *x, const double *dy,
                      const pa__igcnet_tape *t, double *matrix, double *bias) {
  const pa__layout flat = {.links = n, .width = 1, .length = n};
  la->outer(&flat, a, b, x, dy, t->products);
  add(matrix, t->products, a * b);
  for (size_t q = 0; q < b; q++)
    for (size_t k = 0; k < n; k++) bias[q] += dy[q * n + k];
}

/* dx[i] = sum_o weight[i][o] dy[o], node vectors. */
static void back(size_t n, size_t inputs, size_t outputs, const double *weight, const double *dy, double *dx) {
  memset(dx, 0, inputs * n * sizeof(double));
  for (size_t i = 0; i < inputs; i++)
    for (size_t o = 0; o < outputs; o++) {
      double *restrict to = dx + i * n;
      const double *restrict from = dy + o * n;
      double factor = weight[i * outputs + o];
      for (size_t k = 0; k < n; k++) to[k] += factor * from[k];
    }
}

/* Slopes stay only where the activation let its argument through. */
static void relu_back(size_t n, const double *restrict activated, double *restrict slope) {
  for (size_t k = 0; k < n; k++) slope[k] = activated[k] > 0 ? slope[k] : 0;
}

/* From the maxima's slopes through the one message that each came from: adds to the gradients of the second layer and
 * leaves d_hidden, 0 on edges that no maximum came from. */
static void messages_back(const pa__igcnet_shape *shape, const pa__igcnet_weights *w, const pa__layout *l,
                          const pa__igcnet_tape *t, size_t round, const double *d_maximum,
                          const pa__igcnet_weights *gradient) {
  size_t padded = l->length, edges = l->links * padded;
  memset(t->d_hidden, 0, shape->hidden * edges * sizeof(double));
  for (size_t c = 0; c < shape->message; c++)
    for (size_t i = 0; i < l->links; i++) {
      double who = t->sender[round][c * padded + i], slope = d_maximum[c * padded + i];
      if (who < 0 || slope == 0) continue;
      size_t edge = (size_t)who * padded + i;
      gradient->second_bias[c] += slope;
      for (size_t u = 0; u < shape->hidden; u++) {
        gradient->second[u * shape->message + c] += t->hidden[round][u * edges + edge] * slope;
        t->d_hidden[u * edges + edge] += w->second[u * shape->message + c] * slope;
      }
    }
  relu_back(shape->hidden * edges, t->hidden[round], t->d_hidden);
}

/* Adds to d_power, of the powers before the round, what they did through the messages. */
static void senders_back(const pa__igcnet_shape *shape, const pa__igcnet_weights *w, const pa__layout *l,
                         const pa__igcnet_tape *t) {
  size_t padded = l->length, edges = l->links * padded;
  const double *factor = w->first + 2 * shape->hidden;
  for (size_t u = 0; u < shape->hidden; u++)
    for (size_t j = 0; j < l->links; j++) {
      double sum = 0;
      for (size_t i = 0; i < padded; i++) sum += t->d_hidden[u * edges + j * padded + i];
      t->d_power[j] += factor[u] * sum;
    }
}

extern pa__igcnet_backward_fn KERNEL(igcnet_backward);
void KERNEL(igcnet_backward)(const pa__la *la, const pa__igcnet_shape *shape, const pa__igcnet_weights *w,
                             const pa__layout *l, const pa__igcnet_tape *t, const double *d_output,
                             const pa__igcnet_weights *gradient) {
  size_t n = l->links, padded = l->length, edges = n * padded, inputs = PA__IGCNET_OWN + shape->message;
  double *slope = t->d_power; /* of the round's output, then of the powers before it */
  memcpy(slope, d_output, padded * sizeof(double));
  for (size_t r = shape->rounds; r-- > 0;) {
    for (size_t j = 0; j < n; j++) /* the feature p of the messages, which the next round has overwritten */
      fill(t->features + 2 * edges + j * padded, padded, t->inputs[r][2 * padded + j], t->mask);
    add_outer(la, padded, shape->hidden, 1, t->unit[r], slope, t, gradient->last, gradient->last_bias);
    back(padded, shape->hidden, 1, w->last, slope, t->d_unit);
    relu_back(shape->hidden * padded, t->unit[r], t->d_unit);
    add_outer(la, padded, inputs, shape->hidden, t->inputs[r], t->d_unit, t, gradient->update, gradient->update_bias);
    back(padded, inputs, shape->hidden, w->update, t->d_unit, t->d_input);
    messages_back(shape, w, l, t, r, t->d_input + PA__IGCNET_OWN * padded, gradient);
    add_outer(la, edges, PA__IGCNET_EDGE, shape->hidden, t->features, t->d_hidden, t, gradient->first,
              gradient->first_bias);
    if (r == 0) break;
    memcpy(slope, t->d_input + 2 * padded, padded * sizeof(double));
    senders_back(shape, w, l, t);
    for (size_t k = 0; k < padded; k++) slope[k] *= t->power[r - 1][k] * (1 - t->power[r - 1][k]);
  }
}
