/* SPDX-License-Identifier: MIT */
#include "lib/base/crc32c.h"

#include <pthread.h>

#include "lib/base/atomic.h"

/* The polynomial, with its bits in reverse order. */
#define CRC32C_POLYNOMIAL UINT32_C(0x82f63b78)

/* Tables for eight bytes at a time: crc32c_table[n][b] is the CRC of byte b followed by n zero
 * bytes. */
static uint32_t crc32c_table[8][256];

static void crc32c_fill_table(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
		crc32c_table[0][byte] = crc;
	}
	for (int n = 1; n < 8; n++)
		for (int byte = 0; byte < 256; byte++) {
			uint32_t crc = crc32c_table[n - 1][byte];
			crc32c_table[n][byte] = crc >> 8 ^ crc32c_table[0][crc & 0xff];
		}
}

/* Returns byte `n` of a word in the order of memory. */
static unsigned crc32c_byte(uint64_t word, unsigned n)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return word >> (56 - n * 8) & 0xff;
#else
	return word >> n * 8 & 0xff;
#endif
}

uint32_t crc32c_by_table(const unsigned char *bytes, uint64_t size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint32_t crc = UINT32_MAX;

	pthread_once(&once, crc32c_fill_table);
	for (uint64_t at = 0; at < size; at += 8) {
		uint64_t word = data_load(bytes + at);
		uint32_t next = 0;
		for (unsigned n = 0; n < 8; n++) {
			unsigned byte = crc32c_byte(word, n);
			if (n < 4)
				byte ^= crc >> n * 8 & 0xff;
			next ^= crc32c_table[7 - n][byte];
		}
		crc = next;
	}
	return ~crc;
}

#ifdef __x86_64__
static uint32_t crc32c_by_instruction(const unsigned char *bytes, uint64_t size)
{
	uint64_t crc = UINT32_MAX;

	for (uint64_t at = 0; at < size; at += 8)
		__asm__("crc32q %1, %0" : "+r"(crc) : "r"(data_load(bytes + at)));
	return ~(uint32_t)crc;
}
#endif

uint32_t crc32c(const unsigned char *bytes, uint64_t size)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_by_instruction(bytes, size);
#endif
	return crc32c_by_table(bytes, size);
}
