/* SPDX-License-Identifier: MIT
 *
 * Explains a lookup: repeats the lookup of lib/trie/trie.c and records each node and row that it
 * visits. Defines stele_table_explain(). */
#include <errno.h>

#include "lib/trie/trie_node.h"
#include "subscriber/snapshot.h"
#include "subscriber/table.h"

struct explanation {
	const struct view *view;
	const struct row_layout *layout;
	const unsigned char *key;
	unsigned bits;            /* length of the key */
	bool longest;             /* longest-prefix match, not an exact lookup */
	struct stele_step *steps; /* the caller's array */
	size_t capacity;          /* of `steps` */
	size_t count;             /* steps visited, which may be more than `capacity` */
	size_t answer;            /* one more than the index of the answer's step; 0: none */
};

static void explain_add(struct explanation *explanation, const struct stele_step *step)
{
	if (explanation->count < explanation->capacity)
		explanation->steps[explanation->count] = *step;
	explanation->count++;
}

static int explain_add_row(struct explanation *explanation, ref_t ref, unsigned depth)
{
	struct row_parts row;
	struct stele_step step = {
		.kind = STELE_STEP_ROW, .offset = (uint64_t)ref * LAYOUT_UNIT, .depth = depth};
	int r = row_parse_ref(explanation->view, explanation->layout, ref, &row);

	if (r < 0)
		return r;
	step.bytes = row_size(explanation->layout, row.value_size, row.key_bits);
	step.version = row.version;
	row_fill(&row, &step.row);
	explain_add(explanation, &step);
	if (row.key_bits <= explanation->bits &&
	    (explanation->longest || row.key_bits == explanation->bits) &&
	    row_bits_equal(row.key, explanation->key, row.key_bits))
		explanation->answer = explanation->count;
	return 0;
}

/* Records the rows whose keys end inside a node and are prefixes of the key, shortest first. */
static int explain_add_prefixes(struct explanation *explanation, const struct node *node,
                                unsigned depth)
{
	unsigned rest = explanation->bits - depth * 8, max = rest < 8 ? rest : 7;

	for (unsigned bits = explanation->longest ? 0 : max; bits <= max; bits++) {
		unsigned byte = rest > 0 ? explanation->key[depth] : 0;
		int index = node_prefix_index(node, 1u << bits | byte >> (8 - bits));
		int r = index < 0 ? 0 : explain_add_row(explanation, node_ref(node, index), depth);
		if (r < 0)
			return r;
	}
	return 0;
}

static const char *explain_form_name(const struct node *node)
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

/* Records a node. Adds the bytes that the node skips to `*ret_depth`, the number of bytes of the
 * key that lead to it. Returns whether the key has these bytes, so that the lookup continues in
 * this node. */
static bool explain_add_node(struct explanation *explanation, ref_t ref, const struct node *node,
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
		.form = explain_form_name(node),
		.next = -1,
	};

	step.on_way = end <= explanation->bits / 8 &&
	              data_equal(node_skipped(node), explanation->key + depth, node->skip);
	if (step.on_way && explanation->bits - end * 8 >= 8)
		step.next = explanation->key[end];
	explain_add(explanation, &step);
	*ret_depth = end;
	return step.on_way;
}

static int explain_lookup(struct explanation *explanation, ref_t root)
{
	unsigned depth = 0;
	ref_t ref = root;

	while (ref) {
		const unsigned char *at = view_object(explanation->view, ref);
		struct node node;
		int r = 0;
		if (!at)
			return -EBADMSG;
		if (!(data_load(at) & LAYOUT_NODE))
			return explain_add_row(explanation, ref, depth);
		node = node_at(at);
		if (!explain_add_node(explanation, ref, &node, &depth))
			return 0;
		if (explanation->longest || explanation->bits - depth * 8 < 8)
			r = explain_add_prefixes(explanation, &node, depth);
		if (r < 0 || explanation->bits - depth * 8 < 8)
			return r;
		ref = node_child(&node, explanation->key[depth]);
		depth++;
	}
	return 0;
}

int stele_table_explain(const struct stele_table *table, const void *key, unsigned key_bits,
                        bool longest, struct stele_step *steps, size_t capacity, size_t *ret_count)
{
	const struct table_words *words = table_words(table);
	struct explanation explanation = {
		.view = &table->snapshot->view,
		.layout = &words->layout,
		.key = key,
		.bits = key_bits,
		.longest = longest,
		.steps = steps,
		.capacity = capacity,
	};
	int r = subscriber_check(table->snapshot->subscriber);

	if (r < 0)
		return r;
	if (key_bits > words->layout.max_bits ||
	    (!longest && !row_layout_takes_key(&words->layout, key, key_bits)))
		return table_key_error(explanation.view, words->schema, key, key_bits);
	r = snapshot_result(table->snapshot, explain_lookup(&explanation, words->root));
	if (r < 0)
		return r;
	if (explanation.answer && explanation.answer <= capacity)
		steps[explanation.answer - 1].answer = true;
	*ret_count = explanation.count;
	return explanation.answer != 0;
}
