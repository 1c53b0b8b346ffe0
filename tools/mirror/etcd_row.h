/* SPDX-License-Identifier: MIT
 * Rows as keys and values of etcd. Used by etcd_region.c. */
#ifndef TOOLS_MIRROR_ETCD_ROW_H
#define TOOLS_MIRROR_ETCD_ROW_H

#include <stdbool.h>
#include <stele/stele.h>
#include "tools/base/text.h"
#include "tools/etcd/etcd_json.h"
#include "tools/mirror/etcd_keys.h"

/* Parses a row. `buffer` is for texts, `value` gets the value, of `*ret_size` bytes. Returns 0;
 * -EBADMSG if the row does not fit the schema or stands at the wrong key, with the reason; or
 * another negative errno of the library. */
int etcd_row_parse(const struct stele_schema *schema, const struct etcd_key *key,
                   const struct etcd_kv *kv, struct text *buffer, struct stele_key *ret_key,
                   struct text *value, size_t *ret_size, char *reason, size_t reason_size);

/* Parses the key of a row. Returns false if no row has this key in etcd. */
bool etcd_row_parse_key(const struct stele_schema *schema, const struct etcd_key *key,
                        struct text *buffer, struct stele_key *ret);

/* Appends KEY of a row, as in etcd_keys.h. Returns 0 or a negative errno of the library. */
int etcd_row_format_key(const struct stele_schema *schema, const void *key, unsigned bits,
                        struct text *text);

/* Appends a row as JSON. Returns as above. */
int etcd_row_format(const struct stele_schema *schema, const struct stele_row *row,
                    struct text *text);

#endif
