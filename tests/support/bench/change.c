/* SPDX-License-Identifier: MIT */
#include "tests/support/bench/change.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/support/bench/bench.h"

static int change_socket = -1;

void change_open(void)
{
	change_socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	check(change_socket >= 0);
}

struct request {
	struct nlmsghdr header;
	union {
		struct rtmsg route;
		struct ifinfomsg link;
	};
	uint8_t attributes[64];
};

static void change_add_attribute(struct request *request, unsigned short type, const void *value,
                                 size_t size)
{
	struct rtattr *at = (void *)((uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	at->rta_type = type;
	at->rta_len = (unsigned short)RTA_LENGTH(size);
	memcpy(RTA_DATA(at), value, size);
	request->header.nlmsg_len =
		NLMSG_ALIGN(request->header.nlmsg_len) + (unsigned)RTA_ALIGN(at->rta_len);
}

/* Sends a request, which the kernel carries out before this returns. */
static void change_send(struct request *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		uint8_t rest[512];
	} answer;

	request->header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	check(send(change_socket, request, request->header.nlmsg_len, 0) > 0);
	check(recv(change_socket, &answer, sizeof(answer), 0) > 0);
	check(answer.header.nlmsg_type == NLMSG_ERROR && answer.error.error == 0);
}

void change_route(bool add, const uint8_t address[4], unsigned char length,
                  const uint8_t gateway[4], uint32_t metric)
{
	struct request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
	                   .nlmsg_type = add ? RTM_NEWROUTE : RTM_DELROUTE,
	                   .nlmsg_flags = add ? NLM_F_CREATE | NLM_F_EXCL : 0},
		.route = {.rtm_family = AF_INET,
	                  .rtm_dst_len = length,
	                  .rtm_table = RT_TABLE_MAIN,
	                  .rtm_protocol = RTPROT_BOOT,
	                  .rtm_type = RTN_UNICAST},
	};

	change_add_attribute(&request, RTA_DST, address, 4);
	change_add_attribute(&request, RTA_GATEWAY, gateway, 4);
	change_add_attribute(&request, RTA_PRIORITY, &metric, 4);
	change_send(&request);
}

void change_link(const char *name, bool up)
{
	struct request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
	                   .nlmsg_type = RTM_NEWLINK},
		.link = {.ifi_family = AF_UNSPEC,
	                 .ifi_index = (int)if_nametoindex(name),
	                 .ifi_flags = up ? IFF_UP : 0,
	                 .ifi_change = IFF_UP},
	};

	change_send(&request);
}
