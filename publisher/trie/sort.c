/* SPDX-License-Identifier: MIT
 *
 * A radix sort: eight bytes of the keys at a time, of these one byte after the other from the last on;
 * then the rows that have all eight in common by the next eight. The order of keys is that of their
 * bytes, filled up with zeros, and, where these are the same, of their lengths. Every step keeps the
 * order of what it finds equal. */
#include "publisher/trie/sort.h"

#include <endian.h>
#include <string.h>

#define FEW 24u /* rows for which counting is not worth it */

struct sorter {
	const struct view *rows;
	const struct row_layout *layout;
	struct sorted *other; /* room for as many entries as there are */
	unsigned longest;     /* bytes of the longest key */
};

/* What a key is sorted by at a depth: its bytes from there on, or, past the end of all keys, its
 * length. */
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

/* Sorts rows that have the same bytes before `depth`, and says of all but the first what they share with
 * the one before. */
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
		/* The sort of those that are the same so far may have put another one first. */
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
