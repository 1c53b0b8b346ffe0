/* SPDX-License-Identifier: MIT
 * Reads the row by which the publisher of `stele publish --kernel-routes` says whether the tables
 * of its region are the kernel's state. `stele show`, `doctor` and `top` call this. */
#ifndef TOOLS_REGION_MIRROR_H
#define TOOLS_REGION_MIRROR_H

#include <stdbool.h>
#include <stele/stele.h>
#include "tools/fib/kernel_tables.h"

/* Copies the row of the table `status`, with a printable text in ret->doubt that ends in a NUL.
 * Returns false if the region has no such row, or a table `status` of another shape: then the
 * region is no mirror of the kernel. */
bool mirror_read(struct stele_subscriber *subscriber, struct kernel_status *ret);

/* Returns true if the mirror that wrote the row runs: by its lock, because the attached publisher
 * may be another one. A mirror takes its lock again up to a second after another publisher has
 * replaced the region's file. So where none is found, looks again for `patience_ms`. */
#define MIRROR_PATIENCE_MS 2000
bool mirror_runs(const struct kernel_status *status, const struct stele_region_info *info,
                 int patience_ms);

/* Describes the row: "synced since 2026-01-31T12:00:00Z". `runs` is the result of mirror_runs().
 * Returns `buffer`. */
#define MIRROR_TEXT 200
const char *mirror_describe(const struct kernel_status *status, bool runs,
                            char buffer[MIRROR_TEXT]);

#endif
