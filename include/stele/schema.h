/* SPDX-License-Identifier: MIT
 *
 * Schemas: the typed columns of a table. The first columns form the key, the rest the value.
 *
 * VALUES are laid out as a C struct of the user's own, which is stored and handed out as it is:
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
 * A variable column (STELE_TEXT, STELE_BYTES) may be the last of a value: its bytes follow the
 * fixed part, starting at the column's offset (a flexible array member in C), and its length is the
 * size of the value less that offset.
 *
 * A number is aligned to its size. In structs of i386 processes the compiler aligns those of 64
 * bits to 4 bytes, unless the member says otherwise: `_Alignas(8) uint64_t bytes`, which makes the
 * struct the same in 32 and 64 bits.
 *
 * KEYS are strings of bits, compared from the first bit on; a key that another one starts with
 * comes before it. Column types are encoded so that this order is the order of the values:
 *
 *     u8..u64, time   big-endian            i8..i64   big-endian, sign bit flipped
 *     f64             big-endian, all bits flipped when negative, else the sign bit (IEEE 754 total
 *                     order); NaN is refused and -0.0 is stored as 0.0
 *     bool, ipv4, ipv6, mac, uuid           their bytes
 *     char[N]         N bytes, padded with NUL
 *     ipv4net, ipv6net   the first LENGTH bits of the address: only as the last key column; such a
 *                     table is a prefix table, and can be searched for the longest match
 *     text, bytes     their bytes, only as the last key column
 *
 * stele_key_append() encodes a column; a service with a one-column key usually needs no call: an
 * IPv4 prefix is its 4 bytes in network order with key_bits = its length, a u32 is htonl(x) with
 * 32.
 *
 * All functions here are pure: any thread, no handles.
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

/* Limits. */
#define STELE_NAME_MAX    63u        /* bytes in the name of a region, table or column */
#define STELE_COLUMNS_MAX 64u        /* columns of a table, key columns included */
#define STELE_KEY_MAX     512u       /* bytes in an encoded key */
#define STELE_VALUE_MAX   (1u << 20) /* bytes in a value */

/* The column types, with the C representation that a value column has in its struct, and that
 * stele_key_append(), stele_value_format() and their inverses take and give. */
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
	STELE_CHAR, /* char[N]: text of at most N bytes, padded with NUL, not always terminated */
	STELE_TEXT, /* any number of bytes, meant as UTF-8; last column of the key or of the value */
	STELE_BYTES, /* any number of bytes; likewise */
};

struct stele_ipv4net {
	uint8_t address[4]; /* network order; bits past the length are zero */
	uint8_t length;     /* 0 to 32 */
};

struct stele_ipv6net {
	uint8_t address[16];
	uint8_t length; /* 0 to 128 */
};

struct stele_column {
	const char *name; /* a letter or '_', then letters, digits, '_' or '-' */
	enum stele_type type;
	bool key;        /* key columns come first */
	uint32_t size;   /* bytes: needed for STELE_CHAR; 0 for STELE_TEXT and STELE_BYTES; for
	                         every other type 0 or the type's own size */
	uint32_t offset; /* of a value column in its struct; of a key column 0 */
};

struct stele_schema {
	const struct stele_column *columns;
	size_t column_count;
	size_t value_size; /* sizeof the value's struct; where the last column is variable, the
	                      column's offset (the size of a value whose variable part is empty);
	                      0 for a table of keys alone */
};

/* A key column; for a key column of type STELE_CHAR give its size with STELE_KEY_CHAR. */
#define STELE_KEY(name_, type_) \
	{ \
		.name = (name_), .type = (type_), .key = true \
	}
#define STELE_KEY_CHAR(name_, size_) \
	{ \
		.name = (name_), .type = STELE_CHAR, .key = true, .size = (size_) \
	}
/* A value column: a member of a struct, under the member's own name. */
#define STELE_VALUE(struct_, member_, type_) \
	{ \
		.name = #member_, .type = (type_), .size = sizeof(((struct_ *)0)->member_), \
		.offset = offsetof(struct_, member_) \
	}
/* A variable value column: a flexible array member, the last of its struct. */
#define STELE_VALUE_VARIABLE(struct_, member_, type_) \
	{ \
		.name = #member_, .type = (type_), .offset = offsetof(struct_, member_) \
	}
/* The schema of a table whose values are `struct_` with the columns in the array `columns_`. */
#define STELE_SCHEMA(struct_, columns_) \
	{ \
		.columns = (columns_), .column_count = sizeof(columns_) / sizeof((columns_)[0]), \
		.value_size = sizeof(struct_) \
	}
/* The same where the last column is the flexible array member `member_`. */
#define STELE_SCHEMA_VARIABLE(struct_, member_, columns_) \
	{ \
		.columns = (columns_), .column_count = sizeof(columns_) / sizeof((columns_)[0]), \
		.value_size = offsetof(struct_, member_) \
	}

/* Says whether a schema is well formed: 0, or -EINVAL with a sentence that names the column. What
 * makes one: at least one key column, all key columns before the value's; names allowed and
 * distinct; variable columns and prefixes where they may be; value columns inside the value, at
 * multiples of their type's alignment, not overlapping; and the limits above. */
STELE_API int stele_schema_check(const struct stele_schema *schema);

/* True when both have the same columns: names, types, sizes, offsets, keys, and the same value
 * size. */
STELE_API bool stele_schema_equal(const struct stele_schema *a, const struct stele_schema *b);

/* Writes the schema as text, `prefix: ipv4net key, next_hop: ipv4, interface: char[16]`, into
 * `buffer` of `size` bytes, cut short and always terminated. Returns the length of the whole text,
 * as snprintf does. Text says no offsets. */
STELE_API size_t stele_schema_format(const struct stele_schema *schema, char *buffer, size_t size);

/* Reads a table's declaration, `routes(prefix: ipv4net key, next_hop: ipv4)`: the table's name is
 * written to `ret_table` (STELE_NAME_MAX + 1 bytes) and the schema, laid out as a C compiler lays
 * out a struct with these members in this order, to `*ret`, one allocation to be freed with
 * stele_schema_free(). Errors: -EINVAL (the sentence has the position and what was expected),
 * -ENOMEM. */
STELE_API int stele_schema_parse(const char *text, char *ret_table, struct stele_schema **ret);
STELE_API struct stele_schema *
stele_schema_copy(const struct stele_schema *schema); /* NULL: no memory */
STELE_API struct stele_schema *stele_schema_free(struct stele_schema *schema);

/* The index of a column by its name, or -ENOENT (no sentence). */
STELE_API int stele_schema_column(const struct stele_schema *schema, const char *name);

/* Whether a region or a table may have this name: 1 to STELE_NAME_MAX of a-z A-Z 0-9 _ -, the first
 * a letter, digit or '_'. 0, or -EINVAL with a sentence that starts with `what` ("region"). */
STELE_API int stele_name_check(const char *what, const char *name);

/* ---- keys ---- */

/* An encoded key. Start one with `struct stele_key key = {0};`. */
struct stele_key {
	unsigned bits;
	uint8_t bytes[STELE_KEY_MAX];
};

/* Appends a column's value, in its C representation, to a key. `size` is the number of bytes at
 * `value` for STELE_TEXT and STELE_BYTES and is not looked at otherwise. Columns must be appended
 * in the schema's order. Errors: -EINVAL: the value is not allowed in a key (host bits set, NaN,
 * prefix too long), or the key would be longer than STELE_KEY_MAX. */
STELE_API int stele_key_append(struct stele_key *key, const struct stele_column *column,
                               const void *value, size_t size);

/* Finds column `column` of an encoded key. Fixed types are decoded into `buffer` (32 bytes are
 * enough but for STELE_CHAR, which needs its column's size) in their C representation, and
 * `*ret_size` is their size; for STELE_TEXT and STELE_BYTES `*ret_value` points into the key
 * itself. Errors: -EBADMSG: the key does not fit the schema. */
STELE_API int stele_key_column(const struct stele_schema *schema, size_t column, const void *key,
                               unsigned key_bits, void *buffer, size_t buffer_size,
                               const void **ret_value, size_t *ret_size);

/* Says whether a key may be put into a table of this schema: its length; bits past the end of a
 * prefix zero in its last byte; bools 0 or 1; no NaN and no -0.0; nothing but NUL after the NUL in a
 * char[N]. stele_key_append() makes no others. 0, or -EINVAL with a sentence that names the
 * column. */
STELE_API int stele_key_check(const struct stele_schema *schema, const void *key,
                              unsigned key_bits);

/* Finds a value column in a row's value: sets `*ret_value` and `*ret_size`; for STELE_CHAR the size
 * is the length of the text, up to the first NUL. Errors: -EBADMSG: the value is shorter than its
 * schema says. */
STELE_API int stele_value_column(const struct stele_schema *schema, size_t column,
                                 const void *value, size_t value_size, const void **ret_value,
                                 size_t *ret_size);

/* Says whether a value may be put into a table of this schema: its size (exactly value_size, or
 * from value_size to STELE_VALUE_MAX where the last column is variable), bools 0 or 1, prefixes
 * without host bits. 0 or -EINVAL with a sentence that names the column. */
STELE_API int stele_value_check(const struct stele_schema *schema, const void *value,
                                size_t value_size);

/* ---- columns as text ---- */

/* The name of a type as schemas spell it ("ipv4net"; "char" for STELE_CHAR), or NULL. */
STELE_API const char *stele_type_name(enum stele_type type);

/* Writes a column's value, in its C representation, as text: decimal integers; f64 with the fewest
 * digits that read back the same; true/false; addresses and prefixes as inet_ntop(3) does; MACs as
 * aa:bb:cc:dd:ee:ff; UUIDs in lower case; times as 2026-01-31T12:00:00.000000001Z (no fraction when
 * it is zero); char[N] and text as they are; bytes in hexadecimal. The text is not escaped. Returns
 * as snprintf does. */
STELE_API size_t stele_value_format(const struct stele_column *column, const void *value,
                                    size_t size, char *buffer, size_t buffer_size);

/* The inverse: reads text of `length` bytes into `buffer`, in C representation, and sets
 * `*ret_size`. Integers also as 0x..., times also as a decimal number of nanoseconds, a
 * prefix without a length as one address. Errors:
 * -EINVAL with a sentence that says what was expected and what stands there; -ERANGE: a number
 * outside its type, text longer than its char[N]; -EMSGSIZE: the buffer is too small. */
STELE_API int stele_value_parse(const struct stele_column *column, const char *text, size_t length,
                                void *buffer, size_t buffer_size, size_t *ret_size);

#ifdef __cplusplus
}
#endif

#endif
