/* SPDX-License-Identifier: MIT */
#include "lib/types/type.h"

#include <assert.h>
#include <string.h>

#include "lib/types/distance.h"

#define TYPE_COUNT 20u

/* stele_schema_parse() aligns STELE_IPV4 to 4 bytes, like struct in_addr. A schema may also have a
 * STELE_IPV4 column at any offset, for a struct with a member uint8_t[4]. */
static const struct type types[TYPE_COUNT] = {
	[STELE_U8 - 1] = {"u8", 1, 1, 1},           [STELE_U16 - 1] = {"u16", 2, 2, 2},
	[STELE_U32 - 1] = {"u32", 4, 4, 4},         [STELE_U64 - 1] = {"u64", 8, 8, 8},
	[STELE_I8 - 1] = {"i8", 1, 1, 1},           [STELE_I16 - 1] = {"i16", 2, 2, 2},
	[STELE_I32 - 1] = {"i32", 4, 4, 4},         [STELE_I64 - 1] = {"i64", 8, 8, 8},
	[STELE_F64 - 1] = {"f64", 8, 8, 8},         [STELE_BOOL - 1] = {"bool", 1, 1, 1},
	[STELE_IPV4 - 1] = {"ipv4", 4, 1, 4},       [STELE_IPV6 - 1] = {"ipv6", 16, 1, 1},
	[STELE_IPV4NET - 1] = {"ipv4net", 5, 1, 1}, [STELE_IPV6NET - 1] = {"ipv6net", 17, 1, 1},
	[STELE_MAC - 1] = {"mac", 6, 1, 1},         [STELE_UUID - 1] = {"uuid", 16, 1, 1},
	[STELE_TIME - 1] = {"time", 8, 8, 8},       [STELE_CHAR - 1] = {"char", 0, 1, 1},
	[STELE_TEXT - 1] = {"text", 0, 1, 1},       [STELE_BYTES - 1] = {"bytes", 0, 1, 1},
};

static_assert(STELE_BYTES == TYPE_COUNT, "every type has its line");
static_assert(sizeof(bool) == 1 && sizeof(double) == 8, "as the types are documented");
static_assert(sizeof(struct stele_ipv4net) == 5 && sizeof(struct stele_ipv6net) == 17,
              "prefixes have no padding");

const struct type *type_find(uint32_t type)
{
	unsigned index = (unsigned)type - 1;

	return index < TYPE_COUNT ? &types[index] : NULL;
}

const char *stele_type_name(uint32_t type)
{
	const struct type *found = type_find(type);

	return found ? found->name : NULL;
}

enum stele_type type_by_name(const char *name, size_t length)
{
	for (unsigned i = 0; i < TYPE_COUNT; i++)
		if (strlen(types[i].name) == length && memcmp(types[i].name, name, length) == 0)
			return (enum stele_type)(i + 1);
	return (enum stele_type)0;
}

/* Maximum length of a name that is compared with the names of types. No type has a longer name. */
#define NAME_LONGEST 8u

const char *type_nearest(const char *name, size_t length)
{
	/* Names that other languages use for these types. They are tried before similar
	 * spellings. */
	static const struct {
		const char *other, *name;
	} synonyms[] = {
		{"int", "i32"},      {"uint", "u32"},       {"double", "f64"},   {"float", "f64"},
		{"string", "text"},  {"blob", "bytes"},     {"boolean", "bool"}, {"ip", "ipv4"},
		{"varchar", "text"}, {"timestamp", "time"},
	};
	const char *nearest = NULL;
	unsigned best = 3;

	for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++)
		if (strlen(synonyms[i].other) == length &&
		    memcmp(synonyms[i].other, name, length) == 0)
			return synonyms[i].name;
	if (length > NAME_LONGEST)
		return NULL;
	for (unsigned i = 0; i < TYPE_COUNT; i++) {
		/* Replacing a letter makes another type of a short name, such as u8 and i8. */
		unsigned found = distance(name, length, types[i].name, strlen(types[i].name), 2);

		/* The distance must also be smaller than the length of the name. Otherwise any
		 * name of one or two letters would be near to some type. */
		if (found < best && found < length) {
			best = found;
			nearest = types[i].name;
		}
	}
	return nearest;
}

bool type_is_integer(enum stele_type type)
{
	return type >= STELE_U8 && type <= STELE_I64;
}

static bool type_is_signed(enum stele_type type)
{
	return type >= STELE_I8 && type <= STELE_I64;
}

void type_word_range(enum stele_type type, int64_t *ret_min, int64_t *ret_max)
{
	unsigned bits = types[type - 1].size * 8u;
	bool with_sign = type_is_signed(type);

	*ret_max = bits == 64 ? INT64_MAX : (INT64_C(1) << (with_sign ? bits - 1 : bits)) - 1;
	*ret_min = with_sign ? -*ret_max - 1 : 0;
}

uint32_t type_column_size(const struct stele_column *column)
{
	const struct type *type = type_find(column->type);

	if (column->type == STELE_CHAR)
		return column->size;
	if (!type)
		return 0;
	return column->count > 0 ? type->size * column->count : type->size;
}

struct stele_column type_element(const struct stele_column *column)
{
	struct stele_column element = *column;

	if (column->count > 0) {
		element.count = 0;
		element.size = types[column->type - 1].size;
	}
	return element;
}

/* Loads an integer of a column's type. A u64 above INT64_MAX becomes negative, and no word of such
 * a column is. */
static int64_t type_load_integer(enum stele_type type, const void *value)
{
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (types[type - 1].size) {
	case 1:
		memcpy(&u8, value, sizeof(u8));
		return type == STELE_I8 ? (int8_t)u8 : u8;
	case 2:
		memcpy(&u16, value, sizeof(u16));
		return type == STELE_I16 ? (int16_t)u16 : u16;
	case 4:
		memcpy(&u32, value, sizeof(u32));
		return type == STELE_I32 ? (int32_t)u32 : (int64_t)u32;
	default:
		memcpy(&u64, value, sizeof(u64));
		return (int64_t)u64;
	}
}

const struct stele_word *type_word(const struct stele_column *column, const void *value)
{
	int64_t number = type_load_integer(column->type, value);
	uint64_t index;

	if (column->word_count == 0)
		return NULL;
	/* Most enumerations have one number after the other. */
	index = (uint64_t)number - (uint64_t)column->words[0].value;
	if (index < column->word_count && column->words[index].value == number)
		return &column->words[index];
	for (size_t i = 0; i < column->word_count; i++)
		if (column->words[i].value == number)
			return &column->words[i];
	return NULL;
}

const struct stele_word *type_word_named(const struct stele_column *column, const char *name,
                                         size_t length)
{
	for (size_t i = 0; i < column->word_count; i++)
		if (strlen(column->words[i].name) == length &&
		    memcmp(column->words[i].name, name, length) == 0)
			return &column->words[i];
	return NULL;
}

uint32_t type_layout_next(const struct type_layout *layout, const struct stele_column *column)
{
	uint32_t alignment = type_find(column->type)->layout;

	return (layout->end + alignment - 1) & ~(alignment - 1);
}

void type_layout_place(struct type_layout *layout, const struct stele_column *column,
                       uint32_t offset)
{
	uint32_t alignment = type_find(column->type)->layout,
		 end = offset + type_column_size(column);

	if (end > layout->end)
		layout->end = end;
	if (alignment > layout->alignment)
		layout->alignment = alignment;
}

uint32_t type_layout_size(const struct type_layout *layout)
{
	uint32_t alignment = layout->alignment > 0 ? layout->alignment : 1;

	return (layout->end + alignment - 1) & ~(alignment - 1);
}
