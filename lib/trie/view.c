/* SPDX-License-Identifier: MIT */
#include "lib/trie/view.h"

#include <stele/schema.h>

int view_blob(const struct view *view, ref_t ref, const unsigned char **ret_bytes, size_t *ret_size)
{
	const unsigned char *at = view_object(view, ref);
	uint64_t size;

	if (!at || data_load(at) & LAYOUT_NODE)
		return -EBADMSG;
	size = data_load(at + 8);
	if (size > STELE_VALUE_MAX ||
	    (uint64_t)(at - view->base) + 16 + size > view->limit + LAYOUT_GUARD)
		return -EBADMSG;
	*ret_bytes = at + 16;
	*ret_size = (size_t)size;
	return 0;
}
