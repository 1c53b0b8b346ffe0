/* SPDX-License-Identifier: MIT */
#include "lib/region/copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/trie/catalog.h"
#include "lib/trie/row_store.h"
#include "lib/trie/trie_node.h"

struct copy {
	const struct region *from;
	const struct view *view;
	struct region *to;
	const struct copy_target *target;
	/* For each unit of the old arena: reference to the copy of the object that starts there; 0:
	 * not copied. */
	ref_t *moved;
};

/* Returns the entry in `moved` of an object in the old arena. */
static ref_t *copy_moved(const struct copy *copy, ref_t ref)
{
	return &copy->moved[ref - copy->view->start / LAYOUT_UNIT];
}

/* Returns the address of an object in the new arena. */
static unsigned char *copy_at(const struct copy *copy, ref_t ref)
{
	return copy->target->base + (uint64_t)ref * LAYOUT_UNIT;
}

/* Copies the bytes of an object and sets `*ret` to the copy. Returns 1, 0 if the object was copied
 * before, or a negative errno. */
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

/* Copies a blob and sets `*ret` to the copy. Returns 0 or a negative errno. */
static int copy_blob(struct copy *copy, ref_t ref, ref_t *ret)
{
	const unsigned char *bytes;
	size_t size;
	int r = view_blob(copy->view, ref, &bytes, &size);

	if (r == 0)
		r = copy_object(copy, ref, (16 + size + 7) & ~(size_t)7, ret);
	return r < 0 ? r : 0;
}

/* A node on the current path, whose children are being copied. */
struct copy_step {
	ref_t ref;      /* of the copied node */
	unsigned next;  /* index of the first reference that is not translated yet */
	unsigned count; /* number of references */
};

/* The layout of a table's rows in the old region and in the new one. They differ if the new region
 * has more features. */
struct copy_layouts {
	struct row_layout from, to;
	bool same;
};

static struct copy_layouts copy_layouts_of(const struct row_layout *from,
                                           const struct row_layout *to)
{
	return (struct copy_layouts){
		.from = *from,
		.to = *to,
		.same = from->value_size == to->value_size && from->value_end == to->value_end &&
	                from->overhead == to->overhead,
	};
}

/* Writes a row anew in the layout that rows have in the new region. A value of fixed size that is
 * longer there ends in zeros. Returns as copy_object(). */
static int copy_row_anew(struct copy *copy, const struct copy_layouts *layouts, ref_t ref,
                         const struct row_parts *row, ref_t *ret)
{
	bool longer = !layouts->to.variable && layouts->to.value_size > row->value_size;
	unsigned char padded[sizeof(struct layout_table)] = {0};
	struct stele_row_ref copied = {.value = row->value,
	                               .value_size = row->value_size,
	                               .key = row->key,
	                               .key_bits = row->key_bits};
	ref_t *place = copy_moved(copy, ref);
	size_t size;
	int r;

	if (*place) {
		*ret = *place;
		return 0;
	}
	/* Only rows of the catalog get longer values. */
	if (longer) {
		data_copy_out(padded, row->value, row->value_size);
		copied.value = padded;
		copied.value_size = layouts->to.value_size;
	}
	size = row_size(&layouts->to, copied.value_size, copied.key_bits);
	r = copy->target->alloc(copy->target->context, size, ret);
	if (r < 0)
		return r;
	row_store(copy_at(copy, *ret), size, row->version, &layouts->to, &copied);
	*place = *ret;
	return 1;
}

/* Copies a row. Returns as copy_object(). */
static int copy_row(struct copy *copy, const struct copy_layouts *layouts, ref_t ref, ref_t *ret)
{
	struct row_parts row;
	int r = row_parse_ref(copy->view, &layouts->from, ref, &row);

	if (r < 0)
		return r;
	return layouts->same
	               ? copy_object(copy, ref,
	                             row_size(&layouts->from, row.value_size, row.key_bits), ret)
	               : copy_row_anew(copy, layouts, ref, &row, ret);
}

/* Copies a node or a row and sets `*ret` to the copy. Calls `visit` for a row that was not copied
 * before. Returns 1 for a new node, whose children are still to be copied; otherwise 0 or a
 * negative errno. */
static int copy_part(struct copy *copy, const struct copy_layouts *layouts, ref_t ref, ref_t *ret,
                     int (*visit)(struct copy *copy, ref_t row))
{
	const unsigned char *at = view_object(copy->view, ref);
	struct node node;
	int r;

	if (!at)
		return -EBADMSG;
	if (data_load(at) & LAYOUT_NODE) {
		size_t size;
		node = node_at(at);
		size = node_whole_size(&node);
		r = copy_object(copy, ref, size, ret);
		/* A publisher may have reused the node's memory between the two loads. From here on
		 * the copy, which can't change, says how many references the node has. */
		if (r == 1) {
			node = node_at(copy_at(copy, *ret));
			r = node_whole_size(&node) == size ? 1 : -EBADMSG;
		}
		return r;
	}
	r = copy_row(copy, layouts, ref, ret);
	if (r == 1 && visit)
		r = visit(copy, *ret);
	return r < 0 ? r : 0;
}

/* Skips a step's empty references. Returns its next reference, or 0 if there is none. */
static ref_t copy_next(const struct copy *copy, struct copy_step *step)
{
	struct node node = node_at(copy_at(copy, step->ref));
	ref_t ref = 0;

	while (step->next < step->count && (ref = node_ref(&node, (int)step->next)) == 0)
		step->next++;
	return ref;
}

/* Copies a trie depth-first and sets `*ret` to the new root. A copied node keeps references to the
 * old arena until its children are copied. Returns 0 or a negative errno. */
static int copy_trie(struct copy *copy, const struct copy_layouts *layouts, ref_t root, ref_t *ret,
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

		r = copy_part(copy, layouts, ref, &moved, visit);
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

/* Copies the schema and the trie of a table, and stores their references in its copied catalog
 * row. */
static int copy_table(struct copy *copy, ref_t row)
{
	struct stele_schema *schema;
	struct layout_table table;
	struct row_parts parts;
	struct row_layout from, to;
	struct copy_layouts layouts;
	int r = row_parse_ref(copy->target->view, catalog_layout(copy->to->features), row, &parts);

	if (r < 0)
		return r;
	data_copy_out(&table, parts.value, LAYOUT_NARROW_TABLE);
	r = catalog_schema(copy->view, table.schema, &schema);
	if (r < 0)
		return r;
	row_layout_of(schema, copy->from->features, &from);
	row_layout_of(schema, copy->to->features, &to);
	stele_schema_free(schema);
	layouts = copy_layouts_of(&from, &to);
	r = copy_blob(copy, table.schema, &table.schema);
	if (r == 0)
		r = copy_trie(copy, &layouts, table.root, &table.root, NULL);
	if (r == 0)
		data_copy_in((unsigned char *)(uintptr_t)parts.value, &table, LAYOUT_NARROW_TABLE);
	return r;
}

/* Copies a version, and replaces `*catalog` and `*record` by the references to their copies.
 * Returns 0 or a negative errno. */
static int copy_version(struct copy *copy, ref_t *catalog, ref_t *record)
{
	const struct copy_layouts layouts = copy_layouts_of(catalog_layout(copy->from->features),
	                                                    catalog_layout(copy->to->features));
	int r = copy_trie(copy, &layouts, *catalog, catalog, copy_table);

	if (r == 0 && *record)
		r = copy_blob(copy, *record, record);
	return r;
}

/* Copies history from the newest version down to `reclaimed`. Ends early at a version that was
 * reclaimed before its copy was complete. Sets `*ret_oldest` to the oldest version that was copied.
 * Returns 0 or a negative errno; -ESTALE if not even the newest version was copied. */
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

/* Copies the kept versions below `reclaimed`. */
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
	/* Plain stores suffice: no other process has the new file yet. */
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

	/* Bounds the copy by the ring: a header with a longer history is damaged. */
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
