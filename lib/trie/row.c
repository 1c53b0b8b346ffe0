/* SPDX-License-Identifier: MIT */
#include "lib/trie/row.h"

#include "lib/schema/key.h"
#include "lib/schema/schema_value.h"

void row_layout_of(const struct stele_schema *schema, struct row_layout *ret)
{
	unsigned min, max;

	schema_key_bits(schema, &min, &max);
	*ret = (struct row_layout){
		.value_size = (uint32_t)schema->value_size,
		.min_bits = (uint16_t)min,
		.max_bits = (uint16_t)max,
		.variable = schema_value_variable(schema),
		.wide = max > 255,
		.prefix = schema_key_is_prefix(schema),
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
