/* SPDX-License-Identifier: MIT
 *
 * A radix sort. It sorts by eight bytes of the keys at a time (one word): by each byte of the word
 * in turn, from the last to the first. Then it sorts each group of rows with equal words by the
 * next eight bytes. The order is that of the keys' bytes, padded with zeros; keys with equal bytes
 * are ordered by their lengths. Each step is stable. */
#include "publisher/trie/sort.h"

#include <endian.h>
#include <string.h>

/* Up to this many rows, an insertion sort is faster than a radix sort. */
#define FEW 24u

struct sorter {
	const struct view *rows;
	const struct row_layout *layout;
	/* Scratch memory for as many entries as are sorted. */
	struct sorted *other;
	/* Bytes of the longest key. */
	unsigned longest;
};

/* Returns the word that a key is sorted by at byte `depth`: its bytes from there on, or, past the
 * end of all keys, its length. */
static uint64_t sort_word(const struct sorter *sorter, const struct sorted *entry, unsigned depth)
{
	struct row_parts row = {0};
	uint64_t word = 0;
	unsigned size;

	row_parse_ref(sorter->rows, sorter->layout, entry->row, &row);
	if (depth >= sorter->longest)
		return row.key_bits;
	size = (row.key_bits + 7) / 8;
	if (depth < size)
		memcpy(&word, row.key + depth, size - depth < 8 ? size - depth : 8);
	return be64toh(word);
}

/* Sorts a few entries by their words, by insertion. */
static void sort_few(struct sorted *entries, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct sorted entry = entries[i];
		size_t to = i;
		for (; to > 0 && entries[to - 1].word > entry.word; to--)
			entries[to] = entries[to - 1];
		entries[to] = entry;
	}
}

/* Sorts entries by their words, byte by byte. */
static void sort_words(struct sorted *entries, struct sorted *other, size_t count)
{
	static const unsigned bytes = sizeof(uint64_t);
	size_t counts[sizeof(uint64_t)][256] = {{0}};
	struct sorted *from = entries, *to = other, *swap;

	for (size_t i = 0; i < count; i++)
		for (unsigned byte = 0; byte < bytes; byte++)
			counts[byte][entries[i].word >> byte * 8 & 255]++;
	for (unsigned byte = 0; byte < bytes; byte++) {
		size_t at = 0;
		if (counts[byte][from[0].word >> byte * 8 & 255] == count)
			continue;
		for (unsigned value = 0; value < 256; value++) {
			size_t size = counts[byte][value];
			counts[byte][value] = at;
			at += size;
		}
		for (size_t i = 0; i < count; i++)
			to[counts[byte][from[i].word >> byte * 8 & 255]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	if (from != entries)
		memcpy(entries, from, count * sizeof(*entries));
}

/* Sorts rows whose keys have the same bytes before `depth`. Sets `shared` of all but the first
 * row. */
static void sort_from(const struct sorter *sorter, struct sorted *entries, size_t count,
                      unsigned depth)
{
	bool last = depth >= sorter->longest;
	uint64_t before = 0;

	for (size_t i = 0; i < count; i++)
		entries[i].word = sort_word(sorter, &entries[i], depth);
	if (count <= FEW)
		sort_few(entries, count);
	else
		sort_words(entries, sorter->other, count);
	for (size_t begin = 0, end; begin < count; begin = end) {
		uint64_t word = entries[begin].word;

		for (end = begin + 1; end < count && entries[end].word == word; end++)
			entries[end].shared = SORTED_SAME;
		if (end - begin > 1 && !last)
			sort_from(sorter, entries + begin, end - begin, depth + 8);
		/* Set this after the recursion, which may have put another row of the group
		 * first. */
		if (begin > 0)
			entries[begin].shared =
				depth + (last ? 0 : (unsigned)__builtin_clzll(word ^ before) / 8);
		before = word;
	}
}

void sort_rows(const struct view *rows, const struct row_layout *layout, struct sorted *entries,
               size_t count)
{
	struct sorter sorter = {
		.rows = rows,
		.layout = layout,
		.other = entries + count,
		.longest = (layout->max_bits + 7u) / 8,
	};

	sort_from(&sorter, entries, count, 0);
	entries[0].shared = 0;
}
