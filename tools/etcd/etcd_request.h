/* SPDX-License-Identifier: MIT
 * Writes the JSON bodies of requests to etcd's gateway. Each function clears `body` first. */
#ifndef TOOLS_ETCD_ETCD_REQUEST_H
#define TOOLS_ETCD_ETCD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tools/base/text.h"

/* The keys from `key` up to but not including `end`. */
struct etcd_range {
	const char *key, *end; /* `end` NULL: only the key itself */
	size_t key_length, end_length;
	int64_t revision;         /* 0: the newest */
	int64_t limit;            /* keys in an answer; 0: all */
	int64_t min_mod_revision; /* only keys that were changed at this revision or later */
	bool keys_only, count_only;
};

/* Sets range->key and range->end to all keys that start with `prefix`. `end` is a buffer for the
 * end, at least as long as the prefix, whose last byte is not 0xff. */
void etcd_range_under(struct etcd_range *range, const char *prefix, size_t length, char *end);

void etcd_request_range(struct text *body, const struct etcd_range *range);

/* Watches a range from range->revision on. */
void etcd_request_watch(struct text *body, const struct etcd_range *range);

/* Authenticates a user. */
void etcd_request_authenticate(struct text *body, const char *user, const char *password);

/* Append to any body. */
void etcd_request_base64(struct text *body, const char *bytes, size_t length);
void etcd_request_string(struct text *body, const char *string);
void etcd_request_format(struct text *body, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
