/* SPDX-License-Identifier: MIT */
#include "tools/rows/declarations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/text.h"

/* A file of declarations with more bytes is taken for something else. */
#define DECLARATIONS_MAX (16u << 20)

void declarations_free(struct declarations *declarations)
{
	for (size_t i = 0; i < declarations->count; i++)
		stele_schema_free(declarations->tables[i].schema);
	free(declarations->tables);
	*declarations = (struct declarations){0};
}

void declarations_add(struct declarations *declarations, const char *name,
                      struct stele_schema *schema)
{
	struct declared *declared;

	declarations->tables = heap_realloc(
		declarations->tables, (declarations->count + 1) * sizeof(*declarations->tables));
	declared = &declarations->tables[declarations->count++];
	snprintf(declared->name, sizeof(declared->name), "%s", name);
	declared->schema = schema;
}

/* Returns true if a table of this name is in the list. */
static bool declarations_have(const struct declarations *declarations, const char *name)
{
	for (size_t i = 0; i < declarations->count; i++)
		if (strcmp(declarations->tables[i].name, name) == 0)
			return true;
	return false;
}

enum status declarations_parse(struct declarations *declarations, const char *what,
                               const char *text)
{
	char name[STELE_NAME_MAX + 1];
	struct stele_schema *schema;
	int result;

	result = stele_schema_parse(text, name, &schema);
	if (result < 0)
		return fail(fail_status(result), "%s'%s': %s", what, text, stele_last_error());
	if (declarations_have(declarations, name)) {
		stele_schema_free(schema);
		return fail(STATUS_INPUT, "%s'%s': the table is declared twice", what, text);
	}
	declarations_add(declarations, name, schema);
	return STATUS_DONE;
}

/* Returns the number of the line, from 1, of a character of a text. */
static size_t declarations_line(const char *text, const char *at)
{
	size_t line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

static enum status declarations_parse_all(struct declarations *declarations, const char *path,
                                          const char *text)
{
	char name[STELE_NAME_MAX + 1];
	struct stele_schema *schema;
	const char *at = text, *start = text;
	int result;

	while ((result = stele_schema_parse_next(&at, name, &schema)) == 1) {
		if (declarations_have(declarations, name)) {
			stele_schema_free(schema);
			return fail(STATUS_INPUT, "%s: table \"%s\" is declared twice", path, name);
		}
		declarations_add(declarations, name, schema);
		start = at;
	}
	if (result < 0)
		return fail(fail_status(result), "%s:%zu: in the declaration that begins here: %s",
		            path, declarations_line(text, at), stele_last_error());
	if (start == text)
		return fail(STATUS_INPUT, "%s: expected declarations of tables, but there are none",
		            path);
	return STATUS_DONE;
}

enum status declarations_read(struct declarations *declarations, const char *path)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	struct text text = {0};
	enum status status;
	char block[4096];
	size_t length;

	if (!file)
		return fail(STATUS_INPUT, "cannot open %s: %s", path, strerror(errno));
	while (text.length <= DECLARATIONS_MAX &&
	       (length = fread(block, 1, sizeof(block), file)) > 0)
		text_append(&text, block, length);
	if (ferror(file))
		status = fail(STATUS_INPUT, "cannot read %s: %s", path, strerror(errno));
	else if (text.length > DECLARATIONS_MAX ||
	         (text.length && memchr(text.bytes, '\0', text.length)))
		status = fail(STATUS_INPUT, "%s: the file is no text with declarations of tables",
		              path);
	else {
		text_append(&text, "", 1);
		status = declarations_parse_all(declarations, path, text.bytes);
	}
	text_free(&text);
	if (file != stdin)
		fclose(file);
	return status;
}
