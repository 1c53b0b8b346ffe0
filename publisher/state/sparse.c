/* SPDX-License-Identifier: MIT */
#include "publisher/state/sparse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of a chunk. For units of the arena, a chunk is 4 KiB for 256 KiB. */
#define CHUNK_NUMBERS 32768u
#define CHUNK_WORDS   (CHUNK_NUMBERS / 64)

int sparse_reserve(struct sparse *sparse, uint64_t end)
{
	size_t count = (size_t)(end / CHUNK_NUMBERS + 1);

	if (count > sparse->count) {
		uint64_t **larger;

		count += count / 4;
		larger = realloc(sparse->chunks, count * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		memset(larger + sparse->count, 0, (count - sparse->count) * sizeof(*larger));
		sparse->chunks = larger;
		sparse->count = count;
	}
	if (!sparse->spare)
		sparse->spare = calloc(CHUNK_WORDS, sizeof(*sparse->spare));
	return sparse->spare ? 0 : -ENOMEM;
}

void sparse_add(struct sparse *sparse, uint64_t number)
{
	uint64_t **chunk = &sparse->chunks[number / CHUNK_NUMBERS];

	if (!*chunk) {
		*chunk = sparse->spare;
		sparse->spare = NULL;
	}
	(*chunk)[number % CHUNK_NUMBERS / 64] |= UINT64_C(1) << number % 64;
}

bool sparse_has(const struct sparse *sparse, uint64_t number)
{
	uint64_t chunk = number / CHUNK_NUMBERS;

	return chunk < sparse->count && sparse->chunks[chunk] &&
	       sparse->chunks[chunk][number % CHUNK_NUMBERS / 64] >> number % 64 & 1;
}

void sparse_clear(struct sparse *sparse)
{
	for (size_t i = 0; i < sparse->count; i++)
		free(sparse->chunks[i]);
	free(sparse->chunks);
	free(sparse->spare);
	*sparse = (struct sparse){0};
}
