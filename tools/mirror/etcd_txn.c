/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "tools/etcd/etcd_request.h"
#include "tools/etcd/etcd_url.h"
#include "tools/mirror/etcd_txn.h"

/* Appends the key of this name under the prefix. */
static void etcd_txn_name(struct text *body, const char *prefix, const char *name)
{
	char key[ETCD_PREFIX + 16];
	int length = snprintf(key, sizeof(key), "%s%s", prefix, name);

	text_append_string(body, "\"key\":");
	etcd_request_base64(body, key, (size_t)length);
}

/* Requires that a revision of a key has this value. */
static void etcd_txn_compare(struct text *body, const char *prefix, const char *name,
                             const char *target, const char *member, int64_t revision)
{
	text_append_string(body, "{");
	etcd_txn_name(body, prefix, name);
	etcd_request_format(body, ",\"target\":\"%s\",\"%s\":\"%" PRId64 "\"}", target, member,
	                    revision);
}

static void etcd_txn_put(struct text *body, const char *prefix, const char *name, const char *value)
{
	text_append_string(body, "{\"request_put\":{");
	etcd_txn_name(body, prefix, name);
	text_append_string(body, ",\"value\":");
	etcd_request_base64(body, value, strlen(value));
	text_append_string(body, "}}");
}

static void etcd_txn_range(struct text *body, const char *prefix, const char *name)
{
	text_append_string(body, "{\"request_range\":{");
	etcd_txn_name(body, prefix, name);
	text_append_string(body, "}}");
}

/* Appends the end of a transaction: what it does if what it requires is not there. */
static void etcd_txn_failure(struct text *body, const char *prefix)
{
	text_append_string(body, ",\"failure\":[");
	etcd_txn_range(body, prefix, "head");
	text_append_string(body, ",");
	etcd_txn_range(body, prefix, "open");
	text_append_string(body, ",");
	etcd_txn_range(body, prefix, "writer");
	text_append_string(body, "]}");
}

void etcd_txn_lock(struct text *body, const char *prefix, int64_t lease, const char *who)
{
	body->length = 0;
	text_append_string(body, "{\"compare\":[");
	etcd_txn_compare(body, prefix, "writer", "CREATE", "create_revision", 0);
	text_append_string(body, "],\"success\":[{\"request_put\":{");
	etcd_txn_name(body, prefix, "writer");
	text_append_string(body, ",\"value\":");
	etcd_request_base64(body, who, strlen(who));
	etcd_request_format(body, ",\"lease\":\"%" PRId64 "\"}}]", lease);
	etcd_txn_failure(body, prefix);
}

static void etcd_txn_op(struct text *body, const struct etcd_ops *ops, const struct etcd_op *op)
{
	text_append_string(body, op->deletes ? "{\"request_delete_range\":{\"key\":"
	                                     : "{\"request_put\":{\"key\":");
	etcd_request_base64(body, ops->bytes.bytes + op->key, op->key_length);
	if (!op->deletes) {
		text_append_string(body, ",\"value\":");
		etcd_request_base64(body, ops->bytes.bytes + op->value, op->value_length);
	}
	text_append_string(body, "}},");
}

void etcd_txn_part(struct text *body, const struct etcd_fence *fence, const struct etcd_part *part)
{
	const char *prefix = part->prefix;

	body->length = 0;
	text_append_string(body, "{\"compare\":[");
	etcd_txn_compare(body, prefix, "writer", "CREATE", "create_revision", fence->lock);
	text_append_string(body, ",");
	etcd_txn_compare(body, prefix, "head", "MOD", "mod_revision", fence->head);
	text_append_string(body, ",");
	etcd_txn_compare(body, prefix, "open", "MOD", "mod_revision", fence->open);
	text_append_string(body, "],\"success\":[");
	for (size_t i = part->start; i < part->start + part->count; i++)
		etcd_txn_op(body, part->ops, &part->ops->list[i]);
	if (part->last && fence->open) {
		text_append_string(body, "{\"request_delete_range\":{");
		etcd_txn_name(body, prefix, "open");
		text_append_string(body, "}},");
	}
	etcd_txn_put(body, prefix, part->last ? "head" : "open", part->value);
	text_append_string(body, "]");
	etcd_txn_failure(body, prefix);
}
