/* SPDX-License-Identifier: MIT
 * The formats that subcommands print in, and the option --format. */
#ifndef TOOLS_BASE_FORMAT_H
#define TOOLS_BASE_FORMAT_H

#include <argp.h>

enum output_format { OUTPUT_TABLE, OUTPUT_CSV, OUTPUT_JSON, OUTPUT_NDJSON };

/* A child that reads --format into an enum output_format. */
extern const struct argp options_format;

#endif
