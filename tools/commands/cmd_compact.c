/* SPDX-License-Identifier: MIT
 * stele compact: returns a region's free memory to the system. */
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
	"Example:\n"
	"  stele compact net\n"
	"\n"
	"Writes the contents of a region, without the free space, to a new file that "
	"replaces the old one."
	"\v"
	"Versions, history and pins stay. Subscribers move over by themselves. Both files "
	"exist for a moment, so there must be space for both. A publisher does this by "
	"itself when less than half of a large region is in use. A region in a System V "
	"segment is refused.\n";

/* Returns the size of the region's file in bytes, or 0 if it cannot be read. */
static uint64_t compact_file_size(const struct place *place, const char *region)
{
	struct stele_region_info info = {.size = sizeof(info)};

	return stele_region_describe(place_path(place, region), &info) == 0 ? info.file_size : 0;
}

static enum status compact_run(int argc, char **argv)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .waiting = fail_waiting};
	struct stele_publisher *publisher;
	struct call call;
	char before[64], after[64];
	uint64_t size;
	int result;

	if (options_parse(&command_compact, argc, argv, NULL, &call) != 1)
		return fail_usage("compact", "expected one REGION");
	result = stele_publisher_open(place_path(&call.place, call.operands[0]), &options,
	                              &publisher);
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
	.summary = "return a region's free memory to the system",
	.usage = "REGION",
	.doc = doc,
	.run = compact_run,
};
