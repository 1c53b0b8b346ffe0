/* SPDX-License-Identifier: MIT
 * A full Internet routing table for tests and benchmarks: read from a file, one prefix a line, or
 * generated with the same mix of prefix lengths and about the same clustering as the real table of
 * 901,899 IPv4 prefixes. */
#ifndef TESTS_SUPPORT_BENCH_TABLE_H
#define TESTS_SUPPORT_BENCH_TABLE_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"

struct prefix4 {
	uint32_t address; /* host order */
	uint32_t length;
};

/* Orders prefixes by address, then by length; for qsort(3). */
int table_compare(const void *a, const void *b);

/* `scale` prefixes of every 1000 of each length; sorted, no two the same. Freed with free(). */
struct prefix4 *table_generate(uint64_t seed, uint32_t scale, size_t *ret_count);

/* The IPv4 prefixes of a file, as they stand there; NULL if it can't be read. */
struct prefix4 *table_read(const char *path, size_t *ret_count);

#endif
