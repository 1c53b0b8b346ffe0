/* SPDX-License-Identifier: MIT */
#include "lib/base/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "lib/base/error.h"

void net_clear_host(uint8_t *net, unsigned width)
{
	for (unsigned bit = net[width]; bit < width * 8; bit = (bit / 8 + 1) * 8)
		net[bit / 8] &= (uint8_t) ~(0xffu >> (bit % 8));
}

int net_refuse(const struct stele_column *column, const uint8_t *net)
{
	unsigned width = column->type == STELE_IPV4NET ? 4 : 16;
	int family = column->type == STELE_IPV4NET ? AF_INET : AF_INET6;
	char shown[INET6_ADDRSTRLEN], meant[INET6_ADDRSTRLEN];
	uint8_t cleared[17];

	inet_ntop(family, net, shown, sizeof(shown));
	if (net[width] > width * 8)
		return error_set(EINVAL, "column \"%s\": %s/%u has a length over %u", column->name,
		                 shown, net[width], width * 8);
	memcpy(cleared, net, width + 1);
	net_clear_host(cleared, width);
	inet_ntop(family, cleared, meant, sizeof(meant));
	return error_set(EINVAL,
	                 "column \"%s\": %s/%u has bits set past its length; did you mean %s/%u?",
	                 column->name, shown, net[width], meant, net[width]);
}
