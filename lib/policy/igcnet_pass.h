/* IGCNet on one sample, forward and backward, once per instruction set.
 *
 * What a sender sends is a block of node vectors, one a component, so that the maximum over senders is one over whole
 * vectors and a sender's work stays in the first-level cache. */
#ifndef POWALLOC_LIB_IGCNET_PASS_H
#define POWALLOC_LIB_IGCNET_PASS_H

#include "../la/la.h"
#include "policy.h"

enum { PA__IGCNET_EDGE = 5, PA__IGCNET_OWN = 3, PA__IGCNET_ROUNDS = 64 };

typedef struct pa__igcnet_shape {
  size_t rounds, hidden, message;
  int input;
} pa__igcnet_shape;

/* Each layer's matrix [inputs][outputs] and bias. */
typedef struct pa__igcnet_weights {
  double *first, *first_bias;   /* message: [5][hidden] */
  double *second, *second_bias; /* [hidden][message] */
  double *update, *update_bias; /* update: [3 + message][hidden] */
  double *last, *last_bias;     /* [hidden][1] */
} pa__igcnet_weights;

/* Node vectors. What differs from round to round is kept for the backward pass if there is to be one. */
typedef struct pa__igcnet_tape {
  double *channel;                    /* [sender]: the input f */
  double *features;                   /* [sender][5] */
  double *messages;                   /* [message], of one sender */
  double *mask;                       /* 1, 0 in the padding */
  size_t hidden_step;                 /* numbers from sender to sender: 0 if one's place is enough */
  double *hidden[PA__IGCNET_ROUNDS];  /* [sender][hidden] */
  double *inputs[PA__IGCNET_ROUNDS];  /* [3 + message]: f_ii, w_i, p_i, maximum */
  double *sender[PA__IGCNET_ROUNDS];  /* [message]: whose message is the maximum, -1: none's */
  double *unit[PA__IGCNET_ROUNDS];    /* [hidden] */
  double *power[PA__IGCNET_ROUNDS];   /* after the round */
  double *output;                     /* y of the last round */
  double *d_power, *d_unit, *d_input; /* backward only: [1], [hidden], [3 + message] */
  double *d_hidden;                   /* backward only: [sender][hidden] */
  double *products;                   /* backward only: gradient of one matrix */
} pa__igcnet_tape;

/* tape->output of a sample; layout is single. */
typedef void pa__igcnet_forward_fn(const pa__la *la, const pa__igcnet_shape *shape, const pa__igcnet_weights *weights,
                                   const pa_states *states, size_t sample, const pa__layout *layout,
                                   const pa__igcnet_tape *tape);
/* Adds to gradient, of the weights, that of sum_i y_i d_output_i (node). */
typedef void pa__igcnet_backward_fn(const pa__la *la, const pa__igcnet_shape *shape, const pa__igcnet_weights *weights,
                                    const pa__layout *layout, const pa__igcnet_tape *tape, const double *d_output,
                                    const pa__igcnet_weights *gradient);

extern pa__igcnet_forward_fn KERNEL_EACH(KERNEL_NAME, igcnet_forward);
extern pa__igcnet_backward_fn KERNEL_EACH(KERNEL_NAME, igcnet_backward);

#endif
