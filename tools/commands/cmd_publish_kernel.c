/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/commands/cmd_publish_kernel.h"
#include "tools/kernel/kernel.h"
#include "tools/region/options.h"
#include "tools/region/place.h"

/* The region that holds the kernel's tables. */
struct mirrored {
	const struct place *place;
	const char *region;
};

/* Prints a message of kernel_run(), with the token of `version` if it is not 0. */
static void publish_kernel_report(void *context, const char *message, uint64_t version)
{
	struct stele_region_info info = {.size = sizeof(info)};
	const struct mirrored *mirrored = context;
	const char *region = mirrored->region;
	char token[DESCRIBED_MAX];

	/* This is the UUID of the region that has `version`: no other region can take the name
	 * while this publisher is attached. */
	if (version && stele_region_describe(place_path(mirrored->place, region), &info) == 0)
		printf("%s: version %s: %s\n", region,
		       describe_token_short(version, info.uuid, token), message);
	else if (version)
		printf("%s: version %llu: %s\n", region, (unsigned long long)version, message);
	else
		printf("%s: %s\n", region, message);
	fflush(stdout);
}

enum status publish_kernel(const struct place *place, const char *region,
                           const struct stele_publisher_options *creation,
                           const struct options_writing *writing)
{
	struct mirrored mirrored = {.place = place, .region = region};
	char error[1024] = "";
	struct stele_publisher_options publisher = *creation;
	struct kernel_options options = {
		.publisher = &publisher,
		.message = writing->message,
		.report = publish_kernel_report,
		.context = &mirrored,
		.error = error,
		.error_size = sizeof(error),
	};
	int result;

	publisher.flags |= STELE_CREATE | writing->flags;
	publisher.attach_timeout_ns = writing->attach_timeout_ns;
	options.stop_fd = stop_descriptor();
	if (options.stop_fd < 0)
		return STATUS_SYSTEM;
	stop_guard_output();
	result = kernel_run(place_path(place, region), &options);
	return result < 0 ? fail(fail_status(result), "%s", error) : STATUS_DONE;
}
