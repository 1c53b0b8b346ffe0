/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "tools/etcd/etcd_base64.h"
#include "tools/etcd/etcd_request.h"

void etcd_request_format(struct text *body, const char *format, ...)
{
	char buffer[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(buffer, sizeof(buffer), format, arguments);
	va_end(arguments);
	text_append_string(body, buffer);
}

void etcd_request_base64(struct text *body, const char *bytes, size_t length)
{
	text_append_string(body, "\"");
	etcd_base64_encode(body, bytes, length);
	text_append_string(body, "\"");
}

void etcd_request_string(struct text *body, const char *string)
{
	text_append_string(body, "\"");
	for (; *string; string++) {
		if ((unsigned char)*string < ' ' || *string == '"' || *string == '\\')
			etcd_request_format(body, "\\u%04x", (unsigned char)*string);
		else
			text_append(body, string, 1);
	}
	text_append_string(body, "\"");
}

void etcd_range_under(struct etcd_range *range, const char *prefix, size_t length, char *end)
{
	memcpy(end, prefix, length);
	end[length - 1]++;
	range->key = prefix;
	range->key_length = range->end_length = length;
	range->end = end;
}

/* Appends the members that say which keys are meant. */
static void etcd_request_keys(struct text *body, const struct etcd_range *range)
{
	text_append_string(body, "\"key\":");
	etcd_request_base64(body, range->key, range->key_length);
	if (range->end) {
		text_append_string(body, ",\"range_end\":");
		etcd_request_base64(body, range->end, range->end_length);
	}
}

void etcd_request_range(struct text *body, const struct etcd_range *range)
{
	body->length = 0;
	text_append_string(body, "{");
	etcd_request_keys(body, range);
	if (range->revision)
		etcd_request_format(body, ",\"revision\":\"%" PRId64 "\"", range->revision);
	if (range->limit)
		etcd_request_format(body, ",\"limit\":\"%" PRId64 "\"", range->limit);
	if (range->min_mod_revision)
		etcd_request_format(body, ",\"min_mod_revision\":\"%" PRId64 "\"",
		                    range->min_mod_revision);
	if (range->keys_only)
		text_append_string(body, ",\"keys_only\":true");
	if (range->count_only)
		text_append_string(body, ",\"count_only\":true");
	text_append_string(body, "}");
}

void etcd_request_watch(struct text *body, const struct etcd_range *range)
{
	body->length = 0;
	text_append_string(body, "{\"create_request\":{");
	etcd_request_keys(body, range);
	etcd_request_format(body, ",\"start_revision\":\"%" PRId64 "\",\"fragment\":true}}",
	                    range->revision);
}

void etcd_request_authenticate(struct text *body, const char *user, const char *password)
{
	body->length = 0;
	text_append_string(body, "{\"name\":");
	etcd_request_string(body, user);
	text_append_string(body, ",\"password\":");
	etcd_request_string(body, password);
	text_append_string(body, "}");
}
