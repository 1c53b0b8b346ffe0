/* SPDX-License-Identifier: MIT
 *
 * The kernel mirror against changes of IPv6 routes that the kernel makes without a message. Needs
 * root. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tests/support/kernel_source.h"

/* Runs commands of the shell, and compares after each. */
static void run_steps(const char *const *steps)
{
	struct stele_subscriber *subscriber;

	kernel_ip("link add v0 type veth peer name v1");
	kernel_ip("link set v0 addrgenmode none");
	kernel_ip("link set v0 up");
	kernel_ip("link set v1 up");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	for (; *steps; steps++) {
		cr_assert_eq(system(*steps), 0, "%s", *steps);
		kernel_wait_agreement(subscriber, *steps);
	}
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* With this setting, the kernel deletes the routes of a link that goes down without messages. */
Test(kernel_silent6, links_that_go_down, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	static const char *const steps[] = {
		"ip -6 route add fd77::/32 dev v0",
		"ip link set v0 down",
		"ip link set v0 up",
		"ip address add fd09::1/64 dev v0 nodad",
		"ip -6 route add fd77::/32 dev v0",
		"ip -6 route add fd78::/32 nexthop via fd09::2 nexthop via fd00::2",
		"ip link set v0 down",
		"ip link set v0 up",
		"ip address add fd09::1/64 dev v0 nodad",
		"ip -6 route add fd77::/32 dev v0",
		"echo 1 >/proc/sys/net/ipv6/conf/v0/keep_addr_on_down",
		"ip link set v0 down",
		"ip link set v0 up",
		"ip -6 route replace fd77::/32 dev v0",
		"ip link set v0 mtu 1200",
		"ip link set v0 mtu 1500",
		"ip -6 route add fd77::/32 dev v0",
		"ip -6 route add fd79::/32 via fd00::2",
		"ip link del v0",
		NULL,
	};

	if (access("/proc/sys/net/ipv6/route/skip_notify_on_dev_down", W_OK) < 0 ||
	    system("echo 1 >/proc/sys/net/ipv6/route/skip_notify_on_dev_down") != 0)
		cr_skip_test("this kernel always sends messages");
	run_steps(steps);
}

/* IPv6 is switched off on a link that has an address, with and without messages about the routes.
 * Without an address and without these messages, the kernel says nothing at all. */
static const char *const switched_off[] = {
	"ip address add fd09::1/64 dev v0 nodad",
	"ip -6 route add fd77::/32 dev v0",
	"ip -6 route add fd78::/32 nexthop via fd09::2 nexthop via fd00::2",
	"echo 1 >/proc/sys/net/ipv6/conf/v0/disable_ipv6",
	"echo 0 >/proc/sys/net/ipv6/conf/v0/disable_ipv6",
	"ip address add fd09::1/64 dev v0 nodad",
	"echo 1 >/proc/sys/net/ipv6/conf/v0/keep_addr_on_down",
	"ip -6 route add fd77::/32 dev v0",
	"echo 1 >/proc/sys/net/ipv6/conf/v0/disable_ipv6",
	NULL,
};

Test(kernel_silent6, switched_off_without_messages, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	if (access("/proc/sys/net/ipv6/route/skip_notify_on_dev_down", W_OK) < 0 ||
	    system("echo 1 >/proc/sys/net/ipv6/route/skip_notify_on_dev_down") != 0)
		cr_skip_test("this kernel always sends messages");
	run_steps(switched_off);
}

Test(kernel_silent6, switched_off, .init = kernel_setup, .fini = kernel_teardown, .timeout = 120)
{
	run_steps(switched_off);
}

/* Without an address, the messages about the routes are all that the kernel says. */
Test(kernel_silent6, switched_off_without_an_address, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	static const char *const steps[] = {
		"ip -6 route add fd77::/32 dev v0",
		"echo 1 >/proc/sys/net/ipv6/conf/v0/disable_ipv6",
		"echo 0 >/proc/sys/net/ipv6/conf/v0/disable_ipv6",
		NULL,
	};

	run_steps(steps);
}

/* The next-hop object makes the mirror ask for the link, which is gone then. The route that is
 * merged from several keeps its other next hops. */
Test(kernel_silent6, a_merged_route_of_a_lost_link, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	static const char *const steps[] = {
		"ip address add fd09::1/64 dev v0 nodad",
		"ip nexthop add id 9 via fd09::9 dev v0",
		"ip -6 route add fd78::/32 nexthop via fd00::2 nexthop via fd09::2",
		"ip -6 route add fd79::/32 nexthop via fd09::2 nexthop via fd00::2 nexthop via fd00::3",
		"ip -6 route add fd7a::/32 via fd09::2",
		"ip link del v0",
		NULL,
	};

	if (system("ip nexthop list >/dev/null 2>&1") != 0)
		cr_skip_test("this kernel has no next-hop objects");
	run_steps(steps);
}

/* The kernel does not say that the routes to its own addresses have no carrier. */
Test(kernel_silent6, many_links_without_carrier, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 240)
{
	static const char add[] =
		"for i in $(seq 140); do echo link add w$i type veth peer name x$i; "
		"echo link set w$i addrgenmode none; echo link set w$i up; echo link set x$i up; "
		"echo address add fdaa:$i::1/64 dev w$i nodad; done | ip -batch -";
	static const char *const steps[] = {
		"echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
		add,
		"for i in $(seq 140); do echo link set x$i down; done | ip -batch -",
		"ip -6 route add fd77::/32 dev v0",
		"for i in $(seq 140); do echo link set x$i up; done | ip -batch -",
		"for i in $(seq 140); do echo link del w$i; done | ip -batch -",
		NULL,
	};

	run_steps(steps);
}
