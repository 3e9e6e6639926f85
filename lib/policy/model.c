#include "model.h"

#include <string.h>

static const pa__policy_class *const known[] = {&pa__regnn_class, &pa__uwmmse_class, NULL};

static pa_status refuse(const char *path, const char *kind, const pa__policy_class *const *classes) {
  char wanted[100] = "";
  for (; *classes; classes++) {
    if (*wanted) strncat(wanted, ", ", sizeof wanted - strlen(wanted) - 1);
    strncat(wanted, (*classes)->name, sizeof wanted - strlen(wanted) - 1);
  }
  return pa__fail(PA_ERROR_FORMAT, "%s: a model of kind \"%.60s\", must be %s", path, kind, wanted);
}

pa_status pa__model_load(pa_policy **out, const char *path, const pa__policy_class *const *classes,
                         const pa_allocator *allocator) {
  if (!out) return pa__fail(PA_ERROR_ARGUMENT, "out is NULL");
  pa_model_file *file = NULL;
  pa_status status = pa_model_file_load(&file, path, allocator);
  if (status != PA_OK) return status;
  if (!classes) classes = known;
  const char *kind = pa_model_file_metadata(file, "kind");
  const pa__policy_class *const *class = classes;
  while (*class && (!kind || strcmp((*class)->name, kind) != 0)) class ++;
  status = *class ? (*class)->read(out, file, allocator) : refuse(path, kind ? kind : "", classes);
  pa_model_file_free(file);
  return status;
}

pa_status pa_policy_load(pa_policy **out, const char *path, const pa_allocator *allocator) {
  pa_status status = pa__model_load(out, path, NULL, allocator);
  if (status == PA_OK) (*out)->borrowed = false;
  return status;
}
