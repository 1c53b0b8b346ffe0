/* SPDX-License-Identifier: MIT
 *
 * Rows: the layout of a table's rows, and functions that locate the parts of a row. Four of these
 * functions validate a row. They differ in what they check:
 *
 *   row_parse_any_key   the row ends inside the file; the caller checks the size of the key
 *   row_parse           also that the layout allows a key of this size
 *   row_parse_ref       the reference, then like row_parse()
 *   row_match_key       like row_parse(), and whether the row has a given key
 *
 * Their parameter `at` is the address of an object in the view. `first` is the object's first word,
 * which the caller has loaded. Any part of the library that may include lib/trie may call these
 * functions.
 */
#ifndef LIB_TRIE_ROW_H
#define LIB_TRIE_ROW_H

#include <stele/schema.h>
#include <stele/row.h>
#include "lib/trie/view.h"

/* The layout of a table's rows: what a walk needs to know of the schema. */
struct row_layout {
	uint32_t value_size; /* bytes of a value; if values are variable, their minimum */
	uint16_t min_bits;   /* minimum length of a key */
	uint16_t max_bits;   /* maximum length of a key */
	bool variable;       /* values have different sizes */
	bool wide;           /* the length of a key is stored in two bytes, not in one */
	bool prefix;         /* keys can have any number of bits, not only complete bytes */
	uint8_t value_end;   /* number of NULs after a value: 0 or 1 */
	uint8_t overhead;    /* bytes of a row besides its value and key, without padding */
};

/* Fills the layout of the rows of a table with this schema. `features` are the region's
 * incompatible feature bits. */
void row_layout_of(const struct stele_schema *schema, uint32_t features, struct row_layout *ret);

/* Returns true if rows of one layout are rows of the other. */
static inline bool row_layout_equal(const struct row_layout *a, const struct row_layout *b)
{
	return a->value_size == b->value_size && a->min_bits == b->min_bits &&
	       a->max_bits == b->max_bits && a->variable == b->variable && a->wide == b->wide &&
	       a->prefix == b->prefix && a->value_end == b->value_end && a->overhead == b->overhead;
}

/* Returns true if a table of this layout can hold a key: the length is allowed, and the last byte
 * has no bits set past the end of the key. */
static inline bool row_layout_takes_key(const struct row_layout *layout, const unsigned char *key,
                                        unsigned bits)
{
	if (bits < layout->min_bits || bits > layout->max_bits)
		return false;
	return bits % 8 == 0 || (layout->prefix && (key[bits / 8] & 0xffu >> bits % 8) == 0);
}

/* The parts of a row, located in the data file. */
struct row_parts {
	const unsigned char *value;
	const unsigned char *key;
	uint32_t value_size; /* bytes */
	unsigned key_bits;
	uint64_t version; /* version that made the row */
};

/* A value of fewer bytes than this ends in the first half of the guard at the latest, wherever in
 * the view its row starts. */
#define ROW_IN_GUARD (LAYOUT_GUARD / 2 - 16)

/* Locates the parts of a row without checking the size of its key. Returns 0, or -EBADMSG if the
 * object is no row of this layout. */
static inline int row_parse_any_key(const struct view *view, const struct row_layout *layout,
                                    const unsigned char *at, uint64_t first, struct row_parts *ret)
{
	uint32_t size = layout->value_size, head = 8, end = 0;
	const unsigned char *length;

	if (layout->variable) {
		head = 16;
		end = layout->value_end;
		size = data_load_32(at + 8);
		if (size < layout->value_size || size > STELE_VALUE_MAX)
			return -EBADMSG;
	}
	/* The row starts below view->limit, and LAYOUT_GUARD bytes follow the limit. The longest
	 * key fits into the second half of this guard. Values can be longer than the guard, so
	 * their end is checked. */
	if (first & LAYOUT_NODE ||
	    (size >= ROW_IN_GUARD &&
	     (uint64_t)(at - view->base) + head + size >= view->limit + LAYOUT_GUARD / 2))
		return -EBADMSG;
	length = at + head + size + end;
	/* Callers print values as strings: a value without its NUL is damaged. */
	if (end > 0 && data_load_byte(length - 1) != 0)
		return -EBADMSG;
	ret->key_bits = data_load_byte(length++);
	if (layout->wide)
		ret->key_bits = ret->key_bits << 8 | data_load_byte(length++);
	ret->value = at + head;
	ret->key = length;
	ret->value_size = size;
	ret->version = first;
	return 0;
}

/* Returns true if the layout allows a key of the row's size. */
static inline bool row_key_size_fits(const struct row_layout *layout, const struct row_parts *row)
{
	return row->key_bits >= layout->min_bits && row->key_bits <= layout->max_bits &&
	       (layout->prefix || row->key_bits % 8 == 0);
}

/* Locates the parts of a row. Returns 0, or -EBADMSG if the object is no row of this layout. */
static inline int row_parse(const struct view *view, const struct row_layout *layout,
                            const unsigned char *at, uint64_t first, struct row_parts *ret)
{
	return row_parse_any_key(view, layout, at, first, ret) == 0 &&
	                       row_key_size_fits(layout, ret)
	               ? 0
	               : -EBADMSG;
}

/* Locates the parts of the row at `ref`. Returns 0, or -EBADMSG if there is no such row. */
static inline int row_parse_ref(const struct view *view, const struct row_layout *layout, ref_t ref,
                                struct row_parts *ret)
{
	const unsigned char *at = view_object(view, ref);

	return at ? row_parse(view, layout, at, data_load(at), ret) : -EBADMSG;
}

/* Returns the reference to a row, given its parts. */
static inline ref_t row_ref(const struct view *view, const struct row_layout *layout,
                            const struct row_parts *parts)
{
	return (ref_t)((size_t)(parts->value - view->base) / LAYOUT_UNIT) -
	       (layout->variable ? 2 : 1);
}

/* Returns true if the first `bits` bits at `at`, in the data file, equal those at `own`, in the
 * caller's memory. */
static inline bool row_bits_equal(const unsigned char *at, const unsigned char *own, unsigned bits)
{
	if (!data_equal(at, own, bits / 8))
		return false;
	if (bits % 8 == 0)
		return true;
	return ((data_load_byte(at + bits / 8) ^ own[bits / 8]) & 0xff00u >> bits % 8 & 0xffu) == 0;
}

/* Compares a row's key with `key`, which row_layout_takes_key() must accept. Returns 1 and fills
 * `*ret` if they are equal, 0 if the row has another key, or -EBADMSG if the object is no row of
 * this layout. The contents of `*ret` are undefined unless 1 is returned. */
static inline int row_match_key(const struct view *view, const struct row_layout *layout,
                                const unsigned char *at, uint64_t first, const unsigned char *key,
                                unsigned bits, struct row_parts *ret)
{
	if (row_parse_any_key(view, layout, at, first, ret) < 0)
		return -EBADMSG;
	if (ret->key_bits == bits && row_bits_equal(ret->key, key, bits))
		return 1;
	return row_key_size_fits(layout, ret) ? 0 : -EBADMSG;
}

/* Returns true if the key at `at`, of `at_bits` bits, starts with the first `bits` bits of `own`.
 * `own` is in the caller's memory. */
bool row_key_starts_with(const unsigned char *at, unsigned at_bits, const unsigned char *own,
                         unsigned bits);

/* Compares the keys of two rows in the order of scans: bit by bit, where a key comes before all
 * longer keys that start with it. Returns -1, 0 or 1. */
int row_compare(const struct row_parts *a, const struct row_parts *b);

/* Returns the size of a row in the arena, in bytes. */
static inline size_t row_size(const struct row_layout *layout, size_t value_size, unsigned key_bits)
{
	return (layout->overhead + value_size + (key_bits + 7u) / 8u + 7u) & ~(size_t)7u;
}

/* Fills the public struct of a row. */
static inline void row_fill(const struct row_parts *parts, struct stele_row *ret)
{
	ret->key = parts->key;
	ret->key_bits = parts->key_bits;
	ret->value = parts->value;
	ret->value_size = parts->value_size;
	ret->version = parts->version;
}

#endif
