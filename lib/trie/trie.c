/* SPDX-License-Identifier: MIT
 * Looking keys up in a trie: see trie.h for what is checked and why. */
#include "lib/trie/trie.h"

#include "lib/schema/schema.h"
#include "lib/trie/trie_find.h"

const struct row_layout catalog_shape = {
	.value_size = sizeof(struct layout_table),
	.least_bits = 8,
	.most_bits = STELE_NAME_MAX * 8,
	.wide = true,
};

void row_layout_of(const struct stele_schema *schema, struct row_layout *ret)
{
	unsigned least, most;

	schema_key_bits(schema, &least, &most);
	*ret = (struct row_layout){
		.value_size = (uint32_t)schema->value_size,
		.least_bits = (uint16_t)least,
		.most_bits = (uint16_t)most,
		.variable = schema_value_variable(schema),
		.wide = most > 255,
		.prefix = schema_prefix(schema),
	};
}

int blob_parts(const struct view *view, ref_t ref, const unsigned char **ret_bytes,
               size_t *ret_size)
{
	const unsigned char *at = view_object(view, ref);
	uint64_t size;

	if (!at || data_load(at) & LAYOUT_NODE)
		return -EBADMSG;
	size = data_load(at + 8);
	if (size > STELE_VALUE_MAX ||
	    (uint64_t)(at - view->base) + 16 + size > view->limit + LAYOUT_GUARD)
		return -EBADMSG;
	*ret_bytes = at + 16;
	*ret_size = (size_t)size;
	return 0;
}

bool key_starts(const unsigned char *at, unsigned at_bits, const unsigned char *own, unsigned bits)
{
	return at_bits >= bits && bits_equal(at, own, bits);
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

/* Where a get goes on from a node in which the key ends: what stands at the place of its last bits is a
 * row, or damage. */
ref_t trie_last(const unsigned char *at, const unsigned char *key, unsigned bits)
{
	struct node node = node_at(at);
	unsigned rest = bits % 8;

	return node_ref_at(&node, place_of_prefix(rest > 0 ? key[bits / 8] : 0, rest));
}

int trie_get(const struct view *view, const struct row_layout *shape, ref_t root,
             const unsigned char *key, unsigned bits, struct row_parts *ret)
{
	return trie_find(view, shape, root, key, bits, ret);
}

/* The longest prefix inside a node that the next byte of a key starts with: its index, or -1.
 * `rest` bits of the key are left, of which `byte` holds the first. */
int trie_longest(const struct node *node, unsigned byte, unsigned rest)
{
	unsigned which;

	if (!(node->info & (NODE_PREFIXES | NODE_OWN)))
		return -1;
	if (node->info & NODE_OWN)
		return node_prefix_index(node, 1);
	/* The longest that there could be, and then one bit shorter each; from 63 on all are in the
	 * first word, the longest highest. */
	which = rest < 8 ? 1u << rest | byte >> (8u - rest) : (256u | byte) >> 1;
	for (; which >= 64; which >>= 1) {
		int index = node_prefix_index(node, which);
		if (index >= 0)
			return index;
	}
	{
		uint64_t word = data_load(node_prefixes(node)), ours = 0;
		for (unsigned one = which; one > 0; one >>= 1)
			ours |= UINT64_C(1) << one;
		word &= ours;
		if (word == 0)
			return -1;
		return node_prefix_index(node, 63u - (unsigned)__builtin_clzll(word));
	}
}

int trie_match(const struct view *view, const struct row_layout *shape, ref_t root,
               const unsigned char *key, unsigned bits, struct row_parts *ret)
{
	unsigned depth = 0;
	ref_t ref = root, best = 0;
	struct row_parts row;

	while (ref) {
		const unsigned char *at = view_object(view, ref);
		struct node node;
		unsigned rest;
		uint64_t first;
		int index;

		if (!at)
			return -EBADMSG;
		first = data_load(at);
		if (!(first & LAYOUT_NODE)) {
			if (row_load(view, shape, at, first, &row) < 0)
				return -EBADMSG;
			if (row.key_bits <= bits && bits_equal(row.key, key, row.key_bits)) {
				*ret = row;
				return 1;
			}
			break;
		}
		node = node_at(at);
		if (depth + node.skip > bits / 8 ||
		    !data_equal(node_skipped(&node), key + depth, node.skip))
			break;
		depth += node.skip;
		rest = bits - depth * 8;
		index = trie_longest(&node, rest > 0 ? key[depth] : 0, rest);
		if (index >= 0)
			best = node_ref(&node, index);
		if (rest < 8)
			break;
		ref = node_child(&node, key[depth]);
		depth++;
	}
	if (!best)
		return 0;
	if (row_parts(view, shape, best, &row) < 0)
		return -EBADMSG;
	if (row.key_bits > bits || !bits_equal(row.key, key, row.key_bits))
		return -EBADMSG;
	*ret = row;
	return 1;
}
