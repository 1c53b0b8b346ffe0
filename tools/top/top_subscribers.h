/* SPDX-License-Identifier: MIT
 * Reads the subscribers of a region. Called only by top_sample.c. */
#ifndef TOOLS_TOP_TOP_SUBSCRIBERS_H
#define TOOLS_TOP_TOP_SUBSCRIBERS_H

#include <stddef.h>
#include "tools/top/top_sample.h"

/* Reads the slots of a region from the subscribers file, and asks the kernel which subscribers are
 * alive. The other members of `region` must be set. Returns 0 or a negative errno. The caller frees
 * `*ret`. */
int subscribers_read(const struct top_region *region, struct top_subscriber **ret,
                     size_t *ret_count);

#endif
