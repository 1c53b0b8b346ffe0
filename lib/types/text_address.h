/* SPDX-License-Identifier: MIT
 *
 * Addresses, prefixes, MAC addresses and UUIDs as text: a part of text.c. */
#ifndef LIB_TYPES_TEXT_ADDRESS_H
#define LIB_TYPES_TEXT_ADDRESS_H

#include "lib/types/text.h"

/* Formats a value of type STELE_IPV4, _IPV6, _IPV4NET, _IPV6NET, _MAC or _UUID. Writes at most
 * TEXT_FIXED_MAX bytes to `ret`, including the NUL. */
void text_address_format(enum stele_type type, const uint8_t *value, char *ret);

/* Parses a value of these types. Keeps the host bits of a prefix: the caller checks that none are
 * set. Returns 0 or -EINVAL. */
int text_address_parse(enum stele_type type, const char *text, size_t length, uint8_t *ret);

#endif
