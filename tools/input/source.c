/* SPDX-License-Identifier: MIT */
#include "tools/input/source.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"

struct collect {
	struct declarations *declarations;
	const char *only; /* the name of a table; "": all */
};

static int source_collect_table(void *context, const char *name, const struct stele_table *table)
{
	struct collect *collect = context;
	struct stele_schema *schema;
	int result;

	if (*collect->only && strcmp(collect->only, name) != 0)
		return 0;
	result = stele_table_schema(table, &schema);
	if (result == 0)
		declarations_add(collect->declarations, name, schema);
	return result;
}

/* Reads the schemas of a region or saved file, or of one table in it. */
static enum status source_read_region(const char *command, const struct place *place,
                                      const char *text, struct declarations *ret)
{
	struct target target;
	struct collect collect = {ret, target.table};
	struct reader reader;
	enum status status;
	int result = 0;

	status = target_parse_source(command, text, false, &target);
	if (status == STATUS_DONE)
		status = reader_open(&reader, place, target.region, READER_ONCE);
	if (status != STATUS_DONE)
		return status;
	/* Reports a missing table as other commands do. */
	if (*target.table)
		status = reader_open_table(&reader, target.table, NULL);
	for (int i = 0; status == STATUS_DONE && i < READ_TRIES; i++) {
		declarations_free(ret);
		result = reader_each_table(reader.subscriber, source_collect_table, &collect, NULL);
		if (result != -ESTALE)
			break;
	}
	if (result < 0)
		status = fail_library(result);
	reader_close(&reader);
	return status;
}

/* Returns true if the file starts like a text, as a saved region does not. */
static bool source_is_text_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char start[64];
	size_t length;

	if (!file)
		return false;
	length = fread(start, 1, sizeof(start), file);
	fclose(file);
	return !memchr(start, '\0', length);
}

/* Returns true if the operand is the path of a file of declarations: standard input, or a file that
 * is there and that no region can be called. */
static bool source_is_file(const char *text)
{
	if (strcmp(text, "-") == 0)
		return true;
	return strchr(text, '.') || *text == '/' ? source_is_text_file(text) : false;
}

enum status source_read(const char *command, const struct place *place, const char *text,
                        struct declarations *ret)
{
	if (strchr(text, '('))
		return declarations_parse(ret, "", text);
	if (source_is_file(text))
		return declarations_read(ret, text);
	return source_read_region(command, place, text, ret);
}
