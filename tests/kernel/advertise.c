/* SPDX-License-Identifier: MIT
 *
 * The kernel mirror against router advertisements, which the test sends on the other end of a link:
 * preferences, lifetimes, and MTUs, which the kernel writes into the routes after its messages.
 * Needs root. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "lib/units.h"
#include "tests/support/kernel_lookup.h"
#include "tests/support/kernel_source.h"

/* The preference of a router (RFC 4191), as in the advertisement. */
enum preference { MEDIUM = 0, HIGH = 1, LOW = 3 };

/* An advertisement. The router's address is fe80::ROUTER on the link d1 or v1. */
struct advertisement {
	const char *link;
	unsigned router;
	enum preference preference;
	unsigned lifetime; /* seconds; 0: no default router any more */
	unsigned mtu;      /* 0: says nothing of it */
	bool prefix;       /* announces fd0a::/64 on the link, and a route to fd0b::/48 */
};

/* ---- sending ---- */

/* Adds options to an advertisement. Returns its size. */
static size_t add_options(const struct advertisement *from, uint8_t *bytes, size_t size)
{
	struct nd_opt_prefix_info prefix = {.nd_opt_pi_type = ND_OPT_PREFIX_INFORMATION,
	                                    .nd_opt_pi_len = 4,
	                                    .nd_opt_pi_prefix_len = 64,
	                                    .nd_opt_pi_flags_reserved = ND_OPT_PI_FLAG_ONLINK,
	                                    .nd_opt_pi_valid_time = htonl(from->lifetime)};
	struct nd_opt_mtu mtu = {.nd_opt_mtu_type = ND_OPT_MTU,
	                         .nd_opt_mtu_len = 1,
	                         .nd_opt_mtu_mtu = htonl(from->mtu)};
	/* Route information: type 24, 2 units, /48, preference, lifetime. */
	uint8_t route[16] = {24, 2, 48, (uint8_t)(from->preference << 3)};

	if (from->mtu) {
		memcpy(bytes + size, &mtu, sizeof(mtu));
		size += sizeof(mtu);
	}
	if (from->prefix) {
		inet_pton(AF_INET6, "fd0a::", &prefix.nd_opt_pi_prefix);
		memcpy(bytes + size, &prefix, sizeof(prefix));
		size += sizeof(prefix);
		memcpy(route + 4, &(uint32_t){htonl(from->lifetime)}, 4);
		route[8] = 0xfd;
		route[9] = 0x0b;
		memcpy(bytes + size, route, sizeof(route));
		size += sizeof(route);
	}
	return size;
}

static void send_advertisement(const struct advertisement *from)
{
	struct nd_router_advert header = {.nd_ra_type = ND_ROUTER_ADVERT};
	int link = (int)if_nametoindex(from->link), hops = 255;
	struct sockaddr_in6 self = {.sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)link};
	struct sockaddr_in6 all = self;
	uint8_t bytes[128];
	size_t size = sizeof(header);
	char address[32];
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);

	header.nd_ra_curhoplimit = 64;
	header.nd_ra_flags_reserved = (uint8_t)(from->preference << 3);
	header.nd_ra_router_lifetime = htons((uint16_t)from->lifetime);
	cr_assert_geq(fd, 0);
	snprintf(address, sizeof(address), "fe80::%x", from->router);
	inet_pton(AF_INET6, address, &self.sin6_addr);
	inet_pton(AF_INET6, "ff02::1", &all.sin6_addr);
	memcpy(bytes, &header, sizeof(header));
	size = add_options(from, bytes, size);
	cr_assert_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)), 0);
	cr_assert_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &link, sizeof(link)), 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&self, sizeof(self)), 0, "%s: %s", address,
	             strerror(errno));
	cr_assert_eq(sendto(fd, bytes, size, 0, (struct sockaddr *)&all, sizeof(all)),
	             (ssize_t)size, "%s", strerror(errno));
	close(fd);
}

/* ---- the test ---- */

/* Makes a second pair of links, two routers on each, and links that accept advertisements. */
static void prepare(void)
{
	static const char accept[] =
		"for i in d0 v0; do for j in accept_ra=2 accept_ra_rt_info_max_plen=128"
		" accept_ra_rtr_pref=1; do echo ${j#*=} >/proc/sys/net/ipv6/conf/$i/${j%=*} ||"
		" exit 1; done; done; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding";

	kernel_ip("link add v0 type veth peer name v1");
	kernel_ip("link set v0 up");
	kernel_ip("link set v1 up");
	for (unsigned router = 0xa; router <= 0xb; router++) {
		kernel_ip("address add fe80::%x/64 dev d1 nodad", router);
		kernel_ip("address add fe80::%x/64 dev v1 nodad", router + 2);
	}
	if (system(accept) != 0)
		cr_skip_test("this kernel takes no advertisements");
}

static const struct advertisement sequence[] = {
	{"d1", 0xa, MEDIUM, 1800, 1400, false}, {"d1", 0xa, MEDIUM, 1800, 1350, false},
	{"d1", 0xa, MEDIUM, 1800, 1280, false}, {"d1", 0xa, MEDIUM, 1800, 1400, true},
	{"v1", 0xc, LOW, 1800, 1400, false},    {"v1", 0xc, HIGH, 1800, 1400, false},
	{"d1", 0xb, HIGH, 600, 0, true},        {"d1", 0xa, HIGH, 1800, 1350, true},
	{"d1", 0xa, LOW, 1800, 1350, true},     {"v1", 0xc, LOW, 0, 1400, false},
	{"d1", 0xb, MEDIUM, 0, 0, true},        {"v1", 0xd, MEDIUM, 65535, 1300, true},
	{"d1", 0xa, LOW, 1800, 1500, true},     {"v1", 0xd, MEDIUM, 0, 1280, true},
	{"d1", 0xa, MEDIUM, 0, 0, true},
};

/* Waits until the kernel has taken an advertisement: its statistics count it. */
static unsigned long advertisements(void)
{
	FILE *file = fopen("/proc/net/snmp6", "r");
	unsigned long count = 0;
	char line[128];

	cr_assert(file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "Icmp6InRouterAdvertisements %lu", &count);
	fclose(file);
	return count;
}

Test(kernel_advertise, each_is_mirrored, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber;
	char step[160];

	prepare();
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	for (size_t i = 0; i < sizeof(sequence) / sizeof(sequence[0]); i++) {
		const struct advertisement *from = &sequence[i];
		unsigned long before = advertisements();

		snprintf(step, sizeof(step),
		         "number %zu: on %s from fe80::%x, preference %d, lifetime %u, mtu %u", i,
		         from->link, from->router, (int)from->preference, from->lifetime,
		         from->mtu);
		send_advertisement(from);
		while (advertisements() == before)
			usleep(1000);
		kernel_wait_agreement(subscriber, step);
		kernel_compare_lookups(subscriber, true, "2001:db8::1", step);
		kernel_compare_lookups(subscriber, true, "fd0b::1", step);
	}
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}
