/* SPDX-License-Identifier: MIT */
#include "lib/types/refuse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/types/net.h"
#include "lib/types/text_number.h"
#include "lib/types/type.h"

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

const char *refuse_words(const struct stele_column *column, char *ret, size_t size)
{
	size_t at = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < column->word_count; i++) {
		char word[STELE_NAME_MAX + 32];
		size_t length;

		length = (size_t)snprintf(word, sizeof(word), "%s%s=%lld", i > 0 ? ", " : "",
		                          column->words[i].name, (long long)column->words[i].value);
		if (at + length + strlen(", ...") >= size) {
			strcpy(ret + at, at > 0 ? ", ..." : "...");
			break;
		}
		strcpy(ret + at, word);
		at += length;
	}
	return ret;
}

int refuse_number(const struct stele_column *column, const void *value)
{
	char number[TEXT_FIXED_MAX], words[400];
	const struct stele_column element = type_element(column);

	text_number_format(column->type, value, type_column_size(&element), number);
	return error_set(EINVAL, "column \"%s\": %s has no word in its enumeration (expected %s)",
	                 column->name, number, refuse_words(column, words, sizeof(words)));
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
