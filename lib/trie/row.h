/* SPDX-License-Identifier: MIT
 *
 * Rows: how those of a table are laid out, and the functions that find their parts. Four of these
 * differ in what they check:
 *
 *   row_parse_any_key   the row ends inside the file; the size of its key is left to the caller
 *   row_parse           also that the layout allows a key of this size
 *   row_parse_ref       row_parse() of a reference, which it checks first
 *   row_match_key       row_parse() of the row with the key that is looked up
 *
 * `at` is an object of the view, `first` its first word, which the caller has loaded.
 */
#ifndef LIB_TRIE_ROW_H
#define LIB_TRIE_ROW_H

#include <stele/schema.h>
#include <stele/subscriber.h>
#include "lib/trie/view.h"

/* How the rows of a table are laid out: what a walk needs of its schema. */
struct row_layout {
	uint32_t value_size; /* of fixed values; the minimum of variable ones */
	uint16_t min_bits;   /* of a key */
	uint16_t max_bits;
	bool variable;
	bool wide;   /* key lengths take two bytes */
	bool prefix; /* keys need not be whole bytes */
};

void row_layout_of(const struct stele_schema *schema, struct row_layout *ret);

/* True if a key may be in a table of this layout: its length, and no bits set past it. */
static inline bool row_layout_takes_key(const struct row_layout *layout, const unsigned char *key,
                                        unsigned bits)
{
	if (bits < layout->min_bits || bits > layout->max_bits)
		return false;
	return bits % 8 == 0 || (layout->prefix && (key[bits / 8] & 0xffu >> bits % 8) == 0);
}

/* Where the parts of a row are, and the version that made it. */
struct row_parts {
	const unsigned char *value;
	const unsigned char *key;
	uint32_t value_size;
	unsigned key_bits;
	uint64_t version;
};

/* Bytes. A shorter value ends in the first half of the guard. */
#define ROW_IN_GUARD (LAYOUT_GUARD / 2 - 16)

/* Returns 0, or -EBADMSG if this is no row of this layout. */
static inline int row_parse_any_key(const struct view *view, const struct row_layout *layout,
                                    const unsigned char *at, uint64_t first, struct row_parts *ret)
{
	uint32_t size = layout->value_size, head = 8;
	const unsigned char *length;

	if (layout->variable) {
		head = 16;
		size = data_load_32(at + 8);
		if (size < layout->value_size || size > STELE_VALUE_MAX)
			return -EBADMSG;
	}
	/* The guard past the limit, before which every object starts, has room for the longest key,
	 * but not for the longest value. */
	if (first & LAYOUT_NODE ||
	    (size >= ROW_IN_GUARD &&
	     (uint64_t)(at - view->base) + head + size >= view->limit + LAYOUT_GUARD / 2))
		return -EBADMSG;
	length = at + head + size;
	ret->key_bits = data_load_byte(length++);
	if (layout->wide)
		ret->key_bits = ret->key_bits << 8 | data_load_byte(length++);
	ret->value = at + head;
	ret->key = length;
	ret->value_size = size;
	ret->version = first;
	return 0;
}

/* True if the layout allows a key of the size of the row's. */
static inline bool row_key_size_fits(const struct row_layout *layout, const struct row_parts *row)
{
	return row->key_bits >= layout->min_bits && row->key_bits <= layout->max_bits &&
	       (layout->prefix || row->key_bits % 8 == 0);
}

/* Returns 0, or -EBADMSG if this is no row of this layout. */
static inline int row_parse(const struct view *view, const struct row_layout *layout,
                            const unsigned char *at, uint64_t first, struct row_parts *ret)
{
	return row_parse_any_key(view, layout, at, first, ret) == 0 &&
	                       row_key_size_fits(layout, ret)
	               ? 0
	               : -EBADMSG;
}

/* Returns 0, or -EBADMSG if there is no row of this layout. */
static inline int row_parse_ref(const struct view *view, const struct row_layout *layout, ref_t ref,
                                struct row_parts *ret)
{
	const unsigned char *at = view_object(view, ref);

	return at ? row_parse(view, layout, at, data_load(at), ret) : -EBADMSG;
}

/* Returns the reference to a row whose parts were found. */
static inline ref_t row_ref(const struct view *view, const struct row_layout *layout,
                            const struct row_parts *parts)
{
	return (ref_t)((size_t)(parts->value - view->base) / LAYOUT_UNIT) -
	       (layout->variable ? 2 : 1);
}

/* True if the first `bits` bits of both are equal. `own` is the caller's memory. */
static inline bool row_bits_equal(const unsigned char *at, const unsigned char *own, unsigned bits)
{
	if (!data_equal(at, own, bits / 8))
		return false;
	if (bits % 8 == 0)
		return true;
	return ((data_load_byte(at + bits / 8) ^ own[bits / 8]) & 0xff00u >> bits % 8 & 0xffu) == 0;
}

/* Returns 1 and `*ret` if the row has this key, which the layout takes, 0 if it has another, or
 * -EBADMSG. Writes into `*ret` in any case. */
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

/* True if the key at `at` starts with the first `bits` bits of `own`, which is the caller's memory
 * and has no bits set past them. */
bool row_key_starts_with(const unsigned char *at, unsigned at_bits, const unsigned char *own,
                         unsigned bits);

/* Compares the keys of two rows in the order of scans: a key comes before those that it is the
 * start of. Returns a number below, at, or above 0. */
int row_compare(const struct row_parts *a, const struct row_parts *b);

/* Returns the size of a row in the arena. */
static inline size_t row_size(const struct row_layout *layout, size_t value_size, unsigned key_bits)
{
	return ((layout->variable ? 16u : 8u) + value_size + (layout->wide ? 2u : 1u) +
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

#endif
