/* SPDX-License-Identifier: MIT
 *
 * Ordered scans of a trie. A scan keeps the path from the root on an explicit stack, so it needs
 * neither recursion nor allocated memory. */
#include "lib/trie/scan.h"

#include "lib/trie/trie_node.h"

/* Prefetch distance, in siblings: how far ahead the nodes at one level are prefetched. */
#define SCAN_AHEAD 4
/* Maximum number of the next node's children to prefetch. */
#define SCAN_AHEAD_ROWS 32
/* Maximum size of a view in which nothing is prefetched, in bytes. */
#define SCAN_NEAR (512u << 10)

/* Returns the index of the first reference whose place is at or after `place`. It can be any number
 * if the node is damaged. */
static uint32_t scan_index_of_place(const struct node *node, unsigned place)
{
	unsigned next = place == 0 ? 0 : node_next_place(node, place);

	if (next == PLACE_END)
		return node_child_refs(node);
	return next == 0 ? 0 : (uint32_t)node_child_index(node, next / 16);
}

/* Loads scan->next and scan->end from the top frame. */
static void scan_restore_top(struct scan *scan)
{
	scan->next = scan->top->next;
	scan->end = scan->top->end;
}

/* Saves scan->next in the top frame and clears it, before another frame is pushed or a single row
 * is to come next. */
static void scan_save_top(struct scan *scan)
{
	scan->top->next = scan->next;
	scan->next = scan->end = NULL;
}

/* Pushes a frame for the node at `at`, from `place` on. Returns 0 or -EBADMSG. */
static int scan_push(struct scan *scan, const unsigned char *at, unsigned place)
{
	struct node node = node_at(at);
	bool by_place = node.info & (NODE_PREFIXES | NODE_OWN);
	unsigned count = node_ref_count(&node);
	uint32_t index = by_place ? 0 : scan_index_of_place(&node, place);

	if (scan->top == scan->top_max || scan->budget < count || index > count)
		return -EBADMSG;
	scan->budget -= count;
	scan_save_top(scan);
	scan->top++;
	if (by_place) {
		*scan->top = (struct scan_frame){.node = at, .place = place};
	} else {
		const unsigned char *refs = node_refs(&node);
		*scan->top = (struct scan_frame){
			.next = refs + (size_t)index * 4,
			.end = refs + (size_t)count * 4,
		};
	}
	scan_restore_top(scan);
	return 0;
}

void scan_start(struct scan *scan, const struct view *view, const struct row_layout *layout,
                ref_t root)
{
	const unsigned char *at = view_object(view, root);

	scan->view = view;
	scan->layout = layout;
	scan->budget = (view->limit - view->start) / LAYOUT_UNIT + 2;
	scan->next = scan->end = NULL;
	scan->frames[0] = (struct scan_frame){0};
	scan->top = scan->frames;
	scan->top_max = scan->frames + layout->max_bits / 8u + 2;
	scan->near = view->limit - view->start <= SCAN_NEAR;
	scan->fixed = !layout->variable && !layout->wide && layout->value_size < ROW_IN_GUARD &&
	              layout->min_bits == layout->max_bits && layout->min_bits % 8 == 0;
	scan->row = root;
	if (at && data_load(at) & LAYOUT_NODE) {
		scan->row = 0;
		scan_push(scan, at, 0);
	}
}

/* Compares bits in the data file at `at` with bits in the caller's memory at `own`, up to the end
 * of the shorter. Returns -1, 0 (the shorter is a prefix of the other) or 1. */
static int scan_compare_bits(const unsigned char *at, unsigned at_bits, const unsigned char *own,
                             unsigned own_bits)
{
	unsigned bits = at_bits < own_bits ? at_bits : own_bits;
	unsigned i;

	for (i = 0; i < (bits + 7) / 8; i++) {
		unsigned rest = bits - i * 8;
		unsigned mask = rest >= 8 ? 0xff : 0xff00u >> rest & 0xff;
		unsigned a = data_load_byte(at + i) & mask, b = own[i] & mask;
		if (a != b)
			return a < b ? -1 : 1;
	}
	return 0;
}

int scan_seek(struct scan *scan, const struct view *view, const struct row_layout *layout,
              ref_t root, const unsigned char *key, unsigned bits)
{
	unsigned depth = 0;
	ref_t ref = root;
	int r;

	scan_start(scan, view, layout, 0);
	while (ref) {
		const unsigned char *at = view_object(view, ref);
		struct node node;
		unsigned place;
		int order;

		if (!at)
			return -EBADMSG;
		if (!(data_load(at) & LAYOUT_NODE)) {
			struct row_parts row;
			r = row_parse_ref(view, layout, ref, &row);
			if (r < 0)
				return r;
			order = scan_compare_bits(row.key, row.key_bits, key, bits);
			if (order > 0 || (order == 0 && row.key_bits >= bits)) {
				scan_save_top(scan);
				scan->row = ref;
			}
			return 0;
		}
		node = node_at(at);
		order = scan_compare_bits(node_skipped(&node), node.skip * 8, key + depth,
		                          bits - depth * 8);
		if (order < 0)
			return 0;
		if (order > 0 || bits < (depth + node.skip) * 8)
			return scan_push(scan, at, 0);
		depth += node.skip;
		place = place_of_key(key, bits, depth);
		if (!PLACE_IS_CHILD(place))
			return scan_push(scan, at, place);
		r = scan_push(scan, at, place + 1);
		if (r < 0)
			return r;
		ref = node_ref_at(&node, place);
		depth++;
	}
	return 0;
}

/* Prefetches the object at `ref`. Any reference is allowed, as prefetching an invalid address does
 * nothing. */
static inline void scan_prefetch(const struct view *view, ref_t ref)
{
	uintptr_t at = (uintptr_t)view->base + (uintptr_t)ref * LAYOUT_UNIT;

	prefetch((const void *)at);
	prefetch((const void *)(at + 64));
}

/* Prefetches the children of the node at `ref`. Rows can be scattered over memory, and a scan would
 * otherwise wait for each of them in turn. Does nothing if there is no node. */
static void scan_prefetch_children(const struct view *view, ref_t ref)
{
	const unsigned char *at = view_object(view, ref);
	const unsigned char *refs;
	struct node node;
	unsigned count;

	if (!at || !(data_load(at) & LAYOUT_NODE))
		return;
	node = node_at(at);
	refs = node_refs(&node);
	count = node_child_refs(&node);
	for (unsigned i = 0; i < count && i < SCAN_AHEAD_ROWS; i++)
		scan_prefetch(view, data_load_32(refs + (size_t)i * 4));
}

/* Prefetches all objects that a node refers to: for a node in which keys end, when the scan enters
 * it. */
static void scan_prefetch_all(const struct view *view, const unsigned char *at)
{
	struct node node = node_at(at);
	unsigned count = node_ref_count(&node);

	for (unsigned i = 0; i < count; i++) {
		at = view_object(view, node_ref(&node, (int)i));
		if (at) {
			prefetch(at);
			prefetch(at + 32);
		}
	}
}

/* Prefetches what the scan needs after the node that it is about to enter: the children of the next
 * sibling, and the sibling SCAN_AHEAD references after that. */
static void scan_prefetch_ahead(const struct scan *scan)
{
	if (scan->end - scan->next > SCAN_AHEAD * 4)
		scan_prefetch(scan->view, data_load_32(scan->next + (size_t)SCAN_AHEAD * 4));
	if (scan->next < scan->end)
		scan_prefetch_children(scan->view, data_load_32(scan->next));
}

/* Takes the next reference of a frame that is scanned by place (struct scan). Sets `*ret` to the
 * reference, or to 0 after the last one. Sets `*ret_row` to true if the object must be a row.
 * Returns 0, or -EBADMSG if an occupied place has no reference. */
static int scan_next_place(struct scan_frame *frame, ref_t *ret, bool *ret_row)
{
	struct node node = node_at(frame->node);
	unsigned place = node_next_place(&node, frame->place);

	*ret = 0;
	if (place == PLACE_END)
		return 0;
	frame->place = place + 1;
	*ret = node_ref_at(&node, place);
	*ret_row = !PLACE_IS_CHILD(place);
	return *ret ? 0 : -EBADMSG;
}

/* Takes the next reference of the top frame, which is scanned by reference (struct scan). Skips
 * references that are 0 (direct form). Returns 0 after the last one. */
static inline ref_t scan_next_ref(struct scan *scan)
{
	ref_t ref = 0;

	for (; scan->next < scan->end && ref == 0; scan->next += 4)
		ref = data_load_32(scan->next);
	return ref;
}

int scan_next(struct scan *scan, struct row_parts *ret)
{
	if (scan->row) {
		ref_t row = scan->row;
		scan->row = 0;
		scan_restore_top(scan);
		return row_parse_ref(scan->view, scan->layout, row, ret) < 0 ? -EBADMSG : 1;
	}
	while (scan->top > scan->frames) {
		struct scan_frame *frame = scan->top;
		const unsigned char *at;
		bool row = false;
		uint64_t first;
		ref_t ref;

		if (!frame->node)
			ref = scan_next_ref(scan);
		else if (scan_next_place(frame, &ref, &row) < 0)
			return -EBADMSG;
		if (ref == 0) {
			scan->top--;
			scan_restore_top(scan);
			continue;
		}
		at = view_object(scan->view, ref);
		if (!at)
			return -EBADMSG;
		first = data_load(at);
		if (row || !(first & LAYOUT_NODE))
			return row_parse(scan->view, scan->layout, at, first, ret) < 0 ? -EBADMSG
			                                                               : 1;
		if (!frame->node && !scan->near)
			scan_prefetch_ahead(scan);
		if (scan_push(scan, at, 0) < 0)
			return -EBADMSG;
		if (scan->top->node && !scan->near)
			scan_prefetch_all(scan->view, at);
	}
	return 0;
}

/* ---- many rows in one call ---- */

/* What scan_take() needs for each reference, copied out of the scan: the compiler keeps the copies
 * in registers, and would load the originals again after every atomic load. */
struct scan_source {
	const unsigned char *arena; /* the first object of the view */
	uint64_t start;             /* the reference to this object */
	uint64_t units;             /* number of references in the view */
	uint64_t value_size;
	unsigned key_bits;
	bool fixed; /* as in struct scan; constant at compile time */
};

static inline struct scan_source scan_source_of(const struct scan *scan, bool fixed)
{
	const struct view *view = scan->view;

	return (struct scan_source){
		.arena = view->base + view->start,
		.start = view->start / LAYOUT_UNIT,
		.units = (view->limit - view->start) / LAYOUT_UNIT,
		.value_size = scan->layout->value_size,
		.key_bits = scan->layout->min_bits,
		.fixed = fixed,
	};
}

/* Fills `*ret` with the row at `at`. Returns false if the object is no row of the table. */
static inline __attribute__((always_inline)) bool scan_fill(const struct scan *scan,
                                                            const struct scan_source *source,
                                                            const unsigned char *at,
                                                            struct stele_row *ret)
{
	uint64_t first = data_load(at);
	struct row_parts parts;

	if (!source->fixed) {
		if (row_parse(scan->view, scan->layout, at, first, &parts) < 0)
			return false;
		row_fill(&parts, ret);
		return true;
	}
	/* As row_parse(), with fewer checks: the row ends in the guard at the latest. */
	if (first & LAYOUT_NODE || data_load_byte(at + 8 + source->value_size) != source->key_bits)
		return false;
	ret->key = at + 9 + source->value_size;
	ret->key_bits = source->key_bits;
	ret->value = at + 8;
	ret->value_size = (size_t)source->value_size;
	ret->version = first;
	return true;
}

/* Takes the rows to which the references from `*from` to `to` lead. Stops at a reference that leads
 * to anything else, and sets `*from` to it. Returns the end of the rows that it filled. */
static inline __attribute__((always_inline)) struct stele_row *
scan_take_rows(const struct scan *scan, const struct scan_source *source,
               const unsigned char **from, const unsigned char *to, struct stele_row *ret,
               const struct stele_row *end)
{
	const unsigned char *next = *from;

	for (; next < to && ret < end; next += 4, ret++) {
		uint64_t index = data_load_32(next) - source->start;
		if (index >= source->units ||
		    !scan_fill(scan, source, source->arena + index * LAYOUT_UNIT, ret))
			break;
	}
	*from = next;
	return ret;
}

/* Enters the node at `at`, from the reference before `next`. Sets `*ret_from` and `*ret_to` to the
 * range of the node's references. Returns false if scan_next() must decide. */
static inline __attribute__((always_inline)) bool
scan_enter(struct scan *scan, const unsigned char *at, const unsigned char *next,
           const unsigned char **ret_from, const unsigned char **ret_to)
{
	unsigned count;

	*ret_from = node_only_children(at, &count);
	if (!*ret_from || scan->budget < count || scan->top == scan->top_max)
		return false;
	scan->budget -= count;
	if (!scan->near) {
		scan->next = next;
		scan_prefetch_ahead(scan);
	}
	*ret_to = *ret_from + (size_t)count * 4;
	return true;
}

/* Takes rows while all frames are scanned by reference. Leaves anything else, and damage, to
 * scan_next(). The nodes at the bottom of a trie mostly have rows only, so a node gets a frame only
 * if its rows are not taken to the end. Returns the end of the rows that it filled. */
static inline __attribute__((always_inline)) struct stele_row *
scan_take(struct scan *scan, struct stele_row *ret, const struct stele_row *end, bool fixed)
{
	const struct scan_source source = scan_source_of(scan, fixed);
	const unsigned char *next = scan->next;

	while (next) {
		const unsigned char *at, *from, *to;
		uint64_t index;
		ref_t ref;

		if (next == scan->end) {
			scan->top--;
			next = scan->top->next;
			scan->end = scan->top->end;
			continue;
		}
		ref = data_load_32(next);
		index = ref - source.start;
		if (index >= source.units) {
			if (ref != 0)
				break;
			next += 4;
			continue;
		}
		at = source.arena + index * LAYOUT_UNIT;
		if (data_load(at) & LAYOUT_NODE) {
			if (!scan_enter(scan, at, next + 4, &from, &to))
				break;
			next += 4;
			ret = scan_take_rows(scan, &source, &from, to, ret, end);
			if (from < to) {
				scan->top->next = next;
				*++scan->top = (struct scan_frame){.end = to};
				next = from;
				scan->end = to;
			}
		} else {
			from = next;
			ret = scan_take_rows(scan, &source, &next, scan->end, ret, end);
			if (next == from)
				break;
		}
		if (ret == end)
			break;
	}
	scan->next = next;
	return ret;
}

/* Functions of their own, in which the compiler keeps everything in registers. */
static __attribute__((noinline)) struct stele_row *
scan_take_fixed(struct scan *scan, struct stele_row *ret, const struct stele_row *end)
{
	return scan_take(scan, ret, end, true);
}

static __attribute__((noinline)) struct stele_row *
scan_take_any(struct scan *scan, struct stele_row *ret, const struct stele_row *end)
{
	return scan_take(scan, ret, end, false);
}

int scan_next_many(struct scan *scan, struct stele_row *ret, const struct stele_row *end,
                   struct stele_row **ret_end)
{
	int r = 1;

	while (ret < end) {
		struct row_parts row;

		ret = scan->fixed ? scan_take_fixed(scan, ret, end) : scan_take_any(scan, ret, end);
		if (ret == end)
			break;
		r = scan_next(scan, &row);
		if (r != 1)
			break;
		row_fill(&row, ret++);
	}
	*ret_end = ret;
	return r;
}

/* ---- backward ---- */

/* Pushes a frame for the places of the node at `at` before `place`. Returns 0 or -EBADMSG. */
static int scan_push_back(struct scan *scan, const unsigned char *at, unsigned place)
{
	struct node node = node_at(at);
	unsigned count = node_ref_count(&node);

	if (scan->top == scan->top_max || scan->budget < count)
		return -EBADMSG;
	scan->budget -= count;
	*++scan->top = (struct scan_frame){.node = at, .place = place};
	return 0;
}

/* Returns true if a row comes before the start of a backward scan. */
static bool scan_is_before(const struct row_parts *row, const unsigned char *key, unsigned bits,
                           enum scan_edge edge)
{
	int order = scan_compare_bits(row->key, row->key_bits, key, bits);

	if (order != 0)
		return order < 0;
	if (row->key_bits == bits)
		return edge != SCAN_BEFORE;
	return row->key_bits < bits || edge == SCAN_UNDER;
}

/* Returns the first place that is after the start of a backward scan, in a node at byte `depth` in
 * which the key ends. */
static unsigned scan_place_after(const unsigned char *key, unsigned bits, unsigned depth,
                                 enum scan_edge edge)
{
	unsigned place = place_of_key(key, bits, depth), rest = bits - depth * 8;

	if (edge == SCAN_BEFORE)
		return place;
	if (edge == SCAN_THROUGH)
		return place + 1;
	/* The first byte that does not start with the key's last bits. */
	return (place / 16 + (1u << (8 - rest))) * 16;
}

int scan_seek_back(struct scan *scan, const struct view *view, const struct row_layout *layout,
                   ref_t root, const unsigned char *key, unsigned bits, enum scan_edge edge)
{
	unsigned depth = 0;
	ref_t ref = root;

	scan_start(scan, view, layout, 0);
	while (ref) {
		const unsigned char *at = view_object(view, ref);
		struct node node;
		int order;

		if (!at)
			return -EBADMSG;
		if (!(data_load(at) & LAYOUT_NODE)) {
			struct row_parts row;
			int r = row_parse_ref(view, layout, ref, &row);
			if (r == 0 && scan_is_before(&row, key, bits, edge))
				scan->row = ref;
			return r;
		}
		node = node_at(at);
		order = scan_compare_bits(node_skipped(&node), node.skip * 8, key + depth,
		                          bits - depth * 8);
		if (order < 0)
			return scan_push_back(scan, at, PLACE_END);
		if (order > 0)
			return 0;
		if (bits < (depth + node.skip) * 8)
			return edge == SCAN_UNDER ? scan_push_back(scan, at, PLACE_END) : 0;
		depth += node.skip;
		if (bits - depth * 8 < 8)
			return scan_push_back(scan, at, scan_place_after(key, bits, depth, edge));
		if (scan_push_back(scan, at, place_of_child(key[depth])) < 0)
			return -EBADMSG;
		ref = node_child(&node, key[depth]);
		depth++;
	}
	return 0;
}

int scan_previous(struct scan *scan, struct row_parts *ret)
{
	if (scan->row) {
		ref_t row = scan->row;
		scan->row = 0;
		return row_parse_ref(scan->view, scan->layout, row, ret) < 0 ? -EBADMSG : 1;
	}
	while (scan->top > scan->frames) {
		struct scan_frame *frame = scan->top;
		struct node node = node_at(frame->node);
		const unsigned char *at;
		uint64_t first;

		frame->place = node_previous_place(&node, frame->place);
		if (frame->place == PLACE_END) {
			scan->top--;
			continue;
		}
		at = view_object(scan->view, node_ref_at(&node, frame->place));
		if (!at)
			return -EBADMSG;
		first = data_load(at);
		if (!(first & LAYOUT_NODE))
			return row_parse(scan->view, scan->layout, at, first, ret) < 0 ? -EBADMSG
			                                                               : 1;
		if (!PLACE_IS_CHILD(frame->place) || scan_push_back(scan, at, PLACE_END) < 0)
			return -EBADMSG;
		scan_prefetch_all(scan->view, at);
	}
	return 0;
}
