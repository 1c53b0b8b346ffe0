/* SPDX-License-Identifier: MIT
 * Reads the subscribers of a region. Only top_sample.c calls it. */
#ifndef TOOLS_TOP_TOP_SUBSCRIBERS_H
#define TOOLS_TOP_TOP_SUBSCRIBERS_H

#include <stddef.h>
#include "tools/top/top_sample.h"

/* The subscribers of a region of which all else is known: reads their file, and asks the kernel
 * who lives. 0, or a negative errno; `*ret` is to be freed. */
int subscribers_read(const struct top_region *region, struct top_subscriber **ret,
                     size_t *ret_count);

#endif
