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

static error_t compact_parse(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	(void)state;
	return key == ARGP_KEY_INIT ? 0 : ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {.parser = compact_parse, .args_doc = "REGION", .doc = doc};

static uint64_t compact_size_of(const char *region)
{
	struct stele_region_info info = {.size = sizeof(info)};

	return stele_region_describe(place_path(region), &info) == 0 ? info.file_size : 0;
}

static enum status compact_run(int argc, char **argv)
{
	struct stele_publisher *publisher;
	char **operands, before[64], after[64];
	uint64_t size;
	int result;

	if (options_parse(&argp, "compact", argc, argv, NULL, &operands) != 1)
		return fail_usage("compact", "expected one REGION");
	result = stele_publisher_open(place_path(operands[0]), NULL, &publisher);
	if (result < 0)
		return fail_region(operands[0], result);
	size = compact_size_of(operands[0]);
	result = stele_publisher_compact(publisher);
	describe_grouped(compact_size_of(operands[0]), after);
	stele_publisher_close(publisher);
	if (result < 0)
		return fail_library(result);
	printf("%s: %s bytes, from %s\n", operands[0], after, describe_grouped(size, before));
	return STATUS_DONE;
}

const struct command command_compact = {"compact", "give a region's free memory back", compact_run};
