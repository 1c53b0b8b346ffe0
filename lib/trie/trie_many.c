/* SPDX-License-Identifier: MIT
 *
 * Many lookups at once. A single lookup waits for memory at each node and at the row. Here a group
 * of lookups advances together, one step each in turn. Every step prefetches the next object of its
 * lookup, which then has a full round to arrive in the cache.
 */
#include "lib/trie/trie_many.h"

#include <string.h>

#include "lib/trie/trie_node.h"

/* Number of lookups that advance together. */
#define GROUP 32u

/* A lookup in progress. */
struct lane {
	/* The object to examine next. */
	const unsigned char *at;
	/* The bytes of the key that are not consumed yet, without an incomplete last byte. */
	const unsigned char *byte, *end;
	/* Index of the key. */
	unsigned index;
	/* The key is consumed, so the next object must be a row. */
	bool ended;
};

/* Moves a lane to the object at `ref`, and prefetches the object. Returns false if the reference
 * is 0 or outside the view. */
static bool many_lane_follow(struct lane *lane, const struct view *view, ref_t ref)
{
	lane->at = view_object(view, ref);
	if (!lane->at)
		return false;
	prefetch(lane->at);
	prefetch(lane->at + 64);
	return true;
}

/* Makes one step of a lookup, from a node to a child, with the same logic as trie_get_inline().
 * Returns 1 if the lane has moved on, 0 if the key does not exist, or -EBADMSG. */
static int many_lane_step(struct lane *lane, const struct view *view,
                          const struct stele_key_ref *key)
{
	uint64_t info = data_load(lane->at + 8);
	const unsigned char *children = lane->at + 16;
	unsigned skip = (unsigned)(info >> NODE_SKIP_SHIFT) & NODE_SKIP_MASK;
	ref_t ref;

	if (node_info_is_plain_direct(info) && lane->byte < lane->end) {
		ref = data_load_32(children + (size_t)*lane->byte++ * 4);
		if (many_lane_follow(lane, view, ref))
			return 1;
		return ref == 0 ? 0 : -EBADMSG;
	}
	if (lane->ended)
		return -EBADMSG;
	if (skip > (size_t)(lane->end - lane->byte))
		return 0;
	lane->byte += skip;
	children += (skip + 7u) & ~7u;
	if (lane->byte < lane->end) {
		ref = node_children_find(children, info, *lane->byte++);
	} else {
		ref = node_find_end(lane->at, key->data, key->bits);
		lane->ended = true;
	}
	if (many_lane_follow(lane, view, ref))
		return 1;
	return ref == 0 ? 0 : -EBADMSG;
}

/* Looks up at most GROUP keys. Returns the number of rows found, or -EBADMSG. */
static int trie_get_group(const struct view *view, const struct row_layout *layout, ref_t root,
                          const struct stele_key_ref *keys, unsigned count, struct stele_row *ret)
{
	/* A local copy, which the compiler need not reload after every atomic load. */
	const struct view within = *view;
	struct lane lanes[GROUP];
	unsigned live = count;
	int found = 0;

	view = &within;
	memset(ret, 0, count * sizeof(*ret));
	if (root == 0)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		lanes[i].byte = keys[i].data;
		lanes[i].end = lanes[i].byte + keys[i].bits / 8;
		lanes[i].index = i;
		lanes[i].ended = false;
		if (!many_lane_follow(&lanes[i], view, root))
			return -EBADMSG;
	}
	while (live > 0) {
		for (unsigned i = 0; i < live;) {
			struct lane *lane = &lanes[i];
			const struct stele_key_ref *key = &keys[lane->index];
			uint64_t first = data_load(lane->at);
			struct row_parts row;
			int r;

			if (first & LAYOUT_NODE) {
				r = many_lane_step(lane, view, key);
			} else {
				r = row_match_key(view, layout, lane->at, first, key->data,
				                  key->bits, &row);
				if (r == 1) {
					row_fill(&row, &ret[lane->index]);
					found++;
				}
				r = r < 0 ? r : 0;
			}
			if (r < 0)
				return r;
			if (r == 0)
				*lane = lanes[--live];
			else
				i++;
		}
	}
	return found;
}

int64_t trie_get_many(const struct view *view, const struct row_layout *layout, ref_t root,
                      const struct stele_key_ref *keys, size_t count, struct stele_row *ret)
{
	int64_t found = 0;

	for (size_t i = 0; i < count; i += GROUP) {
		unsigned group = count - i < GROUP ? (unsigned)(count - i) : GROUP;
		int r = trie_get_group(view, layout, root, keys + i, group, ret + i);
		if (r < 0)
			return r;
		found += r;
	}
	return found;
}
