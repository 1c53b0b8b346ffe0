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

/* Returns the index of the first reference whose place is at or after `place`. */
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
	scan->next = scan->end = NULL;
	if (scan->top > 0) {
		scan->next = scan->frames[scan->top - 1].next;
		scan->end = scan->frames[scan->top - 1].end;
	}
}

/* Saves scan->next in the top frame and clears it, before another frame is pushed or a single row
 * is to come next. */
static void scan_save_top(struct scan *scan)
{
	if (scan->top > 0)
		scan->frames[scan->top - 1].next = scan->next;
	scan->next = scan->end = NULL;
}

/* Pushes a frame for the node at `at`, from `place` on. Returns 0 or -EBADMSG. */
static int scan_push(struct scan *scan, const unsigned char *at, unsigned place)
{
	struct scan_frame *frame = &scan->frames[scan->top];
	struct node node = node_at(at);
	unsigned count = node_ref_count(&node);

	if (scan->top == scan->frames_max || scan->budget < count)
		return -EBADMSG;
	scan->budget -= count;
	scan_save_top(scan);
	if (node.info & (NODE_PREFIXES | NODE_OWN)) {
		*frame = (struct scan_frame){.node = at, .place = place};
	} else {
		const unsigned char *refs = node_refs(&node);
		*frame = (struct scan_frame){
			.next = refs + (size_t)scan_index_of_place(&node, place) * 4,
			.end = refs + (size_t)count * 4,
		};
	}
	scan->top++;
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
	scan->top = 0;
	scan->frames_max = layout->max_bits / 8u + 2;
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
	while (scan->top > 0) {
		struct scan_frame *frame = &scan->frames[scan->top - 1];
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
		if (scan->frames[scan->top - 1].node && !scan->near)
			scan_prefetch_all(scan->view, at);
	}
	return 0;
}

/* ---- many rows in one call ---- */

/* Pushes a frame for the node at `at`, to which the reference at scan->next leads, if no key ends
 * in the node. Returns false if scan_next() must decide. */
static inline bool scan_enter(struct scan *scan, const unsigned char *at)
{
	const struct node node = node_at(at);
	unsigned count;

	if (node.info & (NODE_PREFIXES | NODE_OWN))
		return false;
	count = node_child_refs(&node);
	if (scan->top == scan->frames_max || scan->budget < count)
		return false;
	scan->budget -= count;
	scan->next += 4;
	if (!scan->near)
		scan_prefetch_ahead(scan);
	scan->frames[scan->top - 1].next = scan->next;
	scan->next = node.children + node_children_size(node.info);
	scan->end = scan->next + (size_t)count * 4;
	scan->frames[scan->top].end = scan->end;
	scan->frames[scan->top++].node = NULL;
	return true;
}

/* Takes rows whose values and keys all have one size, which takes fewer checks than row_parse(), as
 * long as all frames are scanned by reference. Leaves anything else to scan_next(). Returns the end
 * of the rows that it filled. */
static struct stele_row *scan_next_fixed(struct scan *scan, struct stele_row *ret,
                                         const struct stele_row *end)
{
	/* Local copies, which the compiler need not reload after every atomic load. */
	const unsigned char *base = scan->view->base, *next = scan->next, *last = scan->end;
	uint64_t start = scan->view->start, size = scan->view->limit - start;
	uint32_t value_size = scan->layout->value_size;
	unsigned bits = scan->layout->min_bits;

	while (next) {
		const unsigned char *at;
		uint64_t offset, first;

		if (next == last) {
			scan->top--;
			scan_restore_top(scan);
			next = scan->next;
			last = scan->end;
			continue;
		}
		offset = (uint64_t)data_load_32(next) * LAYOUT_UNIT;
		/* As view_has(). The guard follows the view, so a row ends inside the file. */
		if (offset - start >= size)
			break;
		at = base + offset;
		first = data_load(at);
		if (first & LAYOUT_NODE) {
			scan->next = next;
			if (!scan_enter(scan, at))
				break;
			next = scan->next;
			last = scan->end;
			continue;
		}
		if (data_load_byte(at + 8 + value_size) != bits)
			break;
		ret->key = at + 9 + value_size;
		ret->key_bits = bits;
		ret->value = at + 8;
		ret->value_size = value_size;
		ret->version = first;
		next += 4;
		if (++ret == end)
			break;
	}
	scan->next = next;
	return ret;
}

int scan_next_many(struct scan *scan, struct stele_row *ret, const struct stele_row *end,
                   struct stele_row **ret_end)
{
	int r = 1;

	while (ret < end) {
		struct row_parts row;

		if (scan->fixed)
			ret = scan_next_fixed(scan, ret, end);
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

	if (scan->top == scan->frames_max || scan->budget < count)
		return -EBADMSG;
	scan->budget -= count;
	scan->frames[scan->top++] = (struct scan_frame){.node = at, .place = place};
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
	while (scan->top > 0) {
		struct scan_frame *frame = &scan->frames[scan->top - 1];
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
