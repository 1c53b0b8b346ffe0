/* SPDX-License-Identifier: MIT */
#include "tests/support/bench/table.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"

int table_compare(const void *a, const void *b)
{
	const struct prefix4 *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return (x->length > y->length) - (x->length < y->length);
}

/* How many prefixes of each length the real table has. */
static const uint32_t table_lengths[33] = {
	[8] = 16,     [9] = 13,      [10] = 38,    [11] = 103,   [12] = 299,
	[13] = 581,   [14] = 1203,   [15] = 2100,  [16] = 13490, [17] = 8235,
	[18] = 13798, [19] = 24870,  [20] = 42611, [21] = 50750, [22] = 108623,
	[23] = 96510, [24] = 537698, [25] = 20,    [26] = 3,     [27] = 11,
	[28] = 18,    [29] = 17,     [30] = 3,     [31] = 3,     [32] = 886,
};

struct prefix4 *table_generate(uint64_t seed, uint32_t scale, size_t *ret_count)
{
	struct prefix4 *table = malloc(sizeof(*table) * 1000000);
	uint32_t blocks[35192];
	size_t count = 0, unique = 0;

	/* The /16 blocks that contain longer prefixes; a few blocks contain most of them. */
	for (size_t i = 0; i < 35192; i++)
		blocks[i] = (uint32_t)(1 + random_from(&seed) % 222) << 24 |
		            (uint32_t)(random_from(&seed) % 256) << 16;
	for (uint32_t length = 8; length <= 32; length++) {
		uint64_t wanted = (uint64_t)table_lengths[length] * scale / 1000;
		for (uint64_t i = 0; i < wanted; i++) {
			uint32_t address = (uint32_t)random_from(&seed);
			if (length > 16) {
				uint64_t r = random_from(&seed) % 35192,
					 s = random_from(&seed) % 35192;
				address = blocks[r * s / 35192] | (address & 0xffff);
			}
			if (length <= 16)
				address = address % 222 << 24 | (address & 0xffffff);
			table[count].address =
				address & (uint32_t)(UINT64_C(0xffffffff) << (32 - length));
			table[count++].length = length;
		}
	}
	qsort(table, count, sizeof(*table), table_compare);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || table_compare(&table[i], &table[unique - 1]) != 0)
			table[unique++] = table[i];
	*ret_count = unique;
	return table;
}

struct prefix4 *table_read(const char *path, size_t *ret_count)
{
	FILE *file = fopen(path, "r");
	struct prefix4 *table;
	char line[128];
	size_t count = 0;

	if (!file)
		return NULL;
	table = malloc(sizeof(*table) * 4000000);
	while (fgets(line, sizeof(line), file) && count < 4000000) {
		char *slash = strchr(line, '/');
		struct in_addr address;
		if (!slash)
			continue;
		*slash = '\0';
		if (inet_pton(AF_INET, line, &address) != 1)
			continue;
		table[count].address = ntohl(address.s_addr);
		table[count++].length = (uint32_t)atoi(slash + 1);
	}
	fclose(file);
	*ret_count = count;
	return table;
}
