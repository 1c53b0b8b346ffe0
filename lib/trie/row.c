/* SPDX-License-Identifier: MIT */
#include "lib/trie/row.h"

#include "lib/schema/key.h"
#include "lib/schema/schema_value.h"
#include "lib/types/type.h"

/* Returns true if the last key column is text or bytes. */
static bool row_key_variable(const struct stele_schema *schema)
{
	size_t keys = 0;

	while (keys < schema->column_count && schema->columns[keys].key)
		keys++;
	return keys > 0 && type_variable(schema->columns[keys - 1].type);
}

void row_layout_of(const struct stele_schema *schema, uint32_t features, struct row_layout *ret)
{
	bool terminated = features & LAYOUT_TERMINATED, variable = schema_value_variable(schema);
	bool value_end = terminated && variable, key_end = terminated && row_key_variable(schema);
	unsigned min, max;
	int words = variable ? 16 : 8; /* the version, and the size of a variable value */

	schema_key_bits(schema, &min, &max);
	*ret = (struct row_layout){
		.value_size = (uint32_t)schema->value_size,
		.min_bits = (uint16_t)min,
		.max_bits = (uint16_t)max,
		.variable = variable,
		.wide = max > 255,
		.prefix = schema_key_is_prefix(schema),
		.value_end = value_end,
		.overhead = (uint8_t)(words + value_end + (max > 255 ? 2 : 1) + key_end),
	};
}

bool row_key_starts_with(const unsigned char *at, unsigned at_bits, const unsigned char *own,
                         unsigned bits)
{
	return at_bits >= bits && row_bits_equal(at, own, bits);
}

int row_compare(const struct row_parts *a, const struct row_parts *b)
{
	unsigned bits = a->key_bits < b->key_bits ? a->key_bits : b->key_bits;

	for (unsigned i = 0; i < (bits + 7) / 8; i++) {
		unsigned rest = bits - i * 8;
		unsigned mask = rest >= 8 ? 0xff : 0xff00u >> rest & 0xff;
		unsigned x = data_load_byte(a->key + i) & mask;
		unsigned y = data_load_byte(b->key + i) & mask;
		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a->key_bits > b->key_bits) - (a->key_bits < b->key_bits);
}
