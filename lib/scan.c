/* SPDX-License-Identifier: MIT
 * Ordered scans of a trie. A scan keeps the way down as a stack of frames, one for each node, each
 * with the next place of the node to look at; so it needs no recursion and no memory of its own. */
#include "trie.h"

unsigned places_next(const unsigned char *children, const unsigned char *prefixes, unsigned place)
{
	unsigned best = PLACE_END;
	unsigned byte = place / 16 + (place % 16 > 8);
	unsigned bits, word;

	for (word = byte / 64; word < 4; word++) {
		uint64_t set = data_load(children + word * 8);
		if (word == byte / 64)
			set &= ~UINT64_C(0) << byte % 64;
		if (set) {
			best = place_of_child(word * 64 + (unsigned)__builtin_ctzll(set));
			break;
		}
	}
	if (!prefixes)
		return best;
	/* The prefixes of `bits` bits are the bits 1 << bits and up of the bitmap, in order of
	 * where they start: of each length, find the first that starts at or past the place. */
	for (bits = 0; bits < 8; bits++) {
		unsigned from = place / 16 + (place % 16 > bits);
		unsigned which = (1u << bits) + ((from + (0xffu >> bits)) >> (8 - bits));
		unsigned end = 2u << bits;
		while (which < end) {
			uint64_t set = data_load(prefixes + which / 64 * 8) &
			               ~UINT64_C(0) << which % 64;
			if (set) {
				which = which / 64 * 64 + (unsigned)__builtin_ctzll(set);
				break;
			}
			which = (which / 64 + 1) * 64;
		}
		if (which < end) {
			unsigned found =
				place_of_prefix((which - (1u << bits)) << (8 - bits), bits);
			if (found < best)
				best = found;
		}
	}
	return best;
}

unsigned node_next_place(const struct node *node, unsigned place)
{
	if (node->info & NODE_OWN && place == 0)
		return 0;
	return places_next(node->children, node->info & NODE_PREFIXES ? node_prefixes(node) : NULL,
	                   place);
}

static int push(struct scan *scan, ref_t ref, unsigned place)
{
	if (scan->top == sizeof(scan->frames) / sizeof(scan->frames[0]))
		return -EBADMSG;
	scan->frames[scan->top++] = (struct scan_frame){.ref = ref, .place = place};
	return 0;
}

void scan_start(struct scan *scan, const struct view *view, const struct shape *shape, ref_t root)
{
	scan->view = view;
	scan->shape = shape;
	scan->budget = (view->limit - view->start) / LAYOUT_UNIT + 2;
	scan->top = 0;
	if (root)
		push(scan, root, 0);
}

/* Compares bits, of which a prefix comes first: -1, 0 (the shorter is a prefix of the other) or
 * 1. */
static int compare_common(const unsigned char *at, unsigned at_bits, const unsigned char *own,
                          unsigned own_bits)
{
	unsigned bits = at_bits < own_bits ? at_bits : own_bits;
	unsigned i;

	for (i = 0; i < (bits + 7) / 8; i++) {
		unsigned rest = bits - i * 8;
		unsigned mask = rest >= 8 ? 0xff : 0xff00u >> rest & 0xff;
		unsigned a = data_load_byte(at + i) & mask, b = own[i] & mask;
		if (a != b)
			return a < b ? -1 : 1;
	}
	return 0;
}

int scan_seek(struct scan *scan, const struct view *view, const struct shape *shape, ref_t root,
              const unsigned char *key, unsigned bits)
{
	unsigned depth = 0;
	ref_t ref = root;
	int r;

	scan_start(scan, view, shape, 0);
	while (ref) {
		const unsigned char *at = view_object(view, ref);
		struct node node;
		unsigned place;
		int order;

		if (!at)
			return -EBADMSG;
		if (!(data_load(at) & LAYOUT_NODE)) {
			struct row_parts row;
			r = row_parts(view, shape, ref, &row);
			if (r < 0)
				return r;
			order = compare_common(row.key, row.key_bits, key, bits);
			if (order > 0 || (order == 0 && row.key_bits >= bits))
				return push(scan, ref, 0);
			return 0;
		}
		node = node_at(at);
		order = compare_common(node_skipped(&node), node.skip * 8, key + depth,
		                       bits - depth * 8);
		if (order < 0)
			return 0;
		if (order > 0 || bits < (depth + node.skip) * 8)
			return push(scan, ref, 0);
		depth += node.skip;
		place = place_of_key(key, bits, depth);
		if (!PLACE_IS_CHILD(place))
			return push(scan, ref, place);
		r = push(scan, ref, place + 1);
		if (r < 0)
			return r;
		ref = node_ref_at(&node, place);
		depth++;
	}
	return 0;
}

int scan_next(struct scan *scan, ref_t *ret)
{
	while (scan->top > 0) {
		struct scan_frame *frame = &scan->frames[scan->top - 1];
		const unsigned char *at = view_object(scan->view, frame->ref);
		struct node node;
		unsigned place;
		ref_t ref;
		int r;

		if (!at || scan->budget-- == 0)
			return -EBADMSG;
		if (!(data_load(at) & LAYOUT_NODE)) {
			*ret = frame->ref;
			scan->top--;
			return 1;
		}
		node = node_at(at);
		place = node_next_place(&node, frame->place);
		if (place == PLACE_END) {
			scan->top--;
			continue;
		}
		frame->place = place + 1;
		ref = node_ref_at(&node, place);
		if (!ref)
			return -EBADMSG;
		if (!PLACE_IS_CHILD(place)) {
			*ret = ref;
			return 1;
		}
		r = push(scan, ref, 0);
		if (r < 0)
			return r;
	}
	return 0;
}
