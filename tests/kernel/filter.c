/* SPDX-License-Identifier: MIT
 *
 * The kernel mirror with filters: it has the routes of the tables, protocols and families that were
 * asked for, by dumps and by messages, and no others. Needs root. */
#include <sys/socket.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tools/fib/kernel_tables.h"
#include "tests/support/kernel_source.h"

static uint64_t rows_of(const struct stele_snapshot *snapshot, enum kernel_table which)
{
	struct stele_table table;

	cr_assert_eq(stele_table_open(snapshot, kernel_table_names[which], kernel_schemas[which],
	                              &table),
	             0, "%s", stele_last_error());
	return stele_table_rows(&table);
}

/* Waits until the mirror is synced and has this many routes. `ipv6`: -1 for any number. */
static void await_routes(struct stele_subscriber *subscriber, const char *step, uint64_t ipv4,
                         int64_t ipv6)
{
	uint64_t version = 0, of4 = 0, of6 = 0;

	do {
		struct stele_snapshot *snapshot;

		cr_assert_eq(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1,
		             "after \"%s\": %d and %d routes", step, (int)of4, (int)of6);
		cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
		of4 = rows_of(snapshot, KERNEL_FIB4) + rows_of(snapshot, KERNEL_ALTERNATIVES4);
		of6 = rows_of(snapshot, KERNEL_FIB6) + rows_of(snapshot, KERNEL_ALTERNATIVES6);
		snapshot = stele_snapshot_close(snapshot);
	} while (!read_status(subscriber).synced || of4 != ipv4 ||
	         (ipv6 >= 0 && of6 != (uint64_t)ipv6));
}

Test(kernel_filter, tables_and_protocols, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber;

	kernel_source_filter = (struct kernel_filter){.table_count = 2,
	                                              .tables = {1000, 1001},
	                                              .protocol_count = 2,
	                                              .protocols = {186, 187}};
	kernel_ip("route add 10.1.0.0/16 via 10.0.0.2 proto bgp");
	kernel_ip("route add 10.1.0.0/16 via 10.0.0.2 proto bgp table 1000");
	kernel_ip("route add 10.2.0.0/16 via 10.0.0.2 proto static table 1000");
	kernel_ip("-6 route add fd01::/64 via fd00::2 proto isis table 1001");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	await_routes(subscriber, "start", 1, 1);
	kernel_ip("route add 10.3.0.0/16 via 10.0.0.2 proto bgp table 1001");
	kernel_ip("route add 10.3.0.0/16 via 10.0.0.2 proto bgp table 1002");
	kernel_ip("route add 10.4.0.0/16 via 10.0.0.2 proto ospf table 1001");
	kernel_ip("-6 route add fd02::/64 via fd00::2 proto isis");
	kernel_ip("-6 route add fd03::/64 via fd00::2 proto bgp table 1000");
	await_routes(subscriber, "routes added", 2, 2);
	kernel_ip("route add 10.3.0.0/16 via 10.0.0.3 proto static metric 5 table 1001");
	kernel_ip("route replace 10.3.0.0/16 via 10.0.0.3 proto static table 1001");
	await_routes(subscriber, "replaced by another protocol", 1, 2);
	kernel_ip("route replace 10.3.0.0/16 via 10.0.0.3 proto bgp table 1001");
	await_routes(subscriber, "replaced again", 2, 2);
	kernel_ip("route add blackhole 10.5.0.0/16 proto bgp table 1001");
	await_routes(subscriber, "a blackhole", 3, 2);
	kernel_ip("route replace blackhole 10.5.0.0/16 proto static table 1001");
	await_routes(subscriber, "a blackhole of another protocol", 2, 2);
	kernel_ip("-6 route replace fd03::/64 via fd00::3 proto static table 1000");
	await_routes(subscriber, "an IPv6 route of another protocol", 2, 1);
	kernel_ip("route del 10.1.0.0/16 table 1000");
	kernel_ip("route del 10.1.0.0/16");
	await_routes(subscriber, "deleted", 1, 1);
	kernel_ip("link set d0 mtu 1400");
	kernel_ip("link set d0 down");
	await_routes(subscriber, "link down", 0, 0);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

Test(kernel_filter, families, .init = kernel_setup, .fini = kernel_teardown, .timeout = 120)
{
	struct stele_subscriber *subscriber;

	kernel_source_filter =
		(struct kernel_filter){.family = AF_INET, .protocol_count = 1, .protocols = {186}};
	kernel_ip("route add 10.1.0.0/16 via 10.0.0.2 proto bgp");
	kernel_ip("-6 route add fd01::/64 via fd00::2 proto bgp");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	await_routes(subscriber, "start", 1, 0);
	kernel_ip("-6 route add fd02::/64 via fd00::2 proto bgp");
	kernel_ip("route add 10.2.0.0/16 via 10.0.0.2 proto bgp");
	await_routes(subscriber, "routes added", 2, 0);
	kernel_source_stop();
	/* Another filter: the routes of the first one go. */
	kernel_source_filter.family = AF_INET6;
	kernel_source_start(0);
	await_routes(subscriber, "the other family", 0, 2);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}
