/* SPDX-License-Identifier: MIT */
#include "lib/text/json_read.h"

#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/escape.h"
#include "lib/types/quote.h"

struct json_reader {
	const char *start, *at, *end;
	struct fields *fields;
};

static int json_refuse(const struct json_reader *reader, const char *expected)
{
	struct escaped escaped;
	size_t left = (size_t)(reader->end - reader->at);

	if (left == 0)
		return error_set(EINVAL,
		                 "expected one JSON object; byte %zu: expected %s, but the text "
		                 "ends",
		                 (size_t)(reader->at - reader->start) + 1, expected);
	return error_set(EINVAL, "expected one JSON object; byte %zu: expected %s, not %s",
	                 (size_t)(reader->at - reader->start) + 1, expected,
	                 escape(&escaped, reader->at, left < 16 ? left : 16));
}

static void json_skip_space(struct json_reader *reader)
{
	while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t' ||
	                                    *reader->at == '\n' || *reader->at == '\r'))
		reader->at++;
}

/* Skips space, and then the character if it comes next. */
static bool json_take(struct json_reader *reader, char character)
{
	json_skip_space(reader);
	if (reader->at == reader->end || *reader->at != character)
		return false;
	reader->at++;
	return true;
}

/* ---- strings ---- */

/* Reads the four digits of \uXXXX. Returns -1 if there are not four. */
static int json_code_unit(struct json_reader *reader)
{
	int unit = 0;

	if (reader->end - reader->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = reader->at[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
		            : c >= 'a' && c <= 'f' ? c - 'a' + 10
		            : c >= 'A' && c <= 'F' ? c - 'A' + 10
		                                   : -1;

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	reader->at += 4;
	return unit;
}

/* Reads what follows \u, with the second half of a surrogate pair. Returns the number of bytes that
 * it wrote to `ret`, or -EINVAL. */
static int json_unicode(struct json_reader *reader, char *ret)
{
	int unit = json_code_unit(reader), low;

	if (unit < 0)
		return json_refuse(reader, "four hexadecimal digits after \\u");
	if (unit >= 0xd800 && unit < 0xe000) {
		if (unit >= 0xdc00 || reader->end - reader->at < 2 || reader->at[0] != '\\' ||
		    reader->at[1] != 'u')
			return json_refuse(reader, "the second half of a surrogate pair");
		reader->at += 2;
		low = json_code_unit(reader);
		if (low < 0xdc00 || low > 0xdfff)
			return json_refuse(reader, "the second half of a surrogate pair");
		unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
	}
	return (int)quote_encode((uint32_t)unit, ret);
}

/* Reads an escape after its backslash. Returns the number of bytes that it wrote to `ret`, or
 * -EINVAL. An escape is never shorter than what it stands for. */
static int json_escape(struct json_reader *reader, char *ret)
{
	static const char names[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";
	const char *name;

	if (reader->at < reader->end && *reader->at == 'u') {
		reader->at++;
		return json_unicode(reader, ret);
	}
	name = reader->at < reader->end && *reader->at != '\0' ? strchr(names, *reader->at) : NULL;
	if (!name)
		return json_refuse(reader, "one of \"\\/bfnrtu after a backslash");
	reader->at++;
	ret[0] = characters[name - names];
	return 1;
}

/* Skips characters of a string up to its end or to an escape. Returns 0 or -EINVAL. */
static int json_skip_plain(struct json_reader *reader)
{
	uint32_t character;
	size_t size;

	while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\\') {
		if ((unsigned char)*reader->at < 0x20)
			return json_refuse(reader, "control characters as \\u00HH");
		size = quote_character(reader->at, (size_t)(reader->end - reader->at), &character);
		if (size == 0)
			return json_refuse(reader, "UTF-8");
		reader->at += size;
	}
	return reader->at < reader->end ? 0 : json_refuse(reader, "the end of the string");
}

/* Reads a string after its first quotation mark. */
static int json_string(struct json_reader *reader, struct stele_field *ret)
{
	const char *start = reader->at;
	char *memory = NULL;
	size_t length = 0;
	int r = json_skip_plain(reader);

	if (r < 0)
		return r;
	if (*reader->at == '"') {
		*ret = (struct stele_field){start, (size_t)(reader->at++ - start)};
		return 0;
	}
	memory = fields_memory(reader->fields);
	if (!memory)
		return -ENOMEM;
	for (;;) {
		memcpy(memory + length, start, (size_t)(reader->at - start));
		length += (size_t)(reader->at - start);
		if (*reader->at++ == '"')
			break;
		r = json_escape(reader, memory + length);
		if (r < 0)
			return r;
		length += (size_t)r;
		start = reader->at;
		r = json_skip_plain(reader);
		if (r < 0)
			return r;
	}
	reader->fields->used += length;
	*ret = (struct stele_field){memory, length};
	return 0;
}

/* ---- numbers and words ---- */

static size_t json_skip_digits(struct json_reader *reader)
{
	const char *start = reader->at;

	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
		reader->at++;
	return (size_t)(reader->at - start);
}

static bool json_skip_one(struct json_reader *reader, const char *of)
{
	if (reader->at == reader->end || *reader->at == '\0' || !strchr(of, *reader->at))
		return false;
	reader->at++;
	return true;
}

/* Reads a number. Sets `*ret_plain` to false if it has a point or an exponent. */
static int json_number(struct json_reader *reader, struct stele_field *ret, bool *ret_plain)
{
	const char *start = reader->at;

	json_skip_one(reader, "-");
	if (!json_skip_one(reader, "0") && json_skip_digits(reader) == 0)
		return json_refuse(reader, "a value");
	*ret_plain = true;
	if (json_skip_one(reader, ".")) {
		*ret_plain = false;
		if (json_skip_digits(reader) == 0)
			return json_refuse(reader, "digits after the point");
	}
	if (json_skip_one(reader, "eE")) {
		*ret_plain = false;
		json_skip_one(reader, "+-");
		if (json_skip_digits(reader) == 0)
			return json_refuse(reader, "digits in the exponent");
	}
	*ret = (struct stele_field){start, (size_t)(reader->at - start)};
	return 0;
}

static bool json_is_integer(enum stele_type type)
{
	return (type >= STELE_U8 && type <= STELE_I64) || type == STELE_TIME;
}

/* Replaces a number with a point or an exponent, such as 1.0 or 2e3, by the integer that it stands
 * for. From 2^53 on, several integers have the same double, so the double may not be the number in
 * the text. */
static int json_exact_integer(struct json_reader *reader, const struct stele_column *column,
                              struct stele_field *number)
{
	static const struct stele_column f64 = {.name = "number", .type = STELE_F64};
	static const struct stele_column i64 = {.name = "number", .type = STELE_I64};
	const double limit = 9007199254740992.0;
	struct escaped escaped;
	char *memory, text[32];
	int64_t integer;
	double value;
	size_t size;

	if (stele_value_parse(&f64, number->text, number->length, &value, sizeof(value), &size) <
	            0 ||
	    !(value > -limit && value < limit) || value != (double)(int64_t)value)
		return error_set(EINVAL,
		                 "column \"%s\": a number with a point or an exponent, here %s, "
		                 "must be an integer below 2^53; write an integer without point "
		                 "and exponent",
		                 column->name, escape(&escaped, number->text, number->length));
	integer = (int64_t)value;
	size = stele_value_format(&i64, &integer, sizeof(integer), text, sizeof(text));
	/* 2e3 is shorter than 2000. The text of such a number is kept in place of the row's. */
	memory = fields_memory(reader->fields);
	if (!memory)
		return -ENOMEM;
	memcpy(memory, text, size);
	reader->fields->used += size;
	*number = (struct stele_field){memory, size};
	return 0;
}

/* Reads a scalar: a string, a number, true or false. */
static int json_scalar(struct json_reader *reader, const struct stele_column *column,
                       struct stele_field *ret)
{
	size_t left = (size_t)(reader->end - reader->at);
	bool plain = true;
	int r;

	if (left >= 4 && memcmp(reader->at, "true", 4) == 0) {
		*ret = (struct stele_field){reader->at, 4};
		reader->at += 4;
		return 0;
	}
	if (left >= 5 && memcmp(reader->at, "false", 5) == 0) {
		*ret = (struct stele_field){reader->at, 5};
		reader->at += 5;
		return 0;
	}
	if (left > 0 && *reader->at == '"') {
		size_t used = reader->fields->used;

		reader->at++;
		r = json_string(reader, ret);
		/* Only a string with escapes, which is in the fields' memory, can have codes. */
		if (r == 0 && reader->fields->used > used)
			ret->length = quote_decode(reader->fields->memory + used, ret->length);
		return r;
	}
	if (left > 0 && *reader->at != '-' && (*reader->at < '0' || *reader->at > '9'))
		return error_set(EINVAL,
		                 "column \"%s\": expected a string, a number, true or false",
		                 column->name);
	r = json_number(reader, ret, &plain);
	if (r == 0 && !plain && json_is_integer(column->type))
		r = json_exact_integer(reader, column, ret);
	return r;
}

/* Reads an array after its bracket, as the texts of its elements with a space between two. */
static int json_array(struct json_reader *reader, const struct stele_column *column,
                      struct stele_field *ret)
{
	struct stele_field element;
	char *memory;
	size_t length = 0;
	int r = 0;

	memory = fields_memory(reader->fields);
	if (!memory)
		return -ENOMEM;
	if (json_take(reader, ']')) {
		*ret = (struct stele_field){memory, 0};
		return 0;
	}
	do {
		json_skip_space(reader);
		r = json_scalar(reader, column, &element);
		if (r < 0)
			return r;
		if (element.length == 0 || memchr(element.text, ' ', element.length))
			return error_set(EINVAL, "column \"%s\": invalid element of the array",
			                 column->name);
		if (length > 0)
			memory[length++] = ' ';
		/* The element may lie where the array goes to: its text was decoded there. */
		memmove(memory + length, element.text, element.length);
		length += element.length;
		/* Leave a byte for the space, so that the next element is decoded behind it. */
		reader->fields->used = (size_t)(memory + length + 1 - reader->fields->memory);
	} while (json_take(reader, ','));
	*ret = (struct stele_field){memory, length};
	return json_take(reader, ']') ? 0 : json_refuse(reader, "',' or ']'");
}

/* Reads one member: a name and a value. */
static int json_member(struct json_reader *reader)
{
	struct fields *fields = reader->fields;
	const struct stele_column *column;
	struct stele_field name, value;
	size_t used = fields->used;
	int index, r;

	if (!json_take(reader, '"'))
		return json_refuse(reader, "the name of a column in quotation marks");
	r = json_string(reader, &name);
	if (r < 0)
		return r;
	index = fields_column(fields->schema, name.text, name.length);
	if (index < 0)
		return index;
	fields->used = used;
	column = &fields->schema->columns[index];
	if (fields->field[index].text)
		return error_set(EINVAL, "column \"%s\" is there twice: a duplicate member",
		                 column->name);
	if (!json_take(reader, ':'))
		return json_refuse(reader, "':'");
	json_skip_space(reader);
	if (column->count > 0 && json_take(reader, '['))
		r = json_array(reader, column, &value);
	else if (column->count > 0 && reader->at < reader->end && *reader->at != '"')
		r = error_set(EINVAL, "column \"%s\": expected an array of %u elements",
		              column->name, column->count);
	else
		r = json_scalar(reader, column, &value);
	if (r < 0)
		return r;
	fields->field[index] = value;
	return 0;
}

int json_read(struct fields *fields, const char *text, size_t length)
{
	struct json_reader reader = {text, text, text + length, fields};
	int r;

	if (!json_take(&reader, '{'))
		return json_refuse(&reader, "'{'");
	if (!json_take(&reader, '}')) {
		do {
			r = json_member(&reader);
			if (r < 0)
				return r;
		} while (json_take(&reader, ','));
		if (!json_take(&reader, '}'))
			return json_refuse(&reader, "',' or '}'");
	}
	json_skip_space(&reader);
	return reader.at == reader.end ? 0 : json_refuse(&reader, "nothing after the object");
}
