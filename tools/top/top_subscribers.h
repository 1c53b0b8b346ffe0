/* SPDX-License-Identifier: MIT
 * Reads the subscribers of a region. Only top_sample.c calls it. */
#ifndef TOOLS_TOP_TOP_SUBSCRIBERS_H
#define TOOLS_TOP_TOP_SUBSCRIBERS_H

#include <stddef.h>
#include "tools/top/top_sample.h"

/* Reads the subscribers of a region whose other members are known: the slots from their file,
 * and from the kernel which of them are alive. Returns 0 or a negative errno. The caller frees
 * `*ret`. */
int subscribers_read(const struct top_region *region, struct top_subscriber **ret,
                     size_t *ret_count);

#endif
