/* SPDX-License-Identifier: MIT
 *
 * The kernel mirror against bursts of random changes. After each burst the region must hold what
 * `ip -json` prints, row for row. Needs root.
 *
 * STELE_KERNEL_SEED is the seed. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tests/support/kernel_source.h"

static unsigned random_below(unsigned *state, unsigned limit)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 8) % limit;
}

static void random_change(FILE *batch, unsigned *state)
{
	static const char *const verbs[] = {"add",     "add", "replace", "append",
	                                    "prepend", "del", "del"};
	static const char *const metrics[] = {"", "", "metric 5", "metric 9 table 77",
	                                      "metric 3000"};
	const char *verb = verbs[random_below(state, 7)], *metric = metrics[random_below(state, 5)];
	unsigned prefix = random_below(state, 12), hop = 2 + random_below(state, 4);
	unsigned other = 2 + random_below(state, 4);

	switch (random_below(state, 12)) {
	case 0:
	case 1:
	case 2:
	case 3:
		fprintf(batch, "route %s 10.32.%u.0/24 via 10.0.0.%u %s\n", verb, prefix, hop,
		        metric);
		break;
	case 4:
	case 5:
	case 6:
		fprintf(batch, "route %s fd32:%u::/32 via fd00::%u %s\n", verb, prefix, hop,
		        metric);
		break;
	case 7:
		/* Of another metric than routes with a router (docs/design/kernel.md). */
		fprintf(batch, "route %s fd32:%u::/32 dev d%u metric %u\n", verb, prefix,
		        prefix % 2, 6 + hop % 2);
		break;
	case 8:
		fprintf(batch,
		        "route %s 10.32.%u.0/24 %s nexthop via 10.0.0.%u nexthop via 10.0.1.%u\n",
		        verb, prefix, metric, hop, other);
		break;
	case 9:
		fprintf(batch,
		        "route %s fd32:%u::/32 %s nexthop via fd00::%u nexthop via fd00::%u\n",
		        verb, prefix, metric, hop, other);
		break;
	case 10:
		fprintf(batch, "address %s 10.0.%u.%u/24 dev d%u\n", prefix % 2 ? "add" : "del",
		        prefix % 3, hop + 90, prefix % 2);
		break;
	default:
		if (prefix < 3)
			fprintf(batch, "link set d1 %s\n", prefix ? "up" : "down");
		break;
	}
}

Test(kernel_bursts, random_changes_are_mirrored, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 240)
{
	struct stele_subscriber *subscriber;
	const char *given = getenv("STELE_KERNEL_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 20261, state = seed;
	char step[64];

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	for (unsigned i = 0; i < 40; i++) {
		FILE *batch = kernel_batch_open(false);

		for (unsigned j = 0; j < 60; j++)
			random_change(batch, &state);
		pclose(batch);
		snprintf(step, sizeof(step), "seed %u, round %u", seed, i);
		kernel_wait_agreement(subscriber, step);
	}
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}
