/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "tools/mirror/etcd_row.h"

int etcd_row_format_key(const struct stele_schema *schema, const void *key, unsigned bits,
                        struct text *text)
{
	struct text plain = {0};
	int64_t length;

	for (;;) {
		length = stele_key_format(schema, key, bits, plain.bytes, plain.capacity);
		if (length < 0 || (size_t)length < plain.capacity)
			break;
		text_reserve(&plain, (size_t)length + 1);
	}
	if (length > 0)
		etcd_key_escape(text, plain.bytes, (size_t)length);
	text_free(&plain);
	return length < 0 ? (int)length : 0;
}

int etcd_row_format(const struct stele_schema *schema, const struct stele_row *row,
                    struct text *text)
{
	int64_t length;

	for (;;) {
		length = stele_row_format_json(schema, row, text->bytes + text->length,
		                               text->capacity - text->length);
		if (length < 0)
			return (int)length;
		if ((size_t)length < text->capacity - text->length)
			break;
		text_reserve(text, (size_t)length + 1);
	}
	text->length += (size_t)length;
	return 0;
}

/* Returns true if this is the key at which etcd has the row. Leaves that key in `buffer`. */
static bool etcd_row_is_at(const struct stele_schema *schema, const struct etcd_key *key,
                           const struct stele_key *row, struct text *buffer)
{
	buffer->length = 0;
	return etcd_row_format_key(schema, row->bytes, row->bits, buffer) == 0 &&
	       buffer->length == key->row_length &&
	       (buffer->length == 0 || memcmp(buffer->bytes, key->row, buffer->length) == 0);
}

bool etcd_row_parse_key(const struct stele_schema *schema, const struct etcd_key *key,
                        struct text *buffer, struct stele_key *ret)
{
	buffer->length = 0;
	text_reserve(buffer, 1);
	return etcd_key_unescape(buffer, key->row, key->row_length) &&
	       stele_key_parse(schema, buffer->bytes, buffer->length, ret) == 0 &&
	       etcd_row_is_at(schema, key, ret, buffer);
}

int etcd_row_parse(const struct stele_schema *schema, const struct etcd_key *key,
                   const struct etcd_kv *kv, struct text *buffer, struct stele_key *ret_key,
                   struct text *value, size_t *ret_size, char *reason, size_t reason_size)
{
	int result;

	value->length = 0;
	text_reserve(value, schema->value_size + 64);
	for (;;) {
		*ret_size = value->capacity;
		result = stele_row_parse_json(schema, kv->value, kv->value_length, NULL, ret_key,
		                              value->bytes, ret_size);
		if (result != -EMSGSIZE || *ret_size <= value->capacity ||
		    *ret_size > STELE_VALUE_MAX + STELE_VALUE_MAX)
			break;
		text_reserve(value, *ret_size);
	}
	if (result == -EINVAL || result == -ERANGE || result == -EMSGSIZE || result == -EBADMSG) {
		snprintf(reason, reason_size, "%s", stele_last_error());
		return -EBADMSG;
	}
	if (result == 0 && !etcd_row_is_at(schema, key, ret_key, buffer)) {
		snprintf(reason, reason_size, "this row belongs to the key rows/%s/%.*s",
		         key->table, (int)buffer->length, buffer->bytes);
		return -EBADMSG;
	}
	return result;
}
