/* The precision that a file computes in: double, or single where it is compiled with PA_SINGLE. The same sources are
 * built for both; names of theirs that other files see differ by an _f32. */
#ifndef POWALLOC_LIB_REAL_H
#define POWALLOC_LIB_REAL_H

#ifdef PA_SINGLE
typedef float real;
#define REAL__JOIN(name) name##_f32
#define REAL(name) REAL__JOIN(name)
#else
typedef double real;
#define REAL(name) name
#endif

#endif
