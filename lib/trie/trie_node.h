/* SPDX-License-Identifier: MIT
 *
 * Accessors to the nodes of a trie. layout.h describes their format, and no other file decodes it.
 * The functions are safe on any bytes (view.h says why that matters): whatever a node contains,
 * every offset that they compute stays within LAYOUT_GUARD of the node's start. Any part of the
 * library that may include lib/trie may call them.
 */
#ifndef LIB_TRIE_TRIE_NODE_H
#define LIB_TRIE_TRIE_NODE_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "lib/base/popcount.h"
#include "lib/trie/view.h"

#define NODE_SKIP_SHIFT     48
#define NODE_SKIP_MASK      1023u
#define NODE_PREFIXES_SHIFT 58
#define NODE_PREFIXES       (UINT64_C(1) << NODE_PREFIXES_SHIFT)
#define NODE_OWN            (UINT64_C(1) << 59)
#define NODE_FORM_SHIFT     60

/* How a node stores the bytes of its children. Any other value is read as NODE_BITMAP. */
enum node_form { NODE_BITMAP = 0, NODE_LIST = 1, NODE_DIRECT = 2 };

/* Maximum number of children in a list. */
#define NODE_LIST_MAX 16u

/* A node, with its info word loaded and its parts located. */
struct node {
	const unsigned char *at;       /* start of the object */
	const unsigned char *children; /* the list or bitmap of children */
	uint64_t info;
	unsigned skip; /* skipped bytes */
};

/* Loads the info word of the node at `at`, and locates the node's parts. */
static inline struct node node_at(const unsigned char *at)
{
	struct node node = {.at = at, .info = data_load(at + 8)};

	node.skip = (unsigned)(node.info >> NODE_SKIP_SHIFT) & NODE_SKIP_MASK;
	node.children = at + 16 + ((node.skip + 7u) & ~7u);
	return node;
}

static inline unsigned node_info_form(uint64_t info)
{
	return (unsigned)(info >> NODE_FORM_SHIFT) & 3u;
}

/* Returns true for a node of the direct form without skipped bytes and without keys that end in
 * it: a child is then found by its byte alone. */
static inline bool node_info_is_plain_direct(uint64_t info)
{
	return info >> NODE_SKIP_SHIFT == (uint64_t)NODE_DIRECT
	                                          << (NODE_FORM_SHIFT - NODE_SKIP_SHIFT);
}

static inline unsigned node_form(const struct node *node)
{
	return node_info_form(node->info);
}

static inline const unsigned char *node_skipped(const struct node *node)
{
	return node->at + 16;
}

/* Returns the size of the list or bitmap of children, in bytes. */
static inline unsigned node_children_size(uint64_t info)
{
	switch (node_info_form(info)) {
	case NODE_LIST:
		return ((unsigned)(info & 255) + 7u) & ~7u;
	case NODE_DIRECT:
		return 0;
	default:
		return 32;
	}
}

/* Returns the bitmap of prefixes, which exists only if NODE_PREFIXES is set. */
static inline const unsigned char *node_prefixes(const struct node *node)
{
	return node->children + node_children_size(node->info);
}

static inline const unsigned char *node_refs(const struct node *node)
{
	return node_prefixes(node) + (node->info & NODE_PREFIXES ? 32 : 0);
}

/* Returns the rank of word `word` (0 to 3) in a bitmap of children: the number of children in the
 * words before it. The info word stores the ranks. */
static inline unsigned node_children_before(const struct node *node, unsigned word)
{
	return (unsigned)(node->info << 8 >> word * 8) & (word == 0 ? 0 : 255u);
}

/* Returns the rank of word `word` (0 to 3) in the bitmap of prefixes. */
static inline unsigned node_prefixes_before(const struct node *node, unsigned word)
{
	return word == 0 ? 0 : (unsigned)(node->info >> (24 + (word - 1) * 8)) & 255u;
}

static inline unsigned node_child_count(const struct node *node)
{
	switch (node_form(node)) {
	case NODE_LIST:
		return (unsigned)node->info & 255u;
	case NODE_DIRECT:
		return ((unsigned)node->info & 255u) + 1;
	default:
		return node_children_before(node, 3) + popcount(data_load(node->children + 24));
	}
}

/* Returns the number of references to children. In the direct form this includes those that are
 * 0. */
static inline unsigned node_child_refs(const struct node *node)
{
	return node_form(node) == NODE_DIRECT ? 256 : node_child_count(node);
}

/* Returns the references of the node at `at`, if all of them lead to children, and their number.
 * Returns NULL if keys end in the node. */
static inline __attribute__((always_inline)) const unsigned char *
node_only_children(const unsigned char *at, unsigned *ret_count)
{
	const struct node node = node_at(at);
	uint64_t form = node.info >> NODE_PREFIXES_SHIFT;

	*ret_count = (unsigned)node.info & 255u;
	if (form == (unsigned)NODE_LIST << 2)
		return node.children + ((*ret_count + 7u) & ~7u);
	*ret_count = node_child_refs(&node);
	return node.info & (NODE_PREFIXES | NODE_OWN) ? NULL : node_refs(&node);
}

/* Returns the number of keys that end in the node. */
static inline unsigned node_prefix_count(const struct node *node)
{
	if (node->info & NODE_PREFIXES)
		return node_prefixes_before(node, 3) +
		       popcount(data_load(node_prefixes(node) + 24));
	return node->info & NODE_OWN ? 1 : 0;
}

/* Compares 16 bytes, given as two words in memory order, with `byte`. Returns a bit mask: bit i is
 * set if byte i is equal. */
static inline unsigned node_bytes_equal_to(uint64_t one, uint64_t two, unsigned byte)
{
	uint64_t all = byte * UINT64_C(0x0101010101010101);
#ifdef __SSE2__
	__m128i list = _mm_set_epi64x((long long)two, (long long)one);

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(list, _mm_set1_epi64x((long long)all)));
#else
	/* Set the high bit of each byte that is zero and clear all other bits, then gather the
	 * eight high bits into one byte. */
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f), gather = UINT64_C(0x0102040810204080);

	one ^= all;
	two ^= all;
	one = ~(((one & low) + low) | one | low);
	two = ~(((two & low) + low) | two | low);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
	one = __builtin_bswap64(one);
	two = __builtin_bswap64(two);
#endif
	return (unsigned)((one >> 7) * gather >> 56) | (unsigned)((two >> 7) * gather >> 56) << 8;
#endif
}

/* Returns the index of `byte` in a list of `count` children (at most 16), or -1. Always loads two
 * words, each once. In a list of one word the second holds whatever follows the list; the mask of
 * `count` bits excludes it. */
static inline int node_list_index(const unsigned char *at, unsigned count, unsigned byte)
{
	unsigned found = node_bytes_equal_to(data_load(at), data_load(at + 8), byte);

	found &= (1u << (count & 31u)) - 1;
	return found ? __builtin_ctz(found) : -1;
}

/* Returns the index of child `byte` among the node's references, or -1. */
static inline int node_child_index(const struct node *node, unsigned byte)
{
	uint64_t word, bit;

	switch (node_form(node)) {
	case NODE_LIST:
		return node_list_index(node->children, (unsigned)node->info & 255u, byte);
	case NODE_DIRECT:
		return (int)byte;
	default:
		word = data_load(node->children + byte / 64 * 8);
		bit = UINT64_C(1) << byte % 64;
		return word & bit ? (int)(node_children_before(node, byte / 64) +
		                          popcount(word & (bit - 1)))
		                  : -1;
	}
}

/* Returns the index of a prefix's row among the node's references, or -1. `which` is the prefix's
 * bit in the bitmap: 1 << bits | value. */
static inline int node_prefix_index(const struct node *node, unsigned which)
{
	uint64_t word, bit;

	if (!(node->info & NODE_PREFIXES))
		return which == 1 && node->info & NODE_OWN ? (int)node_child_refs(node) : -1;
	word = data_load(node_prefixes(node) + which / 64 * 8);
	bit = UINT64_C(1) << which % 64;
	if (!(word & bit))
		return -1;
	return (int)(node_child_refs(node) + node_prefixes_before(node, which / 64) +
	             popcount(word & (bit - 1)));
}

static inline ref_t node_ref(const struct node *node, int index)
{
	return data_load_32(node_refs(node) + (size_t)index * 4);
}

/* Returns the address of the reference to child `byte`, or NULL. Combines node_child_index() and
 * node_refs(), so that a lookup decodes the form only once at each node. */
static inline __attribute__((always_inline)) const unsigned char *
node_children_at(const unsigned char *children, uint64_t info, unsigned byte)
{
	const unsigned char *refs = children;
	unsigned index, count;
	uint64_t word, bit;
	int found;

	switch (node_info_form(info)) {
	case NODE_DIRECT:
		index = byte;
		break;
	case NODE_LIST:
		count = (unsigned)info & 255u;
		found = node_list_index(children, count, byte);
		if (found < 0)
			return NULL;
		index = (unsigned)found;
		refs += (count + 7u) & ~7u;
		break;
	default:
		word = data_load(children + byte / 64 * 8);
		bit = UINT64_C(1) << byte % 64;
		if (!(word & bit))
			return NULL;
		index = ((unsigned)(info << 8 >> byte / 64 * 8) & (byte < 64 ? 0 : 255u)) +
		        popcount(word & (bit - 1));
		refs += 32;
	}
	/* Skip the bitmap of prefixes: 32 bytes if NODE_PREFIXES is set. */
	refs += info >> (NODE_PREFIXES_SHIFT - 5) & 32;
	return refs + (size_t)index * 4;
}

/* Returns the reference to child `byte`, or 0 if there is no such child. */
static inline __attribute__((always_inline)) ref_t node_children_find(const unsigned char *children,
                                                                      uint64_t info, unsigned byte)
{
	const unsigned char *at = node_children_at(children, info, byte);

	return at ? data_load_32(at) : 0;
}

static inline ref_t node_child(const struct node *node, unsigned byte)
{
	return node_children_find(node->children, node->info, byte);
}

/* Returns the size that a node with this info word and `refs` references takes in the arena, in
 * bytes. */
static inline size_t node_size(uint64_t info, unsigned refs)
{
	unsigned skip = (unsigned)(info >> NODE_SKIP_SHIFT) & NODE_SKIP_MASK;

	return (16u + ((skip + 7u) & ~7u) + node_children_size(info) +
	        (info & NODE_PREFIXES ? 32u : 0u) + refs * 4u + 7u) &
	       ~(size_t)7u;
}

/* Returns the number of all references of a node, including those that are 0. */
static inline unsigned node_ref_count(const struct node *node)
{
	return node_child_refs(node) + node_prefix_count(node);
}

/* Returns the size of a node in the arena, in bytes. */
static inline size_t node_whole_size(const struct node *node)
{
	return node_size(node->info, node_ref_count(node));
}

/* Fills a bitmap of the node's children, for a node of any form: bit b is child b. */
void node_children_bitmap(const struct node *node, uint64_t ret[4]);

/* A PLACE is a position in a node for a reference to a row or to a child. Places are numbered in
 * the order of keys. byte * 16 + bits is the place of a prefix of `bits` bits (0 to 7), where
 * `byte` is the prefix padded with zeros. byte * 16 + 8 is the place of child `byte`. PLACE_END
 * comes after all places. */
#define PLACE_END             4096u
#define PLACE_IS_CHILD(place) (((place)&15u) == 8u)

static inline unsigned place_of_child(unsigned byte)
{
	return byte * 16u + 8u;
}

static inline unsigned place_of_prefix(unsigned byte, unsigned bits)
{
	return (byte & 0xffu << (8u - bits) & 0xffu) * 16u + bits;
}

/* Returns a prefix's bit in the bitmap of prefixes (1 << bits | value), given its place. */
static inline unsigned place_prefix(unsigned place)
{
	unsigned bits = place & 15u;

	return 1u << bits | place / 16u >> (8u - bits);
}

/* Returns the first place at or after `place` that is set in a bitmap of children or in a bitmap of
 * prefixes, or PLACE_END. `prefixes` may be NULL. */
unsigned node_bitmaps_next_place(const unsigned char *children, const unsigned char *prefixes,
                                 unsigned place);

/* Returns the first occupied place at or after `place`, or PLACE_END. */
unsigned node_next_place(const struct node *node, unsigned place);

/* Returns the last occupied place before `place`, or PLACE_END if there is none. */
unsigned node_previous_place(const struct node *node, unsigned place);

/* Returns the reference at a place, or 0 if the place is empty. */
static inline ref_t node_ref_at(const struct node *node, unsigned place)
{
	int index = PLACE_IS_CHILD(place) ? node_child_index(node, place / 16u)
	                                  : node_prefix_index(node, place_prefix(place));

	return index < 0 ? 0 : node_ref(node, index);
}

/* Returns the place of a key of `bits` bits in a node that branches at byte `depth` of the key. The
 * key must contain the bytes that the node skips. */
static inline unsigned place_of_key(const unsigned char *key, unsigned bits, unsigned depth)
{
	unsigned rest = bits - depth * 8;

	if (rest >= 8)
		return place_of_child(key[depth]);
	return place_of_prefix(rest > 0 ? key[depth] : 0, rest);
}

/* Returns the reference for a key that ends in the node at `at`, or 0 if there is none. The object
 * must be a row; anything else is damage, which the caller detects. */
ref_t node_find_end(const unsigned char *at, const unsigned char *key, unsigned bits);

#endif
