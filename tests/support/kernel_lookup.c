/* SPDX-License-Identifier: MIT */
#include "tests/support/kernel_lookup.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tools/fib/kernel_tables.h"
#include "tests/support/kernel_source.h"

static json_t *lookup_in_kernel(bool wide, const char *address)
{
	char command[160];
	json_error_t error;
	json_t *found;
	FILE *pipe;

	snprintf(command, sizeof(command), "ip -json %s route get %s fibmatch 2>/dev/null",
	         wide ? "-6" : "-4", address);
	pipe = popen(command, "r");
	cr_assert(pipe);
	found = json_loadf(pipe, 0, &error);
	pclose(pipe);
	return found;
}

/* Looks up an address as the kernel's three standard rules do: in the tables local, main and
 * default. Returns true for a route that packets can take. */
static bool lookup_in_region(const struct stele_snapshot *snapshot, bool wide,
                             const uint8_t *address, struct stele_row *ret)
{
	static const uint8_t tables[] = {255, 254, 253};

	for (size_t i = 0; i < sizeof(tables); i++) {
		uint8_t key[20] = {0, 0, 0, tables[i]};
		const struct kernel_hop *ignored;
		struct kernel_route route;

		memcpy(key + 4, address, wide ? 16 : 4);
		if (stele_snapshot_match(snapshot, wide ? "fib6" : "fib4", NULL, key,
		                         wide ? 160 : 64, ret) != 1)
			continue;
		kernel_route_read(wide, ret, &route, &ignored);
		if (route.type != RTN_THROW)
			return route.type == RTN_UNICAST || route.type == RTN_LOCAL ||
			       route.type == RTN_BROADCAST || route.type == RTN_ANYCAST ||
			       route.type == RTN_MULTICAST;
	}
	return false;
}

/* Compares the route that the kernel takes to an address with the one that the region has. Returns
 * false if they differ; with `last`, fails the test. */
static bool lookup_compare(const struct stele_snapshot *snapshot, bool wide, const char *text,
                           const char *step, bool last)
{
	json_t *kernel = lookup_in_kernel(wide, text), *route = json_array_get(kernel, 0);
	const char *to, *gateway;
	char prefix[64] = "", want[128] = "(none)", have[160] = "(none)";
	uint8_t address[16];
	struct stele_row row;

	cr_assert_eq(inet_pton(wide ? AF_INET6 : AF_INET, text, address), 1);
	if (route) {
		to = json_string_value(json_object_get(route, "dst"));
		gateway = json_string_value(json_object_get(route, "gateway"));
		snprintf(prefix, sizeof(prefix), "%s%s",
		         strcmp(to, "default") == 0 ? wide ? "::/0" : "0.0.0.0/0" : to,
		         strchr(to, '/') || strcmp(to, "default") == 0 ? ""
		         : wide                                        ? "/128"
		                                                       : "/32");
		snprintf(want, sizeof(want), "%s metric %u via %s", prefix,
		         (unsigned)json_integer_value(json_object_get(route, "metric")),
		         gateway                              ? gateway
		         : json_object_get(route, "nexthops") ? "several"
		                                              : "-");
	}
	if (lookup_in_region(snapshot, wide, address, &row)) {
		const struct kernel_hop *ignored;
		struct kernel_route value;
		uint8_t bytes[16] = {0};
		char via[INET6_ADDRSTRLEN] = "-";
		static const uint8_t none[16];

		kernel_route_read(wide, &row, &value, &ignored);
		memcpy(bytes, (const uint8_t *)row.key + 4, (row.key_bits - 32 + 7) / 8);
		inet_ntop(wide ? AF_INET6 : AF_INET, bytes, prefix, sizeof(prefix));
		if (memcmp(value.gateway4, none, 4) != 0)
			inet_ntop(AF_INET, value.gateway4, via, sizeof(via));
		else if (wide && memcmp(value.gateway6, none, 16) != 0)
			inet_ntop(AF_INET6, value.gateway6, via, sizeof(via));
		snprintf(have, sizeof(have), "%s/%u metric %u via %s", prefix, row.key_bits - 32,
		         value.metric, value.next_hops > 1 ? "several" : via);
	}
	cr_assert(!last || strcmp(have, want) == 0, "%s: to %s the region has %s, the kernel %s",
	          step, text, have, want);
	json_decref(kernel);
	return strcmp(have, want) == 0;
}

void kernel_compare_lookups(struct stele_subscriber *subscriber, bool wide, const char *address,
                            const char *step)
{
	bool equal = false;

	for (unsigned tries = 0; !equal && tries < 100; tries++) {
		struct stele_snapshot *snapshot;

		kernel_wait_agreement(subscriber, step);
		cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
		equal = lookup_compare(snapshot, wide, address, step, tries == 99);
		snapshot = stele_snapshot_close(snapshot);
	}
}
