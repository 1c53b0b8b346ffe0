/* SPDX-License-Identifier: MIT
 *
 * A sweep goes through the addresses under a prefix, from the first to the last, in segments with
 * one answer each. An index for longest-prefix match is built from sweeps. Prefixes nest, so the
 * sweep scans their rows in the order of keys and keeps a stack of the prefixes that cover the
 * current address.
 *
 * An address is one word of 32 bits (IPv4) or two words of 64 bits (IPv6). A sweep covers the
 * first word of an address, or the second word of addresses with a given first word.
 *
 * For lpm.c, which starts sweeps, and for lpm_ipv4.c and lpm_ipv6.c, which paint from them.
 */
#ifndef SUBSCRIBER_INDEX_LPM_SWEEP_H
#define SUBSCRIBER_INDEX_LPM_SWEEP_H

#include "lib/trie/scan.h"

/* The longest encoding of the key columns before the prefix, in bytes. */
#define LPM_LEAD_MAX 64u

/* The source of the answers of an index: a trie, and the part of a row that is the answer. */
struct lpm_source {
	struct view view;
	struct row_layout layout;
	ref_t root;
	/* True if the answer is the row's reference. Otherwise it is a member of the row's value,
	 * at `offset` with `size` bytes (1, 2 or 4). */
	bool rows;
	uint32_t offset, size;
	uint32_t none; /* the answer if no prefix matches */
	/* The key columns before the prefix, encoded. Only rows whose keys begin so are in the
	 * index. */
	unsigned char lead[LPM_LEAD_MAX];
	unsigned lead_bits; /* a multiple of 8 */
};

/* A prefix. The bits past its length are zero. */
struct lpm_key {
	unsigned char bytes[16];
	unsigned bits;
};

/* Returns the answer of a row, or the answer for no match if `row` is NULL. */
uint32_t lpm_answer(const struct lpm_source *source, const struct row_parts *row);

struct lpm_segment {
	uint64_t first, last; /* the first and the last word */
	uint32_t answer;
	/* True if the segment is a single word, and the table has prefixes that extend past the end
	 * of this word. `answer` is then the answer of the longest prefix that does not. */
	bool deeper;
};

struct lpm_sweep {
	const struct lpm_source *source;
	struct lpm_key under;
	/* The key of `under`: the lead, and the prefix. */
	unsigned char key[LPM_LEAD_MAX + 16];
	unsigned key_bits;
	unsigned base, width; /* the position of the word in the key and its size, in bits */
	uint64_t first, last; /* the first and the last word of the sweep */
	uint64_t next;        /* the first word that is in no returned segment */
	bool done;
	/* True if the scan has read a row whose prefix is not yet on the stack. `ahead` is its
	 * segment. */
	bool row;
	struct lpm_segment ahead;
	/* The stack of prefixes that cover `next`, each inside the one before; `top` is their
	 * number. Its capacity is one for the sweep's own prefix, one for each of at most 64
	 * further lengths, and one to spare. */
	unsigned top;
	struct {
		uint64_t last;
		uint32_t answer;
	} open[66];
	struct scan scan;
};

/* Starts a sweep of the words under `key`, whose length is from `base` to `base + width` bits. The
 * source must outlive the sweep. Returns 0 or -EBADMSG. */
int lpm_sweep_start(struct lpm_sweep *sweep, const struct lpm_source *source,
                    const struct lpm_key *key, unsigned base, unsigned width);

/* Finds the next segment. Returns 1 and `*ret`, 0 after the last segment, or -EBADMSG. Segments
 * have no gaps and no overlaps, even in a damaged region. */
int lpm_sweep_next(struct lpm_sweep *sweep, struct lpm_segment *ret);

#endif
