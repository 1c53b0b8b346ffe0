/* SPDX-License-Identifier: MIT
 *
 * Opens an index for longest-prefix match with a chosen code path for lookups. For
 * stele_index_open(), and for tests that compare the paths.
 */
#ifndef SUBSCRIBER_INDEX_INDEX_H
#define SUBSCRIBER_INDEX_INDEX_H

#include <stele/index.h>

/* The code paths for lookups. A processor that supports one of them supports all paths before it,
 * too. */
enum index_path { INDEX_PORTABLE, INDEX_AVX2, INDEX_AVX512, INDEX_PATHS };

/* Returns the fastest path that this processor supports. */
enum index_path index_best_path(void);

/* Like stele_index_open(), with the given path, which the processor must support. */
int index_open(const struct stele_table *table, const char *column, uint32_t none,
               enum index_path path, struct stele_index **ret);

#endif
