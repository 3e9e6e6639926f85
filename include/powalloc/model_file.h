/**
 * @file model_file.h
 * @brief A look into a model file of any kind: kind, metadata, tensors.
 *
 * Loading a model to run it is pa_policy_load() or the model's own load call.
 */
#ifndef POWALLOC_MODEL_FILE_H
#define POWALLOC_MODEL_FILE_H

#include <powalloc/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @brief A model file in memory (safetensors, see @ref file_formats). Immutable. */
typedef struct pa_model_file pa_model_file;

/** @brief Trained models that are built into the library. @since 0.1 */
PA_API size_t pa_model_builtin_count(void);

/**
 * @brief Name of a built-in model, NULL if out of range.
 *
 * Every call that takes the path of a model file takes "builtin:" and such a name in its place: no file is read then,
 * not even one that is called so.
 * @since 0.1
 */
PA_API const char *pa_model_builtin_name(size_t index);

/**
 * @brief Reads a model file; it is checked as untrusted input.
 * @param[out] out  the file, to be freed with pa_model_file_free()
 * @param path      the file, or "builtin:NAME" of pa_model_builtin_name()
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_model_file_load(pa_model_file **out, const char *path, const pa_allocator *allocator);

/** @brief Frees a model file. NULL is fine. @since 0.1 */
PA_API void pa_model_file_free(pa_model_file *file);

/** @brief Entries of the metadata. @since 0.1 */
PA_API size_t pa_model_file_metadata_count(const pa_model_file *file);

/** @brief Name of a metadata entry, NULL if out of range. Owned by the file. @since 0.1 */
PA_API const char *pa_model_file_metadata_name(const pa_model_file *file, size_t index);

/** @brief Text of the metadata entry called @p name, NULL if there is none. Owned by the file. @since 0.1 */
PA_API const char *pa_model_file_metadata(const pa_model_file *file, const char *name);

/** @brief Tensors in the file. @since 0.1 */
PA_API size_t pa_model_file_tensor_count(const pa_model_file *file);

/** @brief Name of a tensor, NULL if out of range. Owned by the file. @since 0.1 */
PA_API const char *pa_model_file_tensor_name(const pa_model_file *file, size_t index);

/** @brief Dimensions of a tensor, 0 to 8. @since 0.1 */
PA_API size_t pa_model_file_tensor_rank(const pa_model_file *file, size_t index);

/** @brief Extent of a tensor along an axis; 0 if there is no such axis. @since 0.1 */
PA_API size_t pa_model_file_tensor_extent(const pa_model_file *file, size_t index, size_t axis);

/** @brief Elements of a tensor as doubles in C order, all finite. Owned by the file. @since 0.1 */
PA_API const double *pa_model_file_tensor_data(const pa_model_file *file, size_t index);

#ifdef __cplusplus
}
#endif

#endif
