/**
 * @file array.h
 * @brief Arrays in files: NumPy's .npy, and CSV for single matrices.
 */
#ifndef POWALLOC_ARRAY_H
#define POWALLOC_ARRAY_H

#include <powalloc/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @brief An array of doubles read from a file. Immutable. */
typedef struct pa_array pa_array;

/**
 * @brief Reads an array.
 *
 * A name that ends in .csv is read as comma-separated numbers, one row a
 * line; anything else as .npy, versions 1.0 to 3.0, types <f8 and <f4
 * (converted), C or Fortran order (converted). Other types are refused by name.
 * @param[out] out  the array, to be freed with pa_array_free()
 * @param path      the file
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_array_load(pa_array **out, const char *path, const pa_allocator *allocator);

/** @brief Frees an array. NULL is fine. @since 0.1 */
PA_API void pa_array_free(pa_array *array);

/** @brief Number of dimensions, 0 to 32. @since 0.1 */
PA_API size_t pa_array_rank(const pa_array *array);

/** @brief Extent along an axis; 0 if there is no such axis. @since 0.1 */
PA_API size_t pa_array_extent(const pa_array *array, size_t axis);

/** @brief Elements in all. @since 0.1 */
PA_API size_t pa_array_size(const pa_array *array);

/** @brief The elements in C order, owned by the array. Not checked to be finite. @since 0.1 */
PA_API const double *pa_array_data(const pa_array *array);

/**
 * @brief Writes an array, atomically: the file is the old one or the whole new one.
 *
 * A name that ends in .csv takes one or two dimensions and writes numbers
 * that read back to the same bits; anything else is written as .npy 1.0, <f8, C order.
 * @param path    the file
 * @param rank    dimensions, 0 to 32
 * @param extents [rank]
 * @param data    the elements in C order
 * @since 0.1
 */
PA_API pa_status pa_array_save(const char *path, size_t rank, const size_t *extents, const double *data);

#ifdef __cplusplus
}
#endif

#endif
