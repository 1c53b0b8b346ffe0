/* SPDX-License-Identifier: MIT */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/netlink/kernel_routers.h"

/* Advertisements that one call reads: a flood of them must not keep the caller. */
#define ROUTERS_HEAR_MAX 256u
/* Nanoseconds by which advertisements that follow each other put a read off. */
#define DELAY_MAX_NS 1000000000

void kernel_routers_open(struct kernel_routers *routers)
{
	struct icmp6_filter filter;

	*routers = (struct kernel_routers){
		.fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6)};
	if (routers->fd < 0)
		return;
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ND_ROUTER_ADVERT, &filter);
	if (setsockopt(routers->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) < 0)
		kernel_routers_close(routers);
}

void kernel_routers_close(struct kernel_routers *routers)
{
	if (routers->fd >= 0)
		close(routers->fd);
	*routers = (struct kernel_routers){.fd = -1};
}

static void routers_note(struct kernel_routers *routers, uint32_t ifindex, int64_t at)
{
	size_t i = 0;

	while (i < routers->count && routers->due[i].ifindex != ifindex)
		i++;
	if (i == KERNEL_ROUTERS_MAX) {
		routers->many = true;
		return;
	}
	if (i == routers->count) {
		routers->count++;
		routers->due[i].ifindex = ifindex;
		routers->due[i].until = at + DELAY_MAX_NS;
	}
	routers->due[i].at = at;
}

void kernel_routers_hear(struct kernel_routers *routers, int64_t at)
{
	struct sockaddr_in6 from;
	socklen_t length = sizeof(from);
	uint8_t byte;

	/* Routers send from link-local addresses, so their scope is the link. */
	for (unsigned i = 0; i < ROUTERS_HEAR_MAX && routers->fd >= 0; i++) {
		if (recvfrom(routers->fd, &byte, 1, MSG_TRUNC, (struct sockaddr *)&from, &length) <
		    0)
			return;
		if (length >= sizeof(from) && from.sin6_scope_id)
			routers_note(routers, from.sin6_scope_id, at);
		length = sizeof(from);
	}
}

static int64_t routers_due(const struct kernel_routers *routers, size_t i)
{
	return routers->due[i].at < routers->due[i].until ? routers->due[i].at
	                                                  : routers->due[i].until;
}

int64_t kernel_routers_next(const struct kernel_routers *routers)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < routers->count; i++)
		if (routers_due(routers, i) < next)
			next = routers_due(routers, i);
	return next;
}

bool kernel_routers_take(struct kernel_routers *routers, int64_t now, uint32_t *ret_ifindex)
{
	for (size_t i = 0; i < routers->count; i++) {
		if (routers_due(routers, i) > now)
			continue;
		*ret_ifindex = routers->due[i].ifindex;
		/* The kernel may not have applied the last advertisement yet. */
		if (routers->due[i].at > now)
			routers->due[i].until = now + DELAY_MAX_NS;
		else
			routers->due[i] = routers->due[--routers->count];
		return true;
	}
	return false;
}
