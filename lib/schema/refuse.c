/* SPDX-License-Identifier: MIT */
#include "lib/schema/refuse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/schema/net.h"

int refuse_type(const struct stele_column *column)
{
	return error_set(EINVAL, "column \"%s\" has unknown type %u", column->name,
	                 (unsigned)column->type);
}

int refuse_bool(const struct stele_column *column, unsigned value)
{
	return error_set(EINVAL, "column \"%s\": invalid bool %u (expected 0 or 1)", column->name,
	                 value);
}

int refuse_prefix(const struct stele_column *column, const uint8_t *net)
{
	unsigned width = column->type == STELE_IPV4NET ? 4 : 16;
	int family = column->type == STELE_IPV4NET ? AF_INET : AF_INET6;
	char shown[INET6_ADDRSTRLEN], meant[INET6_ADDRSTRLEN];
	uint8_t cleared[17];

	inet_ntop(family, net, shown, sizeof(shown));
	if (net[width] > width * 8)
		return error_set(EINVAL, "column \"%s\": %s/%u has a length over %u", column->name,
		                 shown, net[width], width * 8);
	memcpy(cleared, net, width + 1);
	net_clear_host(cleared, width);
	inet_ntop(family, cleared, meant, sizeof(meant));
	return error_set(EINVAL,
	                 "column \"%s\": %s/%u has bits set past its length; did you mean %s/%u?",
	                 column->name, shown, net[width], meant, net[width]);
}

int refuse_buffer(const struct stele_column *column, size_t need, size_t buffer_size)
{
	return error_set(EMSGSIZE,
	                 "column \"%s\" needs a buffer of %zu bytes, but this one has %zu",
	                 column->name, need, buffer_size);
}

int refuse_schema_memory(const char *table)
{
	return table ? error_set(ENOMEM, "no memory for the schema of table \"%s\"", table)
	             : error_set(ENOMEM, "no memory for a schema");
}
