/* SPDX-License-Identifier: MIT */
#include "lib/text/csv_read.h"

#include <errno.h>
#include <string.h>

#include "lib/types/quote.h"

void csv_read_start(struct csv_reader *reader, struct fields *fields, const char *text,
                    size_t length, unsigned flags)
{
	if (flags & CSV_SPACES && length > 0 && text[length - 1] == '\n')
		length--;
	if (flags & CSV_SPACES && length > 0 && text[length - 1] == '\r')
		length--;
	*reader = (struct csv_reader){text, text + length, flags, false, fields};
}

static bool csv_is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Returns the first character from here on that is no space to ignore. */
static const char *csv_after_spaces(const struct csv_reader *reader)
{
	const char *at = reader->at;

	while (reader->flags & CSV_SPACES && at < reader->end && csv_is_space(*at))
		at++;
	return at;
}

void csv_trim(struct stele_field *field)
{
	while (field->length > 0 && csv_is_space(field->text[field->length - 1]))
		field->length--;
	while (field->length > 0 && csv_is_space(*field->text)) {
		field->text++;
		field->length--;
	}
}

/* Ends a field at its comma, or at the end of the line. Returns 1, or -EINVAL if anything else
 * comes there. */
static int csv_end_field(struct csv_reader *reader)
{
	if (reader->at == reader->end)
		reader->ended = true;
	else if (*reader->at++ != ',')
		return -EINVAL;
	return 1;
}

/* Reads a field after its first quotation mark. */
static int csv_read_quoted(struct csv_reader *reader, struct stele_field *ret)
{
	const char *start = reader->at;
	size_t marks = 0;

	for (;; reader->at++) {
		if (reader->at == reader->end)
			return -EINVAL;
		if (*reader->at != '"')
			continue;
		if (reader->at + 1 == reader->end || reader->at[1] != '"')
			break;
		reader->at++;
		marks++;
	}
	*ret = (struct stele_field){start, (size_t)(reader->at++ - start)};
	if (marks > 0) {
		char *memory = fields_memory(reader->fields);
		size_t length = 0;

		if (!memory)
			return -ENOMEM;
		for (size_t i = 0; i < ret->length; i++) {
			memory[length++] = start[i];
			i += start[i] == '"';
		}
		reader->fields->used += length;
		*ret = (struct stele_field){memory, length};
	}
	reader->at = csv_after_spaces(reader);
	return csv_end_field(reader);
}

static int csv_read_plain(struct csv_reader *reader, struct stele_field *ret)
{
	const char *start = reader->at;

	while (reader->at < reader->end && *reader->at != ',') {
		if (*reader->at == '"' || (reader->flags & CSV_SPACES && *reader->at == '\n'))
			return -EINVAL;
		reader->at++;
	}
	*ret = (struct stele_field){start, (size_t)(reader->at - start)};
	return csv_end_field(reader);
}

int csv_read_field(struct csv_reader *reader, struct stele_field *ret)
{
	const char *start = csv_after_spaces(reader);
	char *memory;
	int r;

	if (reader->ended)
		return 0;
	if (start < reader->end && *start == '"') {
		reader->at = start + 1;
		r = csv_read_quoted(reader, ret);
	} else {
		r = csv_read_plain(reader, ret);
	}
	if (r < 0 || !(reader->flags & CSV_CODES) || !quote_has_codes(ret->text, ret->length))
		return r;
	memory = fields_memory(reader->fields);
	if (!memory)
		return -ENOMEM;
	memcpy(memory, ret->text, ret->length);
	ret->length = quote_decode(memory, ret->length);
	ret->text = memory;
	reader->fields->used += ret->length;
	return r;
}
