/* SPDX-License-Identifier: MIT
 *
 * The kernel mirror against random changes of routes, links and addresses. After each step the
 * region must hold what `ip -json route show table all` prints, row for row, and a lookup in it
 * must find the route that `ip route get ... fibmatch` finds. Needs root.
 *
 * STELE_KERNEL_STEPS is the number of steps for each family, STELE_KERNEL_SEED the seed. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tests/support/kernel_lookup.h"
#include "tests/support/kernel_source.h"
#include "tests/support/random.h"

static unsigned random_below(uint64_t *state, unsigned limit)
{
	return (unsigned)(random_from(state) % limit);
}

/* ---- changes ---- */

static const char *const verbs[] = {"add",    "add", "append", "prepend", "replace",
                                    "change", "del", "del",    "del"};
static const char *const metrics[] = {"",         "",         "metric 5",
                                      "metric 5", "metric 9", "metric 5 table 77"};
/* For IPv6 routes that the kernel does not merge with others: it leaves them out of a dump if they
 * stand between merged routes of the same prefix and metric, and then does not delete them with
 * their link (docs/design/kernel.md). */
static const char *const lone_metrics[] = {"metric 7", "metric 7", "metric 3000",
                                           "metric 7 table 77"};
static const char *const extras[] = {
	"", "", "", "proto static", "proto bird", "mtu 1400", "advmss 1000", "hoplimit 9"};
static const char *const links[] = {"d0", "d1", "v0"};
static const char *const special[] = {"blackhole", "unreachable", "prohibit", "throw"};

#define PICK(words_) (words_)[random_below(state, (unsigned)(sizeof(words_) / sizeof((words_)[0])))]

/* Writes an address of the prefixes that the routes are for. */
static void pick_prefix(uint64_t *state, bool wide, char *ret, size_t size)
{
	unsigned at = random_below(state, 4), length = random_below(state, 3);

	if (wide)
		snprintf(ret, size, "fd32:%x::/%u", length ? at : 0, 16 + 16 * length);
	else
		snprintf(ret, size, "10.%u.%u.0/%u", length ? 32 + at : 32, length == 2 ? at : 0,
		         length == 0 ? 11 : 8 * (length + 1));
}

static void pick_gateway(uint64_t *state, bool wide, char *ret, size_t size)
{
	snprintf(ret, size, wide ? "fd0%u::%u" : "10.0.%u.%u", random_below(state, 3),
	         2 + random_below(state, 4));
}

/* Whether to make routes for some source addresses. If hops without a carrier are ignored, a lookup
 * may skip the other routes of such a prefix or not (docs/design/kernel.md, "Known limits"). */
static bool sourced;

static void route_change(uint64_t *state, bool wide, char *ret, size_t size)
{
	char prefix[64], a[32], b[32];
	const char *verb = PICK(verbs), *metric = PICK(metrics), *extra = PICK(extras);
	const char *family = wide ? "-6" : "-4", *lone = wide ? PICK(lone_metrics) : metric;

	pick_prefix(state, wide, prefix, sizeof(prefix));
	pick_gateway(state, wide, a, sizeof(a));
	pick_gateway(state, wide, b, sizeof(b));
	switch (random_below(state, 8)) {
	case 0:
		snprintf(ret, size, "%s route %s %s %s %s", family, verb, PICK(special), prefix,
		         lone);
		break;
	case 1:
		snprintf(ret, size, "%s route %s %s dev %s %s", family, verb, prefix, PICK(links),
		         lone);
		break;
	case 2:
	case 3:
		snprintf(ret, size, "%s route %s %s %s %s nexthop via %s nexthop via %s weight %u",
		         family, verb, prefix, metric, extra, a, b, 1 + random_below(state, 3));
		break;
	case 4:
		if (!wide)
			snprintf(ret, size, "-4 route %s %s tos 8 via %s %s", verb, prefix, a,
			         metric);
		else
			snprintf(ret, size, "-6 route %s %s %s via %s %s", verb, prefix,
			         sourced ? "from fd77::/64" : "", a, metric);
		break;
	default:
		snprintf(ret, size, "%s route %s %s via %s %s %s", family, verb, prefix, a, metric,
		         extra);
		break;
	}
}

static void other_change(uint64_t *state, bool wide, char *ret, size_t size)
{
	unsigned link = random_below(state, 3), id = 1 + random_below(state, 3);
	char prefix[64], a[32];

	pick_prefix(state, wide, prefix, sizeof(prefix));
	pick_gateway(state, wide, a, sizeof(a));
	switch (random_below(state, 10)) {
	case 0:
		snprintf(ret, size, "link set %s down", links[link]);
		break;
	case 1:
		snprintf(ret, size, "link set %s up", links[link]);
		break;
	case 2:
		snprintf(ret, size,
		         wide ? "address add fd0%u::1/64 dev %s nodad"
		              : "address add 10.0.%u.1/24 dev %s",
		         link, links[link]);
		break;
	case 3:
		snprintf(ret, size,
		         wide ? "address del fd0%u::1/64 dev %s"
		              : "address del 10.0.%u.1/24 dev %s",
		         link, links[link]);
		break;
	case 4:
		snprintf(ret, size, "nexthop replace id %u via %s dev %s", id, a, links[link]);
		break;
	case 5:
		snprintf(ret, size, "nexthop del id %u", id);
		break;
	case 6:
		snprintf(ret, size, "link set v1 %s", id == 1 ? "down" : "up");
		break;
	case 7:
		snprintf(ret, size, "link set %s mtu %u", links[link], 1400 + id);
		break;
	case 8:
		snprintf(ret, size, "link del v0");
		break;
	default:
		snprintf(ret, size, "%s route replace %s nhid %u metric 7", wide ? "-6" : "-4",
		         prefix, id);
		break;
	}
}

/* Makes all that random changes may have taken away. */
static void repair(bool wide)
{
	FILE *batch = kernel_batch_open(false);

	fprintf(batch, "link add v0 type veth peer name v1\nlink set v1 up\n");
	for (unsigned i = 0; i < 3; i++) {
		fprintf(batch, "link set %s up\n", links[i]);
		fprintf(batch,
		        wide ? "address add fd0%u::1/64 dev %s nodad\n"
		             : "address add 10.0.%u.1/24 dev %s\n",
		        i, links[i]);
	}
	pclose(batch);
}

static void run_steps(bool wide)
{
	const char *count = getenv("STELE_KERNEL_STEPS"), *given = getenv("STELE_KERNEL_SEED");
	unsigned steps = count ? (unsigned)strtoul(count, NULL, 10) : 150;
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 20261130;
	uint64_t random_state = seed, *state = &random_state;
	struct stele_subscriber *subscriber;

	if (system("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding;"
	           "echo 1 >/proc/sys/net/ipv6/conf/default/addr_gen_mode;"
	           "for i in d0 d1; do ip link set $i addrgenmode none; done;"
	           "ip -6 address flush scope link") != 0)
		cr_skip_test("the namespace cannot be prepared");
	sourced = seed % 2 == 0;
	/* With odd seeds, the kernel ignores hops without a carrier. */
	if (seed % 2 == 1 &&
	    system("for i in /proc/sys/net/ipv?/conf/*/ignore_routes_with_linkdown; do"
	           " echo 1 >$i; done") != 0)
		cr_skip_test("the namespace cannot be prepared");
	repair(wide);
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	for (unsigned i = 0; i < steps; i++) {
		char command[300], step[400], shell[400], address[64];

		if (random_below(state, 8) == 0)
			other_change(state, wide, command, sizeof(command));
		else
			route_change(state, wide, command, sizeof(command));
		if (i % 40 == 39)
			repair(wide);
		snprintf(shell, sizeof(shell), "ip %s >/dev/null 2>&1", command);
		if (system(shell) != 0 && i % 10 != 0)
			continue;
		snprintf(step, sizeof(step), "seed %u, step %u: %s", seed, i, command);
		kernel_wait_agreement(subscriber, step);
		for (unsigned j = 0; j < 3; j++) {
			unsigned at = random_below(state, 4), low = random_below(state, 4);

			snprintf(address, sizeof(address), wide ? "fd32:%x::%x" : "10.%u.%u.9",
			         wide ? at : 32 + at, low);
			kernel_compare_lookups(subscriber, wide, address, step);
		}
	}
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

Test(kernel_random, ipv4, .init = kernel_setup, .fini = kernel_teardown, .timeout = 36000)
{
	run_steps(false);
}

Test(kernel_random, ipv6, .init = kernel_setup, .fini = kernel_teardown, .timeout = 36000)
{
	run_steps(true);
}
