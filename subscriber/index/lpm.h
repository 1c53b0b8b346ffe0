/* SPDX-License-Identifier: MIT
 *
 * Opens an index for longest-prefix match with a chosen code path for lookups. For
 * stele_lpm_open(), and for tests that compare the paths.
 */
#ifndef SUBSCRIBER_INDEX_LPM_H
#define SUBSCRIBER_INDEX_LPM_H

#include <stele/lpm.h>

/* The code paths for lookups. A processor that supports one of them supports all paths before it,
 * too. */
enum lpm_path { LPM_PORTABLE, LPM_AVX2, LPM_AVX512, LPM_PATHS };

/* Returns the fastest path that this processor supports. */
enum lpm_path lpm_best_path(void);

/* Like stele_lpm_open_under(), with the given path, which the processor must support. */
int lpm_open(const struct stele_table *table, const void *lead, unsigned lead_bits,
             const char *column, uint32_t none, enum lpm_path path, struct stele_lpm **ret);

#endif
