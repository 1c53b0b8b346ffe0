/* SPDX-License-Identifier: MIT
 * The keys of a mirrored prefix (docs/design/etcd.md):
 *
 *     PREFIX schema/TABLE      the declaration of a table, as text
 *     PREFIX rows/TABLE/KEY    a row, as a JSON object
 *     PREFIX head              the version of the region that the rows are
 *     PREFIX open              exists while a version is written in several transactions
 *     PREFIX writer            the lock of the mirror that writes; it has a lease
 *
 * KEY is the text of the row's key (stele_key_format()), in which control characters, bytes of 0x7f
 * and above, and '%' are written as %XX, in upper case: so etcdctl prints each key on one line. */
#ifndef TOOLS_MIRROR_ETCD_KEYS_H
#define TOOLS_MIRROR_ETCD_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stele/schema.h>
#include "tools/base/text.h"

enum etcd_key_kind {
	ETCD_KEY_ROW,
	ETCD_KEY_SCHEMA,
	ETCD_KEY_HEAD,
	ETCD_KEY_OPEN,
	ETCD_KEY_WRITER,
	ETCD_KEY_OTHER, /* no key of a mirror */
};

/* A key without the prefix, taken apart. */
struct etcd_key {
	enum etcd_key_kind kind;
	char table[STELE_NAME_MAX + 1]; /* for ETCD_KEY_ROW and ETCD_KEY_SCHEMA */
	const char *row;                /* KEY, inside of the text that was parsed */
	size_t row_length;
};

/* Takes a key apart. ETCD_KEY_OTHER also if the name of the table is not valid. */
void etcd_key_parse(const char *text, size_t length, struct etcd_key *ret);

/* Appends the text of a row's key to `text`, with escapes. */
void etcd_key_escape(struct text *text, const char *key, size_t length);

/* Appends the text that `key` is the escaped form of. Returns false if it is not what
 * etcd_key_escape() writes: each row has one key. */
bool etcd_key_unescape(struct text *text, const char *key, size_t length);

#endif
