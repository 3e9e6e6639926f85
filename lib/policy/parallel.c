/* Allocation by several threads, or processes: parts of the batch, or the rows of a large sample. */
#include "../la/la.h"
#include "policy.h"

#include <string.h>

/* Samples of a part. It does not depend on the threads, so that a part is computed alike whoever takes it; a power of
 * two as great as the widest block. */
static size_t part_samples(size_t links) { return links <= PA__SMALL ? 16 : 1; }

static size_t part_count(const pa_policy *policy, size_t batch, size_t links, const pa_pool *pool) {
  size_t samples = part_samples(links);
  return policy->class->whole || !pool ? 1 : (batch + samples - 1) / samples;
}

static pa_status workspace(const pa_policy *policy, pa__extent e, const pa_pool *pool, size_t *bytes) {
  size_t alone, staging = pa__policy_staging(&e);
  if (!policy || !bytes) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", policy ? "bytes" : "policy");
  if (part_count(policy, e.batch, e.links, pool) > 1) e.batch = part_samples(e.links);
  pa_status status = pa__policy_workspace(policy, e, &alone);
  if (status != PA_OK) return status;
  alone = (alone + PA__ALIGNMENT - 1) / PA__ALIGNMENT * PA__ALIGNMENT;
  if (!pa__multiply(alone, pa_pool_threads(pool), &alone) || alone > PTRDIFF_MAX || staging > PTRDIFF_MAX)
    return pa__fail(PA_ERROR_MEMORY, "the workspaces of %zu threads overflow the address space", pa_pool_threads(pool));
  *bytes = staging + alone;
  return PA_OK;
}

pa_status pa_policy_workspace_parallel(const pa_policy *policy, size_t batch, size_t links, const pa_pool *pool,
                                       size_t *bytes) {
  return workspace(policy, pa__extent_dense(batch, links, PA__DOUBLE), pool, bytes);
}

pa_status pa_policy_workspace_parallel_f32(const pa_policy *policy, size_t batch, size_t links, const pa_pool *pool,
                                           size_t *bytes) {
  return workspace(policy, pa__extent_dense(batch, links, PA__SINGLE), pool, bytes);
}

pa_status pa_policy_workspace_states(const pa_policy *policy, const pa_states *states, const pa_pool *pool,
                                     size_t *bytes) {
  if (!states) return pa__fail(PA_ERROR_ARGUMENT, "states is NULL");
  return workspace(policy, pa__extent_of(states), pool, bytes);
}

struct job {
  const pa_policy *policy;
  const pa_states *states;
  char *power, *work;
  size_t number;          /* bytes of one of power */
  size_t bytes;           /* of a worker */
  _Atomic(size_t) failed; /* a part that did, or SIZE_MAX */
};

static pa_status allocate_part(struct job *job, size_t worker, size_t part) {
  size_t samples = part_samples(job->states->links);
  struct pa_states states = pa__states_part(job->states, part * samples, samples);
  return pa__policy_run(job->policy, &states, job->power + part * samples * states.links * job->number,
                        job->work + worker * job->bytes);
}

static void part_task(void *user, size_t worker, size_t part) {
  struct job *job = user;
  if (job->failed == SIZE_MAX && allocate_part(job, worker, part) != PA_OK) job->failed = part;
}

/* What failed is told from this thread: a channel by its number in the batch, anything else by its part. */
static pa_status allocate_parts(struct job *job, pa_pool *pool, size_t parts) {
  pa_status status = pa__pool_run(pool, parts, part_task, job);
  if (status != PA_OK || job->failed == SIZE_MAX) return status;
  status = pa__states_check_any(job->states);
  return status == PA_OK ? allocate_part(job, 0, job->failed) : status;
}

/* With states that were checked. */
static pa_status allocate(const pa_policy *policy, const pa_states *states, void *power, size_t number, pa_pool *pool,
                          void *work, size_t bytes) {
  pa__extent extent = pa__extent_of(states);
  size_t needed = 0, staging = pa__policy_staging(&extent),
         parts = part_count(policy, states->batch, states->links, pool);
  pa_status status = workspace(policy, extent, pool, &needed);
  if (status == PA_OK) status = pa__work_check(work, bytes, needed);
  if (status != PA_OK) return status;
  char *own = work ? NULL : pa__allocate(&policy->allocator, needed, 1), *staged = work ? work : own;
  if (!staged) return PA_ERROR_MEMORY;
  struct pa_states seen = *states;
  struct job job = {.policy = policy,
                    .states = &seen,
                    .power = staged,
                    .work = staged + staging,
                    .number = number,
                    .bytes = (needed - staging) / pa_pool_threads(pool),
                    .failed = SIZE_MAX};
  if (parts > 1) {
    status = allocate_parts(&job, pool, parts);
  } else {
    seen.pool = pool;
    status = pa__policy_run(policy, &seen, staged, job.work);
  }
  if (pool && status == PA_OK) status = pa__pool_fault(pool);
  if (status == PA_OK) memcpy(power, staged, states->batch * states->links * number);
  pa__release(&policy->allocator, own);
  return status;
}

pa_status pa_policy_allocate_part(const pa_policy *policy, const pa_states *states, size_t first, size_t count,
                                  double *power) {
  if (!states) return pa__fail(PA_ERROR_ARGUMENT, "states is NULL");
  if (count == 0 || first >= states->batch || count > states->batch - first)
    return pa__fail(PA_ERROR_ARGUMENT, "there are no %zu samples from number %zu on in a batch of %zu", count, first,
                    states->batch);
  struct pa_states part = pa__states_part(states, first, count);
  return pa_policy_allocate(policy, &part, power, NULL, 0);
}

pa_status pa_policy_allocate_parallel(const pa_policy *policy, const pa_states *states, double *power, pa_pool *pool,
                                      void *work, size_t bytes) {
  pa_status status = pa__policy_call_check(policy, states, PA__DOUBLE, power);
  return status == PA_OK ? allocate(policy, states, power, sizeof *power, pool, work, bytes) : status;
}

pa_status pa_policy_allocate_parallel_f32(const pa_policy *policy, const pa_states *states, float *power, pa_pool *pool,
                                          void *work, size_t bytes) {
  pa_status status = pa__policy_call_check(policy, states, PA__SINGLE, power);
  return status == PA_OK ? allocate(policy, states, power, sizeof *power, pool, work, bytes) : status;
}
