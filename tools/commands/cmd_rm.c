/* SPDX-License-Identifier: MIT
 * stele rm: removes regions; and stele drop: drops tables of a region. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/target.h"
#include "tools/region/writer.h"

static const char doc[] =
	"Example:\n"
	"  stele rm net services\n"
	"\n"
	"Removes regions with all their tables."
	"\v"
	"A region with an attached publisher is refused. stele drop drops single tables. A damaged region is removed. "
	"Regions are removed independently: a failure does not stop the rest, and the exit "
	"status is that of the last failure. Subscribers that wait are notified that the "
	"region is gone.\n";

/* Refuses REGION/TABLE, and says which command drops a table. Without this, the library would take
 * REGION for a directory. */
static enum status rm_check_operand(const char *operand)
{
	const char *slash = strchr(operand, '/');

	if (place_is_path(operand) || !slash)
		return STATUS_DONE;
	return fail(STATUS_INPUT,
	            "\"%s\" is a table, and rm removes whole regions; 'stele drop %s' drops the "
	            "table, 'stele rm %.*s' removes the region with all its tables",
	            operand, operand, (int)(slash - operand), operand);
}

static enum status rm_run(int argc, char **argv)
{
	enum status worst = STATUS_DONE;
	struct call call;
	int count;

	count = options_parse(&command_rm, argc, argv, NULL, &call);
	if (count == 0)
		return fail_usage("rm", "expected a REGION");
	/* Before any region is removed. */
	for (int i = 0; i < count && worst == STATUS_DONE; i++)
		worst = rm_check_operand(call.operands[i]);
	if (worst != STATUS_DONE)
		return worst;
	for (int i = 0; i < count; i++) {
		int result = stele_region_remove(place_path(&call.place, call.operands[i]));

		if (result < 0)
			worst = fail_region(&call.place, call.operands[i], result);
	}
	return worst;
}

const struct command command_rm = {
	.name = "rm",
	.summary = "remove regions",
	.usage = "REGION...",
	.doc = doc,
	.run = rm_run,
};

/* ---- drop ---- */

static const char rm_drop_doc[] =
	"Examples:\n"
	"  stele drop net/routes\n"
	"  stele drop net/routes net/neighbours --message 'moved to lan'\n"
	"\n"
	"Drops tables with their rows, all as one version."
	"\v"
	"All tables must be of one region. If one of them does not exist, none is dropped. "
	"History still has the rows: 'stele rollback' brings them back.\n";

static enum status rm_tables(struct writer *writer, char **operands)
{
	for (; *operands; operands++) {
		struct target target;
		enum status status = target_parse("drop", *operands, true, &target);
		int result;

		if (status != STATUS_DONE)
			return status;
		if (strcmp(target.region, writer->region) != 0)
			return fail(STATUS_INPUT,
			            "\"%s\" is not in region \"%s\"; drop the tables of one region "
			            "at a time",
			            *operands, writer->region);
		result = stele_transaction_drop_table(writer->tx, target.table);
		if (result == -ENXIO)
			return fail_no_table(writer->place, "", writer->region, target.table);
		if (result < 0)
			return fail_library(result);
	}
	return STATUS_DONE;
}

static enum status rm_run_drop(int argc, char **argv)
{
	struct options_writing writing = {0};
	struct writer writer;
	struct target first;
	enum status status;
	struct call call;

	if (options_parse(&command_drop, argc, argv, &writing, &call) == 0)
		return fail_usage("drop", "expected REGION/TABLE");
	status = target_parse("drop", call.operands[0], true, &first);
	if (status == STATUS_DONE)
		status = writer_open(&writer, &call.place, first.region, &writing);
	if (status != STATUS_DONE)
		return status;
	status = rm_tables(&writer, call.operands);
	if (status == STATUS_DONE)
		status = writer_commit(&writer, first.region,
		                       writing.message ? writing.message : "tables dropped", -1);
	writer_close(&writer);
	return status;
}

const struct command command_drop = {
	.name = "drop",
	.summary = "drop tables of a region",
	.usage = "REGION/TABLE...",
	.doc = rm_drop_doc,
	.common = &options_writing,
	.common_at = 0,
	.run = rm_run_drop,
};
