/* SPDX-License-Identifier: MIT
 * stele clean: removes what dead processes left behind. */
#include <stddef.h>
#include <string.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/region/leftovers.h"
#include "tools/region/options.h"

static const char doc[] =
	"Examples:\n"
	"  stele clean --dry-run\n"
	"  stele clean --format ndjson | jq -r .name\n"
	"\n"
	"Removes what dead processes left behind: files of regions whose data file is gone, "
	"files that were to replace others, slots of dead subscribers if no publisher is "
	"attached to clean up, and message queues that no process has open."
	"\v"
	"An existing region stays; 'stele rm' removes one. Nothing that is in use is "
	"removed. Locks and the kernel decide what is in use, not process numbers, so the "
	"command works across containers. Root removes leftovers of all users, other users "
	"their own.\n";

/* The options of stele clean. */
struct arguments {
	enum output_format format;
	bool dry_run;
};

static error_t clean_parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	(void)argument;
	switch (key) {
	case 'n':
		arguments->dry_run = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum { STATE, KIND, REGION, NAME, COLUMNS };

static const struct output_column columns[COLUMNS] = {
	[STATE] = {"state", false},
	[KIND] = {"kind", false},
	[REGION] = {"region", false},
	[NAME] = {"name", false},
};

struct cleaning {
	struct output *output;
	bool dry_run;
	enum status status; /* the first error in writing the output */
	enum status worst;  /* the status of the last failed removal */
};

static void clean_found(void *context, const struct leftover *leftover)
{
	struct cleaning *cleaning = context;
	struct cell cells[COLUMNS];

	if (cleaning->status != STATUS_DONE)
		return;
	cells[STATE] = cell_text(leftover->error < 0 ? "left"
	                         : cleaning->dry_run ? "would be removed"
	                                             : "removed");
	cells[KIND] = cell_text(leftover->kind);
	cells[REGION] = cell_text(leftover->region);
	cells[NAME] = cell_text(leftover->name);
	if (leftover->error < 0)
		cleaning->worst = fail(fail_status(leftover->error), "%s", leftover->message);
	cleaning->status = output_row(cleaning->output, cells);
}

static enum status clean_run(int argc, char **argv)
{
	struct arguments arguments = {.format = OUTPUT_TABLE};
	struct cleaning cleaning = {0};
	struct call call;
	int result;

	if (options_parse(&command_clean, argc, argv, &arguments, &call) != 0)
		return fail_usage("clean", "expected no operands; 'stele rm %s' removes a region",
		                  call.operands[0]);
	cleaning.dry_run = arguments.dry_run;
	cleaning.output = output_open(arguments.format, SHAPE_ROWS, columns, COLUMNS);
	result = leftovers_each(&call.place, arguments.dry_run, clean_found, &cleaning);
	cleaning.status = output_end(cleaning.output, cleaning.status);
	if (cleaning.status == STATUS_DONE && result < 0)
		note("message queues were not checked, because this user cannot list them (%s); run "
		     "stele clean as root, or mount -t mqueue none /dev/mqueue",
		     strerror(-result));
	return cleaning.status != STATUS_DONE ? cleaning.status : cleaning.worst;
}

const struct command command_clean = {
	.name = "clean",
	.summary = "remove what dead processes left behind",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"dry-run", 'n', NULL, 0, "Only print what would be removed", 0},
			{0},
		},
	.parse = clean_parse,
	.common = &options_format,
	.common_at = offsetof(struct arguments, format),
	.run = clean_run,
};
