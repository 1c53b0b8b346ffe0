/* SPDX-License-Identifier: MIT
 *
 * What an index is built from: the addresses under a prefix, swept from the first to the last, in
 * segments that have one answer each. Prefixes lie within each other, so their rows, in the order
 * of keys, are opened and closed like brackets.
 *
 * It looks at addresses as words: an IPv4 address is one of 32 bits, an IPv6 address two of 64. A
 * sweep is of the first word of a key, or of the second under a first one that is given.
 */
#ifndef SUBSCRIBER_INDEX_INDEX_SWEEP_H
#define SUBSCRIBER_INDEX_INDEX_SWEEP_H

#include "lib/trie/scan.h"

/* Where an answer comes from. */
struct index_source {
	struct view view;
	struct row_layout layout;
	ref_t root;
	bool rows;             /* it is the row's reference; else a member of the value: */
	uint32_t offset, size; /* 1, 2 or 4 bytes */
	uint32_t none;         /* where no prefix matches */
};

/* A key, as far as prefixes go: the bits past its length are zero. */
struct index_key {
	unsigned char bytes[16];
	unsigned bits;
};

/* The answer of a row; NULL: of none. */
uint32_t index_answer(const struct index_source *source, const struct row_parts *row);

struct index_segment {
	uint64_t first, last; /* words */
	uint32_t answer;
	bool deeper; /* one word, inside of which there are prefixes that go on in the next one; the
	                answer is what they lie in */
};

struct index_sweep {
	const struct index_source *source;
	struct index_key under;
	unsigned base, width; /* bits before the word; of the word */
	uint64_t first, last; /* the words of it */
	uint64_t next;        /* the first word that was not returned yet */
	bool done;
	bool row; /* there is a row that was not opened yet, and this is its segment: */
	struct index_segment ahead;
	unsigned top; /* prefixes that are open, each inside of the one before */
	struct {
		uint64_t last;
		uint32_t answer;
	} open[66];
	struct scan scan;
};

/* Starts a sweep of the words under `key`, which has `base` bits at least and `width` more at
 * most. 0, or -EBADMSG. The source must stay. */
int index_sweep_start(struct index_sweep *sweep, const struct index_source *source,
                      const struct index_key *key, unsigned base, unsigned width);

/* The next segment: 1 and `*ret`, 0 after the last, or -EBADMSG. Whatever the region holds,
 * segments follow each other without a gap and without an overlap. */
int index_sweep_next(struct index_sweep *sweep, struct index_segment *ret);

#endif
