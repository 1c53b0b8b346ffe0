/* SPDX-License-Identifier: MIT */
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "tools/netlink/kernel_local.h"

/* Writes the request for the route to an address. */
static void local_request(const struct sockaddr *address, struct nlmsghdr *message)
{
	const struct sockaddr_in6 *wide = (const void *)address;
	const struct sockaddr_in *narrow = (const void *)address;
	struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	const uint8_t *bytes = (const uint8_t *)&narrow->sin_addr;

	message->nlmsg_type = RTM_GETROUTE;
	message->nlmsg_flags = NLM_F_REQUEST;
	header->rtm_family = AF_INET;
	header->rtm_dst_len = 32;
	if (address->sa_family == AF_INET6) {
		bytes = wide->sin6_addr.s6_addr;
		if (IN6_IS_ADDR_V4MAPPED(&wide->sin6_addr)) {
			bytes += 12;
		} else {
			header->rtm_family = AF_INET6;
			header->rtm_dst_len = 128;
			if (wide->sin6_scope_id)
				mnl_attr_put_u32(message, RTA_OIF, wide->sin6_scope_id);
		}
	}
	mnl_attr_put(message, RTA_DST, header->rtm_dst_len / 8u, bytes);
}

bool kernel_address_is_local(const struct sockaddr *address)
{
	uint8_t bytes[8192] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	const struct rtmsg *answer = mnl_nlmsg_get_payload(message);
	ssize_t size = -1;

	if (!socket)
		return false;
	local_request(address, message);
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    mnl_socket_sendto(socket, message, message->nlmsg_len) >= 0)
		size = mnl_socket_recvfrom(socket, bytes, sizeof(bytes));
	mnl_socket_close(socket);
	return size > 0 && mnl_nlmsg_ok(message, (int)size) &&
	       message->nlmsg_type == RTM_NEWROUTE &&
	       mnl_nlmsg_get_payload_len(message) >= sizeof(*answer) &&
	       answer->rtm_type == RTN_LOCAL;
}
