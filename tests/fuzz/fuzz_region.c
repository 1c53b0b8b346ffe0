/* SPDX-License-Identifier: MIT
 * Fuzzes readers of a region whose data file is forged, before and while they read it. */
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
