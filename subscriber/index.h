/* SPDX-License-Identifier: MIT
 * An index for longest-prefix match: <stele/index.h> says what it does.
 *
 *   index.c          opening, moving, asking
 *   index_sweep.c    what a table says of the addresses under a prefix
 *   index_ipv4.c     the form for IPv4: building and changing   index_ipv4_match.c   looking up
 *   index_ipv6.c     the form for IPv6: the same                index_ipv6_match.c
 *   index_ranges.c   the tree that it consists of
 */
#ifndef SUBSCRIBER_INDEX_H
#define SUBSCRIBER_INDEX_H

#include <stele/index.h>
#include "index_ipv4.h"
#include "index_ipv6.h"
#include "subscriber.h"

/* The ways to look up. A processor has all those before the best that it has. */
enum index_path { INDEX_PORTABLE, INDEX_AVX2, INDEX_AVX512, INDEX_PATHS };

/* The best way that this processor has. */
enum index_path index_best_path(void);

/* stele_index_open(), with a way that the processor has. */
int index_open(const struct stele_table *table, const char *column, uint32_t none, enum index_path path,
               struct stele_index **ret);

#endif
