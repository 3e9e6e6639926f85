#include "ranks.h"

#include "trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Characters of a message that travels; numbers that are compared at most; ranks. */
enum { MESSAGE = 300, COMPARED = 16, MOST_RANKS = 1 << 20 };

static pa_status check_ranks(size_t rank, size_t ranks, pa_gather_fn gather) {
  if (ranks < 1 || ranks > MOST_RANKS)
    return pa__fail(PA_ERROR_ARGUMENT, "ranks is %zu, must be 1 to %d", ranks, MOST_RANKS);
  if (rank >= ranks) return pa__fail(PA_ERROR_ARGUMENT, "rank is %zu of %zu: they count from 0", rank, ranks);
  if (ranks > 1 && !gather) return pa__fail(PA_ERROR_ARGUMENT, "gather is NULL");
  return PA_OK;
}

pa_status pa_trainer_set_ranks(pa_trainer *trainer, size_t rank, size_t ranks, pa_gather_fn gather, void *user,
                               pa_free_fn free_user) {
  pa_status status = pa__trainer_idle(trainer);
  if (status == PA_OK) status = check_ranks(rank, ranks, gather);
  if (status != PA_OK) return status;
  pa__ranks new = {.rank = rank, .count = ranks, .gather = gather, .user = user, .free_user = free_user};
  if (!(new.first = pa__allocate(&trainer->allocator, ranks + 1, sizeof *new.first))) return PA_ERROR_MEMORY;
  if ((status = pa__ranks_reserve(&new, MESSAGE + ranks * COMPARED, &trainer->allocator)) != PA_OK) {
    pa__release(&trainer->allocator, new.first);
    return status;
  }
  pa__ranks_free(&trainer->ranks, &trainer->allocator);
  trainer->ranks = new;
  return PA_OK;
}

pa_status pa__ranks_reserve(pa__ranks *ranks, size_t numbers, const pa_allocator *allocator) {
  size_t room = ranks->count + numbers;
  if (ranks->count == 1 || room <= ranks->room) return PA_OK;
  double *more = pa__allocate(allocator, room, sizeof *more);
  if (!more) return PA_ERROR_MEMORY;
  pa__release(allocator, ranks->numbers);
  ranks->numbers = more;
  ranks->room = room;
  return PA_OK;
}

void pa__ranks_free(pa__ranks *ranks, const pa_allocator *allocator) {
  if (ranks->free_user) ranks->free_user(ranks->user);
  pa__release(allocator, ranks->numbers);
  pa__release(allocator, ranks->first);
}

/* ---- agreement ---- */

static pa_status call(pa__ranks *ranks) {
  if (!ranks->lost && ranks->gather(ranks->user, ranks->numbers, ranks->first) == PA_CALLBACK_OK) return PA_OK;
  ranks->lost = true;
  return pa__fail(PA_ERROR_CALLBACK, "rank %zu of %zu: what the ranks computed could not be gathered", ranks->rank,
                  ranks->count);
}

/* The others get the message of the rank that failed. */
static pa_status tell(pa__ranks *ranks, size_t failed, pa_status status) {
  char message[MESSAGE];
  snprintf(message, sizeof message, "%s", ranks->rank == failed ? pa_last_error() : "");
  for (size_t k = 0; k <= ranks->count; k++) ranks->first[k] = k <= failed ? 0 : MESSAGE;
  for (size_t k = 0; k < MESSAGE; k++) ranks->numbers[k] = message[k];
  if (call(ranks) != PA_OK) return PA_ERROR_CALLBACK;
  for (size_t k = 0; k < MESSAGE; k++) message[k] = (char)ranks->numbers[k];
  message[MESSAGE - 1] = 0;
  return ranks->rank == failed ? status : pa__fail(status, "rank %zu: %s", failed, message);
}

/* Gathers the ranks' parts, begun with their status, and agrees on one. */
static pa_status exchange(pa__ranks *ranks, pa_status status) {
  for (size_t k = 0; k < ranks->count; k++) ranks->numbers[ranks->first[k]] = k == ranks->rank ? (double)status : NAN;
  if (call(ranks) != PA_OK) return PA_ERROR_CALLBACK;
  pa_status agreed = PA_OK;
  for (size_t k = 0; k < ranks->count; k++) {
    double its = ranks->numbers[ranks->first[k]];
    if (isnan(its)) {
      ranks->lost = true;
      return pa__fail(PA_ERROR_CALLBACK, "the gathering callback left out the part of rank %zu", k);
    }
    if (its < 0) return tell(ranks, k, (pa_status)its);
    if (its > 0) agreed = (pa_status)its;
  }
  return agreed;
}

pa_status pa__ranks_agree(pa__ranks *ranks, pa_status status) {
  return pa__ranks_gather(ranks, status, NULL, 0, NULL, 0);
}

/* ---- what is gathered ---- */

/* Items in front of those of a task. */
static size_t items_before(pa__items items, const pa__range *ranges, size_t tasks, size_t task) {
  if (items == PA__TASKS || task == 0) return task;
  if (task < tasks) return (size_t)(ranges[task].first - ranges[0].first);
  return (size_t)(ranges[tasks - 1].first - ranges[0].first) + ranges[tasks - 1].count;
}

pa__range pa__ranks_share(const pa__ranks *ranks, const pa__range *ranges, size_t tasks) {
  size_t begin = items_before(PA__STATES, ranges, tasks, pa__ranks_task(ranks, tasks, ranks->rank)),
         end = items_before(PA__STATES, ranges, tasks, pa__ranks_task(ranks, tasks, ranks->rank + 1));
  return (pa__range){ranges[0].first + begin, end - begin};
}

struct results {
  const pa__range *ranges;
  size_t tasks;
  const pa__field *fields;
  size_t count;
};

/* Copies what a rank's tasks left into its part, or out of it; with part NULL it only measures. Returns how many
 * numbers they are. */
static size_t transfer(const pa__ranks *ranks, size_t rank, const struct results *r, double *part, bool out) {
  size_t task = pa__ranks_task(ranks, r->tasks, rank), end = pa__ranks_task(ranks, r->tasks, rank + 1), used = 0;
  for (const pa__field *f = r->fields; f < r->fields + r->count; f++) {
    size_t begin = items_before(f->items, r->ranges, r->tasks, task),
           count = (items_before(f->items, r->ranges, r->tasks, end) - begin) * f->width,
           all = items_before(f->items, r->ranges, r->tasks, r->tasks) * f->width;
    for (size_t k = 0; k < f->planes; k++, used += count) {
      double *numbers = f->numbers + k * all + begin * f->width;
      if (part) memcpy(out ? numbers : part + used, out ? part + used : numbers, count * sizeof *numbers);
    }
  }
  return used;
}

pa_status pa__ranks_gather(pa__ranks *ranks, pa_status status, const pa__range *ranges, size_t tasks,
                           const pa__field *fields, size_t count) {
  const struct results r = {ranges, tasks, fields, count};
  if (ranks->count == 1) return status;
  ranks->first[0] = 0;
  for (size_t k = 0; k < ranks->count; k++)
    ranks->first[k + 1] = ranks->first[k] + 1 + transfer(ranks, k, &r, NULL, false);
  transfer(ranks, ranks->rank, &r, ranks->numbers + ranks->first[ranks->rank] + 1, false);
  if ((status = exchange(ranks, status)) != PA_OK) return status;
  for (size_t k = 0; k < ranks->count; k++)
    if (k != ranks->rank) transfer(ranks, k, &r, ranks->numbers + ranks->first[k] + 1, true);
  return PA_OK;
}

pa_status pa__ranks_compare(pa__ranks *ranks, pa_status status, const pa__trait *traits, size_t count) {
  for (size_t k = 0; k <= ranks->count; k++) ranks->first[k] = k * (1 + count);
  double *own = ranks->numbers + ranks->first[ranks->rank] + 1;
  for (size_t n = 0; n < count; n++) own[n] = (double)(traits[n].hash >> 11); /* the bits that a double holds */
  if ((status = exchange(ranks, status)) != PA_OK) return status;
  for (size_t k = 1; k < ranks->count; k++)
    for (size_t n = 0; n < count; n++)
      if (ranks->numbers[ranks->first[k] + 1 + n] != ranks->numbers[1 + n])
        return pa__fail(PA_ERROR_ARGUMENT, "ranks 0 and %zu cannot train together: they differ in %s", k, traits[n].of);
  return PA_OK;
}
