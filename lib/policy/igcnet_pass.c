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
  size_t n = l->links, padded = l->length, of_sender = PA__IGCNET_EDGE * padded;
  double total = 0, *own = t->inputs[0], *f = t->channel;
  for (size_t i = 0; i < n; i++) total += states->weights[i];
  for (size_t k = 0; k < padded; k++) t->mask[k] = k < n;
  pa__channel_input(la, states, shape->input, sample, padded, f);
  for (size_t k = 0; shape->input == PA_INPUT_LOG && k < n * padded; k++) f[k] *= LOG_SCALE;
  memset(own, 0, 2 * padded * sizeof(double));
  for (size_t j = 0; j < n; j++) {
    double *edges = t->features + j * of_sender;
    own[j] = f[j * padded + j];
    own[padded + j] = total > 0 ? states->weights[j] * (double)n / total : 1;
    fill(edges, padded, own[j], t->mask);
    fill(edges + padded, padded, own[padded + j], t->mask);
    memcpy(edges + 3 * padded, f + j * padded, padded * sizeof(double));
    for (size_t i = 0; i < padded; i++) edges[4 * padded + i] = i < n ? f[i * padded + j] : 0;
  }
  for (size_t r = 1; r < shape->rounds; r++)
    if (t->inputs[r] != own) memcpy(t->inputs[r], own, 2 * padded * sizeof(double));
}

/* The power of a sender is a feature of its edges, different in each round. */
static void put_power(const pa__layout *l, const pa__igcnet_tape *t, size_t sender, const double *power) {
  size_t padded = l->length;
  fill(t->features + (sender * PA__IGCNET_EDGE + 2) * padded, padded, power[sender], t->mask);
}

/* Takes what a sender sent wherever it is more than all before it; its own link gets nothing from it. */
static void take_larger(const pa__layout *l, size_t components, size_t sender, const double *messages, double *maximum,
                        double *senders) {
  size_t padded = l->length;
  double id = (double)sender;
  for (size_t c = 0; c < components; c++) {
    const double *restrict sent = messages + c * padded;
    double *restrict most = maximum + c * padded, *restrict who = senders + c * padded;
    double own_most = most[sender], own_who = who[sender];
    for (size_t i = 0; i < padded; i++) {
      who[i] = sent[i] > most[i] ? id : who[i];
      most[i] = sent[i] > most[i] ? sent[i] : most[i];
    }
    most[sender] = own_most;
    who[sender] = own_who;
  }
}

static void one_round(const pa__la *la, const pa__igcnet_shape *shape, const pa__igcnet_weights *w, const pa__layout *l,
                      const pa__igcnet_tape *t, size_t round, const double *power) {
  size_t padded = l->length;
  double *inputs = t->inputs[round], *maximum = inputs + PA__IGCNET_OWN * padded;
  memcpy(inputs + 2 * padded, power, padded * sizeof(double));
  for (size_t k = 0; k < shape->message * padded; k++) {
    maximum[k] = 0; /* messages are not negative */
    t->sender[round][k] = -1;
  }
  for (size_t j = 0; j < l->links; j++) {
    double *hidden = t->hidden[round] + j * t->hidden_step;
    put_power(l, t, j, power);
    la->dense(padded, PA__IGCNET_EDGE, shape->hidden, t->features + j * PA__IGCNET_EDGE * padded, w->first,
              w->first_bias, true, hidden);
    la->dense(padded, shape->hidden, shape->message, hidden, w->second, w->second_bias, true, t->messages);
    take_larger(l, shape->message, j, t->messages, maximum, t->sender[round]);
  }
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
 * leaves the slopes of the hidden layers of all edges, 0 where no maximum came from. */
static void messages_back(const pa__igcnet_shape *shape, const pa__igcnet_weights *w, const pa__layout *l,
                          const pa__igcnet_tape *t, size_t round, const double *d_maximum,
                          const pa__igcnet_weights *gradient) {
  size_t padded = l->length, step = shape->hidden * padded;
  memset(t->d_hidden, 0, l->links * step * sizeof(double));
  for (size_t c = 0; c < shape->message; c++)
    for (size_t i = 0; i < l->links; i++) {
      double who = t->sender[round][c * padded + i], slope = d_maximum[c * padded + i];
      if (who < 0 || slope == 0) continue;
      const double *hidden = t->hidden[round] + (size_t)who * step + i;
      double *d_hidden = t->d_hidden + (size_t)who * step + i;
      gradient->second_bias[c] += slope;
      for (size_t u = 0; u < shape->hidden; u++) {
        gradient->second[u * shape->message + c] += hidden[u * padded] * slope;
        d_hidden[u * padded] += w->second[u * shape->message + c] * slope;
      }
    }
  relu_back(l->links * step, t->hidden[round], t->d_hidden);
}

/* Through the first layer of a sender's messages: its gradient, and what the sender's power did. */
static double sender_back(const pa__la *la, const pa__igcnet_shape *shape, const pa__igcnet_weights *w,
                          const pa__layout *l, const pa__igcnet_tape *t, size_t sender,
                          const pa__igcnet_weights *gradient) {
  size_t padded = l->length;
  const double *d_hidden = t->d_hidden + sender * shape->hidden * padded, *factor = w->first + 2 * shape->hidden;
  double d_power = 0;
  add_outer(la, padded, PA__IGCNET_EDGE, shape->hidden, t->features + sender * PA__IGCNET_EDGE * padded, d_hidden, t,
            gradient->first, gradient->first_bias);
  for (size_t u = 0; u < shape->hidden; u++) {
    double sum = 0;
    for (size_t i = 0; i < padded; i++) sum += d_hidden[u * padded + i];
    d_power += factor[u] * sum;
  }
  return d_power;
}

extern pa__igcnet_backward_fn KERNEL(igcnet_backward);
void KERNEL(igcnet_backward)(const pa__la *la, const pa__igcnet_shape *shape, const pa__igcnet_weights *w,
                             const pa__layout *l, const pa__igcnet_tape *t, const double *d_output,
                             const pa__igcnet_weights *gradient) {
  size_t padded = l->length, inputs = PA__IGCNET_OWN + shape->message;
  double *slope = t->d_power; /* of the round's output, then of the powers before it */
  memcpy(slope, d_output, padded * sizeof(double));
  for (size_t r = shape->rounds; r-- > 0;) {
    add_outer(la, padded, shape->hidden, 1, t->unit[r], slope, t, gradient->last, gradient->last_bias);
    back(padded, shape->hidden, 1, w->last, slope, t->d_unit);
    relu_back(shape->hidden * padded, t->unit[r], t->d_unit);
    add_outer(la, padded, inputs, shape->hidden, t->inputs[r], t->d_unit, t, gradient->update, gradient->update_bias);
    back(padded, inputs, shape->hidden, w->update, t->d_unit, t->d_input);
    messages_back(shape, w, l, t, r, t->d_input + PA__IGCNET_OWN * padded, gradient);
    memcpy(slope, t->d_input + 2 * padded, padded * sizeof(double));
    for (size_t j = 0; j < l->links; j++) {
      put_power(l, t, j, t->inputs[r] + 2 * padded);
      slope[j] += sender_back(la, shape, w, l, t, j, gradient);
    }
    for (size_t k = 0; r > 0 && k < padded; k++) slope[k] *= t->power[r - 1][k] * (1 - t->power[r - 1][k]);
  }
}
