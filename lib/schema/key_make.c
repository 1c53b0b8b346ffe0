/* SPDX-License-Identifier: MIT
 *
 * Makes a key from arguments in the C types of its columns: stele_key_make(). */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/types/type.h"

/* One column's argument, or arguments, read from the list. */
struct argument {
	union {
		uint64_t number;
		double f64;
		uint8_t net[17]; /* an address, and the length of the prefix */
	} own;
	const void *value; /* `own`, or what the argument points to */
	size_t size;       /* of a variable column */
};

/* Stores a number in the size of its type. */
static void key_make_store(struct argument *argument, size_t size, uint64_t number)
{
	uint8_t u8 = (uint8_t)number;
	uint16_t u16 = (uint16_t)number;
	uint32_t u32 = (uint32_t)number;

	memcpy(&argument->own,
	       size == 1   ? (void *)&u8
	       : size == 2 ? (void *)&u16
	       : size == 4 ? (void *)&u32
	                   : (void *)&number,
	       size);
}

/* Takes a number that C passes as an int. */
static int key_make_int(const struct stele_column *column, int number, int min, int max,
                        struct argument *ret)
{
	if (number < min || number > max)
		return error_set(ERANGE,
		                 "column \"%s\": invalid number %d (expected %d to %d for type %s)",
		                 column->name, number, min, max, stele_type_name(column->type));
	key_make_store(ret, type_column_size(column), (uint64_t)(int64_t)number);
	return 0;
}

static int key_make_prefix(const struct stele_column *column, const void *address, unsigned length,
                           size_t width, struct argument *ret)
{
	if (length > width * 8)
		return error_set(EINVAL,
		                 "column \"%s\": invalid prefix length %u (expected 0 to %zu)",
		                 column->name, length, width * 8);
	memcpy(ret->own.net, address, width);
	ret->own.net[width] = (uint8_t)length;
	return 0;
}

static int key_make_char(const struct stele_column *column, const char *text, struct argument *ret)
{
	if (strnlen(text, (size_t)column->size + 1) > column->size)
		return error_set(
			ERANGE, "column \"%s\": invalid text, longer than the %u bytes of its type",
			column->name, column->size);
	ret->value = text;
	return 0;
}

/* Takes the arguments of one column. */
static int key_make_argument(const struct stele_column *column, va_list *arguments,
                             struct argument *ret)
{
	const void *address;

	ret->value = &ret->own;
	ret->size = 0;
	switch (column->type) {
	case STELE_U8:
		return key_make_int(column, va_arg(*arguments, int), 0, UINT8_MAX, ret);
	case STELE_U16:
		return key_make_int(column, va_arg(*arguments, int), 0, UINT16_MAX, ret);
	case STELE_I8:
		return key_make_int(column, va_arg(*arguments, int), INT8_MIN, INT8_MAX, ret);
	case STELE_I16:
		return key_make_int(column, va_arg(*arguments, int), INT16_MIN, INT16_MAX, ret);
	case STELE_BOOL:
		return key_make_int(column, va_arg(*arguments, int), 0, 1, ret);
	case STELE_U32:
	case STELE_I32:
		key_make_store(ret, sizeof(uint32_t), va_arg(*arguments, uint32_t));
		return 0;
	case STELE_U64:
	case STELE_I64:
	case STELE_TIME:
		ret->own.number = va_arg(*arguments, uint64_t);
		return 0;
	case STELE_F64:
		ret->own.f64 = va_arg(*arguments, double);
		return 0;
	case STELE_IPV4NET:
	case STELE_IPV6NET:
		address = va_arg(*arguments, const void *);
		return key_make_prefix(column, address, va_arg(*arguments, unsigned),
		                       type_column_size(column) - 1, ret);
	case STELE_CHAR:
		return key_make_char(column, va_arg(*arguments, const char *), ret);
	case STELE_TEXT:
		ret->value = va_arg(*arguments, const char *);
		ret->size = strlen(ret->value);
		return 0;
	case STELE_BYTES:
		ret->value = va_arg(*arguments, const void *);
		ret->size = va_arg(*arguments, size_t);
		return 0;
	default:
		ret->value = va_arg(*arguments, const void *);
		return 0;
	}
}

int stele_key_make(struct stele_key *ret, const struct stele_schema *schema, ...)
{
	struct stele_key key;
	struct argument argument;
	va_list arguments;
	int r = 0;

	key.bits = 0;
	va_start(arguments, schema);
	for (size_t i = 0; r == 0 && i < schema->column_count && schema->columns[i].key; i++) {
		const struct stele_column *column = &schema->columns[i];

		r = key_make_argument(column, &arguments, &argument);
		if (r == 0)
			r = stele_key_append(&key, column, argument.value, argument.size);
	}
	va_end(arguments);
	if (r < 0)
		return r;
	ret->bits = key.bits;
	memcpy(ret->bytes, key.bytes, (key.bits + 7) / 8);
	return 0;
}
