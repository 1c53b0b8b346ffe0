/* SPDX-License-Identifier: MIT
 *
 * The kernel's tables as ip(8) prints them, and the tables of a region, both as lines of text in
 * one format, so that they can be compared row by row. */
#ifndef TESTS_SUPPORT_KERNEL_STATE_H
#define TESTS_SUPPORT_KERNEL_STATE_H

#include <stddef.h>

#include <stele/stele.h>

#include "tools/fib/kernel_tables.h"

struct lines {
	char **of;
	size_t count;
};

/* Frees the lines, and leaves an empty list. */
void lines_free(struct lines *lines);

/* Returns the first line that only one of the lists has, with a sign, or NULL if the lists are
 * equal. Sorts both lists. */
const char *lines_differ(struct lines *region_has, struct lines *kernel_has);

/* Reads the kernel's side of all tables. The first table holds addresses and neighbours of both
 * families, and fib4 and fib6 hold all routes. */
void kernel_state_read(struct lines of[KERNEL_TABLES]);

/* Reads the region's side. Only permanent neighbours are included. */
void kernel_state_of_region(const struct stele_snapshot *snapshot, struct lines of[KERNEL_TABLES]);

#endif
