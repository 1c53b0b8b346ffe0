/* SPDX-License-Identifier: MIT
 *
 * Address prefixes in the layout of struct stele_ipv4net and struct stele_ipv6net: an address of
 * `width` bytes (4 or 16), then one byte with the prefix length in bits.
 * For lib/types and lib/schema. */
#ifndef LIB_TYPES_NET_H
#define LIB_TYPES_NET_H

#include <stdbool.h>
#include <stdint.h>

/* Returns true if all bits from bit `bits` up to the end of byte `end` - 1 are zero. */
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

/* Returns true if the length of a prefix is allowed, and no host bits are set. */
static inline bool net_valid(const uint8_t *net, unsigned width)
{
	return net[width] <= width * 8 && net_zero_from(net, net[width], width);
}

/* Clears the host bits: those after the prefix length, which must not be greater than width * 8. */
static inline void net_clear_host(uint8_t *net, unsigned width)
{
	for (unsigned bit = net[width]; bit < width * 8; bit = (bit / 8 + 1) * 8)
		net[bit / 8] &= (uint8_t) ~(0xffu >> (bit % 8));
}

#endif
