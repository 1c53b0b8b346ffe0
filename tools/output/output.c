/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/output_driver.h"

struct output *output_open(enum output_format format, enum output_shape shape,
                           const struct output_column *columns, size_t column_count)
{
	return output_open_to(stdout, format, shape, columns, column_count);
}

struct output *output_open_to(FILE *stream, enum output_format format, enum output_shape shape,
                              const struct output_column *columns, size_t column_count)
{
	static const struct output_driver *const drivers[] = {
		[OUTPUT_TABLE] = &output_table,
		[OUTPUT_CSV] = &output_csv,
		[OUTPUT_JSON] = &output_json,
		[OUTPUT_NDJSON] = &output_json,
	};
	struct output *output = heap_realloc(NULL, sizeof(*output));

	*output = (struct output){
		.driver = drivers[format],
		.stream = stream,
		.format = format,
		.shape = shape,
		.columns = columns,
		.column_count = column_count,
		.numbered = true,
	};
	return output;
}

void output_hide_last(struct output *output)
{
	if (output->format == OUTPUT_TABLE)
		output->column_count--;
}

void output_print_table_rows(struct output *output)
{
	output->numbered = false;
}

void output_set_units(struct output *output, const char *const *units)
{
	output->units = units;
}

/* Flushes the stream of an output, and reports an error that occurred on it. */
static enum status output_check_stream(const struct output *output)
{
	if (output->stream == stdout)
		return output_check();
	if (fflush(output->stream) == 0 && !ferror(output->stream))
		return STATUS_DONE;
	return fail(STATUS_SYSTEM, "cannot write to a temporary file: %s", strerror(errno));
}

static void output_begin(struct output *output)
{
	if (!output->begun)
		output->driver->begin(output);
	output->begun = true;
}

enum status output_row(struct output *output, const struct cell *cells)
{
	output_begin(output);
	output->driver->row(output, cells);
	output->rows++;
	return ferror(output->stream) ? output_check_stream(output) : STATUS_DONE;
}

enum status output_line(struct output *output, const char *text, size_t length)
{
	output_begin(output);
	output->driver->line(output, text, length);
	output->rows++;
	return ferror(output->stream) ? output_check_stream(output) : STATUS_DONE;
}

enum status output_flush(struct output *output)
{
	if (output->begun)
		output->driver->flush(output);
	return output_check_stream(output);
}

enum status output_end(struct output *output, enum status status)
{
	enum status written;

	if (status == STATUS_DONE)
		output_begin(output);
	if (output->begun)
		output->driver->end(output, status == STATUS_DONE);
	written = output_check_stream(output);
	free(output);
	return status != STATUS_DONE ? status : written;
}

enum status output_check(void)
{
	static bool said;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return STATUS_DONE;
	if (!said && errno != EPIPE && !stop_came())
		fail(STATUS_SYSTEM, "cannot write to standard output: %s%s", strerror(errno),
		     errno == EFBIG ? " (the limit of `ulimit -f`, or the file system's)" : "");
	said = true;
	return STATUS_SYSTEM;
}
