/* SPDX-License-Identifier: MIT
 * A region whose data file says anything, also while it is read. */
#include "tests/fuzz/reader.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
	return forge_mutate(data, size, capacity, seed, READER_OPERATIONS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct forge forge;
	static char region[512];

	if (!forge.base)
		scene_make("fuzz", region, &forge);
	reader_run(region, &forge, data, size);
	return 0;
}
