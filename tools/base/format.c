/* SPDX-License-Identifier: MIT */
#include <argp.h>
#include <errno.h>
#include <string.h>
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/status.h"

static error_t format_parse(int key, char *argument, struct argp_state *state)
{
	static const char *const names[] = {
		[OUTPUT_TABLE] = "table",
		[OUTPUT_CSV] = "csv",
		[OUTPUT_JSON] = "json",
		[OUTPUT_NDJSON] = "ndjson",
	};

	if (key != 'f')
		return ARGP_ERR_UNKNOWN;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(argument, names[i]) == 0) {
			*(enum output_format *)state->input = i;
			return 0;
		}
	fail(STATUS_INPUT, "--format: invalid value \"%s\" (expected table, csv, json or ndjson)",
	     argument);
	return EINVAL;
}

const struct argp options_format = {
	.options =
		(const struct argp_option[]){
			{"format", 'f', "FORMAT", 0,
                         "Print as table (the default), csv, json or ndjson", 10},
			{0},
		},
	.parser = format_parse,
};
