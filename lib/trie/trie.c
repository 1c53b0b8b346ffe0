/* SPDX-License-Identifier: MIT */
#include "lib/trie/trie.h"

#include "lib/trie/trie_inline.h"

int trie_get(const struct view *view, const struct row_layout *layout, ref_t root,
             const unsigned char *key, unsigned bits, struct row_parts *ret)
{
	return trie_get_inline(view, layout, root, key, bits, ret);
}

int trie_longest_prefix(const struct node *node, unsigned byte, unsigned rest)
{
	unsigned which;

	if (!(node->info & (NODE_PREFIXES | NODE_OWN)))
		return -1;
	if (node->info & NODE_OWN)
		return node_prefix_index(node, 1);
	/* Start with the longest possible prefix, and drop one bit at a time. Prefixes below 64 are
	 * all in the first word of the bitmap. There, the highest matching bit is the longest
	 * prefix. */
	which = rest < 8 ? 1u << rest | byte >> (8u - rest) : (256u | byte) >> 1;
	for (; which >= 64; which >>= 1) {
		int index = node_prefix_index(node, which);
		if (index >= 0)
			return index;
	}
	{
		uint64_t word = data_load(node_prefixes(node)), ours = 0;
		for (unsigned one = which; one > 0; one >>= 1)
			ours |= UINT64_C(1) << one;
		word &= ours;
		if (word == 0)
			return -1;
		return node_prefix_index(node, 63u - (unsigned)__builtin_clzll(word));
	}
}

int trie_match(const struct view *view, const struct row_layout *layout, ref_t root,
               const unsigned char *key, unsigned bits, struct row_parts *ret)
{
	unsigned depth = 0;
	ref_t ref = root, best = 0;
	struct row_parts row;

	while (ref) {
		const unsigned char *at = view_object(view, ref);
		struct node node;
		unsigned rest;
		uint64_t first;
		int index;

		if (!at)
			return -EBADMSG;
		first = data_load(at);
		if (!(first & LAYOUT_NODE)) {
			if (row_parse(view, layout, at, first, &row) < 0)
				return -EBADMSG;
			if (row.key_bits <= bits && row_bits_equal(row.key, key, row.key_bits)) {
				*ret = row;
				return 1;
			}
			break;
		}
		node = node_at(at);
		if (depth + node.skip > bits / 8 ||
		    !data_equal(node_skipped(&node), key + depth, node.skip))
			break;
		depth += node.skip;
		rest = bits - depth * 8;
		index = trie_longest_prefix(&node, rest > 0 ? key[depth] : 0, rest);
		if (index >= 0)
			best = node_ref(&node, index);
		if (rest < 8)
			break;
		ref = node_child(&node, key[depth]);
		depth++;
	}
	if (!best)
		return 0;
	if (row_parse_ref(view, layout, best, &row) < 0)
		return -EBADMSG;
	if (row.key_bits > bits || !row_bits_equal(row.key, key, row.key_bits))
		return -EBADMSG;
	*ret = row;
	return 1;
}
