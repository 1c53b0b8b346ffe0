/* SPDX-License-Identifier: MIT
 *
 * Many matches at once, which go down together as many gets do (trie_many.c). A match ends at a
 * row; or at a node below which there is nothing for it, and then goes back to the longest prefix
 * that it came by. */
#include "lib/trie/trie_match_many.h"

#include "lib/trie/trie.h"

#define GROUP 32u

/* A match under way. */
struct lane {
	const unsigned char *at; /* the object to look at next */
	ref_t best;              /* the longest prefix until now; 0: none */
	unsigned depth;          /* bytes of the key up to there */
	unsigned index;          /* of the key */
	bool back;               /* what is looked at next is that prefix */
};

/* Goes to the object of a reference, or, where there is none, back to the longest prefix: 1, 0
 * where there is none of these either, or -EBADMSG. */
static int match_lane_go(struct lane *lane, const struct view *view, ref_t ref)
{
	if (!ref) {
		ref = lane->best;
		lane->back = true;
	}
	lane->at = view_object(view, ref);
	if (!lane->at)
		return ref == 0 ? 0 : -EBADMSG;
	prefetch(lane->at);
	prefetch(lane->at + 64);
	return 1;
}

/* One step from a node: as trie_match(). */
static int match_lane_step(struct lane *lane, const struct view *view,
                           const struct stele_key_ref *key)
{
	const struct node node = node_at(lane->at);
	const unsigned char *bytes = key->data;
	unsigned rest;
	int index;

	if (lane->back)
		return -EBADMSG;
	if (lane->depth + node.skip > key->bits / 8 ||
	    !data_equal(node_skipped(&node), bytes + lane->depth, node.skip))
		return match_lane_go(lane, view, 0);
	lane->depth += node.skip;
	rest = key->bits - lane->depth * 8;
	index = trie_longest_prefix(&node, rest > 0 ? bytes[lane->depth] : 0, rest);
	if (index >= 0)
		lane->best = node_ref(&node, index);
	return match_lane_go(lane, view, rest < 8 ? 0 : node_child(&node, bytes[lane->depth++]));
}

/* The end, at a row: 2 and `*ret` where it is the answer, else as match_lane_go(). */
static int match_lane_end(struct lane *lane, const struct view *view,
                          const struct row_layout *layout, uint64_t first,
                          const struct stele_key_ref *key, struct stele_row *ret)
{
	struct row_parts row;

	if (row_parse(view, layout, lane->at, first, &row) < 0)
		return -EBADMSG;
	if (row.key_bits <= key->bits && row_bits_equal(row.key, key->data, row.key_bits)) {
		row_fill(&row, ret);
		return 2;
	}
	return lane->back ? -EBADMSG : match_lane_go(lane, view, 0);
}

/* At most GROUP keys. */
static int trie_match_group(const struct view *view, const struct row_layout *layout, ref_t root,
                            const struct stele_key_ref *keys, unsigned count, struct stele_row *ret)
{
	struct lane lanes[GROUP];
	unsigned live = 0;
	int found = 0, r;

	for (unsigned i = 0; i < count; i++) {
		ret[i] = (struct stele_row){0};
		lanes[live] = (struct lane){.index = i};
		r = match_lane_go(&lanes[live], view, root);
		if (r < 0)
			return r;
		live += r == 1;
	}
	while (live > 0) {
		for (unsigned i = 0; i < live;) {
			struct lane *lane = &lanes[i];
			const struct stele_key_ref *key = &keys[lane->index];
			uint64_t first = data_load(lane->at);
			r = first & LAYOUT_NODE ? match_lane_step(lane, view, key)
			                        : match_lane_end(lane, view, layout, first, key,
			                                         &ret[lane->index]);
			if (r < 0)
				return r;
			found += r == 2;
			if (r == 1)
				i++;
			else
				*lane = lanes[--live];
		}
	}
	return found;
}

int64_t trie_match_many(const struct view *view, const struct row_layout *layout, ref_t root,
                        const struct stele_key_ref *keys, size_t count, struct stele_row *ret)
{
	int64_t found = 0;

	for (size_t i = 0; i < count; i += GROUP) {
		unsigned group = count - i < GROUP ? (unsigned)(count - i) : GROUP;
		int r = trie_match_group(view, layout, root, keys + i, group, ret + i);
		if (r < 0)
			return r;
		found += r;
	}
	return found;
}
