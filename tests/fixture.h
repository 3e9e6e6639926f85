/* Verified cases: safetensors files of an independent implementation, in tests/data. */
#ifndef POWALLOC_TESTS_FIXTURE_H
#define POWALLOC_TESTS_FIXTURE_H

#include <stddef.h>

typedef struct fixture fixture;

/* Ends the test if the file cannot be read. */
fixture *fixture_open(const char *name);
void fixture_close(fixture *f);
/* The tensor's elements; extents into shape [8] if not NULL. Ends the test if there is none of that name. */
const double *fixture_get(const fixture *f, const char *name, size_t shape[8]);
double fixture_scalar(const fixture *f, const char *name);

#endif
