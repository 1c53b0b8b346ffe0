/* SPDX-License-Identifier: MIT */
#include "lib/base/checksum.h"

#include "lib/base/atomic.h"
#include "lib/base/crc32c.h"

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

/* Bit of a checksum of the contents that says that bits 0 to 31 are a CRC-32C. */
#define CHECKSUM_IS_CRC (UINT64_C(1) << 32)

/* Returns the checksum of contents without LAYOUT_CRC32C, a variant of FNV-1a by words of 8 bytes.
 * Every step is reversible, so a change of a single word always changes the result. The shift moves
 * high bits to low bits, which a multiplication alone never does. */
static uint64_t checksum_contents_fnv(const unsigned char *bytes, uint64_t size)
{
	uint64_t hash = CHECKSUM_BASIS;

	for (uint64_t at = 0; at < size; at += 8) {
		hash = (hash ^ data_load(bytes + at)) * FNV_PRIME;
		hash ^= hash >> 32;
	}
	return hash ? hash : 1;
}

uint64_t checksum_contents(const unsigned char *file, uint64_t size, uint32_t features)
{
	const unsigned char *bytes = file + offsetof(struct layout_header, head);

	/* A file that was cut to an odd size has a wrong checksum in any case. */
	size = (size - offsetof(struct layout_header, head)) & ~(uint64_t)7;
	return features & LAYOUT_CRC32C ? CHECKSUM_IS_CRC | crc32c(bytes, size)
	                                : checksum_contents_fnv(bytes, size);
}

uint64_t checksum_durable(const struct layout_durable *record, const uint8_t uuid[16])
{
	uint64_t hash =
		checksum_bytes(CHECKSUM_BASIS, record, offsetof(struct layout_durable, checksum));

	return checksum_bytes(hash, uuid, 16);
}
