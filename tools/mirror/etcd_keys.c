/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/mirror/etcd_keys.h"

static bool etcd_key_is(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && memcmp(text, word, length) == 0;
}

/* Copies a valid name of a table. */
static bool etcd_key_table(const char *text, size_t length, struct etcd_key *key)
{
	if (length == 0 || length > STELE_NAME_MAX || memchr(text, '\0', length))
		return false;
	memcpy(key->table, text, length);
	key->table[length] = '\0';
	return stele_name_check("table", key->table) == 0;
}

void etcd_key_parse(const char *text, size_t length, struct etcd_key *ret)
{
	static const char rows[] = "rows/", schema[] = "schema/";
	const char *slash;

	*ret = (struct etcd_key){.kind = ETCD_KEY_OTHER};
	if (etcd_key_is(text, length, "head")) {
		ret->kind = ETCD_KEY_HEAD;
	} else if (etcd_key_is(text, length, "open")) {
		ret->kind = ETCD_KEY_OPEN;
	} else if (etcd_key_is(text, length, "writer")) {
		ret->kind = ETCD_KEY_WRITER;
	} else if (length > strlen(schema) && memcmp(text, schema, strlen(schema)) == 0) {
		if (etcd_key_table(text + strlen(schema), length - strlen(schema), ret))
			ret->kind = ETCD_KEY_SCHEMA;
	} else if (length > strlen(rows) && memcmp(text, rows, strlen(rows)) == 0) {
		text += strlen(rows);
		length -= strlen(rows);
		slash = memchr(text, '/', length);
		if (slash && etcd_key_table(text, (size_t)(slash - text), ret)) {
			ret->kind = ETCD_KEY_ROW;
			ret->row = slash + 1;
			ret->row_length = length - (size_t)(slash + 1 - text);
		}
	}
}

static bool etcd_key_is_plain(unsigned char byte)
{
	return byte >= ' ' && byte < 0x7f && byte != '%';
}

void etcd_key_escape(struct text *text, const char *key, size_t length)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)key[i];
		char escaped[3] = {'%', digits[byte >> 4], digits[byte & 15]};

		if (etcd_key_is_plain(byte))
			text_append(text, &key[i], 1);
		else
			text_append(text, escaped, sizeof(escaped));
	}
}

/* Returns the value of a hexadecimal digit in upper case, or 16. */
static unsigned etcd_key_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return (unsigned)(digit - '0');
	return digit >= 'A' && digit <= 'F' ? (unsigned)(digit - 'A') + 10 : 16;
}

bool etcd_key_unescape(struct text *text, const char *key, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)key[i];

		if (byte == '%') {
			unsigned high = length - i > 2 ? etcd_key_digit(key[i + 1]) : 16;
			unsigned low = length - i > 2 ? etcd_key_digit(key[i + 2]) : 16;

			if (high == 16 || low == 16)
				return false;
			byte = (unsigned char)(high << 4 | low);
			if (etcd_key_is_plain(byte))
				return false;
			i += 2;
		} else if (!etcd_key_is_plain(byte)) {
			return false;
		}
		text_append(text, (const char *)&byte, 1);
	}
	return true;
}
