/* SPDX-License-Identifier: MIT
 *
 * Schemas: the typed columns of a table. The first columns form the key, the others the value.
 *
 * VALUES. A value has the layout of a C struct that the user defines. The library stores the
 * struct and returns it unchanged:
 *
 *     struct route { uint32_t next_hop; char interface[16]; uint32_t metric; };
 *
 *     static const struct stele_column route_columns[] = {
 *         STELE_KEY("prefix", STELE_IPV4NET),
 *         STELE_VALUE(struct route, next_hop, STELE_IPV4),
 *         STELE_VALUE(struct route, interface, STELE_CHAR),
 *         STELE_VALUE(struct route, metric, STELE_U32),
 *     };
 *     static const struct stele_schema route_schema = STELE_SCHEMA(struct route, route_columns);
 *
 * The last column of a value may be variable (STELE_TEXT, STELE_BYTES). Its bytes start at the
 * column's offset, after the fixed part: in C it is a flexible array member. Its length is the
 * size of the value minus that offset.
 *
 * A number is aligned to its size. On i386, compilers align 64-bit members of structs to 4 bytes
 * only. Declare such a member as `_Alignas(8) uint64_t bytes`: then the struct is the same in
 * 32-bit and 64-bit processes.
 *
 * KEYS. A key is a string of bits. Keys are ordered by their bits, from the first bit on; a key
 * comes before all longer keys that start with it. Each column type is encoded so that this order
 * is the order of the values:
 *
 *     u8..u64, time   big-endian
 *     i8..i64         big-endian, sign bit flipped
 *     f64             big-endian; all bits flipped if negative, else the sign bit (IEEE 754 total
 *                     order). NaN is refused, and -0.0 is stored as 0.0
 *     bool, ipv4, ipv6, mac, uuid
 *                     their bytes
 *     char[N]         N bytes, padded with NUL
 *     ipv4net, ipv6net
 *                     the first LENGTH bits of the address. Only as the last key column. The table
 *                     is then a prefix table, which supports longest-prefix match
 *     text, bytes     their bytes. Only as the last key column
 *
 * stele_key_append() encodes a column. A key of one column seldom needs this function: an IPv4
 * prefix is its 4 bytes in network order, with the prefix length as key_bits; a u32 is htonl(x),
 * with 32 bits.
 *
 * THREADS. The functions here have no state. Any thread may call them.
 *
 * CONTENTS. Limits and types, schemas, names, keys, values, columns as text.
 */
#ifndef STELE_SCHEMA_H
#define STELE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stele/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- limits and types ---- */

#define STELE_NAME_MAX    63u        /* bytes in the name of a region, table or column */
#define STELE_COLUMNS_MAX 64u        /* columns of a table, key columns included */
#define STELE_KEY_MAX     512u       /* bytes in an encoded key */
#define STELE_VALUE_MAX   (1u << 20) /* bytes in a value */

/* The column types. The comments give the C type of a value column in its struct.
 * stele_key_append(), stele_value_format() and their inverses use the same C types. */
enum stele_type {
	STELE_U8 = 1,  /* uint8_t */
	STELE_U16,     /* uint16_t */
	STELE_U32,     /* uint32_t */
	STELE_U64,     /* uint64_t */
	STELE_I8,      /* int8_t */
	STELE_I16,     /* int16_t */
	STELE_I32,     /* int32_t */
	STELE_I64,     /* int64_t */
	STELE_F64,     /* double */
	STELE_BOOL,    /* bool, one byte, 0 or 1 */
	STELE_IPV4,    /* 4 bytes in network order (struct in_addr) */
	STELE_IPV6,    /* 16 bytes in network order (struct in6_addr) */
	STELE_IPV4NET, /* struct stele_ipv4net */
	STELE_IPV6NET, /* struct stele_ipv6net */
	STELE_MAC,     /* 6 bytes */
	STELE_UUID,    /* 16 bytes (uuid_t) */
	STELE_TIME,    /* uint64_t, nanoseconds since 1970-01-01T00:00:00Z */
	STELE_CHAR,  /* char[N]: text of at most N bytes, padded with NUL (no NUL after N bytes) */
	STELE_TEXT,  /* UTF-8 by convention, of any length; last column of the key or value */
	STELE_BYTES, /* bytes, of any length; last column of the key or of the value */
};

struct stele_ipv4net {
	uint8_t address[4]; /* network order; bits past the length are zero */
	uint8_t length;     /* 0 to 32 */
};

struct stele_ipv6net {
	uint8_t address[16]; /* network order; bits past the length are zero */
	uint8_t length;      /* 0 to 128 */
};

/* ---- schemas ---- */

struct stele_column {
	const char *name; /* a letter or '_', then letters, digits, '_' or '-' */
	uint32_t type;    /* enum stele_type */
	bool key;         /* key columns come first */

	/* Size in bytes. Required for STELE_CHAR. 0 for STELE_TEXT and STELE_BYTES. For every
	 * other type 0, or the size of the type. */
	uint32_t size;

	/* Offset in the value's struct. 0 for a key column. */
	uint32_t offset;
};

struct stele_schema {
	const struct stele_column *columns;
	size_t column_count;

	/* sizeof the value's struct. If the last column is variable, the offset of that column,
	 * which is the size of a value whose variable part is empty. 0 for a table with keys
	 * only. */
	size_t value_size;
};

/* A key column. For STELE_CHAR, use STELE_KEY_CHAR, which takes the size. */
#define STELE_KEY(name_, type_) \
	{ \
		.name = (name_), .type = (type_), .key = true \
	}
#define STELE_KEY_CHAR(name_, size_) \
	{ \
		.name = (name_), .type = STELE_CHAR, .key = true, .size = (size_) \
	}
/* A value column: a member of a struct. The column has the name of the member. */
#define STELE_VALUE(struct_, member_, type_) \
	{ \
		.name = #member_, .type = (type_), .size = sizeof(((struct_ *)0)->member_), \
		.offset = offsetof(struct_, member_) \
	}
/* A variable value column: the flexible array member of a struct. */
#define STELE_VALUE_VARIABLE(struct_, member_, type_) \
	{ \
		.name = #member_, .type = (type_), .offset = offsetof(struct_, member_) \
	}
/* The schema of a table whose values are of type `struct_`, with the columns of the array
 * `columns_`. */
#define STELE_SCHEMA(struct_, columns_) \
	{ \
		.columns = (columns_), .column_count = sizeof(columns_) / sizeof((columns_)[0]), \
		.value_size = sizeof(struct_) \
	}
/* A schema whose last column is the flexible array member `member_`. */
#define STELE_SCHEMA_VARIABLE(struct_, member_, columns_) \
	{ \
		.columns = (columns_), .column_count = sizeof(columns_) / sizeof((columns_)[0]), \
		.value_size = offsetof(struct_, member_) \
	}

/* Checks that a schema is well formed:
 *
 * - at least one key column, and all key columns before the value columns
 * - column names allowed and distinct
 * - variable columns and prefixes only where they are allowed
 * - value columns inside the value, aligned to their types, without overlap
 * - the limits above
 *
 * Returns 0, or -EINVAL; the error message names the column. */
STELE_API int stele_schema_check(const struct stele_schema *schema);

/* Returns true if both schemas have the same value size and the same columns: names, types,
 * sizes, offsets, and which of them are keys. */
STELE_API bool stele_schema_equal(const struct stele_schema *a, const struct stele_schema *b);

/* Formats a schema as text, such as `prefix: ipv4net key, next_hop: ipv4, interface: char[16]`.
 * Writes at most `size` bytes to `buffer`, including the terminating NUL. Returns the length of
 * the complete text, as snprintf(3) does. The text contains no offsets. */
STELE_API size_t stele_schema_format(const struct stele_schema *schema, char *buffer, size_t size);

/* Parses the declaration of a table, such as `routes(prefix: ipv4net key, next_hop: ipv4)`.
 * Writes the name of the table to `ret_table` (STELE_NAME_MAX + 1 bytes) and the schema to
 * `*ret`. The value has the layout of a C struct with these members in this order. The caller
 * frees the schema with stele_schema_free(). Returns 0. Errors: -EINVAL (the error message has
 * the position, and what was expected), -ENOMEM. */
STELE_API int stele_schema_parse(const char *text, char *ret_table, struct stele_schema **ret);

/* Returns a copy of a schema, or NULL if there is no memory. The caller frees it with
 * stele_schema_free(). */
STELE_API struct stele_schema *stele_schema_copy(const struct stele_schema *schema);

/* Frees a schema that the library allocated. Accepts NULL. Returns NULL. */
STELE_API struct stele_schema *stele_schema_free(struct stele_schema *schema);

/* Returns the index of the column with this name, or -ENXIO (without an error message). */
STELE_API int stele_schema_column(const struct stele_schema *schema, const char *name);

/* ---- names ---- */

/* Checks the name of a region or a table: 1 to STELE_NAME_MAX characters of a-z A-Z 0-9 _ -, not
 * starting with a hyphen. Returns 0, or -EINVAL; the error message starts with `what`
 * ("region"). */
STELE_API int stele_name_check(const char *what, const char *name);

/* ---- keys ---- */

/* An encoded key. Start with an empty one: `struct stele_key key = {0};`. */
struct stele_key {
	unsigned bits;
	uint8_t bytes[STELE_KEY_MAX];
};

/* Encodes the value of a column, given in its C type, and appends it to a key. Append the columns
 * in the order of the schema. `size` is the number of bytes at `value` for STELE_TEXT and
 * STELE_BYTES, and is ignored for other types. Returns 0. Errors: -EINVAL (the value is not
 * allowed in a key: host bits set, NaN, prefix too long; or the key would be longer than
 * STELE_KEY_MAX). */
STELE_API int stele_key_append(struct stele_key *key, const struct stele_column *column,
                               const void *value, size_t size);

/* Finds and decodes one column of an encoded key. `column` is its index in the schema.
 *
 * Columns of a fixed size are decoded to their C type in `buffer`: 32 bytes are enough, except
 * for STELE_CHAR, which needs the size of the column. `*ret_value` then points to the buffer. For
 * STELE_TEXT and STELE_BYTES, `*ret_value` points into the key. `*ret_size` is set to the size.
 * Returns 0. Errors: -EBADMSG (the key does not fit the schema), -EINVAL (not a key column),
 * -EMSGSIZE (the buffer is too small). */
STELE_API int stele_key_column(const struct stele_schema *schema, size_t column, const void *key,
                               unsigned key_bits, void *buffer, size_t buffer_size,
                               const void **ret_value, size_t *ret_size);

/* Checks that a key may be put into a table of this schema:
 *
 * - its length fits
 * - bits past the end of a prefix are zero in its last byte
 * - bools are 0 or 1
 * - no NaN and no -0.0
 * - after a NUL in a char[N] comes nothing but NUL
 *
 * stele_key_append() makes only such keys. Returns 0, or -EINVAL; the error message names the
 * column. */
STELE_API int stele_key_check(const struct stele_schema *schema, const void *key,
                              unsigned key_bits);

/* ---- values ---- */

/* Finds one column in the value of a row. `column` is its index in the schema. Sets `*ret_value`
 * to point into the value, and `*ret_size` to the size; for STELE_CHAR that is the length of the
 * text, up to the first NUL. Returns 0. Errors: -EBADMSG (the value is shorter than the schema
 * says), -EINVAL (not a value column). */
STELE_API int stele_value_column(const struct stele_schema *schema, size_t column,
                                 const void *value, size_t value_size, const void **ret_value,
                                 size_t *ret_size);

/* Checks that a value may be put into a table of this schema:
 *
 * - its size is value_size, or from value_size to STELE_VALUE_MAX if the last column is variable
 * - bools are 0 or 1
 * - prefixes have no host bits
 *
 * Returns 0, or -EINVAL; the error message names the column. */
STELE_API int stele_value_check(const struct stele_schema *schema, const void *value,
                                size_t value_size);

/* ---- columns as text ---- */

/* Returns the name of a type as in a declaration ("ipv4net"; "char" for STELE_CHAR), or NULL if
 * there is no such type. The string is static. */
STELE_API const char *stele_type_name(enum stele_type type);

/* Formats the value of a column, given in its C type, as text:
 *
 *     integers               decimal
 *     f64                    the fewest digits that read back as the same number
 *     bool                   true, false
 *     addresses, prefixes    as inet_ntop(3)
 *     mac                    aa:bb:cc:dd:ee:ff
 *     uuid                   lower case
 *     time                   2026-01-31T12:00:00.000000001Z; without the fraction if it is zero
 *     char[N], text          unchanged
 *     bytes                  hexadecimal
 *
 * The text is not escaped. Returns the length of the complete text, as snprintf(3) does. */
STELE_API size_t stele_value_format(const struct stele_column *column, const void *value,
                                    size_t size, char *buffer, size_t buffer_size);

/* Parses text of `length` bytes into the C type of a column, the inverse of stele_value_format().
 * Writes to `buffer` and sets `*ret_size`. Also accepts 0x... for integers, a decimal number of
 * nanoseconds for a time, and a prefix without a length, which is one address. Returns 0. Errors:
 * -EINVAL (the error message says what was expected and what was found), -ERANGE (a number
 * outside its type, text longer than its char[N]), -EMSGSIZE (the buffer is too small). */
STELE_API int stele_value_parse(const struct stele_column *column, const char *text, size_t length,
                                void *buffer, size_t buffer_size, size_t *ret_size);

#ifdef __cplusplus
}
#endif

#endif
