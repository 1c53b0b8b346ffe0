/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <stele/stele.h>
#include "tools/top/top_place.h"

/* Sets `*key` to the key of the row before the cursor. Returns 1, 0 if there is none, or an
 * error. */
static int place_take_previous(struct stele_cursor *cursor, struct stele_key *key)
{
	struct stele_row row;
	int result = stele_cursor_previous(cursor, &row);

	if (result == 1) {
		key->bits = row.key_bits;
		memcpy(key->bytes, row.key, (row.key_bits + 7) / 8);
	}
	return result;
}

int place_last(struct stele_cursor *cursor, struct stele_key *key)
{
	int result = stele_cursor_under(cursor, NULL, 0);

	if (result == 0)
		result = stele_cursor_last(cursor);
	return result < 0 ? result : place_take_previous(cursor, key);
}

int place_before(struct stele_cursor *cursor, struct stele_key *key)
{
	int result = stele_cursor_under(cursor, NULL, 0);

	if (result == 0)
		result = stele_cursor_seek(cursor, key->bytes, key->bits);
	return result < 0 ? result : place_take_previous(cursor, key);
}
