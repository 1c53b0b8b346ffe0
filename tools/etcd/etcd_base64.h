/* SPDX-License-Identifier: MIT
 * Base64 with padding, which etcd's gateway uses for keys and values. Used by etcd_json.c and
 * etcd_request.c. */
#ifndef TOOLS_ETCD_ETCD_BASE64_H
#define TOOLS_ETCD_ETCD_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include "tools/base/text.h"

/* Append the encoded or decoded bytes to `text`. The decoder returns false if `bytes` is not base64
 * with padding. */
void etcd_base64_encode(struct text *text, const char *bytes, size_t length);
bool etcd_base64_decode(struct text *text, const char *bytes, size_t length);

#endif
