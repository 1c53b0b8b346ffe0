/* SPDX-License-Identifier: MIT
 *
 * Keys are strings of bits, and those that start with some bits are asked for at the cost of a
 * look. So the last key under some bits is found bit by bit: it is under those and a 1 if
 * anything is, else under those and a 0, else it is those bits themselves. */
#include <string.h>
#include <stele/stele.h>
#include "tools/top/top_place.h"

static bool place_bit_at(const struct stele_key *key, unsigned bit)
{
	return key->bytes[bit / 8] >> (7 - bit % 8) & 1;
}

/* Cuts a key to some bits and adds one more. */
static void place_set_bit(struct stele_key *key, unsigned bit, bool value)
{
	unsigned mask = 0x80u >> bit % 8;

	key->bytes[bit / 8] &= (uint8_t) ~(2 * mask - 1);
	if (value)
		key->bytes[bit / 8] |= (uint8_t)mask;
	key->bits = bit + 1;
}

/* Whether keys start with these bits: 1 and the first of them, 0, or an error. */
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

/* The last key that starts with the bits of `key`, of which there is one. */
static int place_last_under(struct stele_cursor *cursor, struct stele_key *key)
{
	struct stele_row row;

	for (;;) {
		struct stele_key next = *key;
		int result = place_first_under(cursor, key, &row);

		if (result != 1)
			return result;
		/* The only one. */
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

/* Whether there is a row with this very key. */
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
			/* Nothing before it has one more of its bits: then those bits alone. */
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
