/* SPDX-License-Identifier: MIT
 *
 * Encodes, decodes and checks keys. A key is a string of bits, and keys are compared bit by bit.
 * Each column is encoded so that this order is the order of its values: integers are big-endian,
 * and the sign bit of signed integers is flipped, so that negative numbers come first.
 * <stele/schema.h> describes the encoding of every type.
 */
#include "lib/schema/key.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/types/net.h"
#include "lib/types/refuse.h"
#include "lib/types/type.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ || __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__,
              "key_reverse_bytes() below knows these two orders");

/* Returns the last key column. */
static const struct stele_column *key_last(const struct stele_schema *schema)
{
	size_t i = 0;

	while (i + 1 < schema->column_count && schema->columns[i + 1].key)
		i++;
	return &schema->columns[i];
}

/* Returns the size of a prefix type's address in bytes, or 0 if the type is no prefix. */
static unsigned key_prefix_width(enum stele_type type)
{
	return type == STELE_IPV4NET ? 4 : type == STELE_IPV6NET ? 16 : 0;
}

bool schema_key_is_prefix(const struct stele_schema *schema)
{
	return key_prefix_width(key_last(schema)->type) != 0;
}

void schema_key_bits(const struct stele_schema *schema, unsigned *ret_min, unsigned *ret_max)
{
	unsigned fixed = 0, width = 0;
	bool variable = false;

	for (size_t i = 0; i < schema->column_count && schema->columns[i].key; i++) {
		const struct stele_column *column = &schema->columns[i];

		width = key_prefix_width(column->type);
		variable = type_variable(column->type);
		if (width == 0)
			fixed += type_column_size(column) * 8;
	}
	*ret_min = fixed;
	*ret_max = variable ? STELE_KEY_MAX * 8 : fixed + width * 8;
}

/* Copies an integer or a double between this machine's byte order and the key's. */
static void key_reverse_bytes(uint8_t *to, const uint8_t *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = from[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? size - 1 - i : i];
}

static void key_encode_f64(uint8_t *to, double value)
{
	uint64_t bits;

	if (value == 0)
		value = 0; /* -0.0 equals 0.0, so both must have the same key */
	memcpy(&bits, &value, sizeof(bits));
	bits = bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
	key_reverse_bytes(to, (const uint8_t *)&bits, sizeof(bits));
}

static void key_decode_f64(uint8_t *to, const uint8_t *from)
{
	uint64_t bits;

	key_reverse_bytes((uint8_t *)&bits, from, sizeof(bits));
	bits = bits >> 63 ? bits ^ (uint64_t)1 << 63 : ~bits;
	memcpy(to, &bits, sizeof(bits));
}

/* Returns true for columns that have invalid encodings: bytes that encode no value, or that would
 * be a second encoding of a value. */
static bool key_is_strict(const struct stele_column *column)
{
	return column->type == STELE_BOOL || column->type == STELE_F64 ||
	       column->type == STELE_CHAR || column->word_count > 0;
}

bool schema_key_plain(const struct stele_schema *schema)
{
	for (size_t i = 0; i < schema->column_count && schema->columns[i].key; i++)
		if (key_is_strict(&schema->columns[i]))
			return false;
	return true;
}

/* Sets the error message for an encoded bool that is neither 0 nor 1. Returns -errnum. */
static int key_refuse_bool(const struct stele_column *column, int errnum, unsigned value)
{
	return error_set(errnum, "column \"%s\": invalid bool %u in the key (expected 0 or 1)",
	                 column->name, value);
}

/* Decodes a column of fixed size, other than a prefix, and writes `size` bytes to `to`. Returns 0
 * or -EBADMSG. */
static int key_decode(const struct stele_column *column, const uint8_t *from, size_t size,
                      uint8_t *to)
{
	switch (column->type) {
	case STELE_U8:
	case STELE_U16:
	case STELE_U32:
	case STELE_U64:
	case STELE_TIME:
		key_reverse_bytes(to, from, size);
		break;
	case STELE_I8:
	case STELE_I16:
	case STELE_I32:
	case STELE_I64:
		key_reverse_bytes(to, from, size);
		to[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? size - 1 : 0] ^= 0x80;
		break;
	case STELE_F64:
		key_decode_f64(to, from);
		break;
	case STELE_BOOL:
		if (from[0] > 1)
			return key_refuse_bool(column, EBADMSG, from[0]);
		to[0] = from[0];
		break;
	default:
		memcpy(to, from, size);
	}
	return 0;
}

/* Checks an encoded column. Refuses what stele_key_append() does not write: bytes that encode no
 * value, and a second encoding of a value. Returns 0 or -EINVAL. */
static int key_check_encoded(const struct stele_column *column, const uint8_t *at)
{
	size_t size = type_column_size(column);
	uint8_t integer[8];
	double number;

	if (column->type == STELE_BOOL && at[0] > 1)
		return key_refuse_bool(column, EINVAL, at[0]);
	if (column->word_count > 0) {
		key_decode(column, at, size, integer);
		if (!type_word(column, integer))
			return refuse_number(column, integer);
	}
	if (column->type == STELE_F64) {
		key_decode_f64((uint8_t *)&number, at);
		if (number != number)
			return error_set(EINVAL,
			                 "column \"%s\": the key has NaN, which cannot be ordered",
			                 column->name);
		if (number == 0 && signbit(number))
			return error_set(
				EINVAL,
				"column \"%s\": the key has -0.0, which must be encoded as "
				"0.0, as stele_key_append() does",
				column->name);
	}
	if (column->type == STELE_CHAR) {
		size_t length = strnlen((const char *)at, size);
		if (!net_zero_from(at, (unsigned)length * 8, (unsigned)size))
			return error_set(EINVAL,
			                 "column \"%s\": the key has bytes after the NUL at byte "
			                 "%zu of a char[%zu]; they must be NUL too",
			                 column->name, length, size);
	}
	return 0;
}

/* Checks the columns of a key whose length fits the schema. Returns 0 or -EINVAL. */
static int key_check_columns(const struct stele_schema *schema, const uint8_t *key)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < schema->column_count && schema->columns[i].key; i++) {
		if (key_is_strict(&schema->columns[i]))
			r = key_check_encoded(&schema->columns[i], key);
		if (key_prefix_width(schema->columns[i].type) == 0)
			key += type_column_size(&schema->columns[i]);
	}
	return r;
}

int stele_key_check(const struct stele_schema *schema, const void *key, unsigned key_bits)
{
	unsigned min, max;

	schema_key_bits(schema, &min, &max);
	if (key_bits < min || key_bits > max) {
		if (min == max)
			return error_set(EINVAL, "the key has %u bits; a key of this table has %u",
			                 key_bits, min);
		return error_set(EINVAL,
		                 "the key has %u bits; a key of this table has from %u to %u bits, "
		                 "those of column \"%s\" included",
		                 key_bits, min, max, key_last(schema)->name);
	}
	if (key_bits % 8 == 0)
		return key_check_columns(schema, key);
	if (!schema_key_is_prefix(schema))
		return error_set(EINVAL,
		                 "the key has %u bits; keys of this table are whole bytes, because "
		                 "column \"%s\" is not a prefix",
		                 key_bits, key_last(schema)->name);
	if (!net_zero_from(key, key_bits, key_bits / 8 + 1))
		return error_set(EINVAL,
		                 "column \"%s\": the key has bits set past its length of %u bits, "
		                 "in its last byte 0x%02x",
		                 key_last(schema)->name, key_bits,
		                 ((const uint8_t *)key)[key_bits / 8]);
	return key_check_columns(schema, key);
}

/* Encodes the value of a column, and writes `size` bytes to `to`. For a prefix, encodes only the
 * address; the caller adds the prefix length to the length of the key. */
static void key_encode(const struct stele_column *column, const uint8_t *from, size_t size,
                       uint8_t *to)
{
	double number;

	switch (column->type) {
	case STELE_U8:
	case STELE_U16:
	case STELE_U32:
	case STELE_U64:
	case STELE_TIME:
		key_reverse_bytes(to, from, size);
		break;
	case STELE_I8:
	case STELE_I16:
	case STELE_I32:
	case STELE_I64:
		key_reverse_bytes(to, from, size);
		to[0] ^= 0x80;
		break;
	case STELE_F64:
		memcpy(&number, from, sizeof(number));
		key_encode_f64(to, number);
		break;
	case STELE_CHAR:
		memset(to, 0, size);
		memcpy(to, from, strnlen((const char *)from, size));
		break;
	default:
		if (size > 0)
			memcpy(to, from, size);
	}
}

/* Checks that a value is allowed in a key. Returns 0 or -EINVAL. */
static int key_check_encodable(const struct stele_column *column, const uint8_t *value)
{
	unsigned width = key_prefix_width(column->type);
	double number;

	if (column->type == STELE_BOOL && value[0] > 1)
		return refuse_bool(column, value[0]);
	if (column->word_count > 0 && !type_word(column, value))
		return refuse_number(column, value);
	if (column->type == STELE_F64) {
		memcpy(&number, value, sizeof(number));
		if (number != number)
			return error_set(EINVAL,
			                 "column \"%s\": NaN is not allowed in a key, because it "
			                 "cannot be ordered",
			                 column->name);
	}
	if (width != 0 && !net_valid(value, width))
		return refuse_prefix(column, value);
	return 0;
}

int stele_key_append(struct stele_key *key, const struct stele_column *column, const void *value,
                     size_t size)
{
	const struct type *type = type_find(column->type);
	unsigned width = key_prefix_width(column->type);
	size_t bits, at = key->bits / 8;
	int r;

	if (!type)
		return refuse_type(column);
	if (key->bits % 8 != 0)
		return error_set(
			EINVAL, "column \"%s\" cannot be appended to a key that ends with a prefix",
			column->name);
	r = key_check_encodable(column, value);
	if (r < 0)
		return r;
	bits = width != 0 ? ((const uint8_t *)value)[width] : 8;
	if (width != 0)
		size = (bits + 7) / 8;
	else if (!type_variable(column->type))
		size = type_column_size(column);
	if (at > STELE_KEY_MAX || size > STELE_KEY_MAX - at)
		return error_set(EINVAL,
		                 "column \"%s\" has %zu bytes, after %zu bytes of other columns; a "
		                 "key has at most %u bytes",
		                 column->name, size, at, STELE_KEY_MAX);
	key_encode(column, value, size, key->bytes + at);
	key->bits += (unsigned)(width != 0 ? bits : size * 8);
	return 0;
}

/* Decodes a prefix of `bits` bits, with an address of `width` bytes. Ignores the bits after its end
 * in the last byte. */
static void key_decode_prefix(const uint8_t *from, unsigned bits, unsigned width, uint8_t *to)
{
	memset(to, 0, width);
	if (bits > 0)
		memcpy(to, from, (bits + 7) / 8);
	to[width] = (uint8_t)bits;
	net_clear_host(to, width);
}

/* Returns the offset of a key column in the key, in bytes. */
static size_t key_offset(const struct stele_schema *schema, size_t column)
{
	size_t offset = 0;

	for (size_t i = 0; i < column; i++)
		offset += type_column_size(&schema->columns[i]);
	return offset;
}

int stele_key_column(const struct stele_schema *schema, size_t column, const void *key,
                     unsigned key_bits, void *buffer, size_t buffer_size, const void **ret_value,
                     size_t *ret_size)
{
	const struct stele_column *found;
	const uint8_t *at;
	unsigned min, max;
	size_t size, offset;
	int r = 0;

	if (column >= schema->column_count || !schema->columns[column].key)
		return error_set(EINVAL, "column %zu is not a key column of this table",
		                 column + 1);
	found = &schema->columns[column];
	schema_key_bits(schema, &min, &max);
	if (key_bits < min || key_bits > max ||
	    (key_bits % 8 != 0 && !schema_key_is_prefix(schema)))
		return error_set(EBADMSG,
		                 "the key has %u bits, which does not fit the key columns of this "
		                 "table",
		                 key_bits);
	offset = key_offset(schema, column);
	at = key_bits > 0 ? (const uint8_t *)key + offset : key;
	if (type_variable(found->type)) {
		*ret_value = at;
		*ret_size = key_bits / 8 - offset;
		return 0;
	}
	size = type_column_size(found);
	if (buffer_size < size)
		return refuse_buffer(found, size, buffer_size);
	if (key_prefix_width(found->type) != 0)
		key_decode_prefix(at, key_bits - (unsigned)offset * 8,
		                  key_prefix_width(found->type), buffer);
	else
		r = key_decode(found, at, size, buffer);
	if (r < 0)
		return r;
	*ret_value = buffer;
	*ret_size = size;
	return 0;
}
