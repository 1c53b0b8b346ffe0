/* SPDX-License-Identifier: MIT
 * Finds the row before a key, with a cursor that only goes forwards.
 *
 * A key is a string of bits, and stele_cursor_under() finds the first key with a prefix at the cost
 * of one lookup. So the last key with a prefix is found bit by bit: it has the prefix and a 1 if
 * there is such a key, else the prefix and a 0, else it is the prefix itself. */
#include <string.h>
#include <stele/stele.h>
#include "tools/top/top_place.h"

/* Returns a bit of the key; bit 0 is the highest of the first byte. */
static bool place_bit_at(const struct stele_key *key, unsigned bit)
{
	return key->bytes[bit / 8] >> (7 - bit % 8) & 1;
}

/* Cuts a key after `bit` bits, and appends the bit `value`. */
static void place_set_bit(struct stele_key *key, unsigned bit, bool value)
{
	unsigned mask = 0x80u >> bit % 8;

	key->bytes[bit / 8] &= (uint8_t) ~(2 * mask - 1);
	if (value)
		key->bytes[bit / 8] |= (uint8_t)mask;
	key->bits = bit + 1;
}

/* Finds the first key that starts with `start`. Returns 1, 0 if there is none, or an error. */
static int place_first_under(struct stele_cursor *cursor, const struct stele_key *start,
                             struct stele_row *ret)
{
	int result = stele_cursor_under(cursor, start->bytes, start->bits);

	return result < 0 ? result : stele_cursor_next(cursor, ret);
}

static void place_take_key(struct stele_key *key, const struct stele_row *row)
{
	key->bits = row->key_bits;
	memcpy(key->bytes, row->key, (row->key_bits + 7) / 8);
}

/* Extends `*key` to the last key that starts with it. Returns 1, 0 if there is none, or an
 * error. */
static int place_last_under(struct stele_cursor *cursor, struct stele_key *key)
{
	struct stele_row row;

	for (;;) {
		struct stele_key next = *key;
		int result = place_first_under(cursor, key, &row);

		if (result != 1)
			return result;
		/* If there is only one key, it is the last. */
		place_take_key(&next, &row);
		result = stele_cursor_next(cursor, &row);
		if (result <= 0 || key->bits >= 8 * sizeof(key->bytes)) {
			*key = next;
			return result < 0 ? result : 1;
		}
		next = *key;
		place_set_bit(&next, key->bits, true);
		result = place_first_under(cursor, &next, &row);
		if (result < 0)
			return result;
		place_set_bit(key, key->bits, result == 1);
	}
}

int place_last(struct stele_cursor *cursor, struct stele_key *key)
{
	struct stele_key last = {0};
	int result = place_last_under(cursor, &last);

	if (result == 1)
		*key = last;
	return result;
}

/* Checks whether there is a row with exactly this key. Returns 1, 0, or an error. */
static int place_is_there(struct stele_cursor *cursor, const struct stele_key *key)
{
	struct stele_row row;
	int result = place_first_under(cursor, key, &row);

	return result == 1 ? row.key_bits == key->bits : result;
}

int place_before(struct stele_cursor *cursor, struct stele_key *key)
{
	struct stele_key before = *key;
	struct stele_row row;

	for (unsigned bit = key->bits; bit-- > 0;) {
		bool was = place_bit_at(key, bit);
		int result = 0;

		if (was) {
			place_set_bit(&before, bit, false);
			result = place_first_under(cursor, &before, &row);
			if (result == 1)
				result = place_last_under(cursor, &before);
		}
		if (result == 0) {
			/* No key before `*key` starts with these bits and one more, so the
			 * candidate is a key of these bits alone. */
			before.bits = bit;
			before.bytes[bit / 8] &= (uint8_t) ~(0xffu >> bit % 8);
			result = place_is_there(cursor, &before);
		}
		if (result == 1)
			*key = before;
		if (result != 0)
			return result;
	}
	return 0;
}
