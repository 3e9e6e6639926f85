#define _GNU_SOURCE
#include "training.h"

#include "command.h"
#include "progress.h"
#include "ranks.h"
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

struct watch {
  training *training;
  progress bar;
  double saved, begun;
  const char *reason; /* why a checkpoint failed */
};

uint64_t online_processors(void) {
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > (long)ranks_here() ? (uint64_t)count / ranks_here() : 1;
}

static double stat(const pa_trainer *trainer, int32_t what) {
  double value = NAN;
  must(pa_trainer_stat(trainer, what, &value));
  return value;
}

void curve_add(curve *c, double step, double value) {
  if (c->count == c->room) {
    c->room = 2 * c->room + 64;
    c->step = realloc(c->step, c->room * sizeof *c->step);
    c->value = realloc(c->value, c->room * sizeof *c->value);
    if (!c->step || !c->value) fail(EXIT_FAILED, "out of memory");
  }
  c->step[c->count] = step;
  c->value[c->count++] = value;
}

static void write_curve(const struct watch *w) {
  const curve *c = w->training->curve;
  text t = {0};
  text_add(&t, "# %.3f s\nstep,sum_rate\n", w->training->seconds_before + seconds_now() - w->begun);
  for (size_t k = 0; k < c->count; k++) text_add(&t, "%.0f,%.9g\n", c->step[k], c->value[k]);
  write_text(w->training->curve_file, t.bytes);
  free(t.bytes);
}

/* By the first rank. The curve first: points that the checkpoint does not know of are told by their step. */
static pa_status save(const struct watch *w, const pa_trainer *trainer) {
  if (!ranks_first()) return PA_OK;
  if (w->training->curve) write_curve(w);
  return pa_trainer_save(trainer, w->training->checkpoint);
}

static int32_t on_progress(void *user, const pa_trainer *trainer) {
  struct watch *w = user;
  double step = stat(trainer, PA_TRAINER_STAT_STEP);
  double baseline = stat(trainer, PA_TRAINER_STAT_BASELINE_RATE);
  if (isnan(baseline))
    progress_at(&w->bar, step, "utility", stat(trainer, PA_TRAINER_STAT_RATE));
  else
    progress_at(&w->bar, step, "of WMMSE-100", stat(trainer, PA_TRAINER_STAT_BEST_RATE) / baseline);
  if (w->training->curve && fmod(step, (double)w->training->curve_every) == 0)
    curve_add(w->training->curve, step, stat(trainer, PA_TRAINER_STAT_RATE));
  if (w->training->checkpoint && step - w->saved >= (double)w->training->checkpoint_every) {
    w->saved = step;
    if (save(w, trainer) < 0) {
      w->reason = text_of("%s", pa_last_error());
      return PA_CALLBACK_ABORT;
    }
  }
  return PA_CALLBACK_OK;
}

void run_training(training *t, pa_trainer *trainer) {
  double done = stat(trainer, PA_TRAINER_STAT_STEP), start = seconds_now();
  /* The model gets its weights in a run: with no steps left it would be saved as it began. */
  if (done >= (double)t->steps)
    fail(EXIT_FAILED, "%s has done %.0f of %llu steps: there is nothing to go on with", t->checkpoint, done,
         (unsigned long long)t->steps);
  struct watch watch = {t, progress_begin(t->what, (double)t->steps), done, start, NULL};
  stop_on_interrupt(trainer);
  ranks_attach(trainer);
  must(pa_trainer_set_progress(trainer, PROGRESS_EVERY, on_progress, &watch, NULL));
  pa_status status = pa_trainer_run(trainer, t->steps - (uint64_t)done);
  must(pa_trainer_set_progress(trainer, 1, NULL, NULL, NULL));
  stop_on_interrupt(NULL);
  progress_end(&watch.bar);
  if (watch.reason) fail(EXIT_FAILED, "%s", watch.reason);
  must(status);
  if (status == PA_INFEASIBLE) t->infeasible = text_of("%s", pa_last_error());
  if (t->checkpoint) must(save(&watch, trainer));
  t->seconds = seconds_now() - start;
  t->held_out_rate = stat(trainer, PA_TRAINER_STAT_BEST_RATE);
  t->baseline_rate = stat(trainer, PA_TRAINER_STAT_BASELINE_RATE);
  t->power = stat(trainer, PA_TRAINER_STAT_BEST_POWER);
  t->violation = stat(trainer, PA_TRAINER_STAT_BEST_VIOLATION);
  t->best_step = stat(trainer, PA_TRAINER_STAT_BEST_STEP);
  t->complete =
      stat(trainer, PA_TRAINER_STAT_STEP) >= (double)t->steps; /* also if it was interrupted in its last step */
}
