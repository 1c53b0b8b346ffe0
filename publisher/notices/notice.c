/* SPDX-License-Identifier: MIT */
#include "publisher/notices/notice.h"

#include "lib/base/atomic.h"
#include "notifier/futex.h"
#include "notifier/notifier.h"

void notice_add(struct notice *notice, uint64_t hash)
{
	if (notice->tables < NOTICE_TABLES)
		notice->hashes[notice->tables] = hash;
	if (notice->tables < NOTICE_ANY)
		notice->tables++;
}

/* Returns true if the notice names a table. */
static bool notice_has(const struct notice *notice, uint64_t hash)
{
	for (uint32_t i = 0; i < notice->tables; i++)
		if (notice->hashes[i] == hash)
			return true;
	return false;
}

void notice_merge(struct notice *notice, const struct notice *later)
{
	notice->version = later->version;
	notice->time = later->time;
	notice->everybody |= later->everybody;
	if (notice->tables == NOTICE_ANY || later->tables == NOTICE_ANY) {
		notice->tables = NOTICE_ANY;
		return;
	}
	for (uint32_t i = 0; i < later->tables; i++) {
		if (notice->tables == NOTICE_ANY)
			return;
		if (!notice_has(notice, later->hashes[i]))
			notice_add(notice, later->hashes[i]);
	}
}

bool notice_concerns(const struct notice *notice, const struct layout_slot *slot)
{
	uint32_t tables = __atomic_load_n(&slot->tables, __ATOMIC_RELAXED);

	if (notice->everybody || notice->tables == NOTICE_ANY || tables == 0 ||
	    tables > LAYOUT_SLOT_TABLES)
		return true;
	for (uint32_t i = 0; i < tables; i++)
		if (notice_has(notice, load_relaxed(&slot->table_hashes[i])))
			return true;
	return false;
}

uint32_t notice_mask(const struct notice *notice)
{
	uint32_t mask = 0;

	/* A version without a changed table concerns those who wait for every version. */
	if (notice->everybody || notice->tables == NOTICE_ANY || notice->tables == 0)
		return UINT32_MAX;
	for (uint32_t i = 0; i < notice->tables; i++)
		mask |= notifier_futex_bit(notice->hashes[i]);
	return mask;
}

/* Returns true if the notice comes within the interval. The difference is huge, and the result
 * false, if the clock was set back. */
static bool notice_is_within(const struct notice_recent *recent, const struct notice *notice,
                             uint64_t interval)
{
	return notice->time - recent->at < interval;
}

bool notice_recent_covers(const struct notice_recent *recent, const struct notice *notice,
                          uint64_t interval)
{
	return !notice->everybody && notice_is_within(recent, notice, interval) &&
	       (notice_mask(notice) & ~recent->mask) == 0;
}

void notice_recent_add(struct notice_recent *recent, const struct notice *notice, uint64_t interval)
{
	uint32_t mask = notice_mask(notice);

	if (notice_is_within(recent, notice, interval))
		recent->mask |= mask;
	else
		*recent = (struct notice_recent){.at = notice->time, .mask = mask};
}
