/* SPDX-License-Identifier: MIT
 * The value of the key `head`: a JSON object that says which version of which region the rows
 * are. Used by both directions of the mirror. */
#ifndef TOOLS_MIRROR_ETCD_HEAD_H
#define TOOLS_MIRROR_ETCD_HEAD_H

#include <stdbool.h>
#include <stddef.h>

struct etcd_head {
	char origin[64];   /* VERSION@UUID */
	char commit[40];   /* random, different for each commit; also tells a repeated request */
	char message[512]; /* of the version */
};

/* Parses a value. Members that are missing are empty. Returns false if it is no JSON object. */
bool etcd_head_parse(const char *value, size_t length, struct etcd_head *ret);

#endif
