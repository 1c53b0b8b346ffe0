/* SPDX-License-Identifier: MIT
 * Sweeping a table of prefixes: see index_sweep.h. The rows come from memory that may be damaged or
 * reused (lib/trie.h), so their order and their nesting are checked, not believed. */
#include "index_sweep.h"

#include <string.h>

int index_answer(const struct index_source *source, const struct view *view, ref_t row,
                 uint32_t *ret)
{
	struct row_parts parts;
	unsigned char bytes[4];
	uint16_t half;

	if (!row) {
		*ret = source->none;
		return 0;
	}
	if (row_parts(view, &source->shape, row, &parts) < 0)
		return -EBADMSG;
	if (source->rows) {
		*ret = row;
		return 0;
	}
	data_copy_out(bytes, parts.value + source->offset, source->size);
	if (source->size == 4) {
		memcpy(ret, bytes, 4);
	} else if (source->size == 2) {
		memcpy(&half, bytes, 2);
		*ret = half;
	} else {
		*ret = bytes[0];
	}
	return 0;
}

/* The word of a key that starts at bit `base`, with zeros behind its end. */
static uint64_t key_word(const unsigned char *key, unsigned bits, unsigned base, unsigned width)
{
	uint64_t word = 0;

	for (unsigned i = 0; i < width / 8; i++) {
		unsigned at = base + i * 8;
		word = word << 8 | (at < bits ? data_load_byte(key + at / 8) : 0);
	}
	return word;
}

/* The bits of a word past the first `bits` of `width`. */
static uint64_t host_bits(unsigned bits, unsigned width)
{
	uint64_t all = UINT64_MAX >> (64 - width);

	return bits >= width ? 0 : all >> bits;
}

/* Finds the next row under the sweep's key: 0 and the segment ahead, or -EBADMSG. */
static int look_ahead(struct index_sweep *sweep)
{
	const struct index_source *source = sweep->source;
	struct row_parts row;
	unsigned bits;
	ref_t ref;
	int r;

	do {
		sweep->row = false;
		r = scan_next(&sweep->scan, &ref);
		if (r <= 0)
			return r;
		if (row_parts(&source->view, &source->shape, ref, &row) < 0)
			return -EBADMSG;
		/* Keys are in order: none that follows is under it. */
		if (!key_starts(row.key, row.key_bits, sweep->under.bytes, sweep->under.bits))
			return 0;
		sweep->row = true;
		bits = row.key_bits - sweep->base;
		sweep->ahead.first = key_word(row.key, row.key_bits, sweep->base, sweep->width) &
		                     ~host_bits(bits, sweep->width);
		sweep->ahead.last = sweep->ahead.first | host_bits(bits, sweep->width);
		sweep->ahead.deeper = bits > sweep->width;
		/* The key's own row is open from the start; of those inside of one word the first
		 * stands for all. */
	} while (row.key_bits == sweep->under.bits ||
	         (sweep->ahead.deeper && sweep->ahead.last < sweep->next) ||
	         (sweep->ahead.deeper && sweep->done));
	if (sweep->ahead.deeper)
		return 0;
	return index_answer(source, &source->view, ref, &sweep->ahead.answer);
}

int index_sweep_start(struct index_sweep *sweep, const struct index_source *source,
                      const struct index_key *key, unsigned base, unsigned width)
{
	ref_t row = 0;
	int r;

	sweep->source = source;
	sweep->under = *key;
	sweep->base = base;
	sweep->width = width;
	sweep->first = key_word(key->bytes, key->bits, base, width);
	sweep->last = sweep->first | host_bits(key->bits - base, width);
	sweep->next = sweep->first;
	sweep->done = false;
	sweep->top = 1;
	sweep->open[0].last = sweep->last;
	r = trie_match(&source->view, &source->shape, source->root, key->bytes, key->bits, &row);
	if (r >= 0)
		r = index_answer(source, &source->view, r == 1 ? row : 0, &sweep->open[0].answer);
	if (r == 0)
		r = scan_seek(&sweep->scan, &source->view, &source->shape, source->root, key->bytes,
		              key->bits);
	return r < 0 ? r : look_ahead(sweep);
}

/* Opens the row ahead: it starts at the next word. */
static int open_ahead(struct index_sweep *sweep)
{
	uint64_t last = sweep->open[sweep->top - 1].last;

	if (sweep->ahead.last > last ||
	    sweep->top == sizeof(sweep->open) / sizeof(sweep->open[0]))
		return -EBADMSG;
	sweep->open[sweep->top].last = sweep->ahead.last;
	sweep->open[sweep->top].answer = sweep->ahead.answer;
	sweep->top++;
	return look_ahead(sweep);
}

/* Goes past `last`, closing what ends there. */
static void tell(struct index_sweep *sweep, uint64_t last)
{
	sweep->done = last == sweep->last;
	sweep->next = last + 1;
	while (sweep->top > 1 && sweep->open[sweep->top - 1].last <= last)
		sweep->top--;
}

int index_sweep_next(struct index_sweep *sweep, struct index_segment *ret)
{
	struct index_segment segment = {0};
	int r;

	if (sweep->done)
		return 0;
	while (sweep->row && sweep->ahead.first <= sweep->next && !sweep->ahead.deeper) {
		r = sweep->ahead.first < sweep->next ? -EBADMSG : open_ahead(sweep);
		if (r < 0)
			return r;
	}
	segment.first = sweep->next;
	segment.last = sweep->open[sweep->top - 1].last;
	segment.answer = sweep->open[sweep->top - 1].answer;
	if (sweep->row && sweep->ahead.first < sweep->next)
		return -EBADMSG;
	if (sweep->row && sweep->ahead.first == sweep->next) {
		segment.last = segment.first;
		segment.deeper = true;
		tell(sweep, segment.last);
		r = look_ahead(sweep);
		if (r < 0)
			return r;
	} else {
		if (sweep->row && sweep->ahead.first <= segment.last)
			segment.last = sweep->ahead.first - 1;
		tell(sweep, segment.last);
	}
	*ret = segment;
	return 1;
}
