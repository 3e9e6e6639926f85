/* Zip archives of members that are not compressed, as .npz files are. */
#ifndef POWALLOC_LIB_ZIP_H
#define POWALLOC_LIB_ZIP_H

#include "../base/base.h"

#include <stdio.h>

/* An archive in memory. */
typedef struct pa__zip {
  const char *path; /* for messages */
  const unsigned char *bytes;
  size_t size;
  uint64_t directory, count;
} pa__zip;

pa_status pa__zip_open(pa__zip *zip, const char *path, const unsigned char *bytes, size_t size);
/* A member's content, which its checksum fits. */
pa_status pa__zip_find(const pa__zip *zip, const char *name, const unsigned char **bytes, size_t *size);

/* A member to be written: some bytes, then numbers of 4 or 8 bytes each. */
typedef struct pa__zip_member {
  const char *name, *head;
  size_t head_size;
  const void *numbers;
  size_t item, count;
} pa__zip_member;

#define PA__ZIP_MEMBERS 8
pa_status pa__zip_write(FILE *file, const pa__zip_member *members, size_t count);

#endif
