/* SPDX-License-Identifier: MIT
 *
 * Ordered scans of a trie, for everything that visits the rows of a table in the order of keys. The
 * caller provides the struct. A scan allocates no memory, so there is nothing to free.
 */
#ifndef LIB_TRIE_SCAN_H
#define LIB_TRIE_SCAN_H

#include "lib/trie/row.h"

/* A scan in progress: a stack with one frame for each node on the path from the root. There are two
 * kinds of frames:
 *
 *   by reference   for a node in which no key ends: the node's references are in the order of the
 *                  keys below them, so the scan takes one after the other
 *   by place       for a node in which keys end: the references of children and of prefixes are
 *                  separate there, so the scan merges them by their places
 *
 * A scan goes forward or backward, and keeps its direction: scan_seek_back() starts one that
 * scan_previous() continues. A scan that goes backward has frames by place only.
 */
struct scan {
	const struct view *view;
	const struct row_layout *layout;
	/* The remaining references of the top frame. Both are NULL if the stack is empty, if the
	 * top frame is scanned by place, or if `row` comes first. */
	const unsigned char *next, *end;
	/* The view is so small that it stays in the processor's cache. */
	bool near;
	/* All rows have keys and values of one size. */
	bool fixed;
	/* Number of references that may still be followed. The limit makes sure that the scan ends
	 * (rule B of view.h). */
	uint64_t budget;
	/* A row that the scan returns before everything on the stack; 0: none. */
	ref_t row;
	/* The top frame, and the highest that it can be: each level of a trie consumes at least one
	 * byte of a key. If the stack is empty, the top is frames[0], which is by place but has no
	 * node. */
	struct scan_frame *top, *top_max;
	struct scan_frame {
		/* By reference: the remaining references. While the frame is on top, the scan's
		 * own `next` is valid instead. By place: NULL. */
		const unsigned char *next, *end;
		/* By place: the node, and the next place to examine; backward, the place after
		 * it. By reference: NULL. */
		const unsigned char *node;
		unsigned place;
	} frames[STELE_KEY_MAX + 3];
};

/* Returns the size of a struct scan that has only as many frames as a trie of this layout needs,
 * for a scan in memory of its own. */
static inline size_t scan_size(const struct row_layout *layout)
{
	return offsetof(struct scan, frames) +
	       (layout->max_bits / 8u + 3) * sizeof(struct scan_frame);
}

/* Starts a scan of all rows of a trie. */
void scan_start(struct scan *scan, const struct view *view, const struct row_layout *layout,
                ref_t root);

/* Starts a scan at the first row whose key is not less than `key`. Returns 0 or -EBADMSG. */
int scan_seek(struct scan *scan, const struct view *view, const struct row_layout *layout,
              ref_t root, const unsigned char *key, unsigned bits);

/* Moves to the next row. Returns 1 and fills `*ret`, 0 after the last row, or -EBADMSG. */
int scan_next(struct scan *scan, struct row_parts *ret);

/* Where a scan that goes backward starts, relative to a key. */
enum scan_edge {
	SCAN_BEFORE,  /* at the last row before the key */
	SCAN_THROUGH, /* at the row with the key, or else at the last row before it */
	SCAN_UNDER,   /* at the last row that starts with the key, or else as SCAN_THROUGH */
};

/* Starts a scan that goes backward. With 0 bits and SCAN_UNDER it starts at the last row. Returns 0
 * or -EBADMSG. */
int scan_seek_back(struct scan *scan, const struct view *view, const struct row_layout *layout,
                   ref_t root, const unsigned char *key, unsigned bits, enum scan_edge edge);

/* Moves to the previous row of a scan that goes backward. Returns 1 and fills `*ret`, 0 before the
 * first row, or -EBADMSG. */
int scan_previous(struct scan *scan, struct row_parts *ret);

/* Fast path of scan_next(), inlined: the next row is a sibling of the last one. */
static inline int scan_next_inline(struct scan *scan, struct row_parts *ret)
{
	if (scan->next < scan->end) {
		/* A local copy, which the compiler need not reload after every atomic load. */
		const struct view view = *scan->view;
		const unsigned char *at = view_object(&view, data_load_32(scan->next));
		uint64_t first;

		if (at && !((first = data_load(at)) & LAYOUT_NODE)) {
			scan->next += 4;
			return row_parse(&view, scan->layout, at, first, ret) < 0 ? -EBADMSG : 1;
		}
	}
	return scan_next(scan, ret);
}

/* Takes the next rows: fills those from `ret` up to `end`, or fewer. Sets `*ret_end` to the end of
 * the rows that it filled. Returns 1 if it filled all, 0 if there are no more, or -EBADMSG. */
int scan_next_many(struct scan *scan, struct stele_row *ret, const struct stele_row *end,
                   struct stele_row **ret_end);

/* Ends a scan: scan_next() and scan_previous() return 0 from now on. */
static inline void scan_end(struct scan *scan)
{
	scan->next = scan->end = NULL;
	scan->row = 0;
	scan->top = scan->frames;
}

#endif
