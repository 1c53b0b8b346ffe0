/* SPDX-License-Identifier: MIT
 *
 * The kernel's tables as ip(8) prints them, and a region's as they are read, both as lines of text
 * in one format, so that they can be compared row for row.
 */
#ifndef TESTS_SUPPORT_KERNEL_STATE_H
#define TESTS_SUPPORT_KERNEL_STATE_H

#include <stddef.h>

#include <stele/stele.h>

#include "tools/kernel/kernel_tables.h"

struct lines {
	char **of;
	size_t count;
};

/* Frees the lines, and leaves none. */
void lines_free(struct lines *lines);

/* The first line that only one of them has, with a sign; NULL when they are equal. Sorts them. */
const char *lines_differ(struct lines *region_has, struct lines *kernel_has);

/* The kernel's side of all tables; addresses and neighbours of both families are in the first
 * one. */
void kernel_state_read(struct lines of[KERNEL_TABLES]);

/* "from ::/0" is what ip(8) calls default; neighbours are compared when permanent. */
void kernel_state_of_region(const struct stele_snapshot *snapshot, struct lines of[KERNEL_TABLES]);

#endif
