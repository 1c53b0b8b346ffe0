/* SPDX-License-Identifier: MIT
 *
 * The options of a publisher. Called by publisher.c when one is opened. */
#ifndef PUBLISHER_STATE_OPTIONS_H
#define PUBLISHER_STATE_OPTIONS_H

#include <stele/publisher.h>
#include "lib/storage/paths.h"

/* Copies the options, which may be NULL, with defaults filled in, and refuses what can't be had. */
int options_read(const struct region_paths *names, const struct stele_publisher_options *options,
                 struct stele_publisher_options *ret);

#endif
