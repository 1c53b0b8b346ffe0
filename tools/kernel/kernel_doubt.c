/* SPDX-License-Identifier: MIT */
#include "tools/kernel/kernel_doubt.h"

void kernel_doubts_mark(struct kernel_doubts *doubts, unsigned kinds, const char *reason)
{
	if (!(kinds & doubts->kinds))
		return;
	doubts->dirty |= kinds & doubts->kinds;
	doubts->reason = reason;
}

void kernel_doubts_add(struct kernel_doubts *doubts, uint32_t ifindex, unsigned kinds)
{
	if (!(kinds & doubts->kinds))
		return;
	for (size_t i = 0; i < doubts->link_count; i++) {
		if (doubts->links[i].ifindex == ifindex) {
			doubts->links[i].kinds |= kinds;
			return;
		}
	}
	if (doubts->link_count == KERNEL_DOUBTS_MAX)
		kernel_doubts_mark(doubts, kinds, "many links have changed");
	else
		doubts->links[doubts->link_count++] =
			(struct kernel_doubt){.ifindex = ifindex, .kinds = kinds};
}

bool kernel_doubts_has(const struct kernel_doubts *doubts, uint32_t ifindex, unsigned kinds)
{
	for (size_t i = 0; i < doubts->link_count; i++)
		if (doubts->links[i].ifindex == ifindex)
			return doubts->links[i].kinds & kinds;
	return false;
}

bool kernel_doubts_take(struct kernel_doubts *doubts, struct kernel_doubt *ret)
{
	if (doubts->link_count == 0)
		return false;
	*ret = doubts->links[--doubts->link_count];
	return true;
}

void kernel_doubts_drop(struct kernel_doubts *doubts, enum kernel_kind kind)
{
	for (size_t i = 0; i < doubts->link_count; i++)
		doubts->links[i].kinds &= ~KERNEL_KIND_MASK(kind);
}

bool kernel_doubts_end_change(struct kernel_doubts *doubts, uint32_t ifindex)
{
	for (size_t i = 0; i < doubts->changing_count; i++) {
		if (doubts->changing[i] != ifindex)
			continue;
		doubts->changing[i] = doubts->changing[--doubts->changing_count];
		return true;
	}
	return doubts->many_change;
}

void kernel_doubts_add_all(void *context, uint32_t ifindex)
{
	kernel_doubts_add(context, ifindex, KERNEL_ROUTE_KINDS);
}

void kernel_doubts_add_family(void *context, uint32_t ifindex, bool wide)
{
	kernel_doubts_add(context, ifindex, KERNEL_KIND_MASK(kernel_kind_of_routes(wide)));
}

void kernel_doubts_begin_change(void *context, uint32_t ifindex)
{
	struct kernel_doubts *doubts = context;

	for (size_t i = 0; i < doubts->changing_count; i++)
		if (doubts->changing[i] == ifindex)
			return;
	if (doubts->changing_count == KERNEL_DOUBTS_MAX)
		doubts->many_change = true;
	else
		doubts->changing[doubts->changing_count++] = ifindex;
}
