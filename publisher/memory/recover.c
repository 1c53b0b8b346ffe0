/* SPDX-License-Identifier: MIT */
#include "publisher/memory/recover.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/trie/catalog.h"
#include "publisher/memory/data_file.h"

/* The state of the walk over one version. `replaced` and `kept` say how to record an object that
 * this version reaches and no newer version does. */
struct walk {
	const struct region *region;
	struct arena *arena;
	struct reclaim *reclaim;
	const struct view *view;
	uint64_t version;
	/* The next newer version that is retained. 0: `version` is the newest. */
	uint64_t replaced;
	/* The kept version that is walked. NULL: `version` is in history. */
	struct kept_version *kept;
};

/* Claims an object in the arena, and adds it to reclaim if a newer version replaced it. Returns 1,
 * or 0 if a newer version reaches the object too. Errors: -EBADMSG, -ENOMEM. */
static int recover_note(struct walk *walk, ref_t ref, size_t size)
{
	struct retired object = {.ref = ref, .size = (uint32_t)size};
	int r = arena_claim(walk->arena, ref, size);

	if (r <= 0)
		return r;
	object.made = data_load(walk->view->base + (uint64_t)ref * LAYOUT_UNIT) & ~LAYOUT_NODE;
	if (object.made == 0 || object.made > walk->version)
		return -EBADMSG;
	if (walk->replaced == 0)
		return 1;
	r = reclaim_reserve(walk->reclaim, 1);
	if (r < 0)
		return r;
	if (walk->kept)
		reclaim_hold(walk->reclaim, walk->kept, &object, walk->replaced);
	else
		reclaim_add_first(walk->reclaim, &object, walk->replaced);
	return 1;
}

static int recover_note_blob(struct walk *walk, ref_t ref)
{
	const unsigned char *bytes;
	size_t size;
	int r = view_blob(walk->view, ref, &bytes, &size);

	return r < 0 ? r : recover_note(walk, ref, arena_blob_size(size));
}

/* Prefetches the objects that a node refers to: they are spread over memory, and the walk needs all
 * of them next. */
static void recover_prefetch(const struct walk *walk, const struct node *node)
{
	const unsigned char *refs = node_refs(node);
	unsigned count = node_ref_count(node);

	for (unsigned i = 0; i < count && i < 512; i++)
		prefetch(walk->view->base + (uint64_t)data_load_32(refs + i * 4) * LAYOUT_UNIT);
}

/* Claims the node or row at `ref` in the arena, as recover_note() does, and returns its result. */
static int recover_note_object(struct walk *walk, const struct row_layout *layout, ref_t ref,
                               bool *ret_node)
{
	const unsigned char *at = view_object(walk->view, ref);
	struct row_parts row;
	struct node node;
	int r;

	if (!at)
		return -EBADMSG;
	*ret_node = data_load(at) & LAYOUT_NODE;
	if (*ret_node) {
		node = node_at(at);
		r = recover_note(walk, ref, node_whole_size(&node));
		if (r == 1)
			recover_prefetch(walk, &node);
		return r;
	}
	r = row_parse_ref(walk->view, layout, ref, &row);
	return r < 0 ? r : recover_note(walk, ref, row_size(layout, row.value_size, row.key_bits));
}

/* Walks a trie. Calls `visit`, if it is not NULL, for each row that no newer version reaches. */
static int recover_trie(struct walk *walk, const struct row_layout *layout, ref_t root,
                        int (*visit)(struct walk *walk, ref_t row))
{
	struct {
		ref_t ref;
		unsigned place;
	} steps[STELE_KEY_MAX + 2];
	unsigned top = 0;
	ref_t next = root;

	while (next || top > 0) {
		struct node node;
		unsigned place;
		bool is_node;
		if (next) {
			int r = recover_note_object(walk, layout, next, &is_node);
			if (r < 0)
				return r;
			if (r == 1 && is_node) {
				if (top == sizeof(steps) / sizeof(steps[0]))
					return -EBADMSG;
				steps[top].ref = next;
				steps[top++].place = 0;
			} else if (r == 1 && visit) {
				r = visit(walk, next);
				if (r < 0)
					return r;
			}
			next = 0;
			continue;
		}
		node = node_at(view_object(walk->view, steps[top - 1].ref));
		place = node_next_place(&node, steps[top - 1].place);
		if (place == PLACE_END) {
			top--;
			continue;
		}
		steps[top - 1].place = place + 1;
		next = node_ref_at(&node, place);
		if (!next)
			return -EBADMSG;
	}
	return 0;
}

/* Notes what a row of the catalog reaches: the schema and the trie of a table. */
static int recover_table(struct walk *walk, ref_t row)
{
	struct catalog_table table;
	struct stele_schema *schema;
	char name[STELE_NAME_MAX + 1];
	struct row_layout layout;
	int r = catalog_row(walk->view, row, name, &table);

	if (r == 0)
		r = recover_note_blob(walk, table.schema);
	if (r < 0)
		return r;
	r = catalog_schema(walk->view, table.schema, &schema);
	if (r < 0)
		return r;
	row_layout_of(schema, walk->region->features, &layout);
	stele_schema_free(schema);
	return recover_trie(walk, &layout, table.root, NULL);
}

static int recover_version(struct walk *walk, ref_t catalog, ref_t record)
{
	int r = record ? recover_note_blob(walk, record) : 0;

	return r < 0 ? r
	             : recover_trie(walk, catalog_layout(walk->view->features), catalog,
	                            recover_table);
}

static int recover_history(struct walk *walk, uint64_t reclaimed, uint64_t head)
{
	for (uint64_t version = head; version >= reclaimed && version > 0; version--) {
		struct layout_commit commit;
		int r = region_commit(walk->region, version, &commit);
		if (r < 0)
			return -EBADMSG;
		walk->version = version;
		walk->replaced = version == head ? 0 : version + 1;
		r = recover_version(walk, commit.catalog, commit.record);
		if (r < 0)
			return r;
	}
	return 0;
}

static int recover_compare_kept(const void *a, const void *b)
{
	uint64_t x = ((const struct kept_version *)a)->version,
		 y = ((const struct kept_version *)b)->version;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Walks the kept versions, newest first. Clears entries at or above `reclaimed`: a scan that did
 * not finish wrote them, and their versions are still in history. */
static int recover_kept(struct walk *walk, struct region *region, uint64_t reclaimed)
{
	struct kept_version *found = calloc((size_t)region->kept_entries + 1, sizeof(*found));
	uint32_t count = 0, i;
	int r = 0;

	if (!found)
		return -ENOMEM;
	for (i = 0; i < region->kept_entries; i++) {
		uint64_t version = load_relaxed(&region->kept[i].version);
		if (version >= reclaimed)
			store_relaxed(&region->kept[i].version, 0);
		else if (version != 0)
			found[count++] = (struct kept_version){.version = version, .index = i};
	}
	qsort(found, count, sizeof(*found), recover_compare_kept);
	walk->replaced = reclaimed;
	for (i = 0; i < count && r == 0; i++) {
		const struct layout_kept *entry = &region->kept[found[i].index];
		if (i > 0 && found[i].version == found[i - 1].version) {
			r = -EBADMSG;
			break;
		}
		walk->version = found[i].version;
		walk->kept = reclaim_add_kept(walk->reclaim, found[i].version, found[i].index);
		r = recover_version(walk, entry->catalog, entry->record);
		walk->replaced = found[i].version;
	}
	free(found);
	return r;
}

int recover(struct region *region, struct arena *arena, struct reclaim *reclaim)
{
	struct layout_header *header = region->header;
	uint64_t head = head_version(load_relaxed(&header->head));
	uint64_t reclaimed = load_relaxed(&header->reclaimed);
	uint64_t oldest = load_relaxed(&header->oldest);
	struct walk walk = {
		.region = region,
		.arena = arena,
		.reclaim = reclaim,
		.view = &arena->view,
	};
	int r = -EBADMSG;

	/* A publisher that was replacing or removing this file died before the name was taken from
	 * the file, so the file is still the region. */
	if (head_state(load_relaxed(&header->head)) != HEAD_CURRENT)
		data_file_mark(&header->head, HEAD_CURRENT);
	if (reclaimed <= oldest && oldest <= head && head - reclaimed < region->ring_entries)
		r = recover_history(&walk, reclaimed, head);
	if (r == 0)
		r = recover_kept(&walk, region, reclaimed);
	if (r == -ENOMEM)
		return error_set(ENOMEM, "no memory to recover region \"%s\"",
		                 region->names.region);
	if (r < 0)
		return error_set(EBADMSG,
		                 "region \"%s\" is damaged: its versions are inconsistent; "
		                 "remove it and publish again",
		                 region->names.region);
	return 0;
}
