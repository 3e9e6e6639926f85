/* A policy from inside: a table of functions, and what every policy carries. */
#ifndef POWALLOC_LIB_POLICY_H
#define POWALLOC_LIB_POLICY_H

#include "../la/cpu.h"
#include "../la/kernel_set.h"
#include "../net/states.h"
#include "output.h"

#include <powalloc/model_file.h>
#include <powalloc/policy.h>

enum { PA__POLICY_FIRST_KEY = PA_POLICY_ITERATIONS, PA__POLICY_KEYS = 13 };

/* How a learned policy trains unless the trainer's keys say otherwise. */
typedef struct pa__recipe {
  double learning_rate, final_rate, warmup, clip, sample_clip, batch, held_out, held_out_every, barrier;
} pa__recipe;

enum { PA__DESCRIPTION = 160 };

/* Takes from an arena what a function needs for states of a shape, in the order in which it does. */
typedef void pa__workspace_fn(const pa_policy *policy, const pa__extent *extent, pa__arena *arena);

/* What a policy adds if it learns: its weights, and one or both of two ways to a gradient. */
typedef struct pa__learner_class {
  size_t (*weight_count)(const pa_policy *policy);
  void (*get_weights)(const pa_policy *policy, double *weights);
  void (*set_weights)(pa_policy *policy, const double *weights);
  /* Moves weights to the nearest ones allowed; NULL if all are. */
  void (*project)(const pa_policy *policy, double *weights);
  /* Links that the policy is made for; NULL if any number will do. */
  size_t (*links)(const pa_policy *policy);
  /* At the start of a run: drops what belongs to an earlier training. NULL: there is nothing. */
  void (*forget)(pa_policy *policy);
  /* Before the first training: fits the constants to the states, and starts at `share` of the power limits if that is
   * > 0. NULL: there is nothing to fit. */
  pa_status (*prepare)(pa_policy *policy, const pa_states *states, double share);
  /* What is neither weight nor shape, but for the deviation of the outputs; NULL if that is all. */
  size_t (*constant_count)(const pa_policy *policy);
  void (*get_constants)(const pa_policy *policy, double *constants);
  void (*set_constants)(pa_policy *policy, const double *constants);
  /* Whether constants from a file, all finite, are such as a policy can have. */
  bool (*allows)(const pa_policy *policy, const double *constants);
  bool single; /* the ways to a gradient take states in single precision as well */
  /* Architecture and sizes as one line: equal lines have weights of the same meaning. */
  void (*describe)(const pa_policy *policy, char text[PA__DESCRIPTION]);

  /* 1. Model-based: of the summed weighted sum-rate in bit/s/Hz, to be climbed. NULL if there is none. */

  pa__recipe (*recipe)(const pa_policy *policy, bool family);
  /* Workspace of both calls below, for `samples` samples of `links` links. */
  pa__workspace_fn *gradient_workspace;
  /* Sum of the samples' gradients, each cut to norm sample_clip (0: not), into gradient [weights]; the samples'
   * weighted sum-rates into rate [batch]. Samples whose gradient is not finite are left out; returns how many. */
  size_t (*gradient)(const pa_policy *policy, const pa_states *states, double sample_clip, double *gradient,
                     double *rate, void *work);
  /* Weighted sum-rates alone. */
  void (*rates)(const pa_policy *policy, const pa_states *states, double *rate, void *work);

  /* 2. Model-free: through the outputs of each link, from which powers are drawn. NULL if there is none. */

  pa__output *(*output)(pa_policy *policy);
  /* Fails if the policy cannot run on such states; NULL: it runs on any. */
  pa_status (*check)(const pa_policy *policy, const pa_states *states);
  /* Memory of both calls below, for `samples` samples of `links` links. */
  pa__workspace_fn *tape_workspace;
  /* Outputs y [batch][links][count]; leaves in work what backward needs. */
  void (*forward)(const pa_policy *policy, const pa_states *states, double *y, void *work);
  /* Adds to gradient [weights] that of sum y dy. */
  void (*backward)(const pa_policy *policy, const pa_states *states, const double *dy, double *gradient, void *work);
} pa__learner_class;

typedef struct pa__policy_class {
  const char *name;
  const int32_t *keys; /* ends with 0 */
  double iterations;   /* default of PA_POLICY_ITERATIONS; 0: the key's */
  int32_t budget_key;  /* the key that pa_policy_meet_budget() sets, 0: none */
  void (*key_changed)(pa_policy *policy, int32_t key, double value); /* may be NULL */
  void (*free)(pa_policy *policy);                                   /* what it holds, not itself; may be NULL */
  /* Takes from an arena what allocate needs, in the same order. */
  pa__workspace_fn *workspace;
  /* Fills power; states were checked, work is large enough. */
  pa_status (*allocate)(const pa_policy *policy, const pa_states *states, double *power, void *work);
  /* The same for states in single precision. NULL: the policy sees a copy of them in double. */
  pa_status (*allocate_f32)(const pa_policy *policy, const pa_states *states, float *power, void *work);
  bool sparse;                      /* it takes sparse channels */
  bool parts;                       /* and a part of a network */
  bool looks;                       /* allocate itself fails if channels are out of bounds */
  bool whole;                       /* a batch comes in one piece, whatever the threads */
  const pa__learner_class *learner; /* NULL: nothing to learn */
  pa_status (*save)(const pa_policy *policy, const char *path, const char *note);
  /* Models: the policy of a file whose kind is the class's name, still borrowed. */
  pa_status (*read)(pa_policy **out, const pa_model_file *file, const pa_allocator *allocator);
} pa__policy_class;

struct pa_policy {
  pa_allocator allocator;
  const pa__policy_class *class;
  bool borrowed; /* it stands first in a model that the user frees */
  bool given;    /* the weights are the user's: a first training starts from them as they are */
  double value[PA__POLICY_KEYS];
};

/* The deviation of a learner's outputs, which training anneals, and behind it the constants of its class. */
size_t pa__constant_count(const pa_policy *policy);
void pa__get_constants(const pa_policy *policy, double *constants);
void pa__set_constants(pa_policy *policy, const double *constants);
bool pa__allows_constants(const pa_policy *policy, const double *constants);
const pa__output *pa__output_of(const pa_policy *policy);

/* Starts a policy inside its own handle's memory: class and default keys. */
void pa__policy_init(pa_policy *policy, const pa__policy_class *class);
/* Frees a policy, borrowed or not, and what it holds. */
void pa__policy_destroy(pa_policy *policy);
double pa__policy_value(const pa_policy *policy, int32_t key);
/* Bytes that a function above takes for a shape or one within it; SIZE_MAX if they overflow. */
size_t pa__measure(pa__workspace_fn *workspace, const pa_policy *policy, pa__extent extent);
/* Fails if the policy cannot take states of a shape. */
pa_status pa__policy_takes(const pa_policy *policy, const pa__extent *extent);
/* Fails unless the policy can run on the states, or on each part of mixed ones; one that looks at channels as it reads them finds faults in these
 * only then. */
pa_status pa__policy_check(const pa_policy *policy, const pa_states *states);
/* The same of the arguments of a call for states of a precision. */
pa_status pa__policy_call_check(const pa_policy *policy, const pa_states *states, int precision, const void *power);
/* Bytes of the powers of a batch, in which a call makes them before any is given out. */
size_t pa__policy_staging(const pa__extent *extent);
/* Bytes that pa__policy_run() takes for states of a shape. */
pa_status pa__policy_workspace(const pa_policy *policy, pa__extent extent, size_t *bytes);

/* The start and the end of an allocation that may be collective: what the ranks agree on. The end gives the powers of
 * ghosts, which are staged with the others. */
pa_status pa__policy_open(const pa_policy *policy, const pa_states *states, pa_status status);
pa_status pa__policy_close(const pa_states *states, pa_status status, void *power);

/* Powers of states that passed the check above, in their precision, with work that is large enough; after a failure
 * they are unspecified. */
pa_status pa__policy_run(const pa_policy *policy, const pa_states *states, void *power, void *work);
/* Samples that a thread takes at a time, of states with so many links. They do not depend on the threads, so that they
 * are computed alike whoever takes them; a power of two as great as the widest block. */
size_t pa__parallel_samples(size_t links);
/* Mixed states, that passed the check above: pa_policy_workspace_states(), and pa_policy_allocate_parallel() of either
 * precision; without a pool, pa_policy_allocate(). */
pa_status pa__mixed_workspace(const pa_policy *policy, const pa_states *states, const pa_pool *pool, size_t *bytes);
pa_status pa__mixed_allocate(const pa_policy *policy, const pa_states *states, void *power, pa_pool *pool, void *work,
                             size_t bytes);
/* Fails unless work is NULL or an aligned workspace of the bytes needed. */
pa_status pa__work_check(const void *work, size_t bytes, size_t needed);

/* The classical policies: NULL-terminated list of classes that pa_policy_create() makes. */
extern const pa__policy_class *const pa__heuristic_classes[];
extern const pa__policy_class *const pa__wmmse_classes[];
extern const pa__policy_class pa__wmmse_best_class, pa__optimal_class;

#endif
