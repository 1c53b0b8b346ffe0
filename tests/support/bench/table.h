/* SPDX-License-Identifier: MIT
 *
 * A full Internet routing table for tests and benchmarks: read from a file, one prefix per line, or
 * generated. The generated table has the mix of prefix lengths of the real table of 901,899 IPv4
 * prefixes, and about its clustering. */
#ifndef TESTS_SUPPORT_BENCH_TABLE_H
#define TESTS_SUPPORT_BENCH_TABLE_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"

struct prefix4 {
	uint32_t address; /* host byte order */
	uint32_t length;
};

/* Orders prefixes by address, then by length; for qsort(3). */
int table_compare(const void *a, const void *b);

/* Returns `scale` of every 1000 prefixes of each length, sorted and without duplicates. The caller
 * frees the array with free(). */
struct prefix4 *table_generate(uint64_t seed, uint32_t scale, size_t *ret_count);

/* Returns the IPv4 prefixes of a file in the file's order, or NULL if the file can't be read. */
struct prefix4 *table_read(const char *path, size_t *ret_count);

#endif
