/* SPDX-License-Identifier: MIT
 *
 * Builds a trie in one pass. Rows come in the order of their keys, so a node is complete as soon as
 * a key comes that does not share the node's bytes. The open nodes are those on the path to the
 * last row. Each has a depth: the number of whole bytes that all of its keys share. The number of
 * bytes that a row shares with the next one decides what happens:
 *
 *   more than the depth of the deepest node   a deeper node begins, with this row
 *   fewer                                     the deepest node is complete. It becomes a child of
 *                                             the node above it, or of a new node between the two,
 *                                             whose depth is the number of shared bytes */
#include "publisher/trie/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "publisher/trie/node.h"

/* A child or prefix of an open node. */
struct twig {
	ref_t ref;
	uint32_t place;
};

struct build {
	struct edit *edit;
	const struct row_layout *layout;
	struct node_builder builder;
	/* The twigs of all open nodes, from the root down. */
	struct twig *twigs;
	size_t count, capacity;
	struct {
		/* Index of the node's first twig. */
		size_t first;
		unsigned depth;
	} nodes[STELE_KEY_MAX + 1];
	/* Number of open nodes. */
	unsigned open;
};

/* Adds an object to the deepest open node, whose depth is `depth`. Drops the object on failure. */
static int build_hang(struct build *build, ref_t ref, const struct row_parts *row, unsigned depth)
{
	if (build->count == build->capacity) {
		size_t capacity = build->capacity ? build->capacity * 2 : 1024;
		struct twig *twigs = realloc(build->twigs, capacity * sizeof(*twigs));
		if (!twigs) {
			edit_drop_tree(build->edit, build->layout, ref, false);
			return -ENOMEM;
		}
		build->twigs = twigs;
		build->capacity = capacity;
	}
	build->twigs[build->count++] =
		(struct twig){ref, place_of_key(row->key, row->key_bits, depth)};
	return 0;
}

static void build_node_begin(struct build *build, unsigned depth)
{
	build->nodes[build->open].first = build->count;
	build->nodes[build->open].depth = depth;
	build->open++;
}

/* Writes the deepest open node. All of its keys start like `row`'s; the path from the root down to
 * it covers `above` bytes of them. */
static int build_node_complete(struct build *build, const struct row_parts *row, unsigned above,
                               ref_t *ret)
{
	struct node_builder *builder = &build->builder;
	unsigned depth = build->nodes[build->open - 1].depth;
	size_t first = build->nodes[build->open - 1].first, i;
	int r;

	node_builder_init(builder, depth - above);
	memcpy(builder->skipped, row->key + above, builder->skip);
	/* The twigs are in order of their places, so the children's references are in order too. */
	for (i = first; i < build->count; i++) {
		unsigned byte = build->twigs[i].place / 16;
		if (!PLACE_IS_CHILD(build->twigs[i].place))
			continue;
		builder->children[byte / 64] |= UINT64_C(1) << byte % 64;
		builder->refs[builder->count++] = build->twigs[i].ref;
	}
	for (i = first; i < build->count; i++)
		if (!PLACE_IS_CHILD(build->twigs[i].place))
			node_builder_add(builder, build->twigs[i].place, build->twigs[i].ref);
	r = node_builder_store(build->edit, builder, ret);
	if (r == 0) {
		build->count = first;
		build->open--;
	}
	return r;
}

/* Adds a row that shares `shared` bytes with the next one (-1: it is the last), and completes the
 * nodes that get no more rows. After the last row sets `*ret_root`. */
static int build_add(struct build *build, ref_t ref, const struct row_parts *row, int shared,
                     ref_t *ret_root)
{
	int deepest = build->open > 0 ? (int)build->nodes[build->open - 1].depth : -1;
	int r;

	if (shared > deepest) {
		build_node_begin(build, (unsigned)shared);
		deepest = shared;
	}
	while (deepest > shared) {
		int above = build->open > 1 ? (int)build->nodes[build->open - 2].depth : -1;
		bool between = above < shared;

		r = build_hang(build, ref, row, (unsigned)deepest);
		if (r == 0)
			r = build_node_complete(build, row,
			                        (unsigned)((between ? shared : above) + 1), &ref);
		if (r < 0)
			return r;
		if (between)
			build_node_begin(build, (unsigned)shared);
		deepest = between ? shared : above;
	}
	if (deepest >= 0)
		return build_hang(build, ref, row, (unsigned)deepest);
	*ret_root = ref;
	return 0;
}

static int build_rows(struct build *build, size_t count, build_row_fn next, void *context,
                      ref_t *ret)
{
	const struct row_layout *layout = build->layout;

	for (size_t i = 0; i < count; i++) {
		struct row_parts row;
		int shared, r;
		ref_t ref;

		r = next(context, i, &row, &shared);
		if (r == 0)
			r = edit_copy_row(build->edit, row.value - (layout->variable ? 16 : 8),
			                  row_size(layout, row.value_size, row.key_bits), &ref);
		if (r == 0)
			r = build_add(build, ref, &row, shared, ret);
		if (r < 0)
			return r;
	}
	return 0;
}

int build_trie(struct edit *edit, const struct row_layout *layout, size_t count, build_row_fn row,
               void *context, ref_t *ret)
{
	struct build *build = malloc(sizeof(*build));
	int r;

	if (!build)
		return -ENOMEM;
	build->edit = edit;
	build->layout = layout;
	build->twigs = NULL;
	build->count = build->capacity = 0;
	build->open = 0;
	r = build_rows(build, count, row, context, ret);
	if (r < 0)
		for (size_t i = 0; i < build->count; i++)
			edit_drop_tree(edit, layout, build->twigs[i].ref, false);
	free(build->twigs);
	free(build);
	return r;
}
