/* SPDX-License-Identifier: MIT */
#include "lib/base/checksum.h"

#include "lib/base/atomic.h"

#define FNV_PRIME UINT64_C(0x100000001b3)

uint64_t checksum_bytes(uint64_t hash, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const unsigned char *)bytes)[i]) * FNV_PRIME;
	return hash;
}

uint64_t checksum_header(const struct layout_header *header)
{
	return checksum_bytes(CHECKSUM_BASIS, header, offsetof(struct layout_header, checksum));
}

/* Every step is reversible, so a change of a single word always changes the result. The shift moves
 * high bits to low bits, which a multiplication alone never does. */
uint64_t checksum_contents(const unsigned char *file, uint64_t size)
{
	uint64_t hash = CHECKSUM_BASIS;

	for (uint64_t at = offsetof(struct layout_header, head); at + 8 <= size; at += 8) {
		hash = (hash ^ data_load(file + at)) * FNV_PRIME;
		hash ^= hash >> 32;
	}
	return hash ? hash : 1;
}

uint64_t checksum_durable(const struct layout_durable *record, const uint8_t uuid[16])
{
	uint64_t hash =
		checksum_bytes(CHECKSUM_BASIS, record, offsetof(struct layout_durable, checksum));

	return checksum_bytes(hash, uuid, 16);
}
