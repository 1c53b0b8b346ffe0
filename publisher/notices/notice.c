/* SPDX-License-Identifier: MIT */
#include "publisher/notices/notice.h"

#include "lib/base/atomic.h"
#include "notifier/futex.h"

void notice_add(struct notice *notice, uint64_t hash)
{
	notice->mask |= notifier_futex_bit(hash);
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
	uint32_t mask = notice->mask && later->mask ? notice->mask | later->mask : 0;

	notice->version = later->version;
	notice->time = later->time;
	notice->everybody |= later->everybody;
	for (uint32_t i = 0; i < later->tables && notice->tables != NOTICE_ANY; i++)
		if (later->tables == NOTICE_ANY)
			notice->tables = NOTICE_ANY;
		else if (!notice_has(notice, later->hashes[i]))
			notice_add(notice, later->hashes[i]);
	notice->mask = mask;
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
