/**
 * @file base.h
 * @brief Version, status codes, the last error, allocators and option keys.
 *
 * Every header of the library stands on this one.
 */
#ifndef POWALLOC_BASE_H
#define POWALLOC_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks an exported symbol. Static users need not define anything. */
#if defined(__GNUC__) || defined(__clang__)
#define PA_API __attribute__((visibility("default")))
#else
#define PA_API
#endif

/** @name Version compiled against
 * Compare with pa_version(), the version of the library that runs.
 * @{ */
#define PA_VERSION_MAJOR 0 /**< Changes with the ABI, once it is stable. */
#define PA_VERSION_MINOR 1 /**< Changes when something is added. */
#define PA_VERSION_PATCH 0 /**< Changes when something is mended. */
/** All three as one number, to be compared with < and >. */
#define PA_VERSION ((PA_VERSION_MAJOR << 16) | (PA_VERSION_MINOR << 8) | PA_VERSION_PATCH)
/** @} */

/**
 * @brief Result of a call: 0 done, > 0 ended early but valid, < 0 error.
 *
 * On an error all outputs are untouched and pa_last_error() says which
 * argument or file, which element, and why.
 */
typedef int32_t pa_status;

/** @name Status codes
 * A number is never reused.
 * @{ */
#define PA_OK 0                 /**< Done. */
#define PA_STOPPED 1            /**< Ended early on request; the best result so far was kept. */
#define PA_INFEASIBLE 2         /**< Done, but the best result does not meet every constraint. */
#define PA_ERROR_ARGUMENT (-1)  /**< An argument is null, out of range, not finite or of the wrong shape. */
#define PA_ERROR_MEMORY (-2)    /**< An allocation failed or a size overflows. */
#define PA_ERROR_WORKSPACE (-3) /**< The workspace is too small or not aligned to 64 bytes. */
#define PA_ERROR_FILE (-4)      /**< A file cannot be opened, read, written or replaced. */
#define PA_ERROR_FORMAT (-5)    /**< A file's content is not what it must be. */
#define PA_ERROR_CALLBACK (-6)  /**< A callback aborted, returned an unknown code or left a value undefined. */
#define PA_ERROR_NUMERIC (-7)   /**< A computation left the finite numbers. */
#define PA_ERROR_STATE (-8)     /**< The call is not allowed now. */
/** @} */

/**
 * @brief Version of the library that runs, as PA_VERSION is built.
 *
 * Does not fail, does not allocate, callable from any thread.
 * @return 0x00MMmmpp: major, minor, patch.
 * @since 0.1
 */
PA_API uint32_t pa_version(void);

/**
 * @brief Version of the library that runs, as text.
 * @return Static text such as "0.1.0", owned by the library.
 * @since 0.1
 */
PA_API const char *pa_version_text(void);

/**
 * @brief Name of a status code.
 * @param status any value
 * @return Static text such as "PA_ERROR_ARGUMENT"; "unknown status" for any other value.
 * @since 0.1
 */
PA_API const char *pa_status_name(pa_status status);

/**
 * @brief This thread's last failure in words: which argument, which element, why.
 *
 * Valid until the next failing call of the same thread; a call that succeeds
 * leaves it alone. PA_INFEASIBLE comes with words, too: which constraint is
 * not met.
 * @return Text owned by the library, "" if no call of this thread has failed.
 * @since 0.1
 */
PA_API const char *pa_last_error(void);

/**
 * @brief Instruction set of the kernels that run on this machine.
 *
 * Chosen once from the features of the CPU.
 * @return Static text: "baseline", "avx2" or "avx512".
 * @since 0.1
 */
PA_API const char *pa_instruction_set(void);

/**
 * @brief Where a handle's memory comes from. Frozen: no member will be added.
 *
 * A NULL allocator means the C library's. A handle copies the struct, so it
 * need not outlive the call; the functions and @c user must outlive the handle.
 */
typedef struct pa_allocator {
  /** @brief Returns @c bytes (> 0) aligned to @c alignment (a power of two, at most 64), or NULL. */
  void *(*allocate)(void *user, size_t bytes, size_t alignment);
  /** @brief Takes back what allocate returned; never called with NULL. */
  void (*release)(void *user, void *memory);
  /** @brief Handed to both functions. */
  void *user;
} pa_allocator;

/** @brief Frees the user data of a callback when its handle lets go of it; may be NULL. */
typedef void (*pa_free_fn)(void *user);

/** @name What a callback returns
 * Any other value is an error (PA_ERROR_CALLBACK).
 * @{ */
#define PA_CALLBACK_OK 0       /**< Go on. */
#define PA_CALLBACK_SKIP 1     /**< Leave this batch out and go on; where the callback says so. */
#define PA_CALLBACK_STOP 2     /**< End the run; the call returns PA_STOPPED and keeps the best result so far. */
#define PA_CALLBACK_ABORT (-1) /**< End the run; the call returns PA_ERROR_CALLBACK. */
/** @} */

/**
 * @name Option keys
 * What can be tuned on a handle is a numbered key. The numbers stand in the
 * header of their handle, are never reused, and are the same in every
 * language; name, default, bounds and unit can be asked for here.
 * @{ */

/**
 * @brief Number of keys, of all handles together.
 * @since 0.1
 */
PA_API size_t pa_key_count(void);

/**
 * @brief The key at a place in the list of all keys.
 * @param index 0 to pa_key_count() - 1
 * @return The key, 0 if @p index is out of range.
 * @since 0.1
 */
PA_API int32_t pa_key_at(size_t index);

/**
 * @brief The key of a name such as "network.density".
 * @return The key, 0 if there is none of that name.
 * @since 0.1
 */
PA_API int32_t pa_key_find(const char *name);

/** @brief Name of a key, "" if there is no such key. @since 0.1 */
PA_API const char *pa_key_name(int32_t key);

/** @brief One sentence on a key, "" if there is no such key. @since 0.1 */
PA_API const char *pa_key_description(int32_t key);

/** @brief Unit of a key ("W", "1" for a plain number, "count"), "" if there is no such key. @since 0.1 */
PA_API const char *pa_key_unit(int32_t key);

/**
 * @brief Default and bounds of a key.
 * @param key a key
 * @param[out] initial the default, may be NULL
 * @param[out] lowest  smallest value taken, may be NULL
 * @param[out] highest largest value taken, may be NULL
 * @since 0.1
 */
PA_API pa_status pa_key_bounds(int32_t key, double *initial, double *lowest, double *highest);
/** @} */

#ifdef __cplusplus
}
#endif

#endif
