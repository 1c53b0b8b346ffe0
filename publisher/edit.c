/* SPDX-License-Identifier: MIT
 * See edit.h. Each change has three parts: find the way down; make the nodes on it this
 * transaction's own, which leaves the contents as they are; and then one step that changes them.
 * Memory is asked for before that step, so an error leaves the trie as it was. */
#include "edit.h"

#include <stdlib.h>
#include <string.h>

#include "node.h"

int retired_reserve(struct retired_list *list, size_t more)
{
	size_t room = list->room ? list->room : 64;
	struct retired *entries;

	if (list->count + more <= list->room)
		return 0;
	while (room < list->count + more)
		room *= 2;
	entries = realloc(list->entries, room * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	list->entries = entries;
	list->room = room;
	return 0;
}

int edit_alloc(struct edit *edit, size_t size, ref_t *ret)
{
	int r;

	do
		r = arena_alloc(edit->arena, size, ret);
	while (r == -ENOSPC && edit->make_room && edit->make_room(edit->context));
	return r;
}

void edit_drop(struct edit *edit, ref_t ref, size_t size)
{
	uint64_t made = *(const uint64_t *)(const void *)arena_at(edit->arena, ref) & ~LAYOUT_NODE;

	if (made == edit->version)
		arena_free(edit->arena, ref, size);
	else
		edit->retired.entries[edit->retired.count++] =
			(struct retired){ref, (uint32_t)size, made};
}

static bool is_node(const struct edit *edit, ref_t ref)
{
	return *(const uint64_t *)(const void *)arena_at(edit->arena, ref) & LAYOUT_NODE;
}

size_t edit_object_size(const struct edit *edit, const struct shape *shape, ref_t ref)
{
	struct row_parts row = {0};
	struct node node;

	if (is_node(edit, ref)) {
		node = edit_node(edit, ref);
		return node_whole_size(&node);
	}
	if (!shape)
		return blob_size(*(const uint64_t *)(const void *)(arena_at(edit->arena, ref) + 8));
	row_parts(&edit->arena->view, shape, ref, &row);
	return row_size(shape, row.value_size, row.key_bits);
}

/* ---- the way down ---- */

enum ending {
	ENDS_EMPTY,   /* nothing stands where the key goes */
	ENDS_AT_ROW,  /* its own row, or another that is alone there: `at` */
	ENDS_AT_NODE, /* a node whose skipped bytes part from the key after `common` of them: `at` */
};

struct path {
	unsigned count; /* nodes passed through; the last one's place is where the key goes */
	unsigned depth; /* bytes of the key that the way down consumed */
	unsigned common;
	enum ending ending;
	ref_t at;
	struct {
		ref_t node;
		uint16_t place;
		uint16_t slot; /* where the reference at the place stands, in bytes from the node's
		                  start; 0: the place is free */
	} steps[STELE_KEY_MAX + 1];
};

static unsigned slot_in(const struct node *node, unsigned place)
{
	int index = PLACE_IS_CHILD(place) ? node_child_index(node, place / 16)
	                                  : node_prefix_index(node, place_prefix(place));

	return index < 0 ? 0 : (unsigned)(node_refs(node) - node->at) + (unsigned)index * 4;
}

static void path_find(const struct edit *edit, ref_t root, const unsigned char *key, unsigned bits,
                      struct path *path)
{
	path->count = 0;
	path->depth = 0;
	path->common = 0;
	path->at = root;
	while (path->at && is_node(edit, path->at)) {
		struct node node = edit_node(edit, path->at);
		const unsigned char *skipped = node_skipped(&node);
		unsigned place, slot;
		while (path->common < node.skip && path->depth + path->common < bits / 8 &&
		       skipped[path->common] == key[path->depth + path->common])
			path->common++;
		if (path->common < node.skip) {
			path->ending = ENDS_AT_NODE;
			return;
		}
		path->depth += node.skip;
		path->common = 0;
		place = place_of_key(key, bits, path->depth);
		path->steps[path->count].node = path->at;
		slot = slot_in(&node, place);
		path->steps[path->count].place = (uint16_t)place;
		path->steps[path->count].slot = (uint16_t)slot;
		path->count++;
		path->at = slot ? data_load_32(node.at + slot) : 0;
		if (!PLACE_IS_CHILD(place))
			break;
		path->depth++;
	}
	path->ending = path->at ? ENDS_AT_ROW : ENDS_EMPTY;
}

/* Where the reference to what ends the path stands. */
static unsigned char *path_slot(const struct edit *edit, const struct path *path, unsigned count,
                                ref_t *root)
{
	if (count == 0)
		return (unsigned char *)root;
	return arena_at(edit->arena, path->steps[count - 1].node) + path->steps[count - 1].slot;
}

/* Puts a copy of a node, that is this transaction's own, in the place of one that is not. */
static int node_own(struct edit *edit, ref_t from, ref_t *ret)
{
	size_t size = edit_object_size(edit, NULL, from);
	unsigned char *at;
	int r = edit_alloc(edit, size, ret);

	if (r < 0)
		return r;
	at = arena_at(edit->arena, *ret);
	data_copy_in(at + 8, arena_at(edit->arena, from) + 8, size - 8);
	data_store(at, LAYOUT_NODE | edit->version);
	edit_drop(edit, from, size);
	return 0;
}

/* Makes the nodes on the path this transaction's own. Below a node that is not, no node is; so the
 * search starts at the end. In a copy all is where it was. */
static int path_own(struct edit *edit, struct path *path, ref_t *root)
{
	unsigned i = path->count;

	while (i > 0 && !edit_made(edit, path->steps[i - 1].node))
		i--;
	for (; i < path->count; i++) {
		ref_t copy;
		int r = node_own(edit, path->steps[i].node, &copy);
		if (r < 0)
			return r;
		data_store_32(path_slot(edit, path, i, root), copy);
		path->steps[i].node = copy;
	}
	return 0;
}

/* ---- put ---- */

void row_store(unsigned char *at, uint64_t version, const struct shape *shape,
               const struct stele_row_ref *row)
{
	size_t size = row_size(shape, row->value_size, row->key_bits);

	data_store(at + size - 8, 0); /* what the key leaves of its last word */
	data_store(at, version);
	at += 8;
	if (shape->variable) {
		data_store_32(at, (uint32_t)row->value_size);
		data_store_32(at + 4, 0);
		at += 8;
	}
	data_copy_bytes(at, row->value, row->value_size);
	at += row->value_size;
	if (shape->wide)
		data_store_byte(at++, (unsigned char)(row->key_bits >> 8));
	data_store_byte(at++, (unsigned char)row->key_bits);
	data_copy_bytes(at, row->key, (row->key_bits + 7) / 8);
}

static int row_write(struct edit *edit, const struct shape *shape, const void *key, unsigned bits,
                     const void *value, size_t size, ref_t *ret)
{
	int r = edit_alloc(edit, row_size(shape, size, bits), ret);

	if (r == 0)
		row_store(arena_at(edit->arena, *ret), edit->version, shape,
		          &(struct stele_row_ref){key, bits, value, size});
	return r;
}

int edit_row(struct edit *edit, const unsigned char *stored, size_t size, ref_t *ret)
{
	unsigned char *at;
	int r = edit_alloc(edit, size, ret);

	if (r < 0)
		return r;
	at = arena_at(edit->arena, *ret);
	data_store(at, edit->version);
	data_copy_in(at + 8, stored + 8, size - 8);
	return 0;
}

/* Of no bytes the caller may have given NULL, which the functions on memory do not take. */
static const void *some(const void *bytes, size_t size)
{
	return size > 0 ? bytes : "";
}

/* The bytes that both keys share from `depth` on. */
static unsigned common_bytes(const unsigned char *a, unsigned a_bits, const unsigned char *b,
                             unsigned b_bits, unsigned depth)
{
	unsigned end = (a_bits < b_bits ? a_bits : b_bits) / 8, i = depth;

	while (i < end && a[i] == b[i])
		i++;
	return i - depth;
}

/* An image without references, whose skipped bytes are still to be filled in. */
static void image_start(struct image *image, unsigned skip)
{
	memset(image->children, 0, sizeof(image->children));
	memset(image->prefixes, 0, sizeof(image->prefixes));
	image->skip = skip;
	image->count = 0;
}

/* A node for two rows with different keys, which were alone at their place until now. */
static int fork_rows(struct edit *edit, const struct shape *shape, ref_t old, ref_t added,
                     const unsigned char *key, unsigned bits, unsigned depth, ref_t *ret)
{
	struct row_parts row;
	struct image image;

	if (row_parts(&edit->arena->view, shape, old, &row) < 0)
		return -EBADMSG;
	image_start(&image, common_bytes(row.key, row.key_bits, key, bits, depth));
	memcpy(image.skipped, key + depth, image.skip);
	image_add(&image, place_of_key(row.key, row.key_bits, depth + image.skip), old);
	image_add(&image, place_of_key(key, bits, depth + image.skip), added);
	return image_store(edit, &image, ret);
}

/* A node for a row and a deeper node, whose skipped bytes part after `common` of them. */
static int fork_node(struct edit *edit, ref_t old, ref_t added, const unsigned char *key,
                     unsigned bits, unsigned depth, unsigned common, ref_t *ret)
{
	struct node node = edit_node(edit, old);
	struct image lower, upper;
	unsigned place = place_of_child(node_skipped(&node)[common]);
	ref_t made;
	int r;

	image_load(&lower, &node);
	image_start(&upper, common);
	memcpy(upper.skipped, lower.skipped, common);
	lower.skip -= common + 1;
	memmove(lower.skipped, lower.skipped + common + 1, lower.skip);
	r = image_store(edit, &lower, &made);
	if (r < 0)
		return r;
	image_add(&upper, place, made);
	image_add(&upper, place_of_key(key, bits, depth + common), added);
	r = image_store(edit, &upper, ret);
	if (r < 0) {
		arena_free(edit->arena, made, edit_object_size(edit, NULL, made));
		return r;
	}
	edit_drop(edit, old, node_whole_size(&node));
	return 0;
}

/* Puts a new row where the path ends. */
static int link_row(struct edit *edit, const struct shape *shape, ref_t *root, struct path *path,
                    const unsigned char *key, unsigned bits, ref_t row)
{
	ref_t made = row;
	int r = path_own(edit, path, root);

	if (r < 0)
		return r;
	if (path->ending == ENDS_EMPTY && path->count > 0) {
		unsigned last = path->count - 1;
		ref_t node = path->steps[last].node;
		r = node_add(edit, &node, path->steps[last].place, row);
		if (r == 0 && node != path->steps[last].node)
			data_store_32(path_slot(edit, path, last, root), node);
		return r;
	}
	if (path->ending == ENDS_AT_ROW)
		r = fork_rows(edit, shape, path->at, row, key, bits, path->depth, &made);
	else if (path->ending == ENDS_AT_NODE)
		r = fork_node(edit, path->at, row, key, bits, path->depth, path->common, &made);
	if (r == 0)
		data_store_32(path_slot(edit, path, path->count, root), made);
	return r;
}

/* Gives the row at the end of the path another value. */
static int change_row(struct edit *edit, const struct shape *shape, ref_t *root, struct path *path,
                      const struct row_parts *old, const void *value, size_t size, ref_t *ret)
{
	ref_t row;
	int r;

	if (edit_made(edit, path->at) && old->value_size == size) {
		data_copy_bytes((unsigned char *)(uintptr_t)old->value, value, size);
		*ret = path->at;
		return 2;
	}
	r = row_write(edit, shape, old->key, old->key_bits, value, size, &row);
	if (r < 0)
		return r;
	r = path_own(edit, path, root);
	if (r < 0) {
		arena_free(edit->arena, row, row_size(shape, size, old->key_bits));
		return r;
	}
	data_store_32(path_slot(edit, path, path->count, root), row);
	edit_drop(edit, path->at, row_size(shape, old->value_size, old->key_bits));
	*ret = row;
	return 2;
}

int edit_put(struct edit *edit, const struct shape *shape, ref_t *root, const void *key,
             unsigned bits, const void *value, size_t size, ref_t *ret, bool *ret_touched)
{
	struct path path;
	struct row_parts old;
	ref_t row;
	int r;

	key = some(key, bits);
	value = some(value, size);
	path_find(edit, *root, key, bits, &path);
	r = retired_reserve(&edit->retired, path.count + 2);
	if (r < 0)
		return r;
	*ret_touched = false;
	if (path.ending == ENDS_AT_ROW) {
		/* In a truncated file there is anything at all. */
		if (row_parts(&edit->arena->view, shape, path.at, &old) < 0)
			return -EBADMSG;
		if (old.key_bits == bits && memcmp(old.key, key, (bits + 7) / 8) == 0) {
			*ret_touched = edit_made(edit, path.at);
			*ret = path.at;
			if (old.value_size == size && memcmp(old.value, value, size) == 0)
				return 0;
			return change_row(edit, shape, root, &path, &old, value, size, ret);
		}
	}
	r = row_write(edit, shape, key, bits, value, size, &row);
	if (r < 0)
		return r;
	r = link_row(edit, shape, root, &path, key, bits, row);
	if (r < 0) {
		arena_free(edit->arena, row, row_size(shape, size, bits));
		return r;
	}
	*ret = row;
	return 1;
}

/* ---- delete ---- */

/* What takes the place of a node of two references when `place` goes: the row that is left, or the
 * node that is left with the bytes of both skips. */
static int collapse(struct edit *edit, ref_t ref, unsigned place, ref_t *ret)
{
	struct node node = edit_node(edit, ref), lower;
	unsigned left = node_next_place(&node, 0);
	struct image image;
	ref_t child;
	int r;

	if (left == place)
		left = node_next_place(&node, place + 1);
	child = node_ref_at(&node, left);
	if (!is_node(edit, child)) {
		*ret = child;
		return 0;
	}
	lower = edit_node(edit, child);
	image_load(&image, &lower);
	memmove(image.skipped + node.skip + 1, image.skipped, lower.skip);
	memcpy(image.skipped, node_skipped(&node), node.skip);
	image.skipped[node.skip] = (unsigned char)(left / 16);
	image.skip = node.skip + 1 + lower.skip;
	r = image_store(edit, &image, ret);
	if (r == 0)
		edit_drop(edit, child, node_whole_size(&lower));
	return r;
}

static int unlink_row(struct edit *edit, ref_t *root, struct path *path)
{
	unsigned last = path->count - 1;
	ref_t node, made;
	struct node parts;
	int r;

	if (path->count == 0) {
		*root = 0;
		return 0;
	}
	parts = edit_node(edit, path->steps[last].node);
	if (node_child_count(&parts) + node_prefix_count(&parts) == 2) {
		/* The node goes, so only those above it need to be this transaction's own. */
		node = path->steps[last].node;
		path->count = last;
		r = path_own(edit, path, root);
		if (r == 0)
			r = collapse(edit, node, path->steps[last].place, &made);
		if (r < 0)
			return r;
		data_store_32(path_slot(edit, path, last, root), made);
		edit_drop(edit, node, edit_object_size(edit, NULL, node));
		return 0;
	}
	r = path_own(edit, path, root);
	if (r < 0)
		return r;
	node = path->steps[last].node;
	r = node_remove(edit, &node, path->steps[last].place);
	if (r == 0 && node != path->steps[last].node)
		data_store_32(path_slot(edit, path, last, root), node);
	return r;
}

int edit_delete(struct edit *edit, const struct shape *shape, ref_t *root, const void *key,
                unsigned bits, bool *ret_touched)
{
	struct path path;
	struct row_parts old;
	int r;

	key = some(key, bits);
	path_find(edit, *root, key, bits, &path);
	if (path.ending != ENDS_AT_ROW)
		return 0;
	if (row_parts(&edit->arena->view, shape, path.at, &old) < 0)
		return -EBADMSG;
	if (old.key_bits != bits || memcmp(old.key, key, (bits + 7) / 8) != 0)
		return 0;
	r = retired_reserve(&edit->retired, path.count + 3);
	if (r < 0)
		return r;
	*ret_touched = edit_made(edit, path.at);
	r = unlink_row(edit, root, &path);
	if (r < 0)
		return r;
	edit_drop(edit, path.at, row_size(shape, old.value_size, old.key_bits));
	return 1;
}

/* ---- whole trees, blobs ---- */

void edit_drop_tree(struct edit *edit, const struct shape *shape, ref_t root, bool made_only)
{
	/* The nodes of the way down, children first: a node is dropped when its places are used
	 * up. */
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
		if (made_only && !edit_made(edit, ref)) {
			top--;
			continue;
		}
		if (is_node(edit, ref)) {
			node = edit_node(edit, ref);
			place = node_next_place(&node, steps[top - 1].place);
		}
		if (place == PLACE_END) {
			edit_drop(edit, ref, edit_object_size(edit, shape, ref));
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
	int r = edit_alloc(edit, blob_size(size), ret);
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
