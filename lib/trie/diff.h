/* SPDX-License-Identifier: MIT
 *
 * The difference of two tries in one mapping of a data file: the keys whose rows are different
 * objects, in the order of keys. Both tries must have the same layout. The cost depends on the
 * number of differences, not on the size of the tries. Changes of a table (lib/reading/changes.c),
 * the counts of changed rows of a commit, rollback and indexes are built on it.
 */
#ifndef LIB_TRIE_DIFF_H
#define LIB_TRIE_DIFF_H

#include "lib/trie/row.h"

/* A difference in progress: a stack of frames. Arrays of two hold both sides: 0 is before, 1 is
 * after. diff.c describes the algorithm. Members marked OPEN are valid once the frame is open. */
struct diff {
	const struct view *view;
	const struct row_layout *layout;
	/* Number of steps that may still be made. The limit makes sure that the walk ends (rule B
	 * of view.h). */
	uint64_t budget;
	/* Frames in use. */
	unsigned top;
	/* A pair of objects at the same position of both tries. */
	struct diff_frame {
		/* The object of each side; 0: none. */
		ref_t ref[2];
		/* Number of the node's skipped bytes that lie above the frame's depth. */
		uint16_t skipped[2];
		/* OPEN: the side's only place, or DIFF_NODE if the side is a node whose places are
		 * all used. */
		uint16_t single[2];
		/* Bytes of the key that the path to this pair has consumed. */
		uint16_t depth;
		/* OPEN: the next place to examine. */
		uint16_t place;
		/* Places from this one on are ignored; 0: none are. */
		uint16_t end;
		bool open;
		/* OPEN, with nodes on both sides: bitmaps of the places at which they differ. */
		uint64_t children[4], prefixes[4];
	} frames[STELE_KEY_MAX * 2 + 4];
};

/* Starts the difference of two complete tries. `before` and `after` are their roots; 0 is an empty
 * trie. */
void diff_start(struct diff *diff, const struct view *view, const struct row_layout *layout,
                ref_t before, ref_t after);

/* Starts the difference of the keys that start with the first `bits` bits of `key`. Descends
 * straight to these keys in both tries, without visiting others. Bits past the end must be zero in
 * the last byte of `key`. Returns 0 or -EBADMSG. */
int diff_start_under(struct diff *diff, const struct view *view, const struct row_layout *layout,
                     ref_t before, ref_t after, const unsigned char *key, unsigned bits);

/* Finds the next key whose rows are different objects. Returns 1 and the references to both rows (0
 * on the side that does not have the key), 0 after the last difference, or -EBADMSG. Two different
 * objects may hold equal values. */
int diff_next(struct diff *diff, ref_t *ret_before, ref_t *ret_after);

#endif
