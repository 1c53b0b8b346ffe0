/* SPDX-License-Identifier: MIT
 *
 * The difference of two tries of one layout in one address space: the keys whose rows are other
 * objects, in order. Changes of a table are built on it (lib/reading/changes.c), and so is what a
 * publisher does with the rows that it changed.
 */
#ifndef LIB_TRIE_DIFF_H
#define LIB_TRIE_DIFF_H

#include "lib/trie/row.h"

/* The difference of two tries of one shape in one file, in the order of keys. A frame holds what
 * stands at one place of each; diff.c has the rest. Sides: 0 before, 1 after. */
struct diff {
	const struct view *view;
	const struct row_layout *layout;
	uint64_t budget;
	unsigned top;
	struct diff_frame {
		ref_t ref[2]; /* 0: nothing on this side */
		uint16_t skipped
			[2]; /* bytes of the node's skip that the way down has passed already */
		uint16_t single
			[2]; /* once open: the one place that a side has, or DIFF_NODE: it is a node */
		uint16_t depth; /* bytes of key up to here */
		uint16_t place; /* once open: next place to look at */
		uint16_t end;   /* places from this one on are left out; 0: none is */
		bool open;
		/* Once open, with nodes on both sides: the places at which they differ. */
		uint64_t children[4], prefixes[4];
	} frames[STELE_KEY_MAX * 2 + 4];
};

void diff_start(struct diff *diff, const struct view *view, const struct row_layout *layout,
                ref_t before, ref_t after);

/* The same, but only of the keys that start with these bits (`key` as of row_key_starts_with()): goes down to
 * them and looks at nothing beside. 0 or -EBADMSG. */
int diff_start_under(struct diff *diff, const struct view *view, const struct row_layout *layout,
                     ref_t before, ref_t after, const unsigned char *key, unsigned bits);

/* The next key whose row is not the same object: 1 and both rows (0: not there), 0 after the last,
 * or -EBADMSG. Two different objects may still hold the same value. */
int diff_next(struct diff *diff, ref_t *ret_before, ref_t *ret_after);

#endif
