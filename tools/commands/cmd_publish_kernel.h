/* SPDX-License-Identifier: MIT
 * stele publish --kernel-routes. */
#ifndef TOOLS_COMMANDS_CMD_PUBLISH_KERNEL_H
#define TOOLS_COMMANDS_CMD_PUBLISH_KERNEL_H

#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/region/options.h"
#include "tools/region/place.h"

/* Mirrors the kernel's tables until a signal to stop, in a region that is made, in this kind of
 * memory, where there is none. */
enum status publish_kernel(const struct place *place, const char *region, enum stele_memory memory,
                           const struct options_writing *writing);

#endif
