/* SPDX-License-Identifier: MIT
 *
 * Inlined lookup for hot paths: the call and its argument copies cost a quarter of a lookup in a
 * small table. Other callers use trie_get().
 */
#ifndef LIB_TRIE_TRIE_INLINE_H
#define LIB_TRIE_TRIE_INLINE_H

#include "lib/trie/row.h"
#include "lib/trie/trie_node.h"

/* Looks up a key like trie_get(). */
static inline __attribute__((always_inline)) int
trie_get_inline(const struct view *view, const struct row_layout *layout, ref_t root,
                const unsigned char *key, unsigned bits, struct row_parts *ret)
{
	/* A local copy, which the compiler need not reload after every atomic load. */
	const struct view within = *view;
	const unsigned char *byte = key, *end = key + bits / 8, *at;
	ref_t ref = root;
	uint64_t first;

	for (;;) {
		const unsigned char *children;
		uint64_t info;
		unsigned skip;

		if (!view_has(&within, ref))
			return ref == 0 ? 0 : -EBADMSG;
		at = within.base + (uint64_t)ref * LAYOUT_UNIT;
		first = data_load(at);
		if (!(first & LAYOUT_NODE))
			break;
		info = data_load(at + 8);
		children = at + 16;
		if (node_info_is_plain_direct(info) && byte < end) {
			ref = data_load_32(children + (size_t)*byte++ * 4);
			continue;
		}
		/* Most of the node's references are in its second cache line. */
		prefetch(at + 64);
		/* The skipped bytes are not compared here. The row holds its complete key, which
		 * row_match_key() compares at the end. */
		skip = (unsigned)(info >> NODE_SKIP_SHIFT) & NODE_SKIP_MASK;
		if (skip > 0) {
			if (skip > (size_t)(end - byte))
				return 0;
			byte += skip;
			children += (skip + 7u) & ~7u;
		}
		if (byte == end) {
			ref = node_find_end(at, key, bits);
			at = view_object(&within, ref);
			if (!at)
				return ref == 0 ? 0 : -EBADMSG;
			first = data_load(at);
			if (first & LAYOUT_NODE)
				return -EBADMSG;
			break;
		}
		ref = node_children_find(children, info, *byte++);
	}
	return row_match_key(&within, layout, at, first, key, bits, ret);
}

#endif
