/* IGCNet on one sample, forward and backward, once per instruction set.
 *
 * Edges are laid out receiver fastest: what link j sends to link i stands at j * padded + i of an edge vector of
 * links * padded numbers, so that the maximum over senders is one over whole node vectors. */
#ifndef POWALLOC_LIB_IGCNET_PASS_H
#define POWALLOC_LIB_IGCNET_PASS_H

#include "../la/kernel_set.h"
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

/* Edge vectors [.][links * padded] and node vectors [.][padded]. What differs from round to round is kept for the
 * backward pass if there is to be one. */
typedef struct pa__igcnet_tape {
  double *features;                   /* edges [5]; [3] is the channel input f itself */
  double *messages;                   /* edges [message] */
  double *mask;                       /* node: 1, 0 in the padding */
  double *hidden[PA__IGCNET_ROUNDS];  /* edges [hidden] */
  double *inputs[PA__IGCNET_ROUNDS];  /* nodes [3 + message]: f_ii, w_i, p_i, maximum */
  double *sender[PA__IGCNET_ROUNDS];  /* nodes [message]: whose message is the maximum, -1: none's */
  double *unit[PA__IGCNET_ROUNDS];    /* nodes [hidden] */
  double *power[PA__IGCNET_ROUNDS];   /* node: after the round */
  double *output;                     /* node: y of the last round */
  double *d_power, *d_unit, *d_input; /* backward only: node; [hidden]; [3 + message] */
  double *d_hidden;                   /* edges [hidden] */
  double *products;                   /* gradient of one matrix */
} pa__igcnet_tape;

/* tape->output of a sample; layout is single. */
typedef void pa__igcnet_forward_fn(const pa__la *la, const pa__igcnet_shape *shape, const pa__igcnet_weights *weights,
                                   const pa_states *states, size_t sample, const pa__layout *layout,
                                   const pa__igcnet_tape *tape);
/* Adds to gradient, of the weights, that of sum_i y_i d_output_i (node). */
typedef void pa__igcnet_backward_fn(const pa__la *la, const pa__igcnet_shape *shape, const pa__igcnet_weights *weights,
                                    const pa__layout *layout, const pa__igcnet_tape *tape, const double *d_output,
                                    const pa__igcnet_weights *gradient);

#define PA__DECLARE_IGCNET_FORWARD(name) extern pa__igcnet_forward_fn name
#define PA__DECLARE_IGCNET_BACKWARD(name) extern pa__igcnet_backward_fn name
KERNEL_DECLARE(PA__DECLARE_IGCNET_FORWARD, igcnet_forward);
KERNEL_DECLARE(PA__DECLARE_IGCNET_BACKWARD, igcnet_backward);

#endif
