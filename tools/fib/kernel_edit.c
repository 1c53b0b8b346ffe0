/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "tools/fib/kernel_edit.h"

/* The message, and the routes of its TOS and metric, from number `start` to before `end`. */
struct edit {
	struct kernel_list *list;
	struct kernel_entry *entry;
	unsigned flags;
	bool lenient;
	size_t start, end;
	struct kernel_edit_effect *effect;
};

size_t kernel_edit_group(const struct kernel_list *list, const struct kernel_entry *entry,
                         size_t *ret_end)
{
	size_t start = 0, end;

	while (start < list->count &&
	       (list->of[start].tos < entry->tos ||
	        (list->of[start].tos == entry->tos && list->of[start].metric < entry->metric)))
		start++;
	for (end = start; end < list->count && list->of[end].tos == entry->tos &&
	                  list->of[end].metric == entry->metric;
	     end++)
		;
	*ret_end = end;
	return start;
}

/* Finds a route of the group by a comparison. Returns its number, or `end`. */
static size_t edit_find(const struct edit *edit,
                        bool (*same)(const struct kernel_entry *a, const struct kernel_entry *b))
{
	size_t at = edit->start;

	while (at < edit->end && !same(&edit->list->of[at], edit->entry))
		at++;
	return at;
}

/* Finds the route that is merged from several, or can be. Returns its number, or `end`. */
static size_t edit_find_merged(const struct edit *edit, bool merges)
{
	size_t at = edit->start;

	while (at < edit->end && kernel_entry_merges(&edit->list->of[at]) != merges)
		at++;
	return at;
}

static int edit_insert(const struct edit *edit, size_t at)
{
	int r = kernel_list_insert(edit->list, at, edit->entry);

	edit->entry->value = NULL;
	return r < 0 ? r : KERNEL_EDIT_DONE;
}

static int edit_replace(const struct edit *edit, size_t at)
{
	edit->effect->other |= !kernel_entry_same(&edit->list->of[at], edit->entry);
	kernel_list_replace(edit->list, at, edit->entry);
	edit->entry->value = NULL;
	return KERNEL_EDIT_DONE;
}

static int edit_remove(const struct edit *edit, size_t at)
{
	kernel_list_remove(edit->list, at);
	return KERNEL_EDIT_DONE;
}

/* Removes a route that the kernel has deleted without a message, which follows from the message: it
 * adds an equal one, perhaps in another place. */
static void edit_drop(struct edit *edit, size_t at)
{
	kernel_list_remove(edit->list, at);
	edit->end--;
}

/* Returns true if both routes use the same next-hop object. */
static bool edit_same_object(const struct kernel_entry *a, const struct kernel_entry *b)
{
	return a->value->nexthop_id && a->value->nexthop_id == b->value->nexthop_id;
}

/* ---- IPv4 ---- */

/* The kernel has no two equal routes. It appends to the routes of equal TOS and metric, puts the
 * route before them, or replaces the first of them. */
static int edit_add4(struct edit *edit)
{
	size_t same = edit_find(edit, kernel_entry_same);
	bool replaces = edit->flags & NLM_F_REPLACE, object = edit->entry->value->nexthop_id;

	if (same == edit->end && replaces)
		/* A change of a next-hop object replaces its route in place. */
		same = edit_find(edit, edit_same_object);
	if (same < edit->end && (edit->lenient || (replaces && object)))
		return edit_replace(edit, same);
	if (same < edit->end)
		edit_drop(edit, same);
	if (!replaces || edit->start == edit->end)
		return edit_insert(edit, edit->flags & NLM_F_APPEND ? edit->end : edit->start);
	return edit_replace(edit, edit->start);
}

static int edit_remove4(const struct edit *edit)
{
	size_t at = edit_find(edit, kernel_entry_same);

	if (at == edit->end)
		at = edit_find(edit, edit_same_object);
	if (at < edit->end)
		return edit_remove(edit, at);
	return edit->start == edit->end || edit->lenient ? KERNEL_EDIT_NONE : KERNEL_EDIT_UNCLEAR;
}

/* ---- IPv6 ---- */

static bool edit_has_hop(const struct kernel_entry *entry, const struct kernel_hop *hop)
{
	const struct kernel_hop *hops = kernel_entry_hops(entry);

	for (unsigned i = 0; i < entry->hops; i++)
		if (kernel_hop_same(&hops[i], hop))
			return true;
	return false;
}

/* A message about an IPv6 route with several next hops has all of them, but begins with the new
 * one. In the kernel's list the new ones come last. Returns true if the first hop of `old` is among
 * them, after it has turned the list of the message so that this hop comes first. */
static bool edit_rotate(const struct kernel_entry *old, struct kernel_entry *entry)
{
	const struct kernel_hop first =
		old->hops ? kernel_entry_hops(old)[0] : (struct kernel_hop){0};
	struct kernel_hop *hops = kernel_entry_hops(entry);
	unsigned turned = 0;

	if (!edit_has_hop(entry, &first))
		return false;
	while (!kernel_hop_same(&hops[0], &first) && turned++ < entry->hops) {
		struct kernel_hop last = hops[0];

		memmove(hops, hops + 1, (entry->hops - 1) * sizeof(*hops));
		hops[entry->hops - 1] = last;
	}
	return true;
}

/* Adds next hops to the route number `at`. */
static int edit_merge(const struct edit *edit, size_t at)
{
	struct kernel_entry *old = &edit->list->of[at], *entry = edit->entry;

	if (!entry->listed) {
		/* The message is about a time when the route had one hop. */
		if (edit_has_hop(old, kernel_entry_hops(entry)))
			return KERNEL_EDIT_NONE;
		edit_replace(edit, at);
		return KERNEL_EDIT_UNCLEAR;
	}
	if (edit_rotate(old, entry)) {
		/* The first of the merged routes stands for all. */
		int r = kernel_entry_set_hops(old, kernel_entry_hops(entry), entry->hops);

		if (r < 0)
			return r;
		old->listed = true;
		kernel_entry_finish(old);
		return KERNEL_EDIT_DONE;
	}
	kernel_entry_finish(entry);
	return edit_replace(edit, at);
}

/* The kernel puts the route behind those of its metric, or merges it with a route of the same
 * metric that has a gateway, too. It replaces the first route that is like the new one in this, or
 * else the first one. */
static int edit_add6(struct edit *edit)
{
	bool merges = kernel_entry_merges(edit->entry);
	size_t at;

	if (edit->flags & NLM_F_REPLACE) {
		at = edit_find(edit, edit_same_object);
		if (at == edit->end)
			at = edit_find_merged(edit, merges);
		if (at == edit->end)
			at = edit->start;
		return at < edit->end ? edit_replace(edit, at) : edit_insert(edit, at);
	}
	at = merges ? edit_find_merged(edit, true) : edit_find(edit, kernel_entry_similar);
	if (at < edit->end && merges)
		return edit_merge(edit, at);
	if (at < edit->end && edit->lenient)
		return edit_replace(edit, at);
	if (at < edit->end)
		edit_drop(edit, at);
	return edit_insert(edit, edit->end);
}

/* Removes the next hops of the message from the route number `at`. */
static int edit_unmerge(const struct edit *edit, size_t at)
{
	struct kernel_entry *old = &edit->list->of[at];
	struct kernel_hop *hops = kernel_entry_hops(old);
	unsigned before = old->hops;
	const struct kernel_hop first = before ? hops[0] : (struct kernel_hop){0};
	unsigned kept = 0;

	for (unsigned i = 0; i < before; i++)
		if (!edit_has_hop(edit->entry, &hops[i]))
			hops[kept++] = hops[i];
	if (kept == 0)
		return edit_remove(edit, at);
	if (kept == before)
		return edit->lenient ? KERNEL_EDIT_NONE : KERNEL_EDIT_UNCLEAR;
	old->hops = kept;
	old->listed = kept > 1;
	kernel_entry_finish(old);
	if (kernel_hop_same(&hops[0], &first))
		return KERNEL_EDIT_DONE;
	/* The merged route has the place and the columns of its first hop. Those of the next hop
	 * are not known. */
	edit->effect->doubt = hops[0].ifindex;
	return at + 1 < edit->end ? KERNEL_EDIT_UNCLEAR : KERNEL_EDIT_DONE;
}

static int edit_remove6(const struct edit *edit)
{
	size_t at;

	if (kernel_entry_merges(edit->entry)) {
		at = edit_find_merged(edit, true);
		if (at < edit->end)
			return edit_unmerge(edit, at);
	}
	at = edit_find(edit, kernel_entry_same);
	if (at == edit->end)
		at = edit_find(edit, kernel_entry_similar);
	if (at < edit->end)
		return edit_remove(edit, at);
	return edit->start == edit->end || edit->lenient ? KERNEL_EDIT_NONE : KERNEL_EDIT_UNCLEAR;
}

int kernel_edit_apply(struct kernel_list *list, const struct nlmsghdr *message,
                      struct kernel_entry *entry, bool lenient,
                      struct kernel_edit_effect *ret_effect)
{
	struct edit edit = {.list = list,
	                    .entry = entry,
	                    .flags = message->nlmsg_flags,
	                    .lenient = lenient,
	                    .effect = ret_effect};
	int r;

	*ret_effect = (struct kernel_edit_effect){0};
	edit.start = kernel_edit_group(list, entry, &edit.end);
	if (message->nlmsg_type == RTM_NEWROUTE)
		r = list->at.wide ? edit_add6(&edit) : edit_add4(&edit);
	else
		r = list->at.wide ? edit_remove6(&edit) : edit_remove4(&edit);
	free(entry->value);
	entry->value = NULL;
	return r;
}
