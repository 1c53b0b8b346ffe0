/* SPDX-License-Identifier: MIT
 * stele compact: gives a region's free memory back to the system. */
#include <stdio.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/place.h"

static const char doc[] =
	"Writes what a region holds into a new file without the free space in it, which takes the place of the old one."
	"\v"
	"The versions, the history and what subscribers have pinned stay as they are; subscribers move over by "
	"themselves. A publisher that is attached does this itself when less than half of a large region is used.\n"
	"\n"
	"Example:\n"
	"  stele compact net\n";

static uint64_t compact_file_size(const struct place *place, const char *region)
{
	struct stele_region_info info = {.size = sizeof(info)};

	return stele_region_describe(place_path(place, region), &info) == 0 ? info.file_size : 0;
}

static enum status compact_run(int argc, char **argv)
{
	struct stele_publisher *publisher;
	struct call call;
	char before[64], after[64];
	uint64_t size;
	int result;

	if (options_parse(&command_compact, argc, argv, NULL, &call) != 1)
		return fail_usage("compact", "expected one REGION");
	result = stele_publisher_open(place_path(&call.place, call.operands[0]), NULL, &publisher);
	if (result < 0)
		return fail_region(&call.place, call.operands[0], result);
	size = compact_file_size(&call.place, call.operands[0]);
	result = stele_publisher_compact(publisher);
	describe_grouped(compact_file_size(&call.place, call.operands[0]), after);
	stele_publisher_close(publisher);
	if (result < 0)
		return fail_library(result);
	printf("%s: %s bytes, from %s\n", call.operands[0], after, describe_grouped(size, before));
	return STATUS_DONE;
}

const struct command command_compact = {
	.name = "compact",
	.summary = "give a region's free memory back",
	.usage = "REGION",
	.doc = doc,
	.run = compact_run,
};
