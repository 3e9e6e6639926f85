#include "channels.h"
#include "command.h"
#include "options.h"
#include "report.h"
#include "stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line for people, unless standard output is the JSON's. */
static void say(const char *name, const char *value) {
  if (!json_path || strcmp(json_path, "-") != 0) printf("%-16s %s\n", name, value);
}

static void say_number(cJSON *json, const char *key, const char *name, double value) {
  cJSON_AddNumberToObject(json, key, value);
  say(name, text_of("%g", value));
}

static void say_shape(cJSON *json, const char *name, const size_t *extents, size_t rank) {
  text t = {0};
  cJSON *shape = cJSON_AddArrayToObject(json, name);
  text_add(&t, "[");
  for (size_t k = 0; k < rank; k++) {
    text_add(&t, "%s%zu", k ? ", " : "", extents[k]);
    cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)extents[k]));
  }
  text_add(&t, "]");
  say(name, t.bytes);
}

static void model_info(cJSON *json, const pa_model_file *file) {
  size_t parameters = 0;
  for (size_t k = 0; k < pa_model_file_metadata_count(file); k++) {
    const char *name = pa_model_file_metadata_name(file, k), *value = pa_model_file_metadata(file, name);
    cJSON_AddStringToObject(json, name, value);
    say(name, value);
  }
  cJSON *tensors = cJSON_AddObjectToObject(json, "tensors");
  for (size_t k = 0; k < pa_model_file_tensor_count(file); k++) {
    size_t extents[8] = {0}, rank = pa_model_file_tensor_rank(file, k), size = 1;
    for (size_t a = 0; a < rank; a++) size *= extents[a] = pa_model_file_tensor_extent(file, k, a);
    parameters += size;
    say_shape(tensors, pa_model_file_tensor_name(file, k), extents, rank);
  }
  cJSON_AddNumberToObject(json, "parameters", (double)parameters);
  say("parameters", text_of("%zu", parameters));
}

static void gains_info(cJSON *json, const double *h, size_t batch, size_t links) {
  size_t cross_count = batch * links * (links - 1);
  double *direct = need(batch * links, sizeof *direct), *cross = need(cross_count, sizeof *cross);
  size_t d = 0, c = 0;
  for (size_t k = 0; k < batch * links * links; k++)
    if (k / links % links == k % links)
      direct[d++] = h[k];
    else
      cross[c++] = h[k];
  say_number(json, "median_direct", "median direct", quantile_of(direct, d, .5));
  if (c > 0) say_number(json, "median_cross", "median cross", quantile_of(cross, c, .5));
  free(direct);
  free(cross);
}

/* Returns how many are not finite. */
static size_t values_info(cJSON *json, const double *x, size_t size) {
  double lowest = INFINITY, highest = -INFINITY;
  size_t unusual = 0;
  for (size_t k = 0; k < size; k++) {
    if (!isfinite(x[k])) unusual++;
    lowest = fmin(lowest, x[k]);
    highest = fmax(highest, x[k]);
  }
  if (lowest <= highest) {
    cJSON_AddNumberToObject(json, "lowest", lowest);
    cJSON_AddNumberToObject(json, "highest", highest);
    say("range", text_of("%g to %g", lowest, highest));
  }
  say_number(json, "not_finite", "not finite", (double)unusual);
  return unusual;
}

static void array_info(cJSON *json, const pa_array *array) {
  size_t rank = pa_array_rank(array), size = pa_array_size(array), extents[32] = {0};
  const double *x = pa_array_data(array);
  for (size_t a = 0; a < rank; a++) extents[a] = pa_array_extent(array, a);
  say_shape(json, "shape", extents, rank);
  size_t unusual = values_info(json, x, size);
  if ((rank == 2 || rank == 3) && size > 0 && extents[rank - 1] == extents[rank - 2] && unusual == 0)
    gains_info(json, x, rank == 3 ? extents[0] : 1, extents[rank - 1]);
}

static void sparse_info(cJSON *json, const pa_sparse_array *array) {
  size_t batch = pa_sparse_array_batch(array), rows = pa_sparse_array_rows(array);
  size_t entries = pa_sparse_array_entries(array), extents[] = {batch, rows, rows};
  say_shape(json, "shape", extents, 3);
  say_number(json, "entries", "entries", (double)entries);
  values_info(json, pa_sparse_array_data(array), batch * entries);
}

static int list_builtin(void) {
  cJSON *json = cJSON_CreateArray();
  for (size_t k = 0; k < pa_model_builtin_count(); k++) {
    const char *name = text_of("builtin:%s", pa_model_builtin_name(k));
    pa_model_file *file;
    must(pa_model_file_load(&file, name, NULL));
    const char *trained = pa_model_file_metadata(file, "trained");
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "name", name);
    cJSON_AddStringToObject(row, "kind", pa_model_file_metadata(file, "kind"));
    cJSON_AddStringToObject(row, "trained", trained ? trained : "");
    cJSON_AddItemToArray(json, row);
    if (!json_path || strcmp(json_path, "-") != 0) printf("%s\n  %s\n", name, trained ? trained : "");
    pa_model_file_free(file);
  }
  write_json(json);
  return EXIT_SUCCESS;
}

int info(int count, char **words) {
  list files = {0};
  bool builtin = false;
  const option own[] = {{"--builtin", FLAG, &builtin, "", "lists the models that are built in: builtin:NAME"},
                        {NULL, FLAG, NULL, NULL, NULL}};
  parse_options("info FILE | info --builtin", "Tells what a model, checkpoint or array (.npy, .csv, .npz) holds.",
                (const option *const[]){own, json_table, NULL}, count, words, &files);
  if (builtin && files.count == 0) return list_builtin();
  if (files.count != 1) fail(EXIT_USAGE, "give one file, or --builtin");
  const char *path = files.items[0];
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "file", path);
  if (ends_with(path, ".npy") || ends_with(path, ".csv")) {
    pa_array *array;
    must(pa_array_load(&array, path, NULL));
    array_info(json, array);
    pa_array_free(array);
  } else if (channels_sparse(path)) {
    pa_sparse_array *array;
    must(pa_sparse_array_load(&array, path, NULL));
    sparse_info(json, array);
    pa_sparse_array_free(array);
  } else {
    pa_model_file *file;
    must(pa_model_file_load(&file, path, NULL));
    model_info(json, file);
    pa_model_file_free(file);
  }
  write_json(json);
  return EXIT_SUCCESS;
}
