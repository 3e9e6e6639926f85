/**
 * @file units.h
 * @brief Decibels, dBm, thermal noise: from the field's units to linear watts.
 *
 * Everything else in the library is linear: watts for powers and noise,
 * amplitude for channels, plain ratios for SINR. None of these functions
 * allocates; all may be called from any thread.
 */
#ifndef POWALLOC_UNITS_H
#define POWALLOC_UNITS_H

#include <powalloc/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @brief Power ratio of a value in dB, 10^(db / 10). @since 0.1 */
PA_API double pa_db_to_ratio(double db);

/** @brief dB of a power ratio, 10 log10(ratio); -infinity for 0. @since 0.1 */
PA_API double pa_ratio_to_db(double ratio);

/** @brief Watts of a power in dBm. @since 0.1 */
PA_API double pa_dbm_to_watts(double dbm);

/** @brief dBm of a power in watts; -infinity for 0. @since 0.1 */
PA_API double pa_watts_to_dbm(double watts);

/**
 * @brief Noise power of a receiver, k T B F, at T = 290 K.
 * @param bandwidth_hz    noise bandwidth in Hz, > 0
 * @param noise_figure_db noise figure in dB, >= 0
 * @param[out] watts      noise power in W; -174 dBm/Hz + 10 log10(bandwidth) + noise figure
 * @since 0.1
 */
PA_API pa_status pa_thermal_noise(double bandwidth_hz, double noise_figure_db, double *watts);

/**
 * @brief Reads a power such as "0.1", "1e-3 W", "200 mW", "30 dBm", "-91 dB" (dB over 1 W; "dBW" too).
 *
 * A plain number is in watts. Spaces between number and unit are optional;
 * units are written as in the examples, in that case.
 * @param text      the text
 * @param[out] watts the power in W, finite and >= 0
 * @since 0.1
 */
PA_API pa_status pa_parse_power(const char *text, double *watts);

#ifdef __cplusplus
}
#endif

#endif
