#define _GNU_SOURCE
#include "trained.h"

#include "../command.h"
#include "../learned.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Raised by hand when trainings change without a new version of the library. */
enum { REVISION = 2 };

/* At most so many points of a learning curve, and steps between checkpoints. */
enum { POINTS = 200, CHECKPOINT_EVERY = 2000 };

/* A quick training and a full one have files of their own: neither goes on from the other's checkpoint. */
static const char *file_of(const reproduction_options *o, const plan *p, const char *ending) {
  return text_of("%s/models/%s-%llu%s", o->out, p->name, (unsigned long long)p->steps, ending);
}

static const char *note_of(const plan *p) {
  return text_of("powalloc %s: reproduce, %s, seed %llu, %llu steps, trainings %d", pa_version_text(), p->what,
                 (unsigned long long)p->seed, (unsigned long long)p->steps, REVISION);
}

/* A curve file is "step,sum_rate" under a line of seconds; points behind `last` are not taken. */
static double read_curve(curve *c, const char *path, double last) {
  double seconds = 0, step, value;
  FILE *file = fopen(path, "r");
  c->count = 0;
  if (!file) return 0;
  if (fscanf(file, "# %lf s\nstep,sum_rate\n", &seconds) == 1)
    while (fscanf(file, "%lf,%lf\n", &step, &value) == 2)
      if (step <= last) curve_add(c, step, value);
  fclose(file);
  return seconds;
}

static bool load(const reproduction_options *o, const plan *p, trained *t) {
  pa_model_file *file;
  const char *path = file_of(o, p, ".safetensors");
  if (access(path, R_OK) != 0 || pa_model_file_load(&file, path, NULL) != PA_OK) return false;
  const char *note = pa_model_file_metadata(file, "trained");
  bool ours = note && strcmp(note, note_of(p)) == 0;
  pa_model_file_free(file);
  if (!ours || pa_policy_load(&t->policy, path, NULL) != PA_OK) return false;
  t->seconds = read_curve(&t->curve, file_of(o, p, ".curve"), (double)p->steps);
  return true;
}

static pa_trainer *start(const reproduction_options *o, const plan *p, pa_policy *policy) {
  pa_trainer *trainer;
  must(pa_trainer_create(&trainer, policy, p->network, p->seed, NULL));
  p->set(p, trainer);
  must(pa_trainer_set(trainer, PA_TRAINER_SCHEDULE, (double)p->steps));
  must(pa_trainer_set(trainer, PA_TRAINER_THREADS, (double)o->threads));
  return trainer;
}

static void run(const reproduction_options *o, const plan *p) {
  const char *checkpoint = file_of(o, p, ".checkpoint"), *curve_file = file_of(o, p, ".curve");
  uint64_t every = p->steps / POINTS / PROGRESS_EVERY * PROGRESS_EVERY;
  pa_policy *policy = p->make(p);
  pa_trainer *trainer = start(o, p, policy);
  curve c = {0};
  double done = 0, before = 0;
  /* A checkpoint that does not fit is of another training, and one of the last step came before a look at it: then the
   * training starts anew. */
  if (access(checkpoint, R_OK) == 0) {
    pa_trainer_resume(trainer, checkpoint);
    must(pa_trainer_stat(trainer, PA_TRAINER_STAT_STEP, &done));
  }
  if (done >= (double)p->steps) {
    unlink(checkpoint);
    pa_trainer_free(trainer);
    learned_free(policy);
    run(o, p);
    return;
  }
  if (done > 0) before = read_curve(&c, curve_file, done);
  training t = {.what = p->name,
                .steps = p->steps,
                .checkpoint = checkpoint,
                .checkpoint_every = CHECKPOINT_EVERY,
                .curve = &c,
                .curve_every = every > 0 ? every : PROGRESS_EVERY,
                .curve_file = curve_file,
                .seconds_before = before};
  run_training(&t, trainer);
  if (!t.complete)
    fail(EXIT_INTERRUPTED, "interrupted; what is finished is in %s, the same command goes on from there", o->out);
  must(pa_policy_save(policy, file_of(o, p, ".safetensors"), note_of(p)));
  unlink(checkpoint);
  pa_trainer_free(trainer);
  learned_free(policy);
  free(c.step);
  free(c.value);
}

trained trained_by(study *s, const plan *p) {
  const reproduction_options *o = s->o;
  trained t = {0};
  double start = seconds_now();
  if (mkdir(text_of("%s/models", o->out), 0777) != 0 && errno != EEXIST)
    fail(EXIT_FAILED, "%s/models cannot be made: %s", o->out, strerror(errno));
  bool there = load(o, p, &t);
  if (!there) run(o, p);
  s->spent += there ? 0 : seconds_now() - start;
  if (!there && !load(o, p, &t)) fail(EXIT_FAILED, "%s: written and not read again", file_of(o, p, ".safetensors"));
  s->training += t.seconds;
  return t;
}

void trained_free(trained *t) {
  pa_policy_free(t->policy);
  free(t->curve.step);
  free(t->curve.value);
}
