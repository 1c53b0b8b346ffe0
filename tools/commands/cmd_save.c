/* SPDX-License-Identifier: MIT
 * stele save and stele load: save a region to a file, and load it from one. */
#include <errno.h>
#include <stdio.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"

static const char save_doc[] =
	"Examples:\n"
	"  stele save net\n"
	"  stele save --replace net /var/backups/net.stele\n"
	"  stele dump ./net.stele/routes\n"
	"\n"
	"Saves a region with its history to FILE, or to REGION.stele in this directory. The "
	"file is consistent although the publisher continues."
	"\v"
	"show, inspect, verify, save, get, lookup, dump, explain, log and diff read such a "
	"file where they take a region, on this machine or another one of the same kind. Its "
	"path must start with / or . there, such as ./net.stele, or ./net.stele/routes for a "
	"table in it. A copy of a region's own file is read in the same way.\n"
	"\n"
	"The file appears complete or not at all, and contains no free memory. Versions that "
	"the publisher reclaims while they are copied are not in it.\n";

static const char load_doc[] =
	"Examples:\n"
	"  stele load net.stele net\n"
	"  stele load --directory /var/lib/stele net.stele net\n"
	"\n"
	"Creates a region, which must not exist, from a saved file, with its versions, "
	"history, sizes and options."
	"\v"
	"The region has a new UUID, because the saved region may continue too. A file that "
	"is incomplete, or whose checksum is wrong, is not loaded; 'stele verify FILE' says "
	"what is wrong with it.\n";

static error_t save_parse(int key, char *argument, struct argp_state *state)
{
	unsigned *flags = state->input;

	(void)argument;
	if (key == 'r')
		*flags |= STELE_REPLACE;
	return key == 'r' ? 0 : ARGP_ERR_UNKNOWN;
}

static enum status save_run(int argc, char **argv)
{
	char name[STELE_NAME_MAX + 16];
	uint64_t oldest, newest;
	unsigned flags = 0;
	struct reader reader;
	enum status status;
	const char *file;
	struct call call;
	int count, result;

	count = options_parse(&command_save, argc, argv, &flags, &call);
	if (count != 1 && count != 2)
		return fail_usage("save", "expected one REGION, and optionally a FILE");
	status = target_check_source(call.operands[0]);
	if (status != STATUS_DONE)
		return status;
	if (count == 1 && place_is_path(call.operands[0]))
		return fail_usage("save", "expected the FILE to write");
	snprintf(name, sizeof(name), "%.63s.stele", call.operands[0]);
	file = count == 2 ? call.operands[1] : name;
	status = reader_open(&reader, &call.place, call.operands[0], READER_PINNED);
	if (status != STATUS_DONE)
		return status;
	result = stele_subscriber_save(reader.subscriber, file, flags, &oldest, &newest);
	reader_close(&reader);
	if (result == -EEXIST)
		return fail(STATUS_INPUT, "%s; replace it with --replace", stele_last_error());
	if (result < 0)
		return fail_library(result);
	printf("%s: versions %llu to %llu, in %s\n", call.operands[0], (unsigned long long)oldest,
	       (unsigned long long)newest, file);
	return STATUS_DONE;
}

static enum status save_run_load(int argc, char **argv)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct call call;
	char size[DESCRIBED_MAX];
	int result;

	if (options_parse(&command_load, argc, argv, NULL, &call) != 2)
		return fail_usage("load", "expected FILE and REGION");
	if (target_check_region(call.operands[1]) != STATUS_DONE)
		return STATUS_INPUT;
	result = stele_region_load(call.operands[0], place_path(&call.place, call.operands[1]));
	if (result == 0)
		result = stele_region_describe(place_path(&call.place, call.operands[1]), &info);
	if (result < 0)
		return fail_library(result);
	printf("%s: created from %s, versions %llu to %llu, in %s, can grow to %s\n",
	       call.operands[1], call.operands[0], (unsigned long long)info.oldest,
	       (unsigned long long)info.version, parse_memory_name(info.memory),
	       describe_size(info.maximum_size, size));
	return STATUS_DONE;
}

const struct command command_save = {
	.name = "save",
	.summary = "save a region to a file",
	.usage = "REGION|FILE [FILE]",
	.doc = save_doc,
	.options =
		(const struct argp_option[]){
			{"replace", 'r', NULL, 0, "Replace an existing file", 0},
			{0},
		},
	.parse = save_parse,
	.reads = true,
	.run = save_run,
};
const struct command command_load = {
	.name = "load",
	.summary = "create a region from a saved file",
	.usage = "FILE REGION",
	.doc = load_doc,
	.run = save_run_load,
};
