/* SPDX-License-Identifier: MIT
 *
 * The checksums in a region's files. The code that writes a checksum and the code that validates it
 * call the same function. Any part of the library may call these functions. */
#ifndef LIB_BASE_CHECKSUM_H
#define LIB_BASE_CHECKSUM_H

#include "lib/layout.h"

/* Returns the 64-bit FNV-1a hash (Fowler, Noll, Vo) of `size` bytes. `hash` is CHECKSUM_BASIS, or,
 * to continue a hash, the result for the bytes before. */
#define CHECKSUM_BASIS UINT64_C(0xcbf29ce484222325)
uint64_t checksum_bytes(uint64_t hash, const void *bytes, size_t size);

/* Returns the checksum of the immutable part of a header, for its member `checksum`. */
uint64_t checksum_header(const struct layout_header *header);

/* Returns the checksum of a saved file's contents, for the header's member `contents`: of the bytes
 * from the end of the header's immutable part to `size`. `features` are the file's incompatible
 * feature bits, which say what kind of checksum it is. Never returns 0, which marks a file without
 * this checksum. No process may write to the file during the call. */
uint64_t checksum_contents(const unsigned char *file, uint64_t size, uint32_t features);

/* Returns the checksum of a durable record. It covers the region's uuid, so that a record of
 * another region is not valid. */
uint64_t checksum_durable(const struct layout_durable *record, const uint8_t uuid[16]);

#endif
