/* SPDX-License-Identifier: MIT
 *
 * Applies messages about routes, and about a setting that decides about them, to the tables.
 * kernel_mirror.c calls this. */
#ifndef TOOLS_KERNEL_KERNEL_MIRROR_ROUTE_H
#define TOOLS_KERNEL_KERNEL_MIRROR_ROUTE_H

#include "tools/kernel/kernel_mirror.h"

/* Returns 0 or more, or a negative errno. */
int kernel_mirror_route(struct kernel_mirror *mirror, const struct nlmsghdr *message);

/* Doubts the routes that depend on a setting. */
void kernel_mirror_setting(struct kernel_mirror *mirror, const struct nlmsghdr *message);

#endif
