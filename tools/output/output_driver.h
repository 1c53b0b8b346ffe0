/* SPDX-License-Identifier: MIT
 * What the formats of output.c share. Each format is a driver in a file of its own; only output.c
 * calls the drivers. */
#ifndef TOOLS_OUTPUT_OUTPUT_DRIVER_H
#define TOOLS_OUTPUT_OUTPUT_DRIVER_H

#include <stdbool.h>
#include <stdio.h>
#include "tools/base/format.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"

struct output_driver {
	void (*begin)(struct output *output); /* before the first row, or the end */
	void (*row)(struct output *output, const struct cell *cells);
	void (*flush)(struct output *output);
	void (*end)(struct output *output, bool complete); /* frees the state, too */
};

struct output {
	const struct output_driver *driver;
	FILE *stream;
	enum output_format format;
	enum output_shape shape;
	const struct output_column *columns;
	size_t column_count;
	bool begun;
	size_t rows; /* given until now */
	void *state; /* the format's own */
};

extern const struct output_driver output_table, output_csv, output_json;

#endif
