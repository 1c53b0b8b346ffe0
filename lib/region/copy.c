/* SPDX-License-Identifier: MIT */
#include "lib/region/copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/trie/catalog.h"
#include "lib/trie/trie_node.h"

struct copy {
	const struct region *from;
	const struct view *view;
	struct region *to;
	const struct copy_target *target;
	ref_t *moved; /* for each unit of the old arena: where the object that starts there is now */
};

static ref_t *copy_moved(const struct copy *copy, ref_t ref)
{
	return &copy->moved[ref - copy->view->start / LAYOUT_UNIT];
}

static unsigned char *copy_at(const struct copy *copy, ref_t ref)
{
	return copy->target->base + (uint64_t)ref * LAYOUT_UNIT;
}

/* Copies the bytes of an object: 1 and where it is now, 0 if it was copied before, or an error. */
static int copy_object(struct copy *copy, ref_t ref, size_t size, ref_t *ret)
{
	const unsigned char *at = view_object(copy->view, ref);
	ref_t *place;
	int r;

	if (!at || copy->view->limit - (uint64_t)ref * LAYOUT_UNIT < size)
		return -EBADMSG;
	place = copy_moved(copy, ref);
	if (*place) {
		*ret = *place;
		return 0;
	}
	r = copy->target->alloc(copy->target->context, size, ret);
	if (r < 0)
		return r;
	data_copy_in(copy_at(copy, *ret), at, size);
	*place = *ret;
	return 1;
}

static int copy_blob(struct copy *copy, ref_t ref, ref_t *ret)
{
	const unsigned char *bytes;
	size_t size;
	int r = view_blob(copy->view, ref, &bytes, &size);

	if (r == 0)
		r = copy_object(copy, ref, (16 + size + 7) & ~(size_t)7, ret);
	return r < 0 ? r : 0;
}

/* A node on the way down whose references are still to be copied from `next` on. */
struct copy_step {
	ref_t ref; /* of the new node */
	unsigned next, count;
};

/* Copies a node or a row: 1 if it is a node whose references are to be copied yet. `visit` is
 * called for a row that was not copied before. */
static int copy_part(struct copy *copy, const struct row_layout *layout, ref_t ref, ref_t *ret,
                     int (*visit)(struct copy *copy, ref_t row))
{
	const unsigned char *at = view_object(copy->view, ref);
	struct row_parts row;
	struct node node;
	int r;

	if (!at)
		return -EBADMSG;
	if (data_load(at) & LAYOUT_NODE) {
		size_t size;
		node = node_at(at);
		size = node_whole_size(&node);
		r = copy_object(copy, ref, size, ret);
		/* Beside a publisher it may have been reused between the two loads: from here on
		 * the copy says how many references it has. */
		if (r == 1) {
			node = node_at(copy_at(copy, *ret));
			r = node_whole_size(&node) == size ? 1 : -EBADMSG;
		}
		return r;
	}
	r = row_parse_ref(copy->view, layout, ref, &row);
	if (r == 0)
		r = copy_object(copy, ref, row_size(layout, row.value_size, row.key_bits), ret);
	if (r == 1 && visit)
		r = visit(copy, *ret);
	return r < 0 ? r : 0;
}

/* The first of a step's references that there is, of those left, or 0. */
static ref_t copy_next(const struct copy *copy, struct copy_step *step)
{
	struct node node = node_at(copy_at(copy, step->ref));
	ref_t ref = 0;

	while (step->next < step->count && (ref = node_ref(&node, (int)step->next)) == 0)
		step->next++;
	return ref;
}

/* Copies a trie. A new node still has the old references until its turn comes. */
static int copy_trie(struct copy *copy, const struct row_layout *layout, ref_t root, ref_t *ret,
                     int (*visit)(struct copy *copy, ref_t row))
{
	struct copy_step steps[STELE_KEY_MAX + 2];
	unsigned top = 0;
	ref_t ref = root, moved = 0;
	struct node node;
	int r;

	*ret = 0;
	if (!root)
		return 0;
	do {
		unsigned char *slot;

		r = copy_part(copy, layout, ref, &moved, visit);
		if (r < 0)
			return r;
		if (ref == root)
			*ret = moved;
		if (top > 0) {
			struct copy_step *step = &steps[top - 1];
			node = node_at(copy_at(copy, step->ref));
			slot = (unsigned char *)(uintptr_t)node_refs(&node);
			data_store_32(slot + (size_t)step->next++ * 4, moved);
		}
		if (r == 1) {
			if (top == sizeof(steps) / sizeof(steps[0]))
				return -EBADMSG;
			node = node_at(copy_at(copy, moved));
			steps[top++] = (struct copy_step){moved, 0, node_ref_count(&node)};
		}
		ref = 0;
		while (top > 0 && (ref = copy_next(copy, &steps[top - 1])) == 0)
			top--;
	} while (ref);
	return 0;
}

/* Copies the table of a row of the catalog that was copied itself. */
static int copy_table(struct copy *copy, ref_t row)
{
	struct stele_schema *schema;
	struct layout_table table;
	struct row_parts parts;
	struct row_layout layout;
	int r = row_parse_ref(copy->target->view, &catalog_layout, row, &parts);

	if (r < 0)
		return r;
	data_copy_out(&table, parts.value, sizeof(table));
	r = catalog_schema(copy->view, table.schema, &schema);
	if (r < 0)
		return r;
	row_layout_of(schema, &layout);
	stele_schema_free(schema);
	r = copy_blob(copy, table.schema, &table.schema);
	if (r == 0)
		r = copy_trie(copy, &layout, table.root, &table.root, NULL);
	if (r == 0)
		data_copy_in((unsigned char *)(uintptr_t)parts.value, &table, sizeof(table));
	return r;
}

static int copy_version(struct copy *copy, ref_t *catalog, ref_t *record)
{
	int r = copy_trie(copy, &catalog_layout, *catalog, catalog, copy_table);

	if (r == 0 && *record)
		r = copy_blob(copy, *record, record);
	return r;
}

/* Copies history down to `reclaimed`, or to the last version that was still there when it had been
 * copied: `*ret_oldest`. */
static int copy_history(struct copy *copy, uint64_t reclaimed, const struct layout_commit *newest,
                        uint64_t *ret_oldest)
{
	uint64_t head = newest->version, version = head;

	for (; version > 0 && (version == head || version >= reclaimed); version--) {
		struct layout_commit commit = *newest;
		uint32_t hint = UINT32_MAX;
		int checked, r = 0;
		if (version != head)
			r = region_commit_live(copy->from, version, &commit);
		if (r == -ESTALE)
			break;
		if (r == 0)
			r = copy_version(copy, &commit.catalog, &commit.record);
		checked = region_recheck(copy->from, version, &hint);
		if (checked == -ESTALE)
			break;
		if (checked < 0 || r < 0)
			return checked < 0 ? checked : r;
		copy->to->ring[version & (copy->to->ring_entries - 1)] = commit;
	}
	*ret_oldest = version + 1;
	return version == head && head > 0 ? -ESTALE : 0;
}

static int copy_kept(struct copy *copy, uint64_t reclaimed)
{
	for (uint32_t i = 0; i < copy->from->kept_entries; i++) {
		struct layout_kept kept = copy->from->kept[i];
		int r;
		if (kept.version == 0 || kept.version >= reclaimed)
			continue;
		r = copy_version(copy, &kept.catalog, &kept.record);
		if (r < 0)
			return r;
		copy->to->kept[i] = kept;
	}
	return 0;
}

static int copy_init(struct copy *copy, const struct view *view)
{
	size_t units = (size_t)((view->limit - view->start) / LAYOUT_UNIT);

	copy->view = view;
	copy->moved = calloc(units + 1, sizeof(*copy->moved));
	return copy->moved ? 0 : -ENOMEM;
}

int copy_versions(const struct region *from, const struct view *view, struct region *to,
                  const struct copy_target *target)
{
	const struct layout_header *header = from->header;
	struct copy copy = {.from = from, .to = to, .target = target};
	uint64_t head = head_version(load_relaxed(&header->head));
	uint64_t reclaimed = load_relaxed(&header->reclaimed);
	struct layout_commit newest = {0};
	uint64_t oldest;
	int r = copy_init(&copy, view);

	if (r < 0)
		return r;
	if (head > 0 && region_commit(from, head, &newest) < 0)
		r = -EBADMSG;
	if (r == 0)
		r = copy_history(&copy, reclaimed, &newest, &oldest);
	if (r == 0)
		r = copy_kept(&copy, reclaimed);
	free(copy.moved);
	/* Nobody reads the new file yet. */
	to->header->head = head_make(head, HEAD_CURRENT);
	to->header->oldest = load_relaxed(&header->oldest);
	to->header->reclaimed = reclaimed;
	to->header->kept_used = load_relaxed(&header->kept_used);
	return r == -ESTALE ? -EBADMSG : r;
}

int copy_history_live(const struct region *from, const struct view *view,
                      const struct layout_commit *newest, struct region *to,
                      const struct copy_target *target)
{
	struct copy copy = {.from = from, .to = to, .target = target};
	uint64_t head = newest->version, oldest = 0,
		 reclaimed = load_acquire(&from->header->reclaimed);
	int r = copy_init(&copy, view);

	/* The ring has no more; a header that says so is damaged. */
	if (r == 0 && head >= reclaimed && head - reclaimed >= from->ring_entries)
		reclaimed = head - from->ring_entries + 1;
	if (r == 0)
		r = copy_history(&copy, reclaimed, newest, &oldest);
	free(copy.moved);
	to->header->head = head_make(head, HEAD_CURRENT);
	to->header->oldest = to->header->reclaimed = head ? oldest : 0;
	to->header->kept_used = 0;
	return r;
}
