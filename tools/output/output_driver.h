/* SPDX-License-Identifier: MIT
 * The interface between output.c and the drivers of the output formats. Each driver is a file of
 * its own; only output.c calls the drivers. */
#ifndef TOOLS_OUTPUT_OUTPUT_DRIVER_H
#define TOOLS_OUTPUT_OUTPUT_DRIVER_H

#include <stdbool.h>
#include <stdio.h>
#include "tools/base/format.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"

struct output_driver {
	/* Called once before the other functions. Allocates the state. */
	void (*begin)(struct output *output);
	void (*row)(struct output *output, const struct cell *cells);
	/* Prints a row that is in the format already. NULL: the format has no such rows. */
	void (*line)(struct output *output, const char *text, size_t length);
	/* Prints rows that the driver holds back. */
	void (*flush)(struct output *output);
	/* Prints the rest and frees the state. `complete` is false after an error. */
	void (*end)(struct output *output, bool complete);
};

struct output {
	const struct output_driver *driver;
	FILE *stream;
	enum output_format format;
	enum output_shape shape;
	const struct output_column *columns;
	size_t column_count;
	const char *const *units; /* one for each column, or NULL; NULL: none */
	bool numbered;            /* objects have the member "format" */
	bool begun;               /* driver->begin() was called */
	size_t rows;              /* number of rows that the driver has finished */
	void *state;              /* of the driver */
};

extern const struct output_driver output_table, output_csv, output_json;

#endif
