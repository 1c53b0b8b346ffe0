/* SPDX-License-Identifier: MIT */
#include "lib/reading/key_start.h"

#include <string.h>

#include "lib/base/error.h"

int key_start_check(unsigned bits)
{
	if (bits <= STELE_KEY_MAX * 8)
		return 0;
	return error_set(EINVAL, "the key has %u bits; the maximum is %u", bits, STELE_KEY_MAX * 8);
}

int key_start_set(struct key_start *start, const void *key, unsigned bits)
{
	int r = key_start_check(bits);

	if (r < 0)
		return r;
	memset(start->bytes, 0, sizeof(start->bytes));
	if (bits > 0)
		memcpy(start->bytes, key, (bits + 7) / 8);
	if (bits % 8 != 0)
		start->bytes[bits / 8] &= (unsigned char)(0xff00u >> bits % 8);
	start->bits = bits;
	return 0;
}
