/* SPDX-License-Identifier: MIT
 * CRC-32C, the checksum of frames in recordings. The command links only what the library exports,
 * which its own CRC-32C is not. */
#ifndef TOOLS_RECORD_CRC_H
#define TOOLS_RECORD_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Returns the CRC-32C of bytes that follow others, whose CRC-32C is `before`; 0: there are none. */
uint32_t crc_add(uint32_t before, const void *bytes, size_t size);

#endif
