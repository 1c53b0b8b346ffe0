/* SPDX-License-Identifier: MIT */
#include "lib/trie/trie_node.h"

#include <string.h>

void node_children_bitmap(const struct node *node, uint64_t ret[4])
{
	unsigned count = node_child_refs(node), i;

	memset(ret, 0, 4 * sizeof(*ret));
	switch (node_form(node)) {
	case NODE_LIST:
		for (i = 0; i < count; i++) {
			unsigned byte = data_load_byte(node->children + i);
			ret[byte / 64] |= UINT64_C(1) << byte % 64;
		}
		return;
	case NODE_DIRECT:
		for (i = 0; i < 256; i++)
			if (node_ref(node, (int)i))
				ret[i / 64] |= UINT64_C(1) << i % 64;
		return;
	default:
		for (i = 0; i < 4; i++)
			ret[i] = data_load(node->children + i * 8);
	}
}

/* Returns the first set bit of a bitmap from `from` up to `end`, or `end` if there is none. */
static unsigned node_bitmap_next(const unsigned char *bitmap, unsigned from, unsigned end)
{
	while (from < end) {
		uint64_t set = data_load(bitmap + from / 64 * 8) & ~UINT64_C(0) << from % 64;
		if (set) {
			from = from / 64 * 64 + (unsigned)__builtin_ctzll(set);
			return from < end ? from : end;
		}
		from = (from / 64 + 1) * 64;
	}
	return end;
}

/* Returns the first place of a prefix at or after `place`, or `best` if that comes first. In the
 * bitmap, the prefixes of n bits are the bits 1 << n to (2 << n) - 1, in the order of keys. So
 * this searches each length for its first prefix at or after the place. */
static unsigned node_prefixes_next(const unsigned char *prefixes, unsigned place, unsigned best)
{
	for (unsigned bits = 0; bits < 8; bits++) {
		unsigned from = place / 16 + (place % 16 > bits);
		unsigned end = 2u << bits;
		unsigned which = node_bitmap_next(
			prefixes, (1u << bits) + ((from + (0xffu >> bits)) >> (8 - bits)), end);
		if (which < end) {
			unsigned found =
				place_of_prefix((which - (1u << bits)) << (8 - bits), bits);
			if (found < best)
				best = found;
		}
	}
	return best;
}

/* Returns the lowest byte whose child is at or after a place. */
static unsigned node_byte_of_place(unsigned place)
{
	return place / 16 + (place % 16 > 8);
}

unsigned node_bitmaps_next_place(const unsigned char *children, const unsigned char *prefixes,
                                 unsigned place)
{
	unsigned byte = node_bitmap_next(children, node_byte_of_place(place), 256);
	unsigned best = byte < 256 ? place_of_child(byte) : PLACE_END;

	return prefixes ? node_prefixes_next(prefixes, place, best) : best;
}

unsigned node_next_place(const struct node *node, unsigned place)
{
	unsigned byte = node_byte_of_place(place), best = PLACE_END, count, i;

	if (node->info & NODE_OWN && place == 0)
		return 0;
	switch (node_form(node)) {
	case NODE_LIST:
		count = node_child_count(node);
		for (i = 0; i < count && data_load_byte(node->children + i) < byte; i++)
			;
		if (i < count)
			best = place_of_child(data_load_byte(node->children + i));
		break;
	case NODE_DIRECT:
		while (byte < 256 && !node_ref(node, (int)byte))
			byte++;
		if (byte < 256)
			best = place_of_child(byte);
		break;
	default:
		byte = node_bitmap_next(node->children, byte, 256);
		if (byte < 256)
			best = place_of_child(byte);
	}
	return node->info & NODE_PREFIXES ? node_prefixes_next(node_prefixes(node), place, best)
	                                  : best;
}

/* Returns the last set bit of a bitmap from `first` up to `from`, or `first` - 1 if there is
 * none. */
static int node_bitmap_previous(const unsigned char *bitmap, int from, int first)
{
	while (from >= first) {
		uint64_t set = data_load(bitmap + from / 64 * 8) & ~UINT64_C(0) >> (63 - from % 64);
		if (set) {
			from = from / 64 * 64 + 63 - __builtin_clzll(set);
			return from < first ? first - 1 : from;
		}
		from = from / 64 * 64 - 1;
	}
	return first - 1;
}

/* Returns the last place of a prefix before `place`, or `best` if that comes later. PLACE_END
 * stands for no place. Searches each length for its last prefix, as node_prefixes_next() does for
 * its first. */
static unsigned node_prefixes_previous(const unsigned char *prefixes, unsigned place, unsigned best)
{
	for (unsigned bits = 0; bits < 8 && bits < place; bits++) {
		unsigned first = 1u << bits, last = (place - 1 - bits) / 16 >> (8 - bits);
		int which = node_bitmap_previous(prefixes, (int)(first + last), (int)first);
		if (which >= (int)first) {
			unsigned found =
				place_of_prefix(((unsigned)which - first) << (8 - bits), bits);
			if (best == PLACE_END || found > best)
				best = found;
		}
	}
	return best;
}

/* Returns the last byte in a list of children that is at most `max`, or -1. Loads each byte once,
 * so that the result is never above `max`, even if the list changes meanwhile. */
static int node_list_previous(const struct node *node, int max)
{
	for (unsigned i = node_child_count(node); i > 0; i--) {
		int byte = data_load_byte(node->children + i - 1);

		if (byte <= max)
			return byte;
	}
	return -1;
}

unsigned node_previous_place(const struct node *node, unsigned place)
{
	/* The highest byte whose child is before the place; -1: no child is. */
	int byte = place > 8 ? (int)(place - 9) / 16 : -1;
	unsigned best = PLACE_END;

	switch (node_form(node)) {
	case NODE_LIST:
		byte = node_list_previous(node, byte);
		break;
	case NODE_DIRECT:
		while (byte >= 0 && !node_ref(node, byte))
			byte--;
		break;
	default:
		byte = node_bitmap_previous(node->children, byte, 0);
	}
	if (byte >= 0)
		best = place_of_child((unsigned)byte);
	if (node->info & NODE_PREFIXES)
		return node_prefixes_previous(node_prefixes(node), place, best);
	return best == PLACE_END && node->info & NODE_OWN && place > 0 ? 0 : best;
}

ref_t node_find_end(const unsigned char *at, const unsigned char *key, unsigned bits)
{
	struct node node = node_at(at);
	unsigned rest = bits % 8;

	return node_ref_at(&node, place_of_prefix(rest > 0 ? key[bits / 8] : 0, rest));
}
