/* SPDX-License-Identifier: MIT */
#include "publisher/memory/retired.h"

#include <errno.h>
#include <stdlib.h>

int retired_grow(struct retired_list *list, size_t more)
{
	size_t capacity = list->capacity ? list->capacity : 64;
	struct retired *entries;

	while (capacity < list->count + more)
		capacity *= 2;
	entries = realloc(list->entries, capacity * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	list->entries = entries;
	list->capacity = capacity;
	return 0;
}
