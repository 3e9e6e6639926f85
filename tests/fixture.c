#include "fixture.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
  char *bytes;
  cJSON *header;
  const char *data;
};

fixture *fixture_open(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/data/%s.safetensors", TESTS_DIR, name);
  FILE *file = fopen(path, "rb");
  if (!file) ck_abort_msg("cannot open %s", path);
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  fixture *f = calloc(1, sizeof *f);
  f->bytes = malloc(size);
  ck_assert_uint_eq(fread(f->bytes, 1, size, file), size);
  fclose(file);
  uint64_t length;
  memcpy(&length, f->bytes, sizeof length);
  f->header = cJSON_ParseWithLength(f->bytes + 8, length);
  f->data = f->bytes + 8 + length;
  return f;
}

void fixture_close(fixture *f) {
  cJSON_Delete(f->header);
  free(f->bytes);
  free(f);
}

const double *fixture_get(const fixture *f, const char *name, size_t shape[8]) {
  const cJSON *tensor = cJSON_GetObjectItemCaseSensitive(f->header, name);
  if (!tensor) ck_abort_msg("no tensor %s", name);
  const cJSON *extents = cJSON_GetObjectItemCaseSensitive(tensor, "shape"), *extent;
  size_t axis = 0;
  if (shape) cJSON_ArrayForEach(extent, extents) shape[axis++] = (size_t)extent->valuedouble;
  const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(tensor, "data_offsets");
  return (const double *)(const void *)(f->data + (size_t)cJSON_GetArrayItem(offsets, 0)->valuedouble);
}

double fixture_scalar(const fixture *f, const char *name) { return *fixture_get(f, name, NULL); }
