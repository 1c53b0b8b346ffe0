/* SPDX-License-Identifier: MIT
 *
 * Opening an index for longest-prefix match with a chosen path of lookup, for stele_index_open() and for
 * tests that compare the paths.
 *
 * Errors: index.c and index_validate.c set the error message when they fail. The parts below them
 * (index_sweep, index_ipv4, index_ipv6, index_ranges) never do. */
#ifndef SUBSCRIBER_INDEX_INDEX_H
#define SUBSCRIBER_INDEX_INDEX_H

#include <stele/index.h>

/* How to look up. A processor has all paths before the best that it has. */
enum index_path { INDEX_PORTABLE, INDEX_AVX2, INDEX_AVX512, INDEX_PATHS };

/* The best path that this processor has. */
enum index_path index_best_path(void);

/* stele_index_open(), with a path that the processor has. */
int index_open(const struct stele_table *table, const char *column, uint32_t none,
               enum index_path path, struct stele_index **ret);

#endif
