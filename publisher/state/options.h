/* SPDX-License-Identifier: MIT
 *
 * Validates the options of a publisher and fills in defaults. Called by publisher.c when a
 * publisher is opened. */
#ifndef PUBLISHER_STATE_OPTIONS_H
#define PUBLISHER_STATE_OPTIONS_H

#include <stele/publisher.h>
#include "lib/storage/paths.h"

/* Copies `options`, which may be NULL, to `*ret`, with defaults filled in. Returns 0, or -EINVAL
 * for an option that is wrong, or that the region named by `names` cannot have. */
int options_read(const struct region_paths *names, const struct stele_publisher_options *options,
                 struct stele_publisher_options *ret);

#endif
