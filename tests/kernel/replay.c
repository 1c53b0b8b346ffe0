/* SPDX-License-Identifier: MIT
 *
 * Messages that are older than what the mirror has read, in every order in which a read and the
 * messages can meet. Without a kernel: a model of the kernel's list of IPv4 routes of one prefix
 * sends the messages and answers the reads. */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tools/kernel/kernel_mirror.h"
#include "tests/support/random.h"
#include "tests/support/sanitized.h"

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

#define ROUTES_MAX 16
#define STEPS_MAX  6

/* The routes of the prefix, in the kernel's order. Router number N is on link 2 + N % 2. */
struct list {
	bool down; /* link 3 */
	unsigned count;
	struct {
		unsigned metric, router;
	} of[ROUTES_MAX];
};

/* A message about a route, or about link 3 (RTM_NEWLINK). */
struct change {
	uint16_t type, flags; /* with RTM_NEWLINK, `flags' says whether the link is down */
	unsigned metric, router;
};

enum verb { ADD, APPEND, PREPEND, REPLACE, DELETE, LINK, VERBS };

/* ---- the model of the kernel ---- */

static void list_insert(struct list *list, unsigned at, const struct change *change)
{
	memmove(&list->of[at + 1], &list->of[at], (list->count++ - at) * sizeof(list->of[0]));
	list->of[at].metric = change->metric;
	list->of[at].router = change->router;
}

static void list_remove(struct list *list, unsigned at)
{
	list->count--;
	memmove(&list->of[at], &list->of[at + 1], (list->count - at) * sizeof(list->of[0]));
}

/* Sets link 3 up or down. When it goes down, its routes go without a message. */
static bool list_change_link(struct list *list, struct change *ret)
{
	list->down = !list->down;
	*ret = (struct change){.type = RTM_NEWLINK, .flags = list->down};
	for (unsigned i = list->count; i > 0 && list->down; i--)
		if (list->of[i - 1].router % 2)
			list_remove(list, i - 1);
	return true;
}

/* Does what net/ipv4/fib_trie.c of the kernel does. Returns false if the kernel
 * refuses it; otherwise writes the message that it sends. */
static bool list_change(struct list *list, enum verb verb, unsigned metric, unsigned router,
                        struct change *ret)
{
	unsigned start = 0, end, same;

	if (verb == LINK)
		return list_change_link(list, ret);
	if (list->down && verb != DELETE && router % 2)
		return false;
	*ret = (struct change){.type = RTM_NEWROUTE, .metric = metric, .router = router};
	while (start < list->count && list->of[start].metric < metric)
		start++;
	for (end = start; end < list->count && list->of[end].metric == metric; end++)
		;
	for (same = start; same < end && list->of[same].router != router; same++)
		;
	if (verb == DELETE) {
		ret->type = RTM_DELROUTE;
		if (same < end)
			list_remove(list, same);
		return same < end;
	}
	if (start == end) {
		ret->flags = NLM_F_CREATE | NLM_F_EXCL;
		list_insert(list, start, ret);
		return true;
	}
	if (verb == ADD || same < end)
		return false;
	if (verb == REPLACE) {
		ret->flags = NLM_F_REPLACE;
		list->of[start].router = router;
	} else {
		ret->flags = NLM_F_CREATE | (verb == APPEND ? NLM_F_APPEND : 0);
		list_insert(list, verb == APPEND ? end : start, ret);
	}
	return true;
}

/* ---- messages ---- */

static struct nlmsghdr *link_message(uint8_t *bytes, unsigned ifindex, bool down)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	message->nlmsg_type = RTM_NEWLINK;
	header->ifi_index = (int)ifindex;
	header->ifi_flags = down ? 0 : IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
	mnl_attr_put_strz(message, IFLA_IFNAME, ifindex == 2 ? "d0" : "d1");
	mnl_attr_put_u32(message, IFLA_MTU, 1500);
	mnl_attr_put_u8(message, IFLA_OPERSTATE, down ? 2 : 6);
	return message;
}

static struct nlmsghdr *route_message(uint8_t *bytes, const struct change *change)
{
	if (change->type == RTM_NEWLINK)
		return link_message(bytes, 3, change->flags);

	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	message->nlmsg_type = change->type;
	message->nlmsg_flags = change->flags;
	*header = (struct rtmsg){.rtm_family = AF_INET,
	                         .rtm_dst_len = 24,
	                         .rtm_table = RT_TABLE_MAIN,
	                         .rtm_protocol = RTPROT_BOOT,
	                         .rtm_type = RTN_UNICAST};
	mnl_attr_put_u32(message, RTA_TABLE, RT_TABLE_MAIN);
	mnl_attr_put_u32(message, RTA_DST, htonl(0x0a200500));
	if (change->metric)
		mnl_attr_put_u32(message, RTA_PRIORITY, change->metric);
	mnl_attr_put_u32(message, RTA_GATEWAY, htonl(0x0a000002 + change->router));
	mnl_attr_put_u32(message, RTA_OIF, 2 + change->router % 2);
	return message;
}

/* ---- the mirror ---- */

static struct kernel_mirror mirror;
static struct stele_publisher *publisher;
static struct stele_transaction *tx;

static void mirror_open(void)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	uint8_t bytes[512] __attribute__((aligned(8)));
	char region[64];

	snprintf(region, sizeof(region), "test-replay-%d", (int)getpid());
	cr_assert_eq(stele_publisher_open(region, &options, &publisher), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
	kernel_mirror_init(&mirror, false);
	mirror.store.space.publisher = publisher;
	cr_assert_geq(kernel_tables_open(tx, mirror.store.tables), 0, "%s", stele_last_error());
	for (unsigned ifindex = 2; ifindex <= 3; ifindex++)
		cr_assert_eq(kernel_mirror_apply(&mirror, link_message(bytes, ifindex, false)), 0);
}

static void mirror_close(void)
{
	char region[64];

	snprintf(region, sizeof(region), "test-replay-%d", (int)getpid());
	tx = stele_transaction_abort(tx);
	publisher = stele_publisher_close(publisher);
	kernel_mirror_free(&mirror);
	stele_region_remove(region);
}

/* Takes the answer to a query for a link. */
static void mirror_answer(const struct list *list, unsigned ifindex)
{
	uint8_t bytes[512] __attribute__((aligned(8)));

	mirror.answering = true;
	cr_assert_eq(kernel_mirror_apply(&mirror,
	                                 link_message(bytes, ifindex, ifindex == 3 && list->down)),
	             0);
	mirror.answering = false;
}

/* Dumps all links and routes, while the kernel has `list`. */
static void mirror_dump(const struct list *list)
{
	uint8_t bytes[512] __attribute__((aligned(8)));

	mirror_answer(list, 3);
	cr_assert_eq(kernel_mirror_dump_start(&mirror, KERNEL_KIND_ROUTES4), 0);
	for (unsigned i = 0; i < list->count; i++) {
		const struct change route = {RTM_NEWROUTE, 0, list->of[i].metric,
		                             list->of[i].router};

		cr_assert_eq(kernel_mirror_dump_add(&mirror, route_message(bytes, &route)), 0);
	}
	cr_assert_eq(kernel_mirror_dump_end(&mirror), 0);
}

/* Reads the routes of one link, while the kernel has `list`. */
static void mirror_read(const struct list *list, unsigned ifindex)
{
	uint8_t bytes[512] __attribute__((aligned(8)));
	struct kernel_relink relink = {.doubt = kernel_doubts_add_family,
	                               .context = &mirror.doubts};
	int r;

	mirror_answer(list, ifindex);
	r = kernel_relink_start(&relink, &mirror.store, ifindex, false);

	for (unsigned i = 0; r == 1 && i < list->count; i++) {
		const struct change route = {RTM_NEWROUTE, 0, list->of[i].metric,
		                             list->of[i].router};

		if (2 + route.router % 2 == ifindex)
			cr_assert_eq(kernel_relink_add(&relink, route_message(bytes, &route)), 0);
	}
	if (r == 1 && kernel_relink_end(&relink) == 1)
		kernel_doubts_mark(&mirror.doubts, KERNEL_KIND_MASK(KERNEL_KIND_ROUTES4), "order");
	kernel_relink_free(&relink);
}

/* Makes the mirror certain of the kernel's list. */
static void mirror_start(const struct list *list)
{
	kernel_mirror_read_start(&mirror);
	mirror_dump(list);
	kernel_mirror_read_end(&mirror);
	kernel_mirror_caught_up(&mirror);
	mirror.doubts.dirty = 0;
	mirror.doubts.link_count = 0;
}

static void mirror_take(const struct change *changes, unsigned count)
{
	uint8_t bytes[512] __attribute__((aligned(8)));

	for (unsigned i = 0; i < count; i++)
		cr_assert_eq(kernel_mirror_apply(&mirror, route_message(bytes, &changes[i])), 0);
}

/* Reads the links in doubt, when the kernel is quiet. */
static void mirror_settle(const struct list *list)
{
	struct kernel_doubt doubt;

	for (unsigned tries = 0; tries < 4 && mirror.doubts.link_count; tries++) {
		kernel_mirror_read_start(&mirror);
		while (kernel_doubts_take(&mirror.doubts, &doubt))
			mirror_read(list, doubt.ifindex);
		kernel_mirror_read_end(&mirror);
		kernel_mirror_caught_up(&mirror);
	}
}

static bool mirror_is_certain(void)
{
	return !mirror.doubts.dirty && !mirror.doubts.link_count;
}

static bool mirror_has(const struct list *list)
{
	struct kernel_prefix prefix = {
		.table = RT_TABLE_MAIN, .address = {10, 32, 5}, .length = 24};
	struct kernel_list found = {0};
	bool equal;

	cr_assert_eq(kernel_list_read(&mirror.store, &prefix, &found), 0);
	equal = found.count == list->count;
	for (unsigned i = 0; equal && i < list->count; i++)
		equal = found.of[i].metric == list->of[i].metric &&
		        kernel_entry_hops(&found.of[i])->gateway[3] == 2 + list->of[i].router;
	kernel_list_free(&found);
	return equal;
}

/* ---- tests ---- */

/* A read of all routes (`ifindex` 0) or of those of a link, after `at` of the changes. All messages
 * are read after it. */
static void read_among(const struct list *lists, const struct change *changes, unsigned count,
                       unsigned at, unsigned ifindex)
{
	mirror_start(&lists[0]);
	kernel_mirror_read_start(&mirror);
	if (ifindex)
		mirror_read(&lists[at], ifindex);
	else
		mirror_dump(&lists[at]);
	kernel_mirror_read_end(&mirror);
	mirror_take(changes, count);
	kernel_mirror_caught_up(&mirror);
	mirror_settle(&lists[count]);
}

/* A mirror that is certain is right. */
Test(kernel_replay, old_messages_leave_no_wrong_route, .timeout = 900)
{
	uint64_t seed = 20261130, state = seed;
	unsigned certain = 0, all = 0;

	mirror_open();
	/* Sanitizers make a round ten times as slow. */
	for (unsigned round = 0; round < (SANITIZED ? 1000 : 4000); round++) {
		struct list lists[STEPS_MAX + 1] = {0};
		struct change changes[STEPS_MAX];
		unsigned count = 0, steps = 1 + (unsigned)(random_from(&state) % STEPS_MAX);

		for (unsigned i = 0; i < 12 + 4 * steps && count < steps; i++) {
			/* In half of the rounds all routes change by messages. */
			enum verb verb = (enum verb)(random_from(&state) % (VERBS - round % 2));
			unsigned metric = random_from(&state) % 4 ? 0 : 3000;
			unsigned router = (unsigned)(random_from(&state) % 4);
			struct list next = lists[count];

			/* The first changes only make the list at the start. */
			if (!list_change(&next, verb, metric, router, &changes[count]))
				continue;
			count += i >= 12;
			lists[count] = next;
		}
		for (unsigned at = 0; at <= count; at++) {
			for (unsigned ifindex = 0; ifindex <= 3; ifindex += ifindex ? 1 : 2) {
				read_among(lists, changes, count, at, ifindex);
				cr_assert(!mirror_is_certain() || mirror_has(&lists[count]),
				          "seed %u, round %u: a read of link %u after %u of %u "
				          "messages leaves a wrong list",
				          (unsigned)seed, round, ifindex, at, count);
				certain += mirror_is_certain();
				all++;
			}
		}
	}
	cr_assert_gt(certain, all / 4, "%u of %u", certain, all);
	mirror_close();
}

/* The fault by name: the dump has the second route alone. A message before the dump has replaced
 * the first one, and another has deleted it. */
Test(kernel_replay, a_route_replaced_and_deleted_before_the_dump, .timeout = 900)
{
	struct list lists[3] = {{.count = 2, .of = {{0, 0}, {0, 1}}}};
	struct change changes[2];

	mirror_open();
	for (unsigned i = 0; i < 2; i++) {
		lists[i + 1] = lists[i];
		cr_assert(list_change(&lists[i + 1], i ? DELETE : REPLACE, 0, 2, &changes[i]));
	}
	cr_assert_eq(lists[2].count, 1u);
	read_among(lists, changes, 2, 2, 0);
	cr_assert(!mirror_is_certain() || mirror_has(&lists[2]));
	mirror_close();
}

/* A route that changes all the time does not keep the mirror in doubt. */
Test(kernel_replay, a_busy_route_ends_the_doubt, .timeout = 900)
{
	static const struct {
		enum verb verb;
		unsigned router;
	} busy[][4] = {
		{{DELETE, 0}, {ADD, 1}, {DELETE, 1}, {ADD, 0}},
		{{REPLACE, 1}, {REPLACE, 2}, {REPLACE, 0}, {REPLACE, 3}},
	};

	mirror_open();
	for (unsigned kind = 0; kind < 2; kind++) {
		struct list lists[5] = {{.count = 1, .of = {{0, 0}}}};
		struct change changes[4];

		for (unsigned i = 0; i < 4; i++) {
			lists[i + 1] = lists[i];
			cr_assert(list_change(&lists[i + 1], busy[kind][i].verb, 0,
			                      busy[kind][i].router, &changes[i]));
		}
		for (unsigned at = 0; at <= 4; at++) {
			read_among(lists, changes, 4, at, 0);
			cr_assert(mirror_is_certain(), "kind %u, a dump after %u messages", kind,
			          at);
			cr_assert(mirror_has(&lists[4]));
		}
	}
	mirror_close();
}
