/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/child.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/input/check.h"
#include "tools/output/difference.h"
#include "tools/output/output.h"
#include "tools/output/row_line.h"
#include "tools/region/writer.h"

#define SUFFIX ".ndjson" /* of the file with the new table */

/* Prints the changes of a transaction as NDJSON into a string, which the caller frees, as changes
 * of `position` (difference_print_proposed()). Sets `*ret_count` to their number. */
static enum status check_print_changes(const struct check *check, struct stele_writable *table,
                                       const struct stele_schema *schema,
                                       struct stele_position *position, char **ret_text,
                                       size_t *ret_size, uint64_t *ret_count)
{
	FILE *stream = open_memstream(ret_text, ret_size);
	struct difference difference = {0};
	enum status status;

	if (!stream)
		return fail(STATUS_NO_SPACE, "no memory for the changes: %s", strerror(errno));
	difference.output = difference_output(stream, OUTPUT_NDJSON);
	status = difference_print_proposed(&difference, table, check->target->table, schema,
	                                   position);
	status = output_end(difference.output, status);
	fclose(stream);
	*ret_count = difference.printed;
	return status;
}

/* Prints the rows of a cursor. */
static enum status check_write_rows(struct stele_cursor *cursor, const struct stele_schema *schema,
                                    struct output *output)
{
	struct row_line line = {0};
	enum status status = STATUS_DONE;
	struct stele_row row;
	int result;

	while (status == STATUS_DONE && (result = stele_cursor_next(cursor, &row)) != 0) {
		if (result == 1)
			result = row_line_fill(&line, OUTPUT_NDJSON, schema, &row);
		status = result < 0 ? fail_library(result)
		                    : output_line(output, line.text, line.length);
	}
	row_line_close(&line);
	return status;
}

/* Writes all rows of a table, as the transaction would commit them, as NDJSON to `stream`. */
static enum status check_write_table(FILE *stream, struct stele_writable *table,
                                     const struct stele_schema *schema)
{
	struct stele_cursor *cursor;
	struct output *output;
	enum status status;
	int result;

	result = stele_writable_cursor_open(table, &cursor);
	if (result < 0)
		return fail_library(result);
	output = output_open_to(stream, OUTPUT_NDJSON, SHAPE_ROWS, NULL, 0);
	status = output_end(output, check_write_rows(cursor, schema, output));
	stele_cursor_close(cursor);
	return status;
}

/* Sets `*ret` to true if the command has agreed to the changes of this transaction. Prints the
 * changes with the version that the command saw, because the transaction may make another version
 * if other tables were changed meanwhile. */
static enum status check_is_agreed(const struct check *check, struct stele_writable *table,
                                   const struct stele_schema *schema, const uint8_t *region,
                                   bool *ret)
{
	struct stele_position position = {.version = check->position.version};
	char *text = NULL;
	size_t size = 0;
	uint64_t count;
	enum status status;

	*ret = false;
	if (!check->agreed)
		return STATUS_DONE;
	memcpy(position.region, region, sizeof(position.region));
	status = check_print_changes(check, table, schema, &position, &text, &size, &count);
	*ret = status == STATUS_DONE && size == check->size &&
	       memcmp(text, check->changes, size) == 0;
	free(text);
	return status;
}

static void check_drop_table(struct check *check)
{
	free(check->changes);
	if (check->table)
		fclose(check->table);
	check->changes = NULL;
	check->table = NULL;
	check->agreed = false;
}

/* Writes the changes and the new table of a transaction to memory, not to a file, because the
 * region is locked meanwhile. Sets `*ret_nothing` if there are no changes. */
static enum status check_write_changes(struct check *check, struct stele_writable *table,
                                       const struct stele_schema *schema, bool *ret_nothing)
{
	enum status status;
	uint64_t count;

	check_drop_table(check);
	check->position.version = 0;
	status = check_print_changes(check, table, schema, &check->position, &check->changes,
	                             &check->size, &count);
	if (status != STATUS_DONE)
		return status;
	*ret_nothing = count == 0;
	if (*ret_nothing)
		return STATUS_DONE;
	check->table = child_input();
	return check->table ? check_write_table(check->table, table, schema) : STATUS_SYSTEM;
}

enum status check_propose(struct check *check, struct writer *writer, bool *ret_agreed)
{
	const struct stele_schema *schema;
	struct stele_writable *table;
	enum status status;
	uint8_t region[16];

	stele_publisher_region_uuid(writer->publisher, region);
	status = writer_open_table(writer, "", check->target->table, &table, &schema);
	if (status == STATUS_DONE)
		status = check_is_agreed(check, table, schema, region, ret_agreed);
	if (status != STATUS_DONE || *ret_agreed)
		return status;
	memcpy(check->position.region, region, sizeof(check->position.region));
	return check_write_changes(check, table, schema, ret_agreed);
}

/* ---- the command ---- */

static enum status check_fail_file(const char *path)
{
	return fail(STATUS_SYSTEM, "cannot create the file %s for the check: %s", path,
	            strerror(errno));
}

/* Copies the new table from the file in memory to the file at `path`. */
static enum status check_copy_table(FILE *table, int fd, const char *path)
{
	off_t left = fflush(table) == 0 ? lseek(fileno(table), 0, SEEK_END) : -1, offset = 0;

	while (left > 0) {
		ssize_t copied = sendfile(fd, fileno(table), &offset, (size_t)left);

		if (copied < 0 && errno == EINTR)
			continue;
		if (copied <= 0)
			return check_fail_file(path);
		left -= copied;
	}
	return left < 0 ? check_fail_file(path) : STATUS_DONE;
}

/* Returns the command's standard input: a file in memory with the changes. */
static FILE *check_changes_file(const struct check *check)
{
	FILE *input = child_input();

	if (input)
		fwrite(check->changes, 1, check->size, input);
	return input;
}

static enum status check_run_command(const struct check *check, FILE *input, int stop_fd)
{
	char version[DESCRIBED_MAX], token[DESCRIBED_MAX];
	struct child child;

	setenv("STELE_REGION", check->target->region, 1);
	setenv("STELE_TABLE", check->target->table, 1);
	setenv("STELE_VERSION", describe_number(check->position.version, version), 1);
	setenv("STELE_TOKEN",
	       describe_token(check->position.version, check->position.region, token), 1);
	switch (child_run(check->command, input, stop_fd, STELE_FOREVER, &child)) {
	case CHILD_DONE:
		return STATUS_DONE;
	case CHILD_FAILED:
		return fail(STATUS_REFUSED, "the check %s; nothing was changed", child.why);
	case CHILD_LATE:
	case CHILD_STOPPED:
		return fail(STATUS_SYSTEM,
		            "stopped by a signal during the check; nothing was changed");
	default:
		return STATUS_SYSTEM;
	}
}

/* Writes the new table to the file at `path`, and runs the command with STELE_TABLE_FILE set to the
 * path. */
static enum status check_run_with_file(const struct check *check, const char *path, int fd,
                                       int stop_fd)
{
	enum status status = check_copy_table(check->table, fd, path);
	FILE *input;

	if (status != STATUS_DONE)
		return status;
	input = check_changes_file(check);
	if (!input)
		return STATUS_SYSTEM;
	setenv("STELE_TABLE_FILE", path, 1);
	return check_run_command(check, input, stop_fd);
}

enum status check_run(struct check *check)
{
	const char *directory = getenv("TMPDIR");
	enum status status = STATUS_SYSTEM;
	char path[512];
	/* Blocks signals, so that they do not leave the file behind. */
	int fd, stop_fd = stop_descriptor();

	if (stop_fd < 0)
		return STATUS_SYSTEM;
	snprintf(path, sizeof(path), "%s/stele.XXXXXX" SUFFIX,
	         directory && *directory ? directory : "/tmp");
	fd = mkostemps(path, (int)strlen(SUFFIX), O_CLOEXEC);
	if (fd < 0) {
		status = check_fail_file(path);
	} else {
		status = check_run_with_file(check, path, fd, stop_fd);
		unlink(path);
		close(fd);
	}
	check->agreed = status == STATUS_DONE;
	/* After a failure the signals stay blocked: a pending signal must not end the process
	 * before it returns its exit status. */
	if (check->agreed)
		stop_descriptor_close(stop_fd);
	else
		close(stop_fd);
	return status;
}

void check_end(struct check *check)
{
	check_drop_table(check);
}
