/* SPDX-License-Identifier: MIT
 * The output formats of subcommands, and the option --format that selects one. Every subcommand
 * that prints rows has this option. */
#ifndef TOOLS_BASE_FORMAT_H
#define TOOLS_BASE_FORMAT_H

#include <argp.h>

enum output_format { OUTPUT_TABLE, OUTPUT_CSV, OUTPUT_JSON, OUTPUT_NDJSON };
/* Their names, in this order. */
#define OUTPUT_FORMATS "table|csv|json|ndjson"

/* An argp child that parses --format into an enum output_format. */
extern const struct argp options_format;

#endif
