/* SPDX-License-Identifier: MIT
 * Addresses that are looked up in a table of prefixes. `stele lookup' and `stele explain' use
 * this. */
#ifndef TOOLS_ROWS_ADDRESS_H
#define TOOLS_ROWS_ADDRESS_H

#include <stele/stele.h>

/* Parses a key whose last column may be an address, as stele_key_parse_address() does. In a table
 * of IPv4 prefixes, also takes an address that is mapped into IPv6, such as ::ffff:192.0.2.7, as
 * servers with one socket for both families log it. Returns 0 or a negative errno of the
 * library. */
int address_parse(const struct stele_schema *schema, const char *text, struct stele_key *ret);

#endif
