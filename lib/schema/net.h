/* SPDX-License-Identifier: MIT
 * Prefixes: an address of `width` bytes (4 or 16), then a byte with the length, as in struct
 * stele_ipv4net and struct stele_ipv6net. */
#ifndef LIB_SCHEMA_NET_H
#define LIB_SCHEMA_NET_H

#include <stdbool.h>
#include <stdint.h>

/* True when `bytes` has only zeros from bit `bits` up to byte `end`. */
static inline bool net_zero_from(const uint8_t *bytes, unsigned bits, unsigned end)
{
	unsigned at = bits / 8;

	if (bits % 8 != 0 && (bytes[at++] & (0xffu >> (bits % 8))) != 0)
		return false;
	while (at < end)
		if (bytes[at++] != 0)
			return false;
	return true;
}

static inline bool net_valid(const uint8_t *net, unsigned width)
{
	return net[width] <= width * 8 && net_zero_from(net, net[width], width);
}

/* Clears the bits past the length, which must not be greater than the width. */
void net_clear_host(uint8_t *net, unsigned width);

#endif
