/* SPDX-License-Identifier: MIT
 *
 * Sweeps a table of prefixes (lpm_sweep.h). The rows are in memory that may be damaged or reused
 * (lib/trie/view.h), so the sweep checks their order and their nesting. */
#include "subscriber/index/lpm_sweep.h"

#include <string.h>

#include "lib/trie/trie.h"

uint32_t lpm_answer(const struct lpm_source *source, const struct row_parts *row)
{
	unsigned char bytes[4] = {0};
	uint32_t word;
	uint16_t half;

	if (!row)
		return source->none;
	if (source->rows)
		return row_ref(&source->view, &source->layout, row);
	data_copy_out(bytes, row->value + source->offset, source->size);
	if (source->size == 1)
		return bytes[0];
	memcpy(&half, bytes, sizeof(half));
	memcpy(&word, bytes, sizeof(word));
	return source->size == 2 ? half : word;
}

/* Returns the word of a key that starts at bit `base`, with zeros past the end of the key. */
static uint64_t sweep_key_word(const unsigned char *key, unsigned bits, unsigned base,
                               unsigned width)
{
	uint64_t word = 0;

	for (unsigned i = 0; i < width / 8; i++) {
		unsigned at = base + i * 8;
		word = word << 8 | (at < bits ? data_load_byte(key + at / 8) : 0);
	}
	return word;
}

/* Returns a mask of all bits of a word of `width` bits but the first `bits`. */
static uint64_t sweep_host_bits(unsigned bits, unsigned width)
{
	uint64_t all = UINT64_MAX >> (64 - width);

	return bits >= width ? 0 : all >> bits;
}

/* Reads the next row under the sweep's key, and sets `row` and `ahead`. Returns 0 or -EBADMSG. */
static int sweep_read_ahead(struct lpm_sweep *sweep)
{
	const struct lpm_source *source = sweep->source;
	struct row_parts row;
	unsigned bits;
	int r;

	do {
		sweep->row = false;
		r = scan_next(&sweep->scan, &row);
		if (r <= 0)
			return r;
		/* Keys are in order, so no later row is under the sweep's key either. */
		if (!row_key_starts_with(row.key, row.key_bits, sweep->key, sweep->key_bits))
			return 0;
		sweep->row = true;
		bits = row.key_bits - sweep->base;
		sweep->ahead.first =
			sweep_key_word(row.key, row.key_bits, sweep->base, sweep->width) &
			~sweep_host_bits(bits, sweep->width);
		sweep->ahead.last = sweep->ahead.first | sweep_host_bits(bits, sweep->width);
		sweep->ahead.deeper = bits > sweep->width;
		/* Skip the row of the sweep's own key, which is on the stack from the start. Of the
		 * rows inside one word, skip all but the first: one deeper segment represents all
		 * of them. */
	} while (row.key_bits == sweep->key_bits ||
	         (sweep->ahead.deeper && sweep->ahead.last < sweep->next) ||
	         (sweep->ahead.deeper && sweep->done));
	if (!sweep->ahead.deeper)
		sweep->ahead.answer = lpm_answer(source, &row);
	return 0;
}

int lpm_sweep_start(struct lpm_sweep *sweep, const struct lpm_source *source,
                    const struct lpm_key *key, unsigned base, unsigned width)
{
	struct row_parts row;
	int r;

	sweep->source = source;
	sweep->under = *key;
	memcpy(sweep->key, source->lead, source->lead_bits / 8);
	memcpy(sweep->key + source->lead_bits / 8, key->bytes, sizeof(key->bytes));
	sweep->key_bits = source->lead_bits + key->bits;
	sweep->base = source->lead_bits + base;
	sweep->width = width;
	sweep->first = sweep_key_word(key->bytes, key->bits, base, width);
	sweep->last = sweep->first | sweep_host_bits(key->bits - base, width);
	sweep->next = sweep->first;
	sweep->done = false;
	sweep->top = 1;
	sweep->open[0].last = sweep->last;
	r = trie_match(&source->view, &source->layout, source->root, sweep->key, sweep->key_bits,
	               &row);
	if (r < 0)
		return r;
	sweep->open[0].answer = lpm_answer(source, r == 1 ? &row : NULL);
	r = scan_seek(&sweep->scan, &source->view, &source->layout, source->root, sweep->key,
	              sweep->key_bits);
	return r < 0 ? r : sweep_read_ahead(sweep);
}

/* Pushes the row ahead, which starts at the next word, and reads the row after it. Returns 0 or
 * -EBADMSG. */
static int sweep_open_ahead(struct lpm_sweep *sweep)
{
	uint64_t last = sweep->open[sweep->top - 1].last;

	if (sweep->ahead.last > last || sweep->top == sizeof(sweep->open) / sizeof(sweep->open[0]))
		return -EBADMSG;
	sweep->open[sweep->top].last = sweep->ahead.last;
	sweep->open[sweep->top].answer = sweep->ahead.answer;
	sweep->top++;
	return sweep_read_ahead(sweep);
}

/* Advances past the word `last`, and pops the prefixes that end at `last`. */
static void sweep_advance(struct lpm_sweep *sweep, uint64_t last)
{
	sweep->done = last == sweep->last;
	sweep->next = last + 1;
	while (sweep->top > 1 && sweep->open[sweep->top - 1].last <= last)
		sweep->top--;
}

int lpm_sweep_next(struct lpm_sweep *sweep, struct lpm_segment *ret)
{
	struct lpm_segment segment = {0};
	int r;

	if (sweep->done)
		return 0;
	while (sweep->row && sweep->ahead.first <= sweep->next && !sweep->ahead.deeper) {
		r = sweep->ahead.first < sweep->next ? -EBADMSG : sweep_open_ahead(sweep);
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
		sweep_advance(sweep, segment.last);
		r = sweep_read_ahead(sweep);
		if (r < 0)
			return r;
	} else {
		if (sweep->row && sweep->ahead.first <= segment.last)
			segment.last = sweep->ahead.first - 1;
		sweep_advance(sweep, segment.last);
	}
	*ret = segment;
	return 1;
}
