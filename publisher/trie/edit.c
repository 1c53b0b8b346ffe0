/* SPDX-License-Identifier: MIT
 *
 * Each change has three steps: find the path to the key; make the nodes on the path this
 * transaction's own, which leaves the contents unchanged; and change the contents. All memory is
 * allocated before the last step, so an error leaves the contents of the trie unchanged. */
#include "publisher/trie/edit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/trie/row_store.h"
#include "publisher/trie/node.h"

/* ---- the path to a key ---- */

/* The possible ends of the path to a key. */
enum ending {
	/* Nothing: the place is free. */
	ENDS_EMPTY,
	/* A row, `at`: the key's own row, or the only row that shares the path. */
	ENDS_AT_ROW,
	/* A node, `at`, whose skipped bytes differ from the key after `common` bytes. */
	ENDS_AT_NODE,
};

/* The path from the root of a trie to where a key goes. */
struct path {
	/* Number of nodes on the path. */
	unsigned count;
	/* Bytes of the key that the path consumed. */
	unsigned depth;
	unsigned common;
	/* Where the key goes in the last node. */
	unsigned place;
	enum ending ending;
	ref_t at;
	struct {
		ref_t node;
		/* Offset in the node of the reference to follow, in bytes; 0: the place is free. */
		uint32_t slot;
	} steps[STELE_KEY_MAX + 1];
};

/* Returns the number of bytes that two keys share from byte `depth` on. */
static unsigned edit_common_bytes(const unsigned char *a, unsigned a_bits, const unsigned char *b,
                                  unsigned b_bits, unsigned depth)
{
	unsigned end = (a_bits < b_bits ? a_bits : b_bits) / 8, i = depth;

	while (i < end && a[i] == b[i])
		i++;
	return i - depth;
}

/* Returns the offset of a place's reference in a node, in bytes, or 0 if the place is free. */
static unsigned edit_slot(const struct node *node, unsigned place)
{
	const unsigned char *at;
	int index;

	if (PLACE_IS_CHILD(place)) {
		at = node_children_at(node->children, node->info, place / 16);
		return at ? (unsigned)(at - node->at) : 0;
	}
	index = node_prefix_index(node, place_prefix(place));
	return index < 0 ? 0 : (unsigned)(node_refs(node) - node->at) + (unsigned)index * 4;
}

/* Finds the path to a key. */
static void edit_path_find(const struct edit *edit, ref_t root, const unsigned char *key,
                           unsigned bits, struct path *path)
{
	unsigned count = 0, depth = 0, place = 0;
	ref_t at = root;

	path->common = 0;
	path->ending = ENDS_EMPTY;
	while (at) {
		struct node node = object_node(edit, at);
		uint64_t first = *(const uint64_t *)(const void *)node.at;
		unsigned slot;
		if (!(first & LAYOUT_NODE)) {
			path->ending = ENDS_AT_ROW;
			break;
		}
		if (node.skip > 0) {
			unsigned common = edit_common_bytes(node_skipped(&node), node.skip * 8,
			                                    key + depth, bits - depth * 8, 0);
			if (common < node.skip) {
				path->common = common;
				path->ending = ENDS_AT_NODE;
				break;
			}
			depth += node.skip;
		}
		place = place_of_key(key, bits, depth);
		slot = edit_slot(&node, place);
		path->steps[count].node = at;
		path->steps[count++].slot = slot;
		at = slot ? data_load_32(node.at + slot) : 0;
		/* Prefetch the second cache line of the next object; the first one is loaded
		 * anyway. */
		prefetch(arena_at(edit->arena, at) + 64);
		if (!PLACE_IS_CHILD(place)) {
			path->ending = at ? ENDS_AT_ROW : ENDS_EMPTY;
			break;
		}
		depth++;
	}
	path->count = count;
	path->depth = depth;
	path->place = place;
	path->at = at;
}

/* Returns the address of the reference that follows the first `count` nodes of a path. */
static unsigned char *edit_path_slot(const struct edit *edit, const struct path *path,
                                     unsigned count, ref_t *root)
{
	if (count == 0)
		return (unsigned char *)root;
	return arena_at(edit->arena, path->steps[count - 1].node) + path->steps[count - 1].slot;
}

/* Copies a node for this transaction to change, and drops the original. */
static int edit_own_node(struct edit *edit, ref_t from, ref_t *ret)
{
	struct node node = object_node(edit, from);
	size_t size = node_whole_size(&node);
	unsigned char *at;
	int r = object_alloc(edit, size, ret);

	if (r < 0)
		return r;
	at = arena_at(edit->arena, *ret);
	data_copy_bytes(at + 8, node.at + 8, size - 8);
	data_store(at, LAYOUT_NODE | edit->version);
	object_drop(edit, from, size);
	return 0;
}

/* Makes the nodes on a path this transaction's own. Below a node that an older version made, no
 * node is this transaction's. Offsets in a copy are those in its original, so the path stays
 * valid. */
static int edit_path_own(struct edit *edit, struct path *path, ref_t *root)
{
	unsigned i = 0;

	while (i < path->count && object_made(edit, path->steps[i].node))
		i++;
	for (; i < path->count; i++) {
		ref_t copy;
		int r = edit_own_node(edit, path->steps[i].node, &copy);
		if (r < 0)
			return r;
		data_store_32(edit_path_slot(edit, path, i, root), copy);
		path->steps[i].node = copy;
	}
	return 0;
}

/* ---- put ---- */

void edit_store_row(unsigned char *at, uint64_t version, const struct row_layout *layout,
                    const struct stele_row_ref *row)
{
	row_store(at, row_size(layout, row->value_size, row->key_bits), version, layout, row);
}

/* Allocates and writes a row. `size` is its row_size(). */
static inline int edit_make_row(struct edit *edit, const struct row_layout *layout, size_t size,
                                const struct stele_row_ref *row, ref_t *ret)
{
	int r = object_alloc(edit, size, ret);

	if (r == 0)
		row_store(arena_at(edit->arena, *ret), size, edit->version, layout, row);
	return r;
}

int edit_copy_row(struct edit *edit, const unsigned char *stored, size_t size, ref_t *ret)
{
	unsigned char *at;
	int r = object_alloc(edit, size, ret);

	if (r < 0)
		return r;
	at = arena_at(edit->arena, *ret);
	data_store(at, edit->version);
	data_copy_in(at + 8, stored + 8, size - 8);
	return 0;
}

/* Makes a node for two rows with different keys: `old`, which was alone at this place until now,
 * and `added`. */
static int edit_fork_rows(struct edit *edit, const struct row_layout *layout, ref_t old,
                          ref_t added, const unsigned char *key, unsigned bits, unsigned depth,
                          ref_t *ret)
{
	struct row_parts row;
	struct node_builder builder;

	if (row_parse_ref(&edit->arena->view, layout, old, &row) < 0)
		return -EBADMSG;
	node_builder_init(&builder, edit_common_bytes(row.key, row.key_bits, key, bits, depth));
	memcpy(builder.skipped, key + depth, builder.skip);
	node_builder_add(&builder, place_of_key(row.key, row.key_bits, depth + builder.skip), old);
	node_builder_add(&builder, place_of_key(key, bits, depth + builder.skip), added);
	return node_builder_store(edit, &builder, ret);
}

/* Makes a node for the new row `added` and the node `old`, whose skipped bytes differ from the
 * row's key after `common` bytes. */
static int edit_fork_node(struct edit *edit, ref_t old, ref_t added, const unsigned char *key,
                          unsigned bits, unsigned depth, unsigned common, ref_t *ret)
{
	struct node node = object_node(edit, old);
	struct node_builder lower, upper;
	unsigned place = place_of_child(node_skipped(&node)[common]);
	ref_t made;
	int r;

	node_builder_load(&lower, &node);
	node_builder_init(&upper, common);
	memcpy(upper.skipped, lower.skipped, common);
	lower.skip -= common + 1;
	memmove(lower.skipped, lower.skipped + common + 1, lower.skip);
	r = node_builder_store(edit, &lower, &made);
	if (r < 0)
		return r;
	node_builder_add(&upper, place, made);
	node_builder_add(&upper, place_of_key(key, bits, depth + common), added);
	r = node_builder_store(edit, &upper, ret);
	if (r < 0) {
		arena_free(edit->arena, made, object_size(edit, NULL, made));
		return r;
	}
	object_drop(edit, old, node_whole_size(&node));
	return 0;
}

/* Links a new row into the trie where the path ends. */
static int edit_link_row(struct edit *edit, const struct row_layout *layout, ref_t *root,
                         struct path *path, const unsigned char *key, unsigned bits, ref_t row)
{
	ref_t made = row;
	int r = edit_path_own(edit, path, root);

	if (r < 0)
		return r;
	if (path->ending == ENDS_EMPTY && path->count > 0) {
		unsigned last = path->count - 1;
		ref_t node = path->steps[last].node;
		r = node_add(edit, &node, path->place, row);
		if (r == 0 && node != path->steps[last].node)
			data_store_32(edit_path_slot(edit, path, last, root), node);
		return r;
	}
	if (path->ending == ENDS_AT_ROW)
		r = edit_fork_rows(edit, layout, path->at, row, key, bits, path->depth, &made);
	else if (path->ending == ENDS_AT_NODE)
		r = edit_fork_node(edit, path->at, row, key, bits, path->depth, path->common,
		                   &made);
	if (r == 0)
		data_store_32(edit_path_slot(edit, path, path->count, root), made);
	return r;
}

/* Changes the value of the row at the end of the path. Returns 2. */
static int edit_change_row(struct edit *edit, const struct row_layout *layout, ref_t *root,
                           struct path *path, const struct row_parts *old,
                           const struct stele_row_ref *row, ref_t *ret)
{
	size_t size = row_size(layout, row->value_size, row->key_bits);
	ref_t made;
	int r;

	if (old->version == edit->version && old->value_size == row->value_size) {
		data_copy_bytes((unsigned char *)(uintptr_t)old->value, row->value,
		                row->value_size);
		return 2;
	}
	r = edit_make_row(edit, layout, size, row, &made);
	if (r < 0)
		return r;
	r = edit_path_own(edit, path, root);
	if (r < 0) {
		arena_free(edit->arena, made, size);
		return r;
	}
	data_store_32(edit_path_slot(edit, path, path->count, root), made);
	if (old->value_size != row->value_size)
		size = row_size(layout, old->value_size, old->key_bits);
	object_drop(edit, path->at, size);
	*ret = made;
	return 2;
}

/* Adds a row under a key that has none. Returns 1. */
static int edit_add_row(struct edit *edit, const struct row_layout *layout, ref_t *root,
                        struct path *path, const struct stele_row_ref *row, ref_t *ret)
{
	size_t size = row_size(layout, row->value_size, row->key_bits);
	int r = edit_make_row(edit, layout, size, row, ret);

	if (r < 0)
		return r;
	r = edit_link_row(edit, layout, root, path, row->key, row->key_bits, *ret);
	if (r < 0) {
		arena_free(edit->arena, *ret, size);
		return r;
	}
	return 1;
}

int edit_put_unless(struct edit *edit, const struct row_layout *layout, ref_t *root,
                    const struct stele_row_ref *row, edit_refuse_fn *refuses, void *context,
                    ref_t *ret, bool *ret_touched)
{
	struct path path;
	struct row_parts old;
	const unsigned char *at;
	int r;

	edit_path_find(edit, *root, row->key, row->key_bits, &path);
	r = retired_reserve(&edit->retired, path.count + 2);
	if (r < 0)
		return r;
	*ret_touched = false;
	if (path.ending != ENDS_AT_ROW)
		return edit_add_row(edit, layout, root, &path, row, ret);
	/* If the data file was truncated, any bytes may be here. */
	at = arena_at(edit->arena, path.at);
	if (row_parse_any_key(&edit->arena->view, layout, at, data_load(at), &old) < 0)
		return -EBADMSG;
	if (old.key_bits != row->key_bits ||
	    !data_equal(old.key, row->key, (row->key_bits + 7) / 8))
		return edit_add_row(edit, layout, root, &path, row, ret);
	if (refuses && refuses(context, path.at))
		return EDIT_REFUSED;
	*ret_touched = old.version == edit->version;
	*ret = path.at;
	if (old.value_size == row->value_size && data_equal(old.value, row->value, row->value_size))
		return 0;
	return edit_change_row(edit, layout, root, &path, &old, row, ret);
}

/* ---- delete ---- */

/* Makes the replacement of a node that has two references and loses the one at `place`. The
 * replacement is the remaining row, or a copy of the remaining node that also skips this node's
 * bytes. */
static int edit_collapse(struct edit *edit, ref_t ref, unsigned place, ref_t *ret)
{
	struct node node = object_node(edit, ref), lower;
	unsigned left = node_next_place(&node, 0);
	struct node_builder builder;
	ref_t child;
	int r;

	if (left == place)
		left = node_next_place(&node, place + 1);
	child = node_ref_at(&node, left);
	if (!object_is_node(edit, child)) {
		*ret = child;
		return 0;
	}
	lower = object_node(edit, child);
	node_builder_load(&builder, &lower);
	memmove(builder.skipped + node.skip + 1, builder.skipped, lower.skip);
	memcpy(builder.skipped, node_skipped(&node), node.skip);
	builder.skipped[node.skip] = (unsigned char)(left / 16);
	builder.skip = node.skip + 1 + lower.skip;
	r = node_builder_store(edit, &builder, ret);
	if (r == 0)
		object_drop(edit, child, node_whole_size(&lower));
	return r;
}

/* Removes the row at the end of a path from the trie, without dropping the row. */
static int edit_unlink_row(struct edit *edit, ref_t *root, struct path *path)
{
	unsigned last = path->count - 1;
	ref_t node, made;
	struct node parts;
	int r;

	if (path->count == 0) {
		*root = 0;
		return 0;
	}
	parts = object_node(edit, path->steps[last].node);
	if (node_child_count(&parts) + node_prefix_count(&parts) == 2) {
		/* The node is removed, so only the nodes above it must be this transaction's
		 * own. */
		node = path->steps[last].node;
		path->count = last;
		r = edit_path_own(edit, path, root);
		if (r == 0)
			r = edit_collapse(edit, node, path->place, &made);
		if (r < 0)
			return r;
		data_store_32(edit_path_slot(edit, path, last, root), made);
		object_drop(edit, node, object_size(edit, NULL, node));
		return 0;
	}
	r = edit_path_own(edit, path, root);
	if (r < 0)
		return r;
	node = path->steps[last].node;
	r = node_remove(edit, &node, path->place);
	if (r == 0 && node != path->steps[last].node)
		data_store_32(edit_path_slot(edit, path, last, root), node);
	return r;
}

int edit_delete(struct edit *edit, const struct row_layout *layout, ref_t *root, const void *key,
                unsigned bits, bool *ret_touched)
{
	struct path path;
	struct row_parts old;
	int r;

	key = edit_bytes(key, bits);
	edit_path_find(edit, *root, key, bits, &path);
	if (path.ending != ENDS_AT_ROW)
		return 0;
	if (row_parse_ref(&edit->arena->view, layout, path.at, &old) < 0)
		return -EBADMSG;
	if (old.key_bits != bits || memcmp(old.key, key, (bits + 7) / 8) != 0)
		return 0;
	r = retired_reserve(&edit->retired, path.count + 3);
	if (r < 0)
		return r;
	*ret_touched = object_made(edit, path.at);
	r = edit_unlink_row(edit, root, &path);
	if (r < 0)
		return r;
	object_drop(edit, path.at, row_size(layout, old.value_size, old.key_bits));
	return 1;
}

/* ---- complete tries, blobs ---- */

void edit_drop_tree(struct edit *edit, const struct row_layout *layout, ref_t root, bool made_only)
{
	/* The path from the root to the object that is dropped next. A node is dropped after all of
	 * its children. */
	struct {
		ref_t ref;
		unsigned place;
	} steps[STELE_KEY_MAX + 2];
	unsigned top = 0;

	if (!root)
		return;
	steps[top].ref = root;
	steps[top++].place = 0;
	while (top > 0) {
		ref_t ref = steps[top - 1].ref;
		struct node node;
		unsigned place = PLACE_END;
		if (made_only && !object_made(edit, ref)) {
			top--;
			continue;
		}
		if (object_is_node(edit, ref)) {
			node = object_node(edit, ref);
			place = node_next_place(&node, steps[top - 1].place);
		}
		if (place == PLACE_END) {
			object_drop(edit, ref, object_size(edit, layout, ref));
			top--;
			continue;
		}
		steps[top - 1].place = place + 1;
		steps[top].ref = node_ref_at(&node, place);
		steps[top++].place = 0;
	}
}

int edit_blob_empty(struct edit *edit, size_t size, ref_t *ret, unsigned char **ret_bytes)
{
	int r = object_alloc(edit, arena_blob_size(size), ret);
	unsigned char *at;

	if (r < 0)
		return r;
	at = arena_at(edit->arena, *ret);
	data_store(at, edit->version);
	data_store(at + 8, size);
	*ret_bytes = at + 16;
	return 0;
}

int edit_blob(struct edit *edit, const void *bytes, size_t size, ref_t *ret)
{
	unsigned char *at;
	int r = edit_blob_empty(edit, size, ret, &at);

	if (r == 0)
		data_copy_in(at, bytes, size);
	return r;
}
