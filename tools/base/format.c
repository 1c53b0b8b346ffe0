/* SPDX-License-Identifier: MIT */
#include <argp.h>
#include <errno.h>
#include "tools/base/format.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"

static error_t format_parse(int key, char *argument, struct argp_state *state)
{
	unsigned number;

	if (key != 'f')
		return ARGP_ERR_UNKNOWN;
	if (parse_word("--format", argument, OUTPUT_FORMATS, &number) != STATUS_DONE)
		return EINVAL;
	*(enum output_format *)state->input = number;
	return 0;
}

const struct argp options_format = {
	.options =
		(const struct argp_option[]){
			{"format", 'f', OUTPUT_FORMATS, 0, "Print in this format (default: table)",
                         10},
			{0},
		},
	.parser = format_parse,
};
