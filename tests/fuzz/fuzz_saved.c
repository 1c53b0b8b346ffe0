/* SPDX-License-Identifier: MIT
 * Fuzzes readers of a forged saved file, whose checksums are right or wrong. */
#include "tests/fuzz/reader.h"

#include <string.h>

#include <stele/stele.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
	return forge_mutate(data, size, capacity, seed, READER_OPERATIONS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct forge region, saved;
	static char name[512], path[520];

	if (!saved.base) {
		scene_make("source", name, &region);
		snprintf(path, sizeof(path), "file:%s/saved", fuzz_directory());
		FUZZ_CHECK(stele_region_save(name, path + strlen("file:"), STELE_REPLACE, NULL,
		                             NULL) == 0,
		           "%s", stele_last_error());
		forge_open(&saved, path + strlen("file:"));
		saved.contents = offsetof(struct layout_header, contents);
	}
	reader_run(path, &saved, data, size);
	return 0;
}
