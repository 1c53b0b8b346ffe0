/* SPDX-License-Identifier: MIT */
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "tools/fib/kernel_edit.h"
#include "tools/fib/kernel_link.h"
#include "tools/fib/kernel_rows.h"
#include "tools/kernel/kernel_mirror_route.h"
#include "tools/netlink/kernel_words.h"

/* Doubts the routes of the TOS and metric of a message about a route that is not mirrored for its
 * protocol: the message may have replaced one of them, or may have merged IPv6 routes with them.
 * Routes without a link can only be read with all others. */
static void route_doubt_group(struct kernel_mirror *mirror, const struct nlmsghdr *message,
                              const struct kernel_entry *entry)
{
	bool wide = mirror->list.at.wide;
	unsigned kind = KERNEL_KIND_MASK(kernel_kind_of_routes(wide));
	size_t end, at = kernel_edit_group(&mirror->list, entry, &end);

	if (!wide &&
	    (message->nlmsg_type == RTM_DELROUTE || !(message->nlmsg_flags & NLM_F_REPLACE)))
		return;
	for (; at < end; at++) {
		const struct kernel_entry *other = &mirror->list.of[at];

		for (unsigned hop = 0; hop < other->hops; hop++)
			kernel_doubts_add(&mirror->doubts, kernel_entry_hops(other)[hop].ifindex,
			                  kind);
		if (other->hops == 0)
			kernel_doubts_mark(&mirror->doubts, kind, "a message did not fit");
	}
}

/* Reads the list of the prefix of a message, unless a filter excludes the message. Sets
 * `*ret_taken` to whether the message applies to the list. */
static int route_read_list(struct kernel_mirror *mirror, const struct nlmsghdr *message,
                           const struct kernel_prefix *prefix, const struct kernel_entry *entry,
                           bool *ret_taken)
{
	int r;

	*ret_taken = false;
	if (!kernel_filter_takes_table(&mirror->store.filter, prefix))
		return 0;
	r = kernel_list_read(&mirror->store, prefix, &mirror->list);
	*ret_taken = r >= 0 && kernel_filter_takes_protocol(&mirror->store.filter, message);
	if (r >= 0 && !*ret_taken) {
		route_doubt_group(mirror, message, entry);
		kernel_list_clear(&mirror->list);
	}
	return r;
}

/* Returns true if the kernel may have deleted one of several routes without a message, because a
 * link is in doubt, and the order of the others then depends on it: if the message replaces the
 * first of them, or if it is old and may have added again a route that the list still has. */
static bool route_depends_on_doubt(const struct kernel_mirror *mirror,
                                   const struct nlmsghdr *message, const struct kernel_entry *entry,
                                   bool old)
{
	unsigned kind = KERNEL_KIND_MASK(kernel_kind_of_routes(mirror->list.at.wide));
	size_t end, at = kernel_edit_group(&mirror->list, entry, &end);

	if (message->nlmsg_type != RTM_NEWROUTE || end - at < 2 ||
	    (!old && !(message->nlmsg_flags & NLM_F_REPLACE)))
		return false;
	for (; at < end; at++) {
		const struct kernel_entry *other = &mirror->list.of[at];

		for (unsigned hop = 0; hop < other->hops; hop++)
			if (kernel_doubts_has(&mirror->doubts,
			                      kernel_entry_hops(other)[hop].ifindex, kind))
				return true;
	}
	return false;
}

/* Applies a message to the list of its prefix, and marks what it leaves in doubt. Returns enum
 * kernel_edit or a negative errno. */
static int route_edit(struct kernel_mirror *mirror, const struct nlmsghdr *message,
                      struct kernel_entry *entry)
{
	struct kernel_list *list = &mirror->list;
	struct kernel_replay *replay = &mirror->store.replay;
	unsigned kind = KERNEL_KIND_MASK(kernel_kind_of_routes(list->at.wide));
	uint32_t ifindex = entry->value->ifindex;
	struct kernel_edit_effect effect;
	struct kernel_replay_edit edit = {.replaces = message->nlmsg_type == RTM_NEWROUTE &&
	                                              message->nlmsg_flags & NLM_F_REPLACE,
	                                  .before = list->count};
	/* If rows were refused, messages about them fit nothing. */
	bool refused = mirror->store.space.refused, old = kernel_replay_is_old(replay, &list->at);
	bool unclear = route_depends_on_doubt(mirror, message, entry, old);
	int r = kernel_edit_apply(list, message, entry, old || refused, &effect), sure = 1;

	if (r < 0)
		return r;
	edit.other = effect.other;
	edit.after = list->count;
	if (effect.doubt)
		kernel_doubts_add(&mirror->doubts, effect.doubt, kind);
	if (r == KERNEL_EDIT_UNCLEAR && !effect.doubt && message->nlmsg_type == RTM_DELROUTE &&
	    kernel_link_lost_routes(&mirror->store, ifindex, list->at.wide))
		r = KERNEL_EDIT_NONE;
	if (old)
		sure = kernel_replay_judge(replay, &list->at, &edit);
	if (sure < 0)
		return sure;
	/* If rows were refused, the replaced one may have been another one. */
	if (r == KERNEL_EDIT_UNCLEAR || unclear || !sure ||
	    (refused && edit.other && edit.before > 1))
		kernel_doubts_mark(&mirror->doubts, kind, "a message did not fit");
	return r;
}

int kernel_mirror_route(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	struct kernel_prefix prefix;
	struct kernel_entry entry;
	bool taken, deletes = message->nlmsg_type == RTM_DELROUTE, tears;
	int edited, r = kernel_route_decode(message, &prefix, &entry);

	if (r <= 0)
		return r;
	/* The kernel sets the metrics of such a route after the message. */
	if (prefix.wide && message->nlmsg_type == RTM_NEWROUTE &&
	    kernel_word_is_protocol(entry.value->protocol, RTPROT_RA))
		kernel_doubts_add(&mirror->doubts, entry.value->ifindex,
		                  KERNEL_KIND_MASK(KERNEL_KIND_ROUTES6));
	r = route_read_list(mirror, message, &prefix, &entry, &taken);
	if (r < 0 || !taken) {
		free(entry.value);
		edited = r < 0 ? r : KERNEL_EDIT_NONE;
	} else {
		edited = route_edit(mirror, message, &entry);
	}
	/* Routes that a filter excludes change what the kernel dumps of others, too. */
	tears = kernel_replay_tears(&mirror->store.replay, &prefix, deletes,
	                            !taken || mirror->list.count == 0);
	if (tears)
		kernel_doubts_mark(&mirror->doubts,
		                   KERNEL_KIND_MASK(kernel_kind_of_routes(prefix.wide)),
		                   "the kernel changed during the dumps");
	if (edited > KERNEL_EDIT_NONE)
		r = kernel_list_write(&mirror->store, &mirror->list);
	kernel_list_clear(&mirror->list);
	return edited < 0 ? edited : r;
}

void kernel_mirror_setting(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	uint32_t ifindex;
	bool wide;

	if (!kernel_decode_setting(message, &wide, &ifindex))
		return;
	if (ifindex)
		kernel_doubts_add_family(&mirror->doubts, ifindex, wide);
	else
		kernel_doubts_mark(&mirror->doubts, KERNEL_KIND_MASK(kernel_kind_of_routes(wide)),
		                   "a setting of all links has changed");
}
