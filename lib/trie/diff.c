/* SPDX-License-Identifier: MIT
 *
 * The difference of two versions of a copy-on-write trie, at a cost proportional to the number of
 * differences.
 *
 * Both tries are walked side by side. If both have the same reference, everything below it is
 * skipped: equal references are equal contents. This holds because a node of a committed version
 * never changes, and a commit links only new nodes and nodes that the version before it reached.
 *
 * Path compression makes this more than a parallel walk: the same keys may be below nodes that
 * branch at different depths. So a frame pairs the objects at one position of both tries. Opening
 * the frame gives each side one of two forms:
 *
 *   NODE     a node with all its places
 *   SINGLE   one place: where the row or the deeper node would be if the side branched here
 *
 * The places of both sides are then merged, and two objects at the same place become the next
 * frame. Two versions of a node have most of their references in common. So for two nodes, all
 * places at which they differ are found in one pass when the frame is opened. */
#include "lib/trie/diff.h"

#include <string.h>

#include "lib/trie/trie_node.h"

#define DIFF_NODE UINT16_MAX

enum side_kind { SIDE_NONE = 0, SIDE_ROW = 1, SIDE_NODE = 2 };

/* One side of a frame, loaded. */
struct side {
	enum side_kind kind;
	struct row_parts row; /* of SIDE_ROW */
	struct node node;     /* of SIDE_NODE */
	/* The bits that all keys of the side share, from the frame's depth on: the rest of the
	 * row's key, or the rest of the node's skipped bytes. */
	const unsigned char *path;
	unsigned path_bits;
};

/* Loads one side of a frame. Returns 0 or -EBADMSG. */
static int diff_load_side(const struct diff *diff, const struct diff_frame *frame, int which,
                          struct side *ret)
{
	ref_t ref = frame->ref[which];
	const unsigned char *at;
	int r;

	ret->kind = SIDE_NONE;
	if (!ref)
		return 0;
	at = view_object(diff->view, ref);
	if (!at)
		return -EBADMSG;
	if (data_load(at) & LAYOUT_NODE) {
		ret->kind = SIDE_NODE;
		ret->node = node_at(at);
		if (frame->skipped[which] > ret->node.skip)
			return -EBADMSG;
		ret->path = node_skipped(&ret->node) + frame->skipped[which];
		ret->path_bits = (ret->node.skip - frame->skipped[which]) * 8;
		return 0;
	}
	r = row_parse_ref(diff->view, diff->layout, ref, &ret->row);
	if (r < 0)
		return r;
	if (ret->row.key_bits < frame->depth * 8u)
		return -EBADMSG;
	ret->kind = SIDE_ROW;
	ret->path = ret->row.key + frame->depth;
	ret->path_bits = ret->row.key_bits - frame->depth * 8u;
	return 0;
}

/* Returns the number of complete bytes that the paths of both sides share. */
static unsigned diff_common_bytes(const struct side sides[2])
{
	unsigned shorter =
		sides[0].path_bits < sides[1].path_bits ? sides[0].path_bits : sides[1].path_bits;
	unsigned i = 0;

	while (i < shorter / 8 &&
	       data_load_byte(sides[0].path + i) == data_load_byte(sides[1].path + i))
		i++;
	return i;
}

static int diff_push(struct diff *diff, const struct diff_frame *frame)
{
	struct diff_frame *to = &diff->frames[diff->top];

	if (diff->top == sizeof(diff->frames) / sizeof(diff->frames[0]))
		return -EBADMSG;
	/* The bitmaps, the last members, are not copied: opening the frame fills them. */
	memcpy(to, frame, offsetof(struct diff_frame, children));
	diff->top++;
	return 0;
}

void diff_start(struct diff *diff, const struct view *view, const struct row_layout *layout,
                ref_t before, ref_t after)
{
	diff->view = view;
	diff->layout = layout;
	diff->budget = 2 * ((view->limit - view->start) / LAYOUT_UNIT + 2);
	diff->top = 0;
	diff_push(diff, &(struct diff_frame){.ref = {before, after}});
}

/* The object that covers all keys that start with the given bits. */
struct start {
	/* 0: no key starts with these bits. */
	ref_t ref;
	/* As in struct diff_frame, at the depth of the last complete byte of the given bits. */
	uint16_t skipped;
	/* The object is a node that branches at exactly this depth. It may then also cover keys
	 * that differ in the remaining bits. */
	bool branches;
};

/* Descends one trie to the keys that start with the first `bits` bits of `key`. Returns 0 or
 * -EBADMSG. */
static int diff_find_start(const struct view *view, const struct row_layout *layout, ref_t ref,
                           const unsigned char *key, unsigned bits, struct start *ret)
{
	unsigned whole = bits / 8, depth = 0;

	*ret = (struct start){0};
	while (ref) {
		const unsigned char *at = view_object(view, ref);
		struct row_parts row;
		struct node node;
		unsigned needed;

		if (!at)
			return -EBADMSG;
		if (!(data_load(at) & LAYOUT_NODE)) {
			int r = row_parse_ref(view, layout, ref, &row);
			if (r == 0 && row_key_starts_with(row.key, row.key_bits, key, bits))
				ret->ref = ref;
			return r;
		}
		node = node_at(at);
		needed = bits - depth * 8;
		if (node.skip * 8 < needed)
			needed = node.skip * 8;
		if (!row_key_starts_with(node_skipped(&node), node.skip * 8, key + depth, needed))
			return 0;
		if (depth + node.skip >= whole) {
			ret->ref = ref;
			ret->skipped = (uint16_t)(whole - depth);
			ret->branches = depth + node.skip == whole;
			return 0;
		}
		depth += node.skip;
		ref = node_ref_at(&node, place_of_child(key[depth]));
		depth++;
	}
	return 0;
}

int diff_start_under(struct diff *diff, const struct view *view, const struct row_layout *layout,
                     ref_t before, ref_t after, const unsigned char *key, unsigned bits)
{
	struct diff_frame frame = {.depth = (uint16_t)(bits / 8)};
	struct start starts[2];
	unsigned rest = bits % 8;

	diff_start(diff, view, layout, before, after);
	if (bits == 0)
		return 0;
	diff->top = 0;
	if (diff_find_start(view, layout, before, key, bits, &starts[0]) < 0 ||
	    diff_find_start(view, layout, after, key, bits, &starts[1]) < 0)
		return -EBADMSG;
	for (int side = 0; side < 2; side++) {
		frame.ref[side] = starts[side].ref;
		frame.skipped[side] = starts[side].skipped;
		/* The remaining bits select a range of the node's places. */
		if (starts[side].branches && rest > 0) {
			frame.place = (uint16_t)place_of_prefix(key[bits / 8], rest);
			frame.end = (uint16_t)((key[bits / 8] + (0x100u >> rest)) * 16);
		}
	}
	return diff_push(diff, &frame);
}

/* Returns the place of a side's keys in a node that branches `common` bytes below the frame's
 * depth. */
static unsigned diff_side_place(const struct side *side, unsigned common)
{
	unsigned rest = side->path_bits - common * 8;

	if (rest >= 8)
		return place_of_child(data_load_byte(side->path + common));
	return place_of_prefix(rest > 0 ? data_load_byte(side->path + common) : 0, rest);
}

/* Returns the set bit of `word` that has exactly `rank` set bits below it. */
static uint64_t diff_bit_of_rank(uint64_t word, unsigned rank)
{
	while (rank-- > 0)
		word &= word - 1;
	return word & -word;
}

/* Prefetches the start of the object whose reference is at `ref`. Does nothing if the reference is
 * outside the view. */
static void diff_prefetch(const struct view *view, const unsigned char *ref)
{
	const unsigned char *at = view_object(view, data_load_32(ref));

	if (at) {
		prefetch(at);
		prefetch(at + 64);
	}
}

/* Compares one word of the bitmaps of two nodes, together with its references. Returns the bits
 * that only one of them has, or whose references differ. `a` and `b` are the words; `x` and `y`
 * point to the reference of the first bit of each. */
static uint64_t diff_compare_word(const struct view *view, uint64_t a, const unsigned char *x,
                                  uint64_t b, const unsigned char *y)
{
	uint64_t differ = a ^ b;

	if (differ == 0) {
		for (unsigned i = 0, count = popcount(a); i < count; i++) {
			if (data_load_32(x + i * 4) == data_load_32(y + i * 4))
				continue;
			differ |= diff_bit_of_rank(a, i);
			diff_prefetch(view, x + i * 4);
			diff_prefetch(view, y + i * 4);
		}
		return differ;
	}
	for (uint64_t left = a | b; left; left &= left - 1) {
		uint64_t bit = left & -left;
		if (!(differ & bit) && data_load_32(x) != data_load_32(y))
			differ |= bit;
		x += a & bit ? 4 : 0;
		y += b & bit ? 4 : 0;
	}
	return differ;
}

/* Returns a word of a node's bitmap of prefixes, and the address of its first reference. For a node
 * without this bitmap, returns the word that an equivalent bitmap would have. */
static uint64_t diff_prefix_word(const struct node *node, unsigned word, const unsigned char **ret)
{
	const unsigned char *refs = node_refs(node) + (size_t)node_child_refs(node) * 4;

	if (node->info & NODE_PREFIXES) {
		*ret = refs + (size_t)node_prefixes_before(node, word) * 4;
		return data_load(node_prefixes(node) + word * 8);
	}
	*ret = refs;
	return word == 0 && node->info & NODE_OWN ? 2 : 0;
}

/* Fills a bitmap of the children at which two nodes of the direct form differ. */
static void diff_compare_direct(const struct view *view, uint64_t ret[4], const struct node *a,
                                const struct node *b)
{
	const unsigned char *x = node_refs(a), *y = node_refs(b);

	memset(ret, 0, 4 * sizeof(*ret));
	for (unsigned byte = 0; byte < 256; byte++, x += 4, y += 4) {
		if (data_load_32(x) == data_load_32(y))
			continue;
		ret[byte / 64] |= UINT64_C(1) << byte % 64;
		diff_prefetch(view, x);
		diff_prefetch(view, y);
	}
}

/* Fills a bitmap of the children at which two nodes of any forms differ, comparing one child at a
 * time. */
static void diff_compare_mixed(uint64_t ret[4], const struct node *a, const struct node *b)
{
	uint64_t of_a[4], of_b[4];

	node_children_bitmap(a, of_a);
	node_children_bitmap(b, of_b);
	for (unsigned word = 0; word < 4; word++) {
		ret[word] = 0;
		for (uint64_t set = of_a[word] | of_b[word]; set; set &= set - 1) {
			unsigned byte = word * 64 + (unsigned)__builtin_ctzll(set);
			if (node_child(a, byte) != node_child(b, byte))
				ret[word] |= set & -set;
		}
	}
}

static void diff_compare_children(const struct view *view, uint64_t ret[4], const struct node *a,
                                  const struct node *b)
{
	unsigned form = node_form(a);

	if (form != node_form(b) || form == NODE_LIST) {
		diff_compare_mixed(ret, a, b);
	} else if (form == NODE_DIRECT) {
		diff_compare_direct(view, ret, a, b);
	} else {
		for (unsigned word = 0; word < 4; word++)
			ret[word] = diff_compare_word(
				view, data_load(a->children + word * 8),
				node_refs(a) + (size_t)node_children_before(a, word) * 4,
				data_load(b->children + word * 8),
				node_refs(b) + (size_t)node_children_before(b, word) * 4);
	}
}

/* Fills the frame's bitmaps of the places at which two nodes differ. */
static void diff_compare_nodes(const struct view *view, struct diff_frame *frame,
                               const struct node *a, const struct node *b)
{
	bool prefixes = (a->info | b->info) & (NODE_PREFIXES | NODE_OWN);
	const unsigned char *x, *y;

	diff_compare_children(view, frame->children, a, b);
	for (unsigned word = 0; word < 4; word++) {
		frame->prefixes[word] = 0;
		if (prefixes) {
			uint64_t of_a = diff_prefix_word(a, word, &x),
				 of_b = diff_prefix_word(b, word, &y);
			frame->prefixes[word] = diff_compare_word(view, of_a, x, of_b, y);
		}
	}
}

static bool diff_are_nodes(const struct diff_frame *frame, const struct side sides[2])
{
	return sides[0].kind == SIDE_NODE && sides[1].kind == SIDE_NODE &&
	       frame->single[0] == DIFF_NODE && frame->single[1] == DIFF_NODE;
}

/* Opens the top frame: gives each side the form NODE or SINGLE, and compares the sides if both are
 * nodes. Returns 0 or -EBADMSG. */
static int diff_open_frame(struct diff *diff, const struct side sides[2])
{
	struct diff_frame *frame = &diff->frames[diff->top - 1];
	unsigned common;
	int side;

	if (sides[0].kind == SIDE_NONE || sides[1].kind == SIDE_NONE)
		common = sides[sides[0].kind == SIDE_NONE].path_bits / 8;
	else
		common = diff_common_bytes(sides);
	for (side = 0; side < 2; side++) {
		bool branches_here =
			sides[side].kind == SIDE_NODE && sides[side].path_bits == common * 8;
		frame->single[side] = DIFF_NODE;
		if (sides[side].kind != SIDE_NONE && !branches_here)
			frame->single[side] = (uint16_t)diff_side_place(&sides[side], common);
		if (sides[side].kind == SIDE_NODE)
			frame->skipped[side] = (uint16_t)(frame->skipped[side] + common);
	}
	frame->depth = (uint16_t)(frame->depth + common);
	if (frame->depth > STELE_KEY_MAX)
		return -EBADMSG;
	frame->open = true;
	if (diff_are_nodes(frame, sides))
		diff_compare_nodes(diff->view, frame, &sides[0].node, &sides[1].node);
	return 0;
}

/* Returns the first occupied place of one side, starting at frame->place, or PLACE_END. */
static unsigned diff_side_next_place(const struct diff_frame *frame, int which,
                                     const struct side *side)
{
	if (side->kind == SIDE_NONE)
		return PLACE_END;
	if (frame->single[which] == DIFF_NODE)
		return side->kind == SIDE_NODE ? node_next_place(&side->node, frame->place)
		                               : PLACE_END;
	return frame->single[which] >= frame->place ? frame->single[which] : PLACE_END;
}

/* Takes the next place at which the two nodes of an open frame differ. Returns like
 * diff_advance(). */
static int diff_advance_nodes(struct diff *diff, const struct side sides[2], ref_t pair[2])
{
	struct diff_frame *frame = &diff->frames[diff->top - 1];
	const uint64_t *prefixes = frame->prefixes;
	bool any = prefixes[0] | prefixes[1] | prefixes[2] | prefixes[3];
	unsigned place =
		node_bitmaps_next_place((const unsigned char *)frame->children,
	                                any ? (const unsigned char *)prefixes : NULL, frame->place);
	struct diff_frame next = {.depth = (uint16_t)(frame->depth + 1)};

	if (place == PLACE_END || (frame->end != 0 && place >= frame->end)) {
		diff->top--;
		return 0;
	}
	frame->place = (uint16_t)(place + 1);
	next.ref[0] = node_ref_at(&sides[0].node, place);
	next.ref[1] = node_ref_at(&sides[1].node, place);
	if (!next.ref[0] && !next.ref[1])
		return -EBADMSG;
	if (PLACE_IS_CHILD(place))
		return diff_push(diff, &next);
	pair[0] = next.ref[0];
	pair[1] = next.ref[1];
	return 2;
}

/* Takes the next place of an open frame. At the place of a prefix, where only rows can be, returns
 * 2 and sets `pair` to their references (0 on a side without a row). At the place of a child,
 * pushes a frame for the objects of both sides. After the last place, pops this frame. Returns 0 in
 * these two cases, or -EBADMSG on damage. */
static int diff_advance(struct diff *diff, const struct side sides[2], ref_t pair[2])
{
	struct diff_frame *frame = &diff->frames[diff->top - 1];
	unsigned places[2] = {diff_side_next_place(frame, 0, &sides[0]),
	                      diff_side_next_place(frame, 1, &sides[1])};
	unsigned place = places[0] < places[1] ? places[0] : places[1];
	struct diff_frame next = {.depth = (uint16_t)(frame->depth + 1)};
	int side;

	if (place == PLACE_END || (frame->end != 0 && place >= frame->end)) {
		diff->top--;
		return 0;
	}
	frame->place = (uint16_t)(place + 1);
	for (side = 0; side < 2; side++) {
		if (places[side] != place)
			continue;
		if (frame->single[side] == DIFF_NODE) {
			next.ref[side] = node_ref_at(&sides[side].node, place);
		} else {
			next.ref[side] = frame->ref[side];
			if (sides[side].kind == SIDE_NODE)
				next.skipped[side] = (uint16_t)(frame->skipped[side] + 1);
		}
		if (!next.ref[side])
			return -EBADMSG;
	}
	if (next.ref[0] == next.ref[1])
		return 0;
	if (PLACE_IS_CHILD(place))
		return diff_push(diff, &next);
	pair[0] = next.ref[0];
	pair[1] = next.ref[1];
	return 2;
}

static bool diff_are_same_key(const struct side sides[2])
{
	return sides[0].kind == SIDE_ROW && sides[1].kind == SIDE_ROW &&
	       row_compare(&sides[0].row, &sides[1].row) == 0;
}

int diff_next(struct diff *diff, ref_t *ret_before, ref_t *ret_after)
{
	while (diff->top > 0) {
		struct diff_frame *frame = &diff->frames[diff->top - 1];
		struct side sides[2];
		ref_t pair[2] = {0, 0};
		int r;

		if (diff->budget-- == 0)
			return -EBADMSG;
		if (frame->ref[0] == frame->ref[1]) {
			diff->top--;
			continue;
		}
		r = diff_load_side(diff, frame, 0, &sides[0]);
		if (r == 0)
			r = diff_load_side(diff, frame, 1, &sides[1]);
		if (r < 0)
			return r;
		if (frame->open) {
			r = diff_are_nodes(frame, sides) ? diff_advance_nodes(diff, sides, pair)
			                                 : diff_advance(diff, sides, pair);
		} else if (sides[0].kind + sides[1].kind == SIDE_ROW || diff_are_same_key(sides)) {
			pair[0] = frame->ref[0];
			pair[1] = frame->ref[1];
			diff->top--;
			r = 2;
		} else {
			r = diff_open_frame(diff, sides);
		}
		if (r < 0)
			return r;
		if (r == 2) {
			*ret_before = pair[0];
			*ret_after = pair[1];
			return 1;
		}
	}
	return 0;
}
