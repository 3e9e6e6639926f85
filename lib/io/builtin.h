/* The model files that are built into the library. */
#ifndef POWALLOC_LIB_IO_BUILTIN_H
#define POWALLOC_LIB_IO_BUILTIN_H

#include <stddef.h>

#define PA__BUILTIN_PREFIX "builtin:"

typedef struct pa__builtin {
  const char *name;
  const unsigned char *bytes;
  size_t size;
} pa__builtin;

/* Made from models/ when the library is built; ends with a NULL name. */
extern const pa__builtin pa__builtins[];

#endif
