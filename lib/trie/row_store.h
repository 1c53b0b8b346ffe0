/* SPDX-License-Identifier: MIT
 *
 * Writes rows in their stored form. For publishers, and for lib/region/copy.c. */
#ifndef LIB_TRIE_ROW_STORE_H
#define LIB_TRIE_ROW_STORE_H

#include <stele/publisher.h>
#include "lib/trie/row.h"

/* Writes a row of `version` to `at`. `size` is its row_size(); the caller knows it, because it has
 * allocated the row. */
static inline void row_store(unsigned char *at, size_t size, uint64_t version,
                             const struct row_layout *layout, const struct stele_row_ref *row)
{
	/* Clear what follows the key: its NUL, if the layout has one, and the padding. */
	data_store(at + size - 8, 0);
	data_store(at, version);
	at += 8;
	if (layout->variable) {
		data_store_32(at, (uint32_t)row->value_size);
		data_store_32(at + 4, 0);
		at += 8;
	}
	data_copy_bytes(at, row->value, row->value_size);
	at += row->value_size;
	if (layout->value_end)
		data_store_byte(at++, 0);
	if (layout->wide)
		data_store_byte(at++, (unsigned char)(row->key_bits >> 8));
	data_store_byte(at++, (unsigned char)row->key_bits);
	data_copy_bytes(at, row->key, (row->key_bits + 7) / 8);
}

#endif
