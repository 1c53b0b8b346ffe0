/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "tools/record/crc.h"

/* The polynomial of CRC-32C, with its bits reversed. */
#define POLYNOMIAL UINT32_C(0x82f63b78)

/* crc_tables[n][b]: what byte b contributes if n bytes follow it. Eight tables process eight bytes
 * in one step. */
static uint32_t crc_tables[8][256];

static void crc_fill_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		crc_tables[0][i] = crc;
	}
	for (int n = 1; n < 8; n++)
		for (int i = 0; i < 256; i++)
			crc_tables[n][i] = crc_tables[n - 1][i] >> 8 ^
			                   crc_tables[0][crc_tables[n - 1][i] & 0xff];
}

uint32_t crc_add(uint32_t before, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint32_t crc = ~before;

	if (crc_tables[0][1] == 0)
		crc_fill_tables();
	for (; size >= 8; size -= 8, at += 8) {
		uint32_t next = 0;

		for (int i = 0; i < 4; i++)
			next ^= crc_tables[7 - i][(crc >> 8 * i & 0xff) ^ at[i]];
		for (int i = 4; i < 8; i++)
			next ^= crc_tables[7 - i][at[i]];
		crc = next;
	}
	for (; size > 0; size--, at++)
		crc = crc >> 8 ^ crc_tables[0][(crc ^ *at) & 0xff];
	return ~crc;
}
