/* SPDX-License-Identifier: MIT
 * stele publish --kernel-routes and --fpm: mirrors the kernel's network tables in a region, with
 * the routes of the kernel or of FRR. Called only by cmd_publish.c. */
#ifndef TOOLS_COMMANDS_CMD_PUBLISH_KERNEL_H
#define TOOLS_COMMANDS_CMD_PUBLISH_KERNEL_H

#include <stdbool.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/fib/kernel_tables.h"
#include "tools/kernel/kernel.h"
#include "tools/region/options.h"
#include "tools/region/place.h"

/* The options of --kernel-routes and --fpm alone. */
struct kernel_routes {
	bool wanted;
	bool pushed; /* --fpm */
	bool timed;  /* --fpm-quiet or --fpm-hold */
	struct kernel_fpm_options fpm;
	bool verbose; /* print a line for each version too */
	struct kernel_filter filter;
};

#define KERNEL_FAMILIES "inet|inet6"

/* Parse the arguments of --table, --protocol and --family, and add them to the filter. Return
 * STATUS_DONE, or another status after an error message. */
enum status publish_kernel_table(struct kernel_routes *routes, const char *argument);
enum status publish_kernel_protocol(struct kernel_routes *routes, const char *argument);
enum status publish_kernel_family(struct kernel_routes *routes, const char *argument);

/* Parse the arguments of --fpm, --fpm-quiet and --fpm-hold. Return as above. */
enum status publish_kernel_fpm(struct kernel_routes *routes, const char *argument);
enum status publish_kernel_fpm_quiet(struct kernel_routes *routes, const char *argument);
enum status publish_kernel_fpm_hold(struct kernel_routes *routes, const char *argument);

/* Mirrors the kernel's tables in `region` until SIGINT, SIGTERM or SIGHUP. Creates the region,
 * with the options `creation`, if it does not exist. Prints a line for each event. */
enum status publish_kernel(const struct place *place, const char *region,
                           const struct stele_publisher_options *creation,
                           const struct options_writing *writing,
                           const struct kernel_routes *routes);

#endif
