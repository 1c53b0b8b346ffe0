/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "check.h"
#include "child.h"
#include "describe.h"
#include "difference.h"
#include "row.h"
#include "stop.h"

#define SUFFIX ".ndjson"

/* What is to be checked. */
struct proposal {
	const struct target *target;
	const char *command;
	struct stele_writable *table;
	const struct stele_schema *schema;
	uint64_t version;
};

static enum status write_changes(struct proposal *proposal, FILE *stream, uint64_t *ret_count)
{
	struct difference difference = {.output = difference_output_to(stream, OUTPUT_NDJSON)};
	enum status status;
	int result;

	result = difference_print_proposed(&difference, proposal->table, proposal->target->table,
	                                   proposal->schema);
	status = result < 0 ? fail_library(result) : (enum status)result;
	proposal->version = difference.version;
	*ret_count = difference.printed;
	return output_end(difference.output, status);
}

static enum status write_rows(struct stele_cursor *cursor, struct row_cells *cells,
                              struct output *output)
{
	enum status status = STATUS_DONE;
	struct stele_row row;
	int result;

	while (status == STATUS_DONE && (result = stele_cursor_next(cursor, &row)) != 0) {
		if (result == 1)
			result = row_cells_fill(cells, row.key, row.key_bits, row.value,
			                        row.value_size);
		status = result < 0 ? fail_library(result) : output_row(output, cells->cells);
	}
	return status;
}

/* All rows as they would be. */
static enum status write_table(const struct proposal *proposal, FILE *stream)
{
	struct stele_cursor *cursor;
	struct row_cells cells;
	struct output *output;
	enum status status;
	int result;

	result = stele_writable_cursor_open(proposal->table, &cursor);
	if (result < 0)
		return fail_library(result);
	row_cells_open(&cells, proposal->schema);
	output = output_open_to(stream, OUTPUT_NDJSON, SHAPE_ROWS, cells.columns,
	                        proposal->schema->column_count);
	status = output_end(output, write_rows(cursor, &cells, output));
	row_cells_close(&cells);
	stele_cursor_close(cursor);
	return status;
}

static enum status run(const struct proposal *proposal, FILE *input, int stop_fd)
{
	char version[DESCRIBED_MAX];
	struct child child;

	setenv("STELE_REGION", proposal->target->region, 1);
	setenv("STELE_TABLE", proposal->target->table, 1);
	setenv("STELE_VERSION", describe_number(proposal->version, version), 1);
	switch (child_run(proposal->command, input, stop_fd, STELE_FOREVER, &child)) {
	case CHILD_DONE:
		return STATUS_DONE;
	case CHILD_FAILED:
		return fail(STATUS_REFUSED, "the check %s; nothing was changed", child.why);
	case CHILD_LATE:
	case CHILD_STOPPED:
		return fail(STATUS_SYSTEM, "told to stop during the check; nothing was changed");
	default:
		return STATUS_SYSTEM;
	}
}

/* Makes the file with the new table, and removes it after the command. */
static enum status run_with_table(const struct proposal *proposal, FILE *input)
{
	const char *directory = getenv("TMPDIR");
	enum status status = STATUS_SYSTEM;
	FILE *stream = NULL;
	char path[512];
	/* From here on a signal must not leave the file behind. */
	int fd = -1, stop_fd = stop_descriptor();

	snprintf(path, sizeof(path), "%s/stele.XXXXXX" SUFFIX,
	         directory && *directory ? directory : "/tmp");
	if (stop_fd >= 0)
		fd = mkostemps(path, (int)strlen(SUFFIX), O_CLOEXEC);
	if (fd >= 0)
		stream = fdopen(fd, "w");
	if (stream) {
		status = write_table(proposal, stream);
		fclose(stream);
	} else if (stop_fd >= 0) {
		fail(STATUS_SYSTEM, "can't make the file %s for a check: %s", path,
		     strerror(errno));
	}
	if (status == STATUS_DONE) {
		setenv("STELE_TABLE_FILE", path, 1);
		status = run(proposal, input, stop_fd);
	} else {
		fclose(input);
	}
	if (fd >= 0)
		unlink(path);
	if (stop_fd >= 0)
		close(stop_fd);
	return status;
}

enum status check_proposed(struct stele_transaction *tx, const struct target *target,
                           const char *command)
{
	struct proposal proposal = {.target = target, .command = command};
	uint64_t count = 0;
	enum status status;
	FILE *input;
	int result;

	result = stele_writable_open(tx, target->table, &proposal.table);
	if (result == 0)
		result = stele_transaction_schema(tx, target->table, &proposal.schema);
	if (result < 0)
		return fail_library(result);
	input = child_input();
	if (!input)
		return STATUS_SYSTEM;
	status = write_changes(&proposal, input, &count);
	if (status == STATUS_DONE && count)
		return run_with_table(&proposal, input);
	fclose(input);
	return status;
}
