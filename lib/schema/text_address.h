/* SPDX-License-Identifier: MIT
 * Addresses, prefixes, MACs and UUIDs as text: for text.c. */
#ifndef LIB_SCHEMA_TEXT_ADDRESS_H
#define LIB_SCHEMA_TEXT_ADDRESS_H

#include "lib/schema/text.h"

/* STELE_IPV4, _IPV6, _IPV4NET, _IPV6NET, _MAC and _UUID. A prefix is read as it stands, host bits
 * included. */
void text_address_format(enum stele_type type, const uint8_t *value, char *ret);
int text_address_parse(enum stele_type type, const char *text, size_t length, uint8_t *ret);

#endif
