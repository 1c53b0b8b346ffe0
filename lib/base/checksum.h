/* SPDX-License-Identifier: MIT
 *
 * The checksums that stand in a region's files. The code that writes one and the code that validates
 * it call the same function, so any part of the library may call these. */
#ifndef LIB_BASE_CHECKSUM_H
#define LIB_BASE_CHECKSUM_H

#include "lib/layout.h"

/* FNV-1a, 64 bits (Fowler, Noll, Vo), of `size` bytes; `hash` is CHECKSUM_BASIS, or the result for
 * the bytes before these. */
#define CHECKSUM_BASIS UINT64_C(0xcbf29ce484222325)
uint64_t checksum_bytes(uint64_t hash, const void *bytes, size_t size);

/* Returns the checksum of the immutable part of a header. */
uint64_t checksum_header(const struct layout_header *header);

/* Returns the checksum of a data file from the end of its header's immutable part up to `size`, never
 * 0. No process may write to the file meanwhile. */
uint64_t checksum_contents(const unsigned char *file, uint64_t size);

/* Returns the checksum of a durable record of the region with this uuid. */
uint64_t checksum_durable(const struct layout_durable *record, const uint8_t uuid[16]);

#endif
