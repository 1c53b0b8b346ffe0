/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/rows/column.h"
#include "tools/rows/json_row.h"
#include "tools/rows/row.h"

json_t *json_parse_object(const char *line, size_t length, char *error, size_t error_size)
{
	json_error_t why;
	json_t *object;

	object = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
	if (object && json_is_object(object))
		return object;
	if (!object && (json_error_code(&why) == json_error_invalid_syntax ||
	                json_error_code(&why) == json_error_premature_end_of_input))
		snprintf(error, error_size, "expected one JSON object on the line; column %d: %s",
		         why.column, why.text);
	else if (!object && json_error_code(&why) == json_error_numeric_overflow)
		snprintf(error, error_size,
		         "column %d: the number is outside the range of a signed 64-bit "
		         "integer; write it in quotation marks",
		         why.column);
	else if (!object)
		snprintf(error, error_size, "not valid JSON: column %d: %s", why.column, why.text);
	else
		snprintf(error, error_size,
		         "expected a JSON object, such as {\"COLUMN\": VALUE, ...}");
	json_decref(object);
	return NULL;
}

/* Sets the text of a field from a JSON value. Writes numbers and bools to `number`, of `size`
 * bytes. Returns false if the value is null, an object or an array. */
static bool json_row_value_text(const json_t *value, char *number, size_t size, struct field *field)
{
	field->text = number;
	switch (json_typeof(value)) {
	case JSON_STRING:
		field->text = json_string_value(value);
		field->length = json_string_length(value);
		return true;
	case JSON_INTEGER:
		field->length = (size_t)snprintf(number, size, "%" JSON_INTEGER_FORMAT,
		                                 json_integer_value(value));
		return true;
	case JSON_REAL:
		field->length = (size_t)snprintf(number, size, "%.17g", json_real_value(value));
		return true;
	case JSON_TRUE:
	case JSON_FALSE:
		field->length = (size_t)snprintf(number, size, "%s",
		                                 json_is_true(value) ? "true" : "false");
		return true;
	default:
		return false;
	}
}

static bool json_row_is_integer(enum stele_type type)
{
	return (type >= STELE_U8 && type <= STELE_I64) || type == STELE_TIME;
}

/* Returns true if a JSON number with a point or an exponent stands for exactly one integer. From
 * 2^53 on, several integers have the same double, so the double may not be the number in the
 * text. */
static bool json_row_is_exact(double number)
{
	const double limit = 9007199254740992.0;

	return number > -limit && number < limit && number == (double)(int64_t)number;
}

/* Replaces an array in a JSON object by the text of its elements, with a space between two. Returns
 * the text, which belongs to the object, or NULL if an element is no value. */
static const json_t *json_row_join_array(json_t *object, const char *name, const json_t *array,
                                         bool integers)
{
	struct text text = {0};
	json_t *joined = NULL;
	struct field element;
	char number[32];
	size_t i = 0;

	while (i < json_array_size(array)) {
		const json_t *value = json_array_get(array, i);

		if (!json_row_value_text(value, number, sizeof(number), &element) ||
		    element.length == 0 || memchr(element.text, ' ', element.length) ||
		    (integers && json_is_real(value) && !json_row_is_exact(json_real_value(value))))
			break;
		if (i > 0)
			text_append(&text, " ", 1);
		text_append(&text, element.text, element.length);
		i++;
	}
	if (i == json_array_size(array))
		joined = json_stringn_nocheck(text.length ? text.bytes : "", text.length);
	text_free(&text);
	if (!joined || json_object_set_new_nocheck(object, name, joined) < 0)
		return NULL;
	return joined;
}

enum status json_fields(const char *where, json_t *object, const struct stele_schema *schema,
                        struct field *fields, struct json_numbers *numbers)
{
	const char *name;
	json_t *member;
	void *next;

	for (size_t i = 0; i < schema->column_count; i++)
		fields[i] = (struct field){.text = ""};
	json_object_foreach_safe(object, next, name, member)
	{
		int column = stele_schema_column(schema, name);
		const json_t *value = member;

		if (column < 0)
			return column_fail_unknown(where, schema, name, strlen(name));
		if (fields[column].given)
			return fail(STATUS_INPUT, "%scolumn \"%s\" is named twice", where, name);
		if (json_is_array(member) && schema->columns[column].count > 0)
			value = json_row_join_array(
				object, name, member,
				json_row_is_integer(schema->columns[column].type));
		if (!value)
			return fail(STATUS_INPUT,
			            "%scolumn \"%s\": expected an array of strings without spaces, "
			            "true, false, or numbers that the type can hold",
			            where, name);
		fields[column].given =
			json_row_value_text(value, numbers->text[column],
		                            sizeof(numbers->text[column]), &fields[column]);
		if (!fields[column].given)
			return fail(STATUS_INPUT,
			            "%scolumn \"%s\": expected a string, a number, true or false",
			            where, name);
		if (json_is_real(value) && json_row_is_integer(schema->columns[column].type) &&
		    !json_row_is_exact(json_real_value(value)))
			return fail(STATUS_INPUT,
			            "%scolumn \"%s\": a number with a point or an exponent, here "
			            "about %s, must be an integer below 2^53; write an integer "
			            "without point and exponent",
			            where, name, fields[column].text);
	}
	return STATUS_DONE;
}
