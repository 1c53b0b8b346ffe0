/* SPDX-License-Identifier: MIT
 *
 * Ordered scans of a trie, for everything that goes through the rows of a table. A scan is a struct
 * of the caller's; it allocates nothing, so there is nothing to free.
 */
#ifndef LIB_TRIE_SCAN_H
#define LIB_TRIE_SCAN_H

#include "lib/trie/row.h"

/* An ordered scan. One frame for each node on the way down: either the order of its references is
 * that of the keys below them, and they are taken one after the other, or, where keys end inside the node,
 * that of its places is. */
struct scan {
	const struct view *view;
	const struct row_layout *layout;
	const unsigned char *next,
		*end;    /* references of the frame on top that are to come; none: NULL, or
	                                    it goes by places, or `row` comes before */
	uint64_t budget; /* references that may still be followed: promise (B) */
	ref_t row;       /* comes before what the frames have; 0: none */
	unsigned top;    /* frames in use */
	struct scan_frame {
		const unsigned char *next,
			*end; /* as of the scan, while another frame is on top; NULL: by places */
		const unsigned char *node;
		unsigned place; /* to look at next */
	} frames[STELE_KEY_MAX + 2];
};

/* Starts a scan of a whole trie. */
void scan_start(struct scan *scan, const struct view *view, const struct row_layout *layout,
                ref_t root);

/* Starts a scan before the first key that is not less than `key`. 0 or -EBADMSG. */
int scan_seek(struct scan *scan, const struct view *view, const struct row_layout *layout,
              ref_t root, const unsigned char *key, unsigned bits);

/* The next row: 1 and `*ret`, 0 after the last, or -EBADMSG. */
int scan_next(struct scan *scan, struct row_parts *ret);

/* The same as an inline function, where the next row hangs beside the last one. */
static inline int scan_next_inline(struct scan *scan, struct row_parts *ret)
{
	if (scan->next < scan->end) {
		/* Its own copy, which no load of data makes the compiler load anew. */
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

/* Leaves out what is still to come. */
static inline void scan_end(struct scan *scan)
{
	scan->next = scan->end = NULL;
	scan->row = 0;
	scan->top = 0;
}

#endif
