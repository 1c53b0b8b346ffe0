/* SPDX-License-Identifier: MIT */
#include "publisher/trie/object.h"

#include <errno.h>

int object_alloc_slow(struct edit *edit, size_t size, ref_t *ret)
{
	int r;

	do
		r = arena_alloc(edit->arena, size, ret);
	while (r == -ENOSPC && edit->free_memory && edit->free_memory(edit->context));
	return r;
}

size_t object_size(const struct edit *edit, const struct row_layout *layout, ref_t ref)
{
	struct row_parts row = {0};
	struct node node;

	if (object_is_node(edit, ref)) {
		node = object_node(edit, ref);
		return node_whole_size(&node);
	}
	/* A blob: its size follows the first word. */
	if (!layout)
		return arena_blob_size((size_t)data_load(arena_at(edit->arena, ref) + 8));
	row_parse_ref(&edit->arena->view, layout, ref, &row);
	return row_size(layout, row.value_size, row.key_bits);
}
