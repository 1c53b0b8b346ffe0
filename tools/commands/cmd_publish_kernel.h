/* SPDX-License-Identifier: MIT
 * stele publish --kernel-routes: mirrors the kernel's network tables in a region. Called only by
 * cmd_publish.c. */
#ifndef TOOLS_COMMANDS_CMD_PUBLISH_KERNEL_H
#define TOOLS_COMMANDS_CMD_PUBLISH_KERNEL_H

#include <stdbool.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/region/options.h"
#include "tools/region/place.h"

/* Mirrors the kernel's tables in `region` until SIGINT, SIGTERM or SIGHUP. Creates the region,
 * with the options `creation`, if it does not exist. Prints a line for each event, and with
 * `verbose` also for each version. */
enum status publish_kernel(const struct place *place, const char *region,
                           const struct stele_publisher_options *creation,
                           const struct options_writing *writing, bool verbose);

#endif
