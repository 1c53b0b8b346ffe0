/* SPDX-License-Identifier: MIT
 * Fuzzes NDJSON input, as `stele publish` reads it. */
#include "tests/fuzz/rows.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
	return fuzz_mutate_rows(data, size, capacity, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_rows(data, size, INPUT_NDJSON);
	return 0;
}
