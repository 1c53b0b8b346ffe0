/* SPDX-License-Identifier: MIT
 * stele publish --kernel-routes. */
#ifndef TOOLS_KERNEL_H
#define TOOLS_KERNEL_H

#include "options.h"

/* Mirrors the kernel's tables until SIGINT or SIGTERM. */
enum status publish_kernel(const char *region, const struct options_writing *options);

#endif
