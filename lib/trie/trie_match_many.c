/* SPDX-License-Identifier: MIT
 *
 * Many longest-prefix matches at once, advancing together like the lookups of trie_many.c. Each
 * lane descends the trie and remembers the longest prefix on its path. The match ends at a row, or
 * at a node without a child for the key. In the second case, and if the row does not match, the
 * lane falls back to the remembered prefix.
 */
#include "lib/trie/trie_match_many.h"

#include "lib/trie/trie.h"

/* Number of matches that advance together. */
#define GROUP 32u

/* A match in progress. */
struct lane {
	/* The object to examine next. */
	const unsigned char *at;
	/* Row of the longest prefix found so far; 0: none. */
	ref_t best;
	/* Bytes of the key consumed so far. */
	unsigned depth;
	/* Index of the key. */
	unsigned index;
	/* The lane has fallen back to `best`, which must be a matching row. */
	bool fell_back;
};

/* Moves a lane to the object at `ref`, or falls back to the longest prefix if `ref` is 0.
 * Prefetches the object. Returns 1, 0 if there is no prefix to fall back to either, or -EBADMSG. */
static int match_lane_follow(struct lane *lane, const struct view *view, ref_t ref)
{
	if (!ref) {
		ref = lane->best;
		lane->fell_back = true;
	}
	lane->at = view_object(view, ref);
	if (!lane->at)
		return ref == 0 ? 0 : -EBADMSG;
	prefetch(lane->at);
	prefetch(lane->at + 64);
	return 1;
}

/* Makes one step of a match at a node, with the same logic as trie_match(). Returns the result of
 * match_lane_follow(). */
static int match_lane_step(struct lane *lane, const struct view *view,
                           const struct stele_key_ref *key)
{
	const struct node node = node_at(lane->at);
	const unsigned char *bytes = key->data;
	unsigned rest;
	int index;

	if (lane->fell_back)
		return -EBADMSG;
	if (lane->depth + node.skip > key->bits / 8 ||
	    !data_equal(node_skipped(&node), bytes + lane->depth, node.skip))
		return match_lane_follow(lane, view, 0);
	lane->depth += node.skip;
	rest = key->bits - lane->depth * 8;
	index = trie_longest_prefix(&node, rest > 0 ? bytes[lane->depth] : 0, rest);
	if (index >= 0)
		lane->best = node_ref(&node, index);
	return match_lane_follow(lane, view,
	                         rest < 8 ? 0 : node_child(&node, bytes[lane->depth++]));
}

/* Examines the row at the end of a descent. Returns 2 and fills `*ret` if the row matches the key.
 * Otherwise falls back to the longest prefix, and returns the result of match_lane_follow(). */
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
	return lane->fell_back ? -EBADMSG : match_lane_follow(lane, view, 0);
}

/* Matches at most GROUP keys. Returns the number of keys that have a match, or -EBADMSG. */
static int trie_match_group(const struct view *view, const struct row_layout *layout, ref_t root,
                            const struct stele_key_ref *keys, unsigned count, struct stele_row *ret)
{
	struct lane lanes[GROUP];
	unsigned live = 0;
	int found = 0, r;

	for (unsigned i = 0; i < count; i++) {
		ret[i] = (struct stele_row){0};
		lanes[live] = (struct lane){.index = i};
		r = match_lane_follow(&lanes[live], view, root);
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
