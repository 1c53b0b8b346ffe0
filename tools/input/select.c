/* SPDX-License-Identifier: MIT */
#include "tools/input/select.h"

#include <stdlib.h>
#include <string.h>
#include "tools/base/escape.h"
#include "tools/base/heap.h"
#include "tools/input/input.h"
#include "tools/input/input_fail.h"
#include "tools/input/mapping.h"

/* ---- the fields of a line of CSV ---- */

struct splitter {
	const char *at, *end;
	char delimiter;
	bool ended; /* the last field was read */
};

/* A field as it is in the line, without the spaces around it. Those are only in `raw`. */
struct span {
	const char *raw, *text;
	size_t raw_length, length;
	bool quoted; /* `text` has the quotation marks */
};

static char select_delimiter(const struct input *input)
{
	return input->mapping && input->mapping->delimiter ? input->mapping->delimiter : ',';
}

/* Starts to split a line, without the line end. */
static struct splitter select_split(const struct input *input, const char *line, size_t length)
{
	if (length > 0 && line[length - 1] == '\n')
		length--;
	if (length > 0 && line[length - 1] == '\r')
		length--;
	return (struct splitter){line, line + length, select_delimiter(input), false};
}

static bool select_is_space(const struct splitter *splitter, char c)
{
	return (c == ' ' || c == '\t') && c != splitter->delimiter;
}

/* Returns the end of a quoted text that starts at `at`, after its last quotation mark. */
static const char *select_quote_end(const char *at, const char *end)
{
	for (at++; at < end; at++) {
		if (*at != '"')
			continue;
		if (at + 1 == end || at[1] != '"')
			return at + 1;
		at++;
	}
	return end;
}

/* Reads the next field. Returns false after the last one. An empty line has one empty field. */
static bool select_next(struct splitter *splitter, struct span *ret)
{
	const char *start = splitter->at, *at = start, *end;

	if (splitter->ended)
		return false;
	while (at < splitter->end && select_is_space(splitter, *at))
		at++;
	ret->text = at;
	ret->quoted = at < splitter->end && *at == '"';
	if (ret->quoted)
		at = select_quote_end(at, splitter->end);
	end = at < splitter->end ? memchr(at, splitter->delimiter, (size_t)(splitter->end - at))
	                         : NULL;
	splitter->ended = end == NULL;
	if (!end)
		end = splitter->end;
	splitter->at = splitter->ended ? end : end + 1;
	ret->raw = start;
	ret->raw_length = (size_t)(end - start);
	while (end > ret->text && select_is_space(splitter, end[-1]))
		end--;
	ret->length = (size_t)(end - ret->text);
	return true;
}

/* Appends a field to a line with commas. */
static void select_put_field(struct text *line, const struct span *field, char delimiter)
{
	bool marks =
		delimiter != ',' && !field->quoted && memchr(field->raw, ',', field->raw_length);

	if (marks)
		text_append(line, "\"", 1);
	text_append(line, field->raw, field->raw_length);
	if (marks)
		text_append(line, "\"", 1);
}

/* Decodes a name of the first line into select->name. */
static void select_decode(struct select *select, const struct span *field)
{
	select->name.length = 0;
	text_reserve(&select->name, field->length + 1);
	for (size_t i = 0; i < field->length; i++) {
		if (field->quoted && (i == 0 || i == field->length - 1))
			continue;
		text_append(&select->name, field->text + i, 1);
		i += field->quoted && field->text[i] == '"' && i + 2 < field->length;
	}
}

/* ---- the first line of a CSV file ---- */

static void select_add_field(struct select *select, int column)
{
	select->fields =
		heap_realloc(select->fields, (select->field_count + 1) * sizeof(*select->fields));
	select->fields[select->field_count++] = column;
}

/* Adds the field with this name to those that rows have, and its column to the line that the
 * library reads. */
static void select_add_name(struct select *select, const struct input *input,
                            const struct span *field)
{
	int column = mapping_column(input->mapping, input->schema, select->name.bytes,
	                            select->name.length);

	select_add_field(select, column);
	if (column == MAPPING_LEFT_OUT ||
	    (column == MAPPING_UNKNOWN && input->mapping && input->mapping->ignore_unknown))
		return;
	text_append(&select->text, ",", select->text.length > 0);
	if (column < 0)
		select_put_field(&select->text, field, select_delimiter(input));
	else
		text_append_string(&select->text, input->schema->columns[column].name);
}

/* Adds the fields of a file without header. */
static void select_add_unnamed(struct select *select, const struct input *input)
{
	const struct mapping *mapping = input->mapping;
	size_t count =
		mapping->column_count > 0 ? mapping->column_count : input->schema->column_count;

	for (size_t i = 0; i < count; i++) {
		const char *name = mapping->column_count > 0 ? mapping->columns[i].value
		                                             : input->schema->columns[i].name;

		select_add_field(select, *name ? stele_schema_column(input->schema, name)
		                               : MAPPING_LEFT_OUT);
		if (!*name)
			continue;
		text_append(&select->text, ",", select->text.length > 0);
		text_append_string(&select->text, name);
	}
}

/* Returns true if an empty field of a column in the file is read as the column's default. */
static bool select_has_defaults(const struct select *select, const struct stele_schema *schema)
{
	for (size_t i = 0; i < select->field_count; i++)
		if (select->fields[i] >= 0 && schema->columns[select->fields[i]].default_value)
			return true;
	return false;
}

/* Returns another delimiter that the line probably has, or NULL. */
static const char *select_guess(const struct input *input, const char *line, size_t length)
{
	static const char *const others[] = {";", "\t", "|"};

	if (!line || memchr(line, select_delimiter(input), length))
		return NULL;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (memchr(line, *others[i], length))
			return *others[i] == '\t' ? "tab" : others[i];
	return NULL;
}

static bool select_has_column(const struct select *select, int column)
{
	for (size_t i = 0; i < select->field_count; i++)
		if (select->fields[i] == column)
			return true;
	return false;
}

/* Checks that the first line has the columns that --columns names. Otherwise a misspelt name would
 * leave the column of the table at its default. */
static enum status select_check_mapping(const struct select *select, struct input *input)
{
	const struct mapping *mapping = input->mapping;

	for (size_t i = 0; mapping && !mapping->no_header && i < mapping->column_count; i++) {
		const struct mapping_pair *pair = &mapping->columns[i];
		int column = stele_schema_column(input->schema, pair->value);

		if (column >= 0 && !select_has_column(select, column))
			return input_fail(
				input, "there is no column \"%s\", which --columns reads as \"%s\"",
				pair->name, pair->value);
	}
	return STATUS_DONE;
}

enum status select_csv_header(struct select *select, struct input *input, const char *line,
                              size_t length)
{
	const char *guess = select_guess(input, line, length);
	struct splitter splitter;
	struct span field;

	select->text.length = 0;
	if (!line)
		select_add_unnamed(select, input);
	else
		splitter = select_split(input, line, length);
	while (line && select_next(&splitter, &field)) {
		select_decode(select, &field);
		select_add_name(select, input, &field);
	}
	select->rewrites =
		mapping_is_used(input->mapping) || select_has_defaults(select, input->schema);
	if (select->text.length == 0)
		return input_fail(input, "none of the names in the first line is a column of the "
		                         "table, or is given one by --columns");
	text_append(&select->text, "", 1);
	if (stele_csv_parse(input->schema, select->text.bytes, select->text.length - 1,
	                    &select->file) == 0)
		return select_check_mapping(select, input);
	if (guess)
		return input_fail(input,
		                  "%s; the fields seem to be separated by others: try "
		                  "--delimiter '%s'",
		                  stele_last_error(), guess);
	return input_fail(input, "%s", stele_last_error());
}

/* ---- rows of CSV ---- */

/* Returns true if the field is empty: it has no text, or that of --null. */
static bool select_is_empty(const struct input *input, const struct span *field)
{
	const char *null = input->mapping ? input->mapping->null : NULL;

	if (field->quoted)
		return false;
	return field->length == 0 || (null && strlen(null) == field->length &&
	                              memcmp(null, field->text, field->length) == 0);
}

static bool select_is_text(const struct stele_column *column)
{
	return column->type == STELE_CHAR || column->type == STELE_TEXT ||
	       column->type == STELE_BYTES;
}

/* Appends a field of the row. An empty one gets the text of --empty-as, or else is left out, so
 * that the row gets the default of the column. */
static void select_put_column(struct select *select, const struct input *input, int column,
                              const struct span *field)
{
	const struct stele_column *of = &input->schema->columns[column];
	bool empty = select_is_empty(input, field);
	const char *text = empty ? mapping_empty(input->mapping, of) : NULL;

	/* Without a word about it, an empty text is an empty text. */
	if (empty && !text && of->default_value && (!select_is_text(of) || field->length > 0))
		return;
	text_append(&select->text, ",", select->row.count > 0);
	select->row.columns[select->row.count++] = (uint8_t)column;
	if (text)
		escape_for_csv(&select->text, text, strlen(text));
	else if (!empty)
		select_put_field(&select->text, field, select_delimiter(input));
}

static enum status select_fail_count(const struct select *select, struct input *input, size_t found)
{
	return input_fail(input, "expected %zu fields, %s, but found %zu", select->field_count,
	                  !input->mapping->no_header         ? "as in the first line"
	                  : input->mapping->column_count > 0 ? "as in --columns"
	                                                     : "one for each column",
	                  found);
}

/* Rewrites a line. Sets `*ret_found` to the number of its fields. */
static enum selected select_rewrite(struct select *select, const struct input *input,
                                    const char *line, size_t length, size_t *ret_found)
{
	struct splitter splitter = select_split(input, line, length);
	enum selected selected = SELECTED_ROW;
	size_t found = 0;
	struct span field;

	select->text.length = 0;
	select->row.count = 0;
	while (select_next(&splitter, &field)) {
		int column = found < select->field_count ? select->fields[found] : MAPPING_UNKNOWN;

		found++;
		if (column < 0)
			continue;
		if (mapping_skips(input->mapping, &input->schema->columns[column],
		                  field.text + field.quoted,
		                  field.length - (field.quoted && field.length > 1 ? 2 : 0)))
			selected = SELECTED_SKIP;
		select_put_column(select, input, column, &field);
	}
	*ret_found = found;
	return selected;
}

enum status select_csv(struct select *select, struct input *input, const char *line, size_t length,
                       enum selected *ret)
{
	size_t found;

	*ret = SELECTED_ROW;
	input->text = (struct row_text){
		.form = ROW_CSV, .text = line, .length = length, .csv = &select->file};
	if (!select->rewrites)
		return STATUS_DONE;
	*ret = select_rewrite(select, input, line, length, &found);
	if (found != select->field_count)
		return select_fail_count(select, input, found);
	/* Makes a pointer of a text without bytes. */
	text_reserve(&select->text, 1);
	input->text.text = select->text.bytes;
	input->text.length = select->text.length;
	input->text.csv = &select->row;
	return STATUS_DONE;
}

/* ---- JSON ---- */

static const char *select_skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/* Returns the end of a string that starts at `at`, after its last quotation mark, or NULL. */
static const char *select_string_end(const char *at, const char *end)
{
	for (at++; at < end; at++) {
		if (*at == '"')
			return at + 1;
		at += *at == '\\';
	}
	return NULL;
}

/* Returns the end of a value, or NULL. The value may have objects and arrays inside. */
static const char *select_value_end(const char *at, const char *end)
{
	size_t depth = 0;

	while (at && at < end) {
		if (*at == '"') {
			at = select_string_end(at, end);
			continue;
		}
		if (depth == 0 && (*at == ',' || *at == '}' || *at == ']'))
			break;
		depth += *at == '{' || *at == '[';
		depth -= *at == '}' || *at == ']';
		at++;
	}
	return at && at < end ? at : NULL;
}

/* A member of an object. */
struct member {
	const char *name, *value; /* the name without quotation marks, the value with them */
	size_t name_length, value_length;
};

/* Reads the member at `at`. Returns the end of its value, where a comma or the end of the object
 * must follow, or NULL. */
static const char *select_member(const char *at, const char *end, struct member *ret)
{
	at = select_skip_space(at, end);
	if (at == end || *at != '"')
		return NULL;
	ret->name = at + 1;
	at = select_string_end(at, end);
	if (!at)
		return NULL;
	ret->name_length = (size_t)(at - 1 - ret->name);
	at = select_skip_space(at, end);
	if (at == end || *at != ':')
		return NULL;
	ret->value = select_skip_space(at + 1, end);
	at = select_value_end(ret->value, end);
	if (!at)
		return NULL;
	for (end = at; end > ret->value && select_skip_space(end - 1, end) == end;)
		end--;
	ret->value_length = (size_t)(end - ret->value);
	return at;
}

static void select_put_name(struct select *select, const struct stele_column *column)
{
	text_append_string(&select->text, select->text.length > 1 ? ", \"" : "\"");
	text_append_string(&select->text, column->name);
	text_append_string(&select->text, "\": ");
}

/* Appends a member of a column. null is left out, and select_put_missing() fills it in. */
static void select_put_member(struct select *select, const struct input *input, int column,
                              const struct member *member, bool *has)
{
	if (member->value_length == 4 && memcmp(member->value, "null", 4) == 0)
		return;
	has[column] = true;
	select_put_name(select, &input->schema->columns[column]);
	text_append(&select->text, member->value, member->value_length);
}

static void select_put_unknown(struct select *select, const struct member *member)
{
	text_append_string(&select->text, select->text.length > 1 ? ", \"" : "\"");
	text_append(&select->text, member->name, member->name_length);
	text_append_string(&select->text, "\": ");
	text_append(&select->text, member->value, member->value_length);
}

/* Appends the columns that the object does not have, of which --empty-as has a text. */
static void select_put_missing(struct select *select, const struct input *input, const bool *has)
{
	for (size_t i = 0; i < input->schema->column_count; i++) {
		const struct stele_column *column = &input->schema->columns[i];
		const char *text = has[i] ? NULL : mapping_empty(input->mapping, column);

		if (!text)
			continue;
		select_put_name(select, column);
		escape_for_json(&select->text, text, strlen(text));
	}
}

/* Rewrites the members of an object. Leaves a member that is refused as it is, for the message of
 * the library. Returns false if the text is no object. */
static bool select_members(struct select *select, const struct input *input, const char *at,
                           const char *end, enum selected *ret)
{
	bool has[STELE_COLUMNS_MAX] = {false};
	struct member member;
	int column;

	at = select_skip_space(at, end);
	if (at == end || *at != '{')
		return false;
	do {
		at = select_member(at + 1, end, &member);
		if (!at)
			return false;
		column = mapping_column(input->mapping, input->schema, member.name,
		                        member.name_length);
		if (column == MAPPING_UNKNOWN &&
		    (!input->mapping || !input->mapping->ignore_unknown))
			select_put_unknown(select, &member);
		if (column < 0)
			continue;
		if (*member.value == '"' &&
		    mapping_skips(input->mapping, &input->schema->columns[column], member.value + 1,
		                  member.value_length - 2))
			*ret = SELECTED_SKIP;
		select_put_member(select, input, column, &member, has);
	} while (*at == ',');
	select_put_missing(select, input, has);
	return *at == '}' && select_skip_space(at + 1, end) == end;
}

enum status select_json(struct select *select, struct input *input, const char *object,
                        size_t length, enum selected *ret)
{
	*ret = SELECTED_ROW;
	input->text = (struct row_text){.form = ROW_JSON, .text = object, .length = length};
	if (!mapping_is_used(input->mapping) && !memmem(object, length, "null", 4))
		return STATUS_DONE;
	select->text.length = 0;
	text_append(&select->text, "{", 1);
	if (!select_members(select, input, object, object + length, ret)) {
		*ret = SELECTED_ROW;
		return STATUS_DONE;
	}
	text_append(&select->text, "}", 1);
	input->text.text = select->text.bytes;
	input->text.length = select->text.length;
	return STATUS_DONE;
}

void select_free(struct select *select)
{
	free(select->fields);
	text_free(&select->text);
	text_free(&select->name);
}
