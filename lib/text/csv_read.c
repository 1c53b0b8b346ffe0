/* SPDX-License-Identifier: MIT */
#include "lib/text/csv_read.h"

#include <errno.h>
#include <string.h>

#include "lib/text/quote.h"

void csv_read_start(struct csv_reader *reader, struct fields *fields, const char *text,
                    size_t length, unsigned flags)
{
	if (flags & CSV_SPACES && length > 0 && text[length - 1] == '\n')
		length--;
	*reader = (struct csv_reader){text, text + length, flags, false, fields};
}

static bool csv_is_space(const struct csv_reader *reader, char c)
{
	return reader->flags & CSV_SPACES && (c == ' ' || c == '\t' || c == '\r');
}

static void csv_skip_spaces(struct csv_reader *reader)
{
	while (reader->at < reader->end && csv_is_space(reader, *reader->at))
		reader->at++;
}

/* Ends a field at its comma, or at the end of the line. Returns 1, or -EINVAL if anything else
 * comes there. */
static int csv_end_field(struct csv_reader *reader)
{
	csv_skip_spaces(reader);
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
	return csv_end_field(reader);
}

static int csv_read_plain(struct csv_reader *reader, struct stele_field *ret)
{
	const char *start = reader->at, *end;

	while (reader->at < reader->end && *reader->at != ',') {
		if (*reader->at == '"' || (reader->flags & CSV_SPACES && *reader->at == '\n'))
			return -EINVAL;
		reader->at++;
	}
	end = reader->at;
	while (end > start && csv_is_space(reader, end[-1]))
		end--;
	*ret = (struct stele_field){start, (size_t)(end - start)};
	return csv_end_field(reader);
}

int csv_read_field(struct csv_reader *reader, struct stele_field *ret)
{
	char *memory;
	int r;

	if (reader->ended)
		return 0;
	csv_skip_spaces(reader);
	if (reader->at < reader->end && *reader->at == '"') {
		reader->at++;
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
