/**
 * @file array.h
 * @brief Arrays in files: NumPy's .npy, CSV for single matrices, SciPy's .npz for sparse ones.
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

/** @brief A batch of square sparse matrices with the same structure, read from a file. Immutable. */
typedef struct pa_sparse_array pa_sparse_array;

/**
 * @brief Reads compressed sparse rows as scipy.sparse.save_npz(file, matrix, compressed=False) writes them.
 *
 * The members are @c format ("csr"), @c shape [2], @c indptr [rows + 1] and @c indices [entries] of type <i4 or <i8,
 * and
 * @c data [entries] or, of a batch, [batch][entries] of type <f8 or <f4; others are ignored. Columns must ascend in
 * each row, none twice.
 * @param[out] out  the array, to be freed with pa_sparse_array_free()
 * @param path      the file
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_sparse_array_load(pa_sparse_array **out, const char *path, const pa_allocator *allocator);

/** @brief Frees the array. NULL is fine. @since 0.1 */
PA_API void pa_sparse_array_free(pa_sparse_array *array);

/** @brief Matrices in the batch; 0 for NULL. @since 0.1 */
PA_API size_t pa_sparse_array_batch(const pa_sparse_array *array);

/** @brief Rows of a matrix, and columns; 0 for NULL. @since 0.1 */
PA_API size_t pa_sparse_array_rows(const pa_sparse_array *array);

/** @brief Entries of a matrix; 0 for NULL. @since 0.1 */
PA_API size_t pa_sparse_array_entries(const pa_sparse_array *array);

/** @brief Where rows begin, [rows + 1], owned by the array; NULL for NULL. @since 0.1 */
PA_API const int64_t *pa_sparse_array_indptr(const pa_sparse_array *array);

/** @brief The column of each entry, [entries], owned by the array; NULL for NULL. @since 0.1 */
PA_API const int32_t *pa_sparse_array_indices(const pa_sparse_array *array);

/** @brief The values [batch][entries], owned by the array; NULL for NULL. Not checked to be finite. @since 0.1 */
PA_API const double *pa_sparse_array_data(const pa_sparse_array *array);

/**
 * @brief Writes sparse matrices, atomically: the file is the old one or the whole new one.
 *
 * scipy.sparse.load_npz() reads a batch of one; NumPy's load() reads the members of any.
 * @param path    the file
 * @param batch   matrices, >= 1
 * @param rows    rows and columns, 1 to 2^31 - 1
 * @param indptr  [rows + 1] where rows begin: 0 first, never less than before; the last is the number of entries
 * @param indices [entries] columns, 0 to rows - 1, ascending in each row, none twice
 * @param data    [batch][entries] values
 * @since 0.1
 */
PA_API pa_status pa_sparse_array_save(const char *path, size_t batch, size_t rows, const int64_t *indptr,
                                      const int32_t *indices, const double *data);

#ifdef __cplusplus
}
#endif

#endif
