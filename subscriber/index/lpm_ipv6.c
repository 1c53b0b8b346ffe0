/* SPDX-License-Identifier: MIT
 *
 * Builds and changes the index of an IPv6 table (lpm_ipv6.h). */
#include "subscriber/index/lpm_ipv6.h"

#include <errno.h>

#include "subscriber/index/lpm_memory.h"

int lpm_ipv6_init(struct lpm_ipv6 *index)
{
	*index = (struct lpm_ipv6){0};
	return ranges_init(&index->high, 0);
}

void lpm_ipv6_fini(struct lpm_ipv6 *index)
{
	ranges_fini(&index->high);
	for (uint32_t i = 0; i < index->low_count; i++)
		ranges_fini(&index->lows[i]);
	free(index->lows);
	*index = (struct lpm_ipv6){0};
}

size_t lpm_ipv6_memory(const struct lpm_ipv6 *index)
{
	size_t size = ranges_memory(&index->high) + index->low_capacity * sizeof(*index->lows);

	for (uint32_t i = 0; i < index->low_count; i++)
		if (index->lows[i].count > 0)
			size += ranges_memory(&index->lows[i]);
	return size;
}

/* ---- low trees ---- */

/* Allocates an entry for a low tree. Reuses a free entry only if the array is full and more than a
 * quarter of it is free, so that the search costs little per entry. Returns 0 and the number of the
 * entry, or -ENOMEM. */
static int ipv6_alloc_low(struct lpm_ipv6 *index, uint32_t *ret)
{
	uint32_t i = index->low_count, capacity = index->low_capacity * 2 + 16;
	struct ranges *lows;

	if (i == index->low_capacity && index->low_free > i / 4) {
		for (i = 0; index->lows[i].count > 0;)
			i++;
		index->low_free--;
	} else {
		if (i == index->low_capacity) {
			lows = lpm_reallocate(index->lows, i * sizeof(*lows),
			                      capacity * sizeof(*lows));
			if (!lows)
				return -ENOMEM;
			index->lows = lows;
			index->low_capacity = capacity;
		}
		index->low_count++;
	}
	index->lows[i] = (struct ranges){0};
	*ret = i;
	return 0;
}

/* Frees a low tree. A callback of ranges_replace(). */
static void ipv6_free_low(void *context, uint32_t number)
{
	struct lpm_ipv6 *index = context;

	ranges_fini(&index->lows[number]);
	index->low_free++;
}

/* ---- lists of ranges ---- */

/* The ranges of a sweep, for ranges_replace(). */
struct ipv6_list {
	struct range *ranges;
	size_t count, capacity;
};

/* Appends a segment. Returns 0 or -ENOMEM. */
static int ipv6_list_add(struct ipv6_list *list, const struct lpm_segment *segment)
{
	size_t capacity = list->capacity * 2 + 16;
	struct range *ranges;

	if (list->count == list->capacity) {
		ranges = realloc(list->ranges, capacity * sizeof(*ranges));
		if (!ranges)
			return -ENOMEM;
		list->ranges = ranges;
		list->capacity = capacity;
	}
	list->ranges[list->count++] =
		(struct range){segment->first, segment->answer, segment->deeper};
	return 0;
}

/* The callback of ranges_replace() for low trees, whose ranges are never deeper. */
static void ipv6_ignore_dropped(void *context, uint32_t answer)
{
	(void)context;
	(void)answer;
}

/* Builds the low tree of the /64 `high`. `sweep` is working memory. Returns 0 and the number of the
 * tree, -EBADMSG or -ENOMEM. */
static int ipv6_paint_low(struct lpm_ipv6 *index, const struct lpm_source *source, uint64_t high,
                          struct lpm_sweep *sweep, uint32_t *ret)
{
	struct lpm_key key = {.bits = 64};
	struct lpm_segment segment;
	struct ipv6_list list = {0};
	int r;

	for (unsigned i = 0; i < 8; i++)
		key.bytes[i] = (unsigned char)(high >> (56 - i * 8));
	r = lpm_sweep_start(sweep, source, &key, 64, 64);
	while (r == 0 && (r = lpm_sweep_next(sweep, &segment)) == 1)
		r = ipv6_list_add(&list, &segment);
	if (r == 0)
		r = ipv6_alloc_low(index, ret);
	if (r == 0) {
		r = ranges_init(&index->lows[*ret], 0);
		if (r == 0)
			r = ranges_replace(&index->lows[*ret], 0, UINT64_MAX, list.ranges,
			                   list.count, ipv6_ignore_dropped, NULL);
		if (r < 0)
			ipv6_free_low(index, *ret);
	}
	free(list.ranges);
	return r;
}

int lpm_ipv6_paint(struct lpm_ipv6 *index, struct lpm_sweep *sweep, struct lpm_sweep *inner)
{
	struct lpm_segment segment;
	struct ipv6_list list = {0};
	int r = 0;

	while (r == 0 && (r = lpm_sweep_next(sweep, &segment)) == 1) {
		r = 0;
		if (segment.deeper)
			r = ipv6_paint_low(index, sweep->source, segment.first, inner,
			                   &segment.answer);
		if (r == 0)
			r = ipv6_list_add(&list, &segment);
	}
	if (r == 0)
		r = ranges_replace(&index->high, sweep->first, sweep->last, list.ranges, list.count,
		                   ipv6_free_low, index);
	free(list.ranges);
	return r;
}
