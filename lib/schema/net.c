/* SPDX-License-Identifier: MIT */
#include "lib/schema/net.h"

void net_clear_host(uint8_t *net, unsigned width)
{
	for (unsigned bit = net[width]; bit < width * 8; bit = (bit / 8 + 1) * 8)
		net[bit / 8] &= (uint8_t) ~(0xffu >> (bit % 8));
}
