/* What all ranks must have alike before a run: each trait is told by a hash of its bits. */
#include "run.h"

#include <string.h>

/* FNV-1a. */
#define BASIS 14695981039346656037u
#define PRIME 1099511628211u

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t bytes) {
  const unsigned char *byte = data;
  for (size_t k = 0; k < bytes; k++) hash = (hash ^ byte[k]) * PRIME;
  return hash;
}

static uint64_t hash_text(uint64_t hash, const char *text) { return hash_bytes(hash, text, strlen(text) + 1); }

static uint64_t hash_numbers(uint64_t hash, const double *numbers, size_t count) {
  return numbers ? hash_bytes(hash, numbers, count * sizeof *numbers) : hash;
}

static uint64_t hash_of_model(const pa_trainer *t) {
  char model[PA__DESCRIPTION];
  t->policy->class->learner->describe(t->policy, model);
  return hash_text(hash_text(hash_text(BASIS, pa_policy_name(t->policy)), model), pa_policy_name(t->teacher));
}

static uint64_t hash_of_keys(const pa_trainer *t) {
  double values[PA__TRAINER_KEYS];
  memcpy(values, t->value, sizeof values);
  values[PA_TRAINER_THREADS - PA__TRAINER_FIRST_KEY] = 0;
  return hash_numbers(BASIS, values, PA__TRAINER_KEYS);
}

static uint64_t hash_of_problem(const pa_trainer *t) {
  const pa__problem *p = &t->problem;
  const double shape[] = {p->reward ? 1 : 0, (double)p->rewards, p->utility, p->reward_gradient ? 1 : 0};
  uint64_t hash = hash_numbers(hash_numbers(BASIS, shape, 4), p->weights, p->rewards);
  for (const pa__constraint *c = p->constraints; c < p->constraints + p->constraint_count; c++) {
    const double kind[] = {c->kind, (double)c->count};
    hash = hash_numbers(hash_numbers(hash, kind, 2), c->bound, c->count);
  }
  return hash;
}

/* Weights, the best so far and Adam's moments follow each other, and the policy's constants them; what else is learned.
 */
static uint64_t hash_of_weights(const pa_trainer *t) {
  uint64_t hash = hash_numbers(BASIS, t->weights, 4 * t->weight_count + t->constant_count);
  hash = hash_numbers(hash, &t->progress.offset, 1);
  return hash_numbers(hash, t->estimates.dual, t->estimates.count);
}

/* Channels in either precision, and the graph that they are of. */
static uint64_t hash_channels(uint64_t hash, const pa_states *s) {
  size_t count = s->batch * pa__states_channels(s), links = s->links;
  hash = hash_bytes(hash, s->h ? (const void *)s->h : s->h_f32, count * pa__number_size(s->precision));
  if (!s->graph) return hash;
  hash = hash_bytes(hash, s->graph->pattern.offset, (links + 1) * sizeof *s->graph->pattern.offset);
  return hash_bytes(hash, s->graph->pattern.receiver, s->graph->pattern.slots * sizeof *s->graph->pattern.receiver);
}

static uint64_t hash_part(uint64_t hash, const pa_states *s) {
  size_t links = s->links;
  const double shape[] = {(double)s->batch, (double)links, (double)s->node_features};
  hash = hash_numbers(hash_channels(hash, s), shape, 3);
  hash = hash_numbers(hash, s->node_state, s->batch * links * s->node_features);
  hash = hash_numbers(hash, s->noise, links);
  hash = hash_numbers(hash, s->limit, links);
  return hash_numbers(hash, s->weights, links);
}

/* All of the user's states; of a network's a few that are held out. */
static pa_status hash_of_states(const pa__run *r, uint64_t *hash) {
  const pa_trainer *t = r->trainer;
  const pa_states *all = t->source.states;
  double links = (double)pa__source_links(&t->source);
  pa__chunk chunk;
  pa_status status = pa__chunk_create(&chunk, &t->source, true, &t->allocator);
  if (status != PA_OK) return status;
  size_t count = pa__source_chunk(&t->source, true, 0, r->held_out);
  if (!all) pa__source_fill(&t->source, true, 0, count, &chunk);
  const pa_states *s = all ? all : &chunk.states;
  *hash = hash_numbers(BASIS, &links, 1);
  for (size_t k = 0; k < pa_states_part_count(s); k++) *hash = hash_part(*hash, pa_states_part(s, k));
  pa__chunk_free(&chunk);
  return PA_OK;
}

pa_status pa__run_meet(pa__run *r, pa_status status, uint64_t steps) {
  const pa_trainer *t = r->trainer;
  uint64_t states = 0;
  if (t->ranks.count == 1) return status;
  if (status == PA_OK) status = hash_of_states(r, &states);
  const pa__trait traits[] = {{"the version of the library", hash_text(BASIS, pa_version_text())},
                              {"the instruction set of the processor", hash_text(BASIS, pa_instruction_set())},
                              {"the seed", hash_bytes(BASIS, &t->seed, sizeof t->seed)},
                              {"the steps of the run", hash_bytes(BASIS, &steps, sizeof steps)},
                              {"the steps done before", hash_numbers(BASIS, &t->progress.step, 1)},
                              {"the model or its teacher", hash_of_model(t)},
                              {"the keys of the trainer", hash_of_keys(t)},
                              {"the problem", hash_of_problem(t)},
                              {"the states", states},
                              {"the weights", hash_of_weights(t)}};
  return pa__ranks_compare(&r->trainer->ranks, status, traits, sizeof traits / sizeof traits[0]);
}
