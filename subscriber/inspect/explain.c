/* SPDX-License-Identifier: MIT
 * The way of a lookup, step by step: the same as lib/trie/trie.c goes, but that all is written down. */
#include <errno.h>

#include "lib/base/error.h"
#include "subscriber/subscriber.h"

struct explanation {
	const struct view *view;
	const struct row_layout *shape;
	const unsigned char *key;
	unsigned bits;
	bool longest;
	struct stele_step *steps;
	size_t room, count;
	size_t answer; /* the number of its step, and one; 0: none */
};

static void add(struct explanation *way, const struct stele_step *step)
{
	if (way->count < way->room)
		way->steps[way->count] = *step;
	way->count++;
}

static int add_row(struct explanation *way, ref_t ref, unsigned depth)
{
	struct row_parts row;
	struct stele_step step = {
		.kind = STELE_STEP_ROW, .offset = (uint64_t)ref * LAYOUT_UNIT, .depth = depth};
	int r = row_parts(way->view, way->shape, ref, &row);

	if (r < 0)
		return r;
	step.bytes = row_size(way->shape, row.value_size, row.key_bits);
	step.version = row.version;
	row_fill(&row, &step.row);
	add(way, &step);
	if (row.key_bits <= way->bits && (way->longest || row.key_bits == way->bits) &&
	    bits_equal(row.key, way->key, row.key_bits))
		way->answer = way->count;
	return 0;
}

/* The rows whose keys end inside a node, and are the start of the key: the shortest first. */
static int add_inside(struct explanation *way, const struct node *node, unsigned depth)
{
	unsigned rest = way->bits - depth * 8, most = rest < 8 ? rest : 7;

	for (unsigned bits = way->longest ? 0 : most; bits <= most; bits++) {
		unsigned byte = rest > 0 ? way->key[depth] : 0;
		int index = node_prefix_index(node, 1u << bits | byte >> (8 - bits));
		int r = index < 0 ? 0 : add_row(way, node_ref(node, index), depth);
		if (r < 0)
			return r;
	}
	return 0;
}

static const char *form_name(const struct node *node)
{
	switch (node_form(node)) {
	case NODE_LIST:
		return "list";
	case NODE_DIRECT:
		return "direct";
	default:
		return "bitmap";
	}
}

/* Writes a node down: whether the way goes on in it, `*ret_depth` bytes into the key. */
static bool add_node(struct explanation *way, ref_t ref, const struct node *node,
                     unsigned *ret_depth)
{
	unsigned depth = *ret_depth, end = depth + node->skip;
	struct stele_step step = {
		.kind = STELE_STEP_NODE,
		.offset = (uint64_t)ref * LAYOUT_UNIT,
		.bytes = node_whole_size(node),
		.version = data_load(node->at) & ~LAYOUT_NODE,
		.depth = depth,
		.skipped = node->skip,
		.children = node_child_count(node),
		.prefixes = node_prefix_count(node),
		.form = form_name(node),
		.next = -1,
	};

	step.on_way = end <= way->bits / 8 &&
	              data_equal(node_skipped(node), way->key + depth, node->skip);
	if (step.on_way && way->bits - end * 8 >= 8)
		step.next = way->key[end];
	add(way, &step);
	*ret_depth = end;
	return step.on_way;
}

static int explain(struct explanation *way, ref_t root)
{
	unsigned depth = 0;
	ref_t ref = root;

	while (ref) {
		const unsigned char *at = view_object(way->view, ref);
		struct node node;
		int r = 0;
		if (!at)
			return -EBADMSG;
		if (!(data_load(at) & LAYOUT_NODE))
			return add_row(way, ref, depth);
		node = node_at(at);
		if (!add_node(way, ref, &node, &depth))
			return 0;
		if (way->longest || way->bits - depth * 8 < 8)
			r = add_inside(way, &node, depth);
		if (r < 0 || way->bits - depth * 8 < 8)
			return r;
		ref = node_child(&node, way->key[depth]);
		depth++;
	}
	return 0;
}

int stele_table_explain(const struct stele_table *table, const void *key, unsigned key_bits,
                        bool longest, struct stele_step *steps, size_t room, size_t *ret_count)
{
	const struct table_words *words = table_words(table);
	struct explanation way = {
		.view = &table->snapshot->view,
		.shape = &words->shape,
		.key = key,
		.bits = key_bits,
		.longest = longest,
		.steps = steps,
		.room = room,
	};
	int r = subscriber_check(table->snapshot->subscriber);

	if (r < 0)
		return r;
	if (key_bits > words->shape.most_bits ||
	    (!longest && !shape_takes_key(&words->shape, key, key_bits)))
		return refuse_key(way.view, words->schema, key, key_bits);
	r = snapshot_result(table->snapshot, explain(&way, words->root));
	if (r < 0)
		return r;
	if (way.answer && way.answer <= room)
		steps[way.answer - 1].answer = true;
	*ret_count = way.count;
	return way.answer != 0;
}
