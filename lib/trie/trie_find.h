/* SPDX-License-Identifier: MIT
 *
 * The get as an inline function, for who does nothing else: a call and the copies that it takes are a
 * quarter of what a get from a small table costs. Others call trie_get().
 */
#ifndef LIB_TRIE_TRIE_FIND_H
#define LIB_TRIE_TRIE_FIND_H

#include "lib/trie/trie.h"

ref_t trie_last(const unsigned char *at, const unsigned char *key, unsigned bits);

/* Whether a row, with its first word, is the one with this key: as trie_get(). */
static inline int trie_is(const struct view *view, const struct row_layout *shape,
                          const unsigned char *at, uint64_t first, const unsigned char *key,
                          unsigned bits, struct row_parts *ret)
{
	if (row_find(view, shape, at, first, ret) < 0)
		return -EBADMSG;
	if (ret->key_bits == bits && bits_equal(ret->key, key, bits))
		return 1;
	return row_key_fits(shape, ret) ? 0 : -EBADMSG;
}

/* As trie_get(). */
static inline __attribute__((always_inline)) int trie_find(const struct view *view,
                                                           const struct row_layout *shape,
                                                           ref_t root, const unsigned char *key,
                                                           unsigned bits, struct row_parts *ret)
{
	/* Its own copy, which no load of data makes the compiler load anew. */
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
		if (info_is_plain_direct(info) && byte < end) {
			ref = data_load_32(children + (size_t)*byte++ * 4);
			continue;
		}
		/* Where most of its references are. */
		prefetch(at + 64);
		/* The skipped bytes are not looked at: the row has them too. */
		skip = (unsigned)(info >> NODE_SKIP_SHIFT) & NODE_SKIP_MASK;
		if (skip > 0) {
			if (skip > (size_t)(end - byte))
				return 0;
			byte += skip;
			children += (skip + 7u) & ~7u;
		}
		if (byte == end) {
			ref = trie_last(at, key, bits);
			at = view_object(&within, ref);
			if (!at)
				return ref == 0 ? 0 : -EBADMSG;
			first = data_load(at);
			if (first & LAYOUT_NODE)
				return -EBADMSG;
			break;
		}
		ref = children_find(children, info, *byte++);
	}
	return trie_is(&within, shape, at, first, key, bits, ret);
}

#endif
