/* SPDX-License-Identifier: MIT
 *
 * CRC-32C (Castagnoli), as in iSCSI, Btrfs and SSE 4.2. Any part of the library may call it. */
#ifndef LIB_BASE_CRC32C_H
#define LIB_BASE_CRC32C_H

#include <stdint.h>

/* Returns the CRC-32C of the `size` bytes at `bytes`. Both are multiples of 8. The bytes are loaded
 * as the words of a data file: another process may change them meanwhile. Uses the processor's
 * instruction if there is one. */
uint32_t crc32c(const unsigned char *bytes, uint64_t size);

/* The same without the processor's instruction. For processors that have none, and for tests. */
uint32_t crc32c_by_table(const unsigned char *bytes, uint64_t size);

#endif
