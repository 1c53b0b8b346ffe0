/* SPDX-License-Identifier: MIT
 * Looking keys up in a trie: see trie.h for what is checked and why. */
#include "trie.h"

#include "schema.h"

const struct shape catalog_shape = {
	.value_size = sizeof(struct layout_table),
	.least_bits = 8,
	.most_bits = STELE_NAME_MAX * 8,
	.wide = true,
};

void shape_of(const struct stele_schema *schema, struct shape *ret)
{
	unsigned least, most;

	schema_key_bits(schema, &least, &most);
	*ret = (struct shape){
		.value_size = (uint32_t)schema->value_size,
		.least_bits = (uint16_t)least,
		.most_bits = (uint16_t)most,
		.variable = schema_value_variable(schema),
		.wide = most > 255,
		.prefix = schema_prefix(schema),
	};
}

int row_parts(const struct view *view, const struct shape *shape, ref_t ref, struct row_parts *ret)
{
	const unsigned char *at = view_object(view, ref);
	uint32_t size = shape->value_size;
	const unsigned char *length;
	uint64_t head;

	if (!at || data_load(at) & LAYOUT_NODE)
		return -EBADMSG;
	head = shape->variable ? 16 : 8;
	if (shape->variable)
		size = data_load_32(at + 8);
	if (size < shape->value_size || size > STELE_VALUE_MAX)
		return -EBADMSG;
	/* The guard past the limit has room for the longest key, not for the longest value. */
	if ((uint64_t)(at - view->base) + head + size >= view->limit + LAYOUT_GUARD / 2)
		return -EBADMSG;
	length = at + head + size;
	ret->key_bits = data_load_byte(length);
	if (shape->wide)
		ret->key_bits = ret->key_bits << 8 | data_load_byte(length + 1);
	if (ret->key_bits < shape->least_bits || ret->key_bits > shape->most_bits)
		return -EBADMSG;
	if (!shape->prefix && ret->key_bits % 8 != 0)
		return -EBADMSG;
	ret->key = length + (shape->wide ? 2 : 1);
	ret->value = at + head;
	ret->value_size = size;
	return 0;
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
	*ret_size = size;
	return 0;
}

/* True when the first `bits` bits of both are equal. `own` is the caller's memory. */
static bool bits_equal(const unsigned char *at, const unsigned char *own, unsigned bits)
{
	if (!data_equal(at, own, bits / 8))
		return false;
	if (bits % 8 == 0)
		return true;
	return ((data_load_byte(at + bits / 8) ^ own[bits / 8]) & 0xff00u >> bits % 8 & 0xffu) == 0;
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

int trie_get(const struct view *view, const struct shape *shape, ref_t root,
             const unsigned char *key, unsigned bits, ref_t *ret)
{
	unsigned depth = 0;
	ref_t ref = root;
	struct row_parts row;
	int r;

	while (ref) {
		const unsigned char *at = view_object(view, ref);
		struct node node;

		if (!at)
			return -EBADMSG;
		if (!(data_load(at) & LAYOUT_NODE))
			break;
		node = node_at(at);
		if (depth + node.skip > bits / 8 ||
		    !data_equal(node_skipped(&node), key + depth, node.skip))
			return 0;
		depth += node.skip;
		if (bits - depth * 8 < 8) {
			/* The key ends here; what stands at a prefix's place is a row, or
			 * damage. */
			ref = node_ref_at(&node, place_of_key(key, bits, depth));
			break;
		}
		ref = node_ref_at(&node, place_of_child(key[depth]));
		depth++;
	}
	if (!ref)
		return 0;
	r = row_parts(view, shape, ref, &row);
	if (r < 0)
		return r;
	if (row.key_bits != bits || !bits_equal(row.key, key, bits))
		return 0;
	*ret = ref;
	return 1;
}

/* The longest prefix inside a node that the next byte of a key starts with: its index, or -1.
 * `rest` bits of the key are left, of which `byte` holds the first. */
static int longest_inside(const struct node *node, unsigned byte, unsigned rest)
{
	unsigned which;

	if (!(node->info & (NODE_PREFIXES | NODE_OWN)))
		return -1;
	if (node->info & NODE_OWN)
		return node_prefix_index(node, 1);
	which = rest < 8 ? 1u << rest | byte >> (8u - rest) : (256u | byte) >> 1;
	for (; which > 0; which >>= 1) {
		int index = node_prefix_index(node, which);
		if (index >= 0)
			return index;
	}
	return -1;
}

int trie_match(const struct view *view, const struct shape *shape, ref_t root,
               const unsigned char *key, unsigned bits, ref_t *ret)
{
	unsigned depth = 0;
	ref_t ref = root, best = 0;
	struct row_parts row;
	int r;

	while (ref) {
		const unsigned char *at = view_object(view, ref);
		struct node node;
		unsigned rest;
		int index;

		if (!at)
			return -EBADMSG;
		if (!(data_load(at) & LAYOUT_NODE)) {
			r = row_parts(view, shape, ref, &row);
			if (r < 0)
				return r;
			if (row.key_bits <= bits && bits_equal(row.key, key, row.key_bits))
				best = ref;
			break;
		}
		node = node_at(at);
		if (depth + node.skip > bits / 8 ||
		    !data_equal(node_skipped(&node), key + depth, node.skip))
			break;
		depth += node.skip;
		rest = bits - depth * 8;
		index = longest_inside(&node, rest > 0 ? key[depth] : 0, rest);
		if (index >= 0)
			best = node_ref(&node, index);
		if (rest < 8)
			break;
		ref = node_ref_at(&node, place_of_child(key[depth]));
		depth++;
	}
	if (!best)
		return 0;
	r = row_parts(view, shape, best, &row);
	if (r < 0)
		return r;
	if (row.key_bits > bits || !bits_equal(row.key, key, row.key_bits))
		return -EBADMSG;
	*ret = best;
	return 1;
}
