/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/heap.h"
#include "tools/rows/address.h"
#include "tools/rows/row.h"

/* Returns the text with an IPv4 address in place of the mapped one at `start`, on the heap; or
 * NULL if there is no mapped address. */
static char *address_unmap(const char *text, size_t start)
{
	char dotted[INET_ADDRSTRLEN], *plain;
	struct in6_addr mapped;

	if (inet_pton(AF_INET6, text + start, &mapped) != 1 || !IN6_IS_ADDR_V4MAPPED(&mapped))
		return NULL;
	inet_ntop(AF_INET, mapped.s6_addr + 12, dotted, sizeof(dotted));
	plain = heap_realloc(NULL, start + sizeof(dotted));
	memcpy(plain, text, start);
	memcpy(plain + start, dotted, strlen(dotted) + 1);
	return plain;
}

int address_parse(const struct stele_schema *schema, const char *text, struct stele_key *ret)
{
	const char *comma = strrchr(text, ',');
	size_t keys = row_key_columns(schema);
	char *plain = NULL;
	int result;

	if (schema->columns[keys - 1].type == STELE_IPV4NET)
		plain = address_unmap(text, comma ? (size_t)(comma + 1 - text) : 0);
	result = stele_key_parse_address(schema, plain ? plain : text, strlen(plain ? plain : text),
	                                 ret);
	free(plain);
	return result;
}
