/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include "tools/base/heap.h"
#include "tools/base/status.h"

void *heap_realloc(void *memory, size_t size)
{
	memory = realloc(memory, size);
	if (memory || size == 0)
		return memory;
	/* fail() cannot be used, because it allocates memory. */
	fprintf(stderr, "stele: out of memory: cannot allocate %zu bytes\n", size);
	exit(STATUS_NO_SPACE);
}
