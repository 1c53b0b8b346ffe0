/* SPDX-License-Identifier: MIT
 *
 * Reading tries. layout.h has the format of nodes and rows; this file has the one set of accessors
 * to it, which readers and the publisher share, and the walks: get, match, ordered scan,
 * difference.
 *
 * A reader may be looking at memory that is being reused, or at a region that somebody damaged. So
 * nothing here trusts what it loads:
 *
 *   (A) Every reference is checked against the view before it is followed. A node that starts inside
 *       the view ends inside the file, by LAYOUT_GUARD; rows are checked to their end.
 *   (B) Every walk ends: each level of a trie consumes at least one byte of a key of at most
 *       STELE_KEY_MAX bytes, and scans count the objects they visit.
 *   (C) Each word is loaded once and judged in the copy.
 *
 * What a walk returns from such memory is an error or any row at all: the caller judges afterwards
 * whether the version was still whole, and only then believes it.
 */
#ifndef LIB_TRIE_H
#define LIB_TRIE_H

#include <errno.h>
#include <stele/schema.h>
#include <stele/subscriber.h>
#include "atomic.h"
#include "layout.h"

/* A reference to an object: layout.h. 0: none. */
typedef uint32_t ref_t;

/* A mapped data file as its reader sees it. */
struct view {
	const unsigned char *base;
	uint64_t start; /* first byte of the arena */
	uint64_t limit; /* no object starts at or past it: arena_end, or less if the file is shorter */
};

/* How the rows of a table are laid out: what a walk needs of its schema. */
struct shape {
	uint32_t value_size;  /* of fixed values; the least size of variable ones */
	uint16_t least_bits;  /* of a key */
	uint16_t most_bits;
	bool variable;
	bool wide;            /* key lengths take two bytes */
	bool prefix;          /* keys need not be whole bytes */
};

void shape_of(const struct stele_schema *schema, struct shape *ret);

/* True when a key may be in a table of this shape: its length, and no bits set past it. */
static inline bool shape_takes_key(const struct shape *shape, const unsigned char *key, unsigned bits)
{
	if (bits < shape->least_bits || bits > shape->most_bits)
		return false;
	return bits % 8 == 0 || (shape->prefix && (key[bits / 8] & 0xffu >> bits % 8) == 0);
}

/* The shape of the catalog: names to struct layout_table. */
extern const struct shape catalog_shape;

/* ---- objects ---- */

static inline const unsigned char *view_object(const struct view *view, ref_t ref)
{
	uint64_t offset = (uint64_t)ref * LAYOUT_UNIT;

	return offset >= view->start && offset < view->limit ? view->base + offset : NULL;
}

static inline unsigned popcount(uint64_t word)
{
#ifdef __POPCNT__
	return (unsigned)__builtin_popcountll(word);
#else
	word -= word >> 1 & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (unsigned)(word * UINT64_C(0x0101010101010101) >> 56);
#endif
}

/* ---- nodes ---- */

#define NODE_SKIP_SHIFT 48
#define NODE_SKIP_MASK 1023u
#define NODE_PREFIXES (UINT64_C(1) << 58)
#define NODE_OWN (UINT64_C(1) << 59)

/* A node whose info word was loaded: where its parts are. */
struct node {
	const unsigned char *at;       /* the object */
	const unsigned char *children; /* u64[4] */
	uint64_t info;
	unsigned skip;
};

static inline struct node node_at(const unsigned char *at)
{
	struct node node = { .at = at, .info = data_load(at + 8) };

	node.skip = (unsigned)(node.info >> NODE_SKIP_SHIFT) & NODE_SKIP_MASK;
	node.children = at + 16 + ((node.skip + 7u) & ~7u);
	return node;
}

static inline const unsigned char *node_skipped(const struct node *node)
{
	return node->at + 16;
}

static inline const unsigned char *node_prefixes(const struct node *node)
{
	return node->children + 32;
}

static inline const unsigned char *node_refs(const struct node *node)
{
	return node->children + (node->info & NODE_PREFIXES ? 64 : 32);
}

static inline unsigned node_children_before(const struct node *node, unsigned word)
{
	return word == 0 ? 0 : (unsigned)(node->info >> (word - 1) * 8) & 255u;
}

static inline unsigned node_prefixes_before(const struct node *node, unsigned word)
{
	return word == 0 ? 0 : (unsigned)(node->info >> (24 + (word - 1) * 8)) & 255u;
}

static inline unsigned node_child_count(const struct node *node)
{
	return node_children_before(node, 3) + popcount(data_load(node->children + 24));
}

/* How many keys end inside the node. */
static inline unsigned node_prefix_count(const struct node *node)
{
	if (node->info & NODE_PREFIXES)
		return node_prefixes_before(node, 3) + popcount(data_load(node_prefixes(node) + 24));
	return node->info & NODE_OWN ? 1 : 0;
}

/* The index among the references of child `byte`, or -1. */
static inline int node_child_index(const struct node *node, unsigned byte)
{
	uint64_t word = data_load(node->children + byte / 64 * 8);
	uint64_t bit = UINT64_C(1) << byte % 64;

	return word & bit ? (int)(node_children_before(node, byte / 64) + popcount(word & (bit - 1))) : -1;
}

/* The index among the references of prefix `which` (1 << bits | value), or -1. */
static inline int node_prefix_index(const struct node *node, unsigned which)
{
	uint64_t word, bit;

	if (!(node->info & NODE_PREFIXES))
		return which == 1 && node->info & NODE_OWN ? (int)node_child_count(node) : -1;
	word = data_load(node_prefixes(node) + which / 64 * 8);
	bit = UINT64_C(1) << which % 64;
	if (!(word & bit))
		return -1;
	return (int)(node_child_count(node) + node_prefixes_before(node, which / 64) + popcount(word & (bit - 1)));
}

static inline ref_t node_ref(const struct node *node, int index)
{
	return data_load_32(node_refs(node) + (size_t)index * 4);
}

/* The bytes that a node takes in the arena. */
static inline size_t node_size(unsigned skip, bool prefixes, unsigned refs)
{
	return (16u + ((skip + 7u) & ~7u) + (prefixes ? 64u : 32u) + refs * 4u + 7u) & ~(size_t)7u;
}

static inline size_t node_whole_size(const struct node *node)
{
	return node_size(node->skip, node->info & NODE_PREFIXES, node_child_count(node) + node_prefix_count(node));
}

/* A place in a node, in the order of keys: byte * 16 + bits for the prefix of `bits` (0 to 7) bits
 * that starts at `byte`, and byte * 16 + 8 for the child of that byte. */
#define PLACE_END 4096u
#define PLACE_IS_CHILD(place) (((place) & 15u) == 8u)

static inline unsigned place_of_child(unsigned byte)
{
	return byte * 16u + 8u;
}

static inline unsigned place_of_prefix(unsigned byte, unsigned bits)
{
	return (byte & 0xffu << (8u - bits) & 0xffu) * 16u + bits;
}

static inline unsigned place_prefix(unsigned place)
{
	unsigned bits = place & 15u;

	return 1u << bits | place / 16u >> (8u - bits);
}

/* The first place at or past `place` that two bitmaps of a node's form have, or PLACE_END. `prefixes`
 * may be NULL: none. */
unsigned places_next(const unsigned char *children, const unsigned char *prefixes, unsigned place);

/* The first place at or past `place` that is taken, or PLACE_END. */
unsigned node_next_place(const struct node *node, unsigned place);

/* The reference at a place that is taken. */
static inline ref_t node_ref_at(const struct node *node, unsigned place)
{
	int index = PLACE_IS_CHILD(place) ? node_child_index(node, place / 16u)
	                                  : node_prefix_index(node, place_prefix(place));

	return index < 0 ? 0 : node_ref(node, index);
}

/* Where a key of `bits` bits goes in a node at byte `depth`, whose skipped bytes it has. */
static inline unsigned place_of_key(const unsigned char *key, unsigned bits, unsigned depth)
{
	unsigned rest = bits - depth * 8;

	if (rest >= 8)
		return place_of_child(key[depth]);
	return place_of_prefix(rest > 0 ? key[depth] : 0, rest);
}

/* ---- rows ---- */

/* Where the parts of a row are. Its version is its first word. */
struct row_parts {
	const unsigned char *value;
	const unsigned char *key;
	uint32_t value_size;
	unsigned key_bits;
};

/* Finds the parts of the row at `ref`. 0, or -EBADMSG: not a row of this shape. No sentence. */
int row_parts(const struct view *view, const struct shape *shape, ref_t ref, struct row_parts *ret);

/* True when the key at `at` starts with the first `bits` bits of `own`, which is the caller's memory
 * and has no bits set past them. */
bool key_starts(const unsigned char *at, unsigned at_bits, const unsigned char *own, unsigned bits);

/* The order of two rows' keys, in which scans give them: a key before those that it is the start of.
 * Below, at, or above 0. */
int row_compare(const struct row_parts *a, const struct row_parts *b);

/* The size of a row in the arena. */
static inline size_t row_size(const struct shape *shape, size_t value_size, unsigned key_bits)
{
	return ((shape->variable ? 16u : 8u) + value_size + (shape->wide ? 2u : 1u) + (key_bits + 7u) / 8u + 7u) &
	       ~(size_t)7u;
}

/* Fills what users see of a row. */
static inline void row_fill(const struct view *view, ref_t ref, const struct row_parts *parts,
                            struct stele_row *ret)
{
	ret->key = parts->key;
	ret->key_bits = parts->key_bits;
	ret->value = parts->value;
	ret->value_size = parts->value_size;
	ret->version = data_load(view->base + (uint64_t)ref * LAYOUT_UNIT);
}

/* Finds the bytes of a blob. 0, or -EBADMSG. No sentence. */
int blob_parts(const struct view *view, ref_t ref, const unsigned char **ret_bytes, size_t *ret_size);

/* ---- walks; `key` is the caller's own memory; no sentences ---- */

/* The row with this very key: 1 and `*ret`, 0, or -EBADMSG. */
int trie_get(const struct view *view, const struct shape *shape, ref_t root, const unsigned char *key,
             unsigned bits, ref_t *ret);

/* The row with the longest key that `key` starts with: likewise. */
int trie_match(const struct view *view, const struct shape *shape, ref_t root, const unsigned char *key,
               unsigned bits, ref_t *ret);

/* An ordered scan. One frame for each node on the way down. */
struct scan {
	const struct view *view;
	const struct shape *shape;
	uint64_t budget;  /* objects that may still be visited: promise (B) */
	unsigned top;     /* frames in use */
	struct scan_frame {
		ref_t ref;
		uint32_t place; /* next place to look at */
	} frames[STELE_KEY_MAX + 2];
};

/* Starts a scan of a whole trie, or of the subtree at `root`. */
void scan_start(struct scan *scan, const struct view *view, const struct shape *shape, ref_t root);

/* Starts a scan before the first key that is not less than `key`. 0 or -EBADMSG. */
int scan_seek(struct scan *scan, const struct view *view, const struct shape *shape, ref_t root,
              const unsigned char *key, unsigned bits);

/* The next row: 1 and `*ret`, 0 after the last, or -EBADMSG. */
int scan_next(struct scan *scan, ref_t *ret);

/* The difference of two tries of one shape in one file, in the order of keys. A frame holds what
 * stands at one place of each; diff.c has the rest. Sides: 0 before, 1 after. */
struct diff {
	const struct view *view;
	const struct shape *shape;
	uint64_t budget;
	unsigned top;
	struct diff_frame {
		ref_t ref[2];        /* 0: nothing on this side */
		uint16_t skipped[2]; /* bytes of the node's skip that the way down has passed already */
		uint16_t single[2];  /* once open: the one place that a side has, or DIFF_NODE: it is a node */
		uint16_t depth;      /* bytes of key up to here */
		uint16_t place;      /* once open: next place to look at */
		uint16_t end;        /* places from this one on are left out; 0: none is */
		bool open;
		/* Once open, with nodes on both sides: the places at which they differ. */
		uint64_t children[4], prefixes[4];
	} frames[STELE_KEY_MAX * 2 + 4];
};

void diff_start(struct diff *diff, const struct view *view, const struct shape *shape, ref_t before,
                ref_t after);

/* The same, but only of the keys that start with these bits (`key` as of key_starts()): goes down to
 * them and looks at nothing beside. 0 or -EBADMSG. */
int diff_start_under(struct diff *diff, const struct view *view, const struct shape *shape, ref_t before,
                     ref_t after, const unsigned char *key, unsigned bits);

/* The next key whose row is not the same object: 1 and both rows (0: not there), 0 after the last,
 * or -EBADMSG. Two different objects may still hold the same value. */
int diff_next(struct diff *diff, ref_t *ret_before, ref_t *ret_after);

#endif
