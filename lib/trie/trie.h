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
#ifndef LIB_TRIE_TRIE_H
#define LIB_TRIE_TRIE_H

#include <errno.h>
#include <stele/schema.h>
#include <stele/subscriber.h>
#include "lib/trie/trie_node.h"

/* A mapped data file as its reader sees it. */
struct view {
	const unsigned char *base;
	uint64_t start; /* first byte of the arena */
	uint64_t
		limit; /* no object starts at or past it: arena_end, or less if the file is shorter; not
	                   below start */
};

/* How the rows of a table are laid out: what a walk needs of its schema. */
struct row_layout {
	uint32_t value_size; /* of fixed values; the least size of variable ones */
	uint16_t least_bits; /* of a key */
	uint16_t most_bits;
	bool variable;
	bool wide;   /* key lengths take two bytes */
	bool prefix; /* keys need not be whole bytes */
};

void row_layout_of(const struct stele_schema *schema, struct row_layout *ret);

/* True when a key may be in a table of this shape: its length, and no bits set past it. */
static inline bool shape_takes_key(const struct row_layout *shape, const unsigned char *key,
                                   unsigned bits)
{
	if (bits < shape->least_bits || bits > shape->most_bits)
		return false;
	return bits % 8 == 0 || (shape->prefix && (key[bits / 8] & 0xffu >> bits % 8) == 0);
}

/* The shape of the catalog: names to struct layout_table. */
extern const struct row_layout catalog_shape;

/* ---- objects ---- */

/* Whether an object can be there. */
static inline bool view_has(const struct view *view, ref_t ref)
{
	/* One comparison: what is before the start wraps around. */
	return (uint64_t)ref * LAYOUT_UNIT - view->start < view->limit - view->start;
}

static inline const unsigned char *view_object(const struct view *view, ref_t ref)
{
	return view_has(view, ref) ? view->base + (uint64_t)ref * LAYOUT_UNIT : NULL;
}

/* ---- rows ---- */

/* Where the parts of a row are, and the version that made it. */
struct row_parts {
	const unsigned char *value;
	const unsigned char *key;
	uint32_t value_size;
	unsigned key_bits;
	uint64_t version;
};

#define ROW_IN_GUARD \
	(LAYOUT_GUARD / 2 - 16) /* bytes; a shorter value ends in the first half of the guard */

/* Finds the parts of the row at `at`, an object of the view whose first word is `first`, whatever its
 * key. 0, or -EBADMSG: not a row of this shape. No sentence. */
static inline int row_find(const struct view *view, const struct row_layout *shape,
                           const unsigned char *at, uint64_t first, struct row_parts *ret)
{
	uint32_t size = shape->value_size, head = 8;
	const unsigned char *length;

	if (shape->variable) {
		head = 16;
		size = data_load_32(at + 8);
		if (size < shape->value_size || size > STELE_VALUE_MAX)
			return -EBADMSG;
	}
	/* The guard past the limit, before which every object starts, has room for the longest key, but not
	 * for the longest value. */
	if (first & LAYOUT_NODE ||
	    (size >= ROW_IN_GUARD &&
	     (uint64_t)(at - view->base) + head + size >= view->limit + LAYOUT_GUARD / 2))
		return -EBADMSG;
	length = at + head + size;
	ret->key_bits = data_load_byte(length++);
	if (shape->wide)
		ret->key_bits = ret->key_bits << 8 | data_load_byte(length++);
	ret->value = at + head;
	ret->key = length;
	ret->value_size = size;
	ret->version = first;
	return 0;
}

/* True when a row may have a key of so many bits. */
static inline bool row_key_fits(const struct row_layout *shape, const struct row_parts *row)
{
	return row->key_bits >= shape->least_bits && row->key_bits <= shape->most_bits &&
	       (shape->prefix || row->key_bits % 8 == 0);
}

static inline int row_load(const struct view *view, const struct row_layout *shape,
                           const unsigned char *at, uint64_t first, struct row_parts *ret)
{
	return row_find(view, shape, at, first, ret) == 0 && row_key_fits(shape, ret) ? 0
	                                                                              : -EBADMSG;
}

/* The same of the row at `ref`. */
static inline int row_parts(const struct view *view, const struct row_layout *shape, ref_t ref,
                            struct row_parts *ret)
{
	const unsigned char *at = view_object(view, ref);

	return at ? row_load(view, shape, at, data_load(at), ret) : -EBADMSG;
}

/* The reference to a row whose parts were found. */
static inline ref_t row_ref(const struct view *view, const struct row_layout *shape,
                            const struct row_parts *parts)
{
	return (ref_t)((size_t)(parts->value - view->base) / LAYOUT_UNIT) -
	       (shape->variable ? 2 : 1);
}

/* True when the first `bits` bits of both are equal. `own` is the caller's memory. */
static inline bool bits_equal(const unsigned char *at, const unsigned char *own, unsigned bits)
{
	if (!data_equal(at, own, bits / 8))
		return false;
	if (bits % 8 == 0)
		return true;
	return ((data_load_byte(at + bits / 8) ^ own[bits / 8]) & 0xff00u >> bits % 8 & 0xffu) == 0;
}

/* True when the key at `at` starts with the first `bits` bits of `own`, which is the caller's memory
 * and has no bits set past them. */
bool key_starts(const unsigned char *at, unsigned at_bits, const unsigned char *own, unsigned bits);

/* The order of two rows' keys, in which scans give them: a key before those that it is the start of.
 * Below, at, or above 0. */
int row_compare(const struct row_parts *a, const struct row_parts *b);

/* The size of a row in the arena. */
static inline size_t row_size(const struct row_layout *shape, size_t value_size, unsigned key_bits)
{
	return ((shape->variable ? 16u : 8u) + value_size + (shape->wide ? 2u : 1u) +
	        (key_bits + 7u) / 8u + 7u) &
	       ~(size_t)7u;
}

/* Fills what users see of a row. */
static inline void row_fill(const struct row_parts *parts, struct stele_row *ret)
{
	ret->key = parts->key;
	ret->key_bits = parts->key_bits;
	ret->value = parts->value;
	ret->value_size = parts->value_size;
	ret->version = parts->version;
}

/* Finds the bytes of a blob. 0, or -EBADMSG. No sentence. */
int blob_parts(const struct view *view, ref_t ref, const unsigned char **ret_bytes,
               size_t *ret_size);

/* ---- walks; `key` is the caller's own memory; no sentences ---- */

/* The row with this very key, which the shape takes: 1 and `*ret`, 0, or -EBADMSG. Writes into `*ret` in
 * any case. */
int trie_get(const struct view *view, const struct row_layout *shape, ref_t root,
             const unsigned char *key, unsigned bits, struct row_parts *ret);

/* The rows with these keys, all of which the shape takes: how many there are, or -EBADMSG. Rows that
 * are not there are all zeros. */
int64_t trie_get_many(const struct view *view, const struct row_layout *shape, ref_t root,
                      const struct stele_key_ref *keys, size_t count, struct stele_row *ret);

/* The row with the longest key that `key` starts with: likewise. */
int trie_match(const struct view *view, const struct row_layout *shape, ref_t root,
               const unsigned char *key, unsigned bits, struct row_parts *ret);

/* The same for many keys, none of them longer than the shape's: as trie_get_many(). */
int64_t trie_match_many(const struct view *view, const struct row_layout *shape, ref_t root,
                        const struct stele_key_ref *keys, size_t count, struct stele_row *ret);

/* The longest prefix inside a node that the next byte of a key starts with: its index among the
 * references, or -1. `rest` bits of the key are left, of which `byte` holds the first. */
int trie_longest(const struct node *node, unsigned byte, unsigned rest);

/* An ordered scan. One frame for each node on the way down: either the order of its references is
 * that of the keys below them, and they are taken one after the other, or, where keys end inside the node,
 * that of its places is. */
struct scan {
	const struct view *view;
	const struct row_layout *shape;
	const unsigned char *next,
		*end;    /* references of the frame on top that are to come; none: NULL, or
	                                    it goes by places, or `row` comes before */
	uint64_t budget; /* references that may still be followed: promise (B) */
	ref_t row;       /* comes before what the frames have; 0: none */
	unsigned top;    /* frames in use */
	struct scan_frame {
		const unsigned char *next,
			*end; /* as of the scan, while another frame is on top; NULL: by places */
		const unsigned char *node;
		unsigned place; /* to look at next */
	} frames[STELE_KEY_MAX + 2];
};

/* Starts a scan of a whole trie. */
void scan_start(struct scan *scan, const struct view *view, const struct row_layout *shape,
                ref_t root);

/* Starts a scan before the first key that is not less than `key`. 0 or -EBADMSG. */
int scan_seek(struct scan *scan, const struct view *view, const struct row_layout *shape,
              ref_t root, const unsigned char *key, unsigned bits);

/* The next row: 1 and `*ret`, 0 after the last, or -EBADMSG. */
int scan_next(struct scan *scan, struct row_parts *ret);

/* The same as an inline function, where the next row hangs beside the last one. */
static inline int scan_step(struct scan *scan, struct row_parts *ret)
{
	if (scan->next < scan->end) {
		/* Its own copy, which no load of data makes the compiler load anew. */
		const struct view view = *scan->view;
		const unsigned char *at = view_object(&view, data_load_32(scan->next));
		uint64_t first;

		if (at && !((first = data_load(at)) & LAYOUT_NODE)) {
			scan->next += 4;
			return row_load(&view, scan->shape, at, first, ret) < 0 ? -EBADMSG : 1;
		}
	}
	return scan_next(scan, ret);
}

/* Leaves out what is still to come. */
static inline void scan_end(struct scan *scan)
{
	scan->next = scan->end = NULL;
	scan->row = 0;
	scan->top = 0;
}

/* The difference of two tries of one shape in one file, in the order of keys. A frame holds what
 * stands at one place of each; diff.c has the rest. Sides: 0 before, 1 after. */
struct diff {
	const struct view *view;
	const struct row_layout *shape;
	uint64_t budget;
	unsigned top;
	struct diff_frame {
		ref_t ref[2]; /* 0: nothing on this side */
		uint16_t skipped
			[2]; /* bytes of the node's skip that the way down has passed already */
		uint16_t single
			[2]; /* once open: the one place that a side has, or DIFF_NODE: it is a node */
		uint16_t depth; /* bytes of key up to here */
		uint16_t place; /* once open: next place to look at */
		uint16_t end;   /* places from this one on are left out; 0: none is */
		bool open;
		/* Once open, with nodes on both sides: the places at which they differ. */
		uint64_t children[4], prefixes[4];
	} frames[STELE_KEY_MAX * 2 + 4];
};

void diff_start(struct diff *diff, const struct view *view, const struct row_layout *shape,
                ref_t before, ref_t after);

/* The same, but only of the keys that start with these bits (`key` as of key_starts()): goes down to
 * them and looks at nothing beside. 0 or -EBADMSG. */
int diff_start_under(struct diff *diff, const struct view *view, const struct row_layout *shape,
                     ref_t before, ref_t after, const unsigned char *key, unsigned bits);

/* The next key whose row is not the same object: 1 and both rows (0: not there), 0 after the last,
 * or -EBADMSG. Two different objects may still hold the same value. */
int diff_next(struct diff *diff, ref_t *ret_before, ref_t *ret_after);

#endif
