/* SPDX-License-Identifier: MIT
 *
 * Builds and changes a map of ranges (lpm_ranges.h). */
#include "subscriber/index/lpm_ranges.h"

#include <errno.h>

#include "subscriber/index/lpm_memory.h"

/* The number of ranges in each piece when a replacement fills several pieces. The rest of a piece
 * is for ranges that are added later. */
#define PIECE_FILL 56u

/* Enough pieces for 50 million ranges. */
#define PIECES_MAX (UINT32_C(1) << 20)

/* Returns the form in which a start is stored. */
static int64_t ranges_below(uint64_t start)
{
	return ranges_word(start - 1);
}

/* Returns range `i` of a piece. */
static struct range ranges_piece_range(const struct ranges_piece *piece, uint32_t i)
{
	return (struct range){
		.start = ((uint64_t)piece->starts[i] ^ UINT64_C(1) << 63) + 1,
		.answer = piece->answers[i],
		.deeper = piece->deeper >> i & 1,
	};
}

/* Sets the ranges of a piece. */
static void ranges_fill_piece(struct ranges_piece *piece, const struct range *from, uint32_t count)
{
	piece->deeper = 0;
	for (uint32_t i = 0; i < RANGES_PIECE; i++) {
		piece->starts[i] = i < count ? ranges_below(from[i].start) : INT64_MAX;
		piece->answers[i] = i < count ? from[i].answer : 0;
		if (i < count && from[i].deeper)
			piece->deeper |= UINT64_C(1) << i;
	}
	for (uint32_t i = 1; i < RANGES_FAN; i++)
		piece->tops[i - 1] = piece->starts[(size_t)i * RANGES_FAN];
}

/* ---- memory ---- */

/* Returns the number of levels of a directory for `pieces` pieces, and the number of nodes if all
 * levels are full. */
static unsigned ranges_directory_levels(size_t pieces, size_t *ret_nodes)
{
	unsigned levels = 0;
	size_t nodes = 0;

	for (size_t reach = 1; reach < pieces; reach *= RANGES_FAN, levels++)
		nodes = nodes * RANGES_FAN + 1;
	*ret_nodes = nodes;
	return levels;
}

/* Returns the memory of a directory for `capacity` pieces, in bytes. */
static size_t ranges_directory_size(size_t capacity)
{
	size_t nodes;

	ranges_directory_levels(capacity, &nodes);
	return (nodes > 0 ? nodes : 1) * RANGES_FAN * sizeof(int64_t);
}

/* Grows the capacity to at least `count` pieces. Returns 0, or -ENOMEM, which leaves the map
 * unchanged. */
static int ranges_reserve(struct ranges *ranges, size_t count)
{
	size_t used = ranges->capacity, capacity;
	struct ranges_piece *pieces;
	uint32_t *order, *sizes;
	uint64_t *firsts;
	int64_t *directory;

	if (count <= ranges->capacity)
		return 0;
	if (count > PIECES_MAX)
		return -ENOMEM;
	capacity = lpm_round((count + count / 8) * sizeof(*pieces)) / sizeof(*pieces);
	pieces = lpm_allocate(capacity * sizeof(*pieces));
	order = lpm_allocate(capacity * sizeof(*order));
	sizes = lpm_allocate(capacity * sizeof(*sizes));
	firsts = lpm_allocate(capacity * sizeof(*firsts));
	directory = lpm_allocate(ranges_directory_size(capacity));
	if (!pieces || !order || !sizes || !firsts || !directory) {
		free(pieces);
		free(order);
		free(sizes);
		free(firsts);
		free(directory);
		return -ENOMEM;
	}
	if (used > 0) {
		memcpy(pieces, ranges->pieces, used * sizeof(*pieces));
		memcpy(order, ranges->order, used * sizeof(*order));
		memcpy(sizes, ranges->sizes, used * sizeof(*sizes));
		memcpy(firsts, ranges->firsts, used * sizeof(*firsts));
		memcpy(directory, ranges->directory, ranges_directory_size(ranges->capacity));
	}
	/* The new pieces are free, so their indexes come last. */
	for (size_t i = used; i < capacity; i++)
		order[i] = (uint32_t)i;
	free(ranges->pieces);
	free(ranges->order);
	free(ranges->sizes);
	free(ranges->firsts);
	free(ranges->directory);
	ranges->pieces = pieces;
	ranges->order = order;
	ranges->sizes = sizes;
	ranges->firsts = firsts;
	ranges->directory = directory;
	ranges->capacity = (uint32_t)capacity;
	return 0;
}

int ranges_init(struct ranges *ranges, uint32_t answer)
{
	const struct range all = {.answer = answer};

	*ranges = (struct ranges){0};
	if (ranges_reserve(ranges, 1) < 0)
		return -ENOMEM;
	ranges_fill_piece(&ranges->pieces[0], &all, 1);
	ranges->sizes[0] = 1;
	ranges->firsts[0] = 0;
	ranges->count = 1;
	return 0;
}

void ranges_fini(struct ranges *ranges)
{
	free(ranges->pieces);
	free(ranges->order);
	free(ranges->sizes);
	free(ranges->firsts);
	free(ranges->directory);
	*ranges = (struct ranges){0};
}

size_t ranges_memory(const struct ranges *ranges)
{
	return ranges->capacity * (sizeof(*ranges->pieces) + sizeof(*ranges->order) +
	                           sizeof(*ranges->sizes) + sizeof(*ranges->firsts)) +
	       ranges_directory_size(ranges->capacity);
}

/* ---- the directory ---- */

/* Builds the directory from `firsts`, level by level from the bottom. Unused starts of the last
 * node of a level are INT64_MAX, which is below no word. Lookups never reach the nodes of a level
 * after its last used node, which stay unset. */
static void ranges_build_directory(struct ranges *ranges)
{
	size_t entries = ranges->count, first, under, lines;

	ranges->levels = ranges_directory_levels(entries, &first);
	ranges->bottom = (uint32_t)first;
	for (unsigned level = ranges->levels; level-- > 0; entries = lines) {
		lines = (entries + RANGES_FAN - 1) / RANGES_FAN;
		under = first;
		first = (first - 1) / RANGES_FAN;
		for (size_t i = 0; i < lines * RANGES_FAN; i++) {
			int64_t *entry = &ranges->directory[first * RANGES_FAN + i];
			if (i >= entries)
				*entry = INT64_MAX;
			else if (level == ranges->levels - 1)
				*entry = ranges_below(ranges->firsts[i]);
			else
				*entry = ranges->directory[(under + i) * RANGES_FAN];
		}
	}
}

/* Returns the position, in `order`, of the piece that contains a word. */
static uint32_t ranges_find_piece(const struct ranges *ranges, uint64_t word)
{
	uint32_t low = 0, high = ranges->count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (ranges->firsts[middle] <= word)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* ---- replacing ---- */

/* Appends a range to a list of adjacent ranges. Joins `range` to the last one if both have the same
 * answer and neither is deeper. Returns the new length of the list. */
static size_t ranges_append(struct range *list, size_t count, struct range range)
{
	const struct range *before = count > 0 ? &list[count - 1] : NULL;

	if (before && !before->deeper && !range.deeper && before->answer == range.answer)
		return count;
	list[count] = range;
	return count + 1;
}

/* Merges the ranges of the pieces at positions `from` to `to` with the ranges `with`, which replace
 * the words from `first` to `last`. Returns the number of ranges in `ret`. */
static size_t ranges_merge(const struct ranges *ranges, uint32_t from, uint32_t to, uint64_t first,
                           uint64_t last, const struct range *with, size_t with_count,
                           struct range *ret)
{
	/* `holder` is the old range that contains `last`, if there is one. */
	struct range holder = {0}, range;
	bool put = false;
	size_t count = 0;

	for (uint32_t i = from; i <= to; i++)
		for (uint32_t j = 0; j < ranges->sizes[i]; j++) {
			range = ranges_piece_range(&ranges->pieces[ranges->order[i]], j);
			if (range.start < first)
				count = ranges_append(ret, count, range);
			if (range.start <= last) {
				holder = range;
				continue;
			}
			for (size_t k = 0; k < with_count && !put; k++)
				count = ranges_append(ret, count, with[k]);
			/* An old range that extends past `last` continues at `last + 1`. */
			holder.start = last + 1;
			if (!put && range.start > last + 1)
				count = ranges_append(ret, count, holder);
			put = true;
			count = ranges_append(ret, count, range);
		}
	for (size_t k = 0; k < with_count && !put; k++)
		count = ranges_append(ret, count, with[k]);
	holder.start = last + 1;
	if (!put && last < (to + 1 < ranges->count ? ranges->firsts[to + 1] - 1 : UINT64_MAX))
		count = ranges_append(ret, count, holder);
	return count;
}

/* Reverses an array. */
static void ranges_reverse(uint32_t *words, uint32_t count)
{
	for (uint32_t i = 0; i < count / 2; i++) {
		uint32_t word = words[i];
		words[i] = words[count - 1 - i];
		words[count - 1 - i] = word;
	}
}

/* Rotates an array, so that its first `by` elements become its last. */
static void ranges_rotate(uint32_t *words, uint32_t count, uint32_t by)
{
	ranges_reverse(words, by);
	ranges_reverse(words + by, count - by);
	ranges_reverse(words, count);
}

/* Replaces the `before` pieces from position `at` on with `after` pieces, which the caller then
 * fills. The capacity must suffice. Pieces that are no longer in use become free. */
static void ranges_resize(struct ranges *ranges, uint32_t at, uint32_t before, uint32_t after)
{
	uint32_t behind = ranges->count - at - before;

	memmove(ranges->sizes + at + after, ranges->sizes + at + before,
	        behind * sizeof(*ranges->sizes));
	memmove(ranges->firsts + at + after, ranges->firsts + at + before,
	        behind * sizeof(*ranges->firsts));
	if (after < before)
		ranges_rotate(ranges->order + at + after, before - after + behind, before - after);
	else
		ranges_rotate(ranges->order + at + before, after - before + behind, behind);
	ranges->count = at + after + behind;
}

/* Distributes ranges evenly over `pieces` pieces from position `at` on. */
static void ranges_distribute(struct ranges *ranges, uint32_t at, uint32_t pieces,
                              const struct range *from, size_t count)
{
	for (uint32_t i = 0; i < pieces; i++) {
		size_t begin = count * i / pieces, end = count * (i + 1) / pieces;
		ranges_fill_piece(&ranges->pieces[ranges->order[at + i]], from + begin,
		                  (uint32_t)(end - begin));
		ranges->sizes[at + i] = (uint32_t)(end - begin);
		ranges->firsts[at + i] = from[begin].start;
	}
}

int ranges_replace(struct ranges *ranges, uint64_t first, uint64_t last, const struct range *with,
                   size_t count, void (*dropped)(void *context, uint32_t answer), void *context)
{
	uint32_t from = ranges_find_piece(ranges, first), to = ranges_find_piece(ranges, last);
	size_t capacity = count + 1, merged, pieces;
	struct range *list, range;

	/* Join the last piece with the next one, if the two together are small. */
	if (to + 1 < ranges->count && ranges->sizes[to] + ranges->sizes[to + 1] <= RANGES_PIECE / 2)
		to++;
	for (uint32_t i = from; i <= to; i++)
		capacity += ranges->sizes[i];
	list = malloc(capacity * sizeof(*list));
	if (!list)
		return -ENOMEM;
	merged = ranges_merge(ranges, from, to, first, last, with, count, list);
	pieces = merged <= RANGES_PIECE ? 1 : (merged + PIECE_FILL - 1) / PIECE_FILL;
	if (ranges_reserve(ranges, ranges->count + pieces) < 0) {
		free(list);
		return -ENOMEM;
	}
	for (uint32_t i = from; i <= to; i++)
		for (uint32_t j = 0; j < ranges->sizes[i]; j++) {
			range = ranges_piece_range(&ranges->pieces[ranges->order[i]], j);
			if (range.deeper && range.start >= first && range.start <= last)
				dropped(context, range.answer);
		}
	if (pieces != to - from + 1u)
		ranges_resize(ranges, from, to - from + 1, (uint32_t)pieces);
	ranges_distribute(ranges, from, (uint32_t)pieces, list, merged);
	if (pieces > 1 || to > from)
		ranges_build_directory(ranges);
	free(list);
	return 0;
}
