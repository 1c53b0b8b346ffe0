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
 * size of the value minus that offset. In every row that the library returns, one NUL follows it,
 * which the size does not count: text without NULs can be used as a string. Likewise a NUL follows
 * a key whose last column is text or bytes. Rows that are read in place from regions of libraries
 * before 0.2 have these NULs only after an upgrade (stele_publisher_upgrade()).
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
 * stele_key_make() makes a key from its columns. A key of one column seldom needs this function: an
 * IPv4 prefix is its 4 bytes in network order, with the prefix length as key_bits.
 *
 * THREADS. The functions here have no state. Any thread may call them.
 *
 * CONTENTS. Limits and types, schemas, schemas that change, schemas as text, names, keys, values,
 * columns as text.
 */
#ifndef STELE_SCHEMA_H
#define STELE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stele/error.h>
#include <stele/flags.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- limits and types ---- */

#define STELE_NAME_MAX    63u        /* bytes in the name of a region, table or column */
#define STELE_COLUMNS_MAX 64u        /* columns of a table, key columns included */
#define STELE_KEY_MAX     512u       /* bytes in an encoded key */
#define STELE_VALUE_MAX   (1u << 20) /* bytes in a value */

#define STELE_WORDS_MAX       256u   /* words of an enumeration */
#define STELE_DESCRIPTION_MAX 1023u  /* bytes in the description of a column */
#define STELE_DEFAULT_MAX     512u   /* bytes in the default of a column */
#define STELE_ATTRIBUTES_MAX  49152u /* bytes in the attributes of all columns, as text */

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

/* A word of an enumeration: the name of a number. */
struct stele_word {
	const char *name; /* allowed characters are those of a column's name */
	int64_t value;
};

/* A column. The members after `offset` are attributes, and 0 or NULL if the column has none. Value
 * columns alone can be arrays, be deprecated, and have a default. */
struct stele_column {
	const char *name; /* a letter or '_', then letters, digits, '_' or '-' */
	uint32_t type;    /* enum stele_type */
	bool key;         /* key columns come first */

	/* Size in bytes, of an array that of all elements. Required for STELE_CHAR. 0 for
	 * STELE_TEXT and STELE_BYTES. For every other type 0, or the size of the type times the
	 * elements. */
	uint32_t size;

	/* Offset in the value's struct. 0 for a key column. */
	uint32_t offset;

	/* Elements of an array, of any type but STELE_CHAR, STELE_TEXT and STELE_BYTES. 0: the
	 * column is no array. */
	uint32_t count;

	uint32_t flags; /* STELE_COLUMN_DEPRECATED: <stele/flags.h> */
	const char
		*description; /* at most STELE_DESCRIPTION_MAX bytes, without control characters */
	const char *unit;     /* such as "ms"; limits as for a name, but any printable text */

	/* Names that the column had before it was renamed, with a space between them. */
	const char *former_names;

	/* An enumeration: the words of an integer column, with distinct names and values. The
	 * column, each element of an array, has one of these values. NULL: any number. */
	const struct stele_word *words;
	size_t word_count; /* at most STELE_WORDS_MAX */

	/* The value, of `size` bytes in its C type, that existing rows get when the column is
	 * added, and rows from text get that do not name the column. NULL: zero. A column of more
	 * than STELE_DEFAULT_MAX bytes, of type STELE_TEXT or of type STELE_BYTES has no other. */
	const void *default_value;

	uint64_t reserved_[4]; /* zero */
};

struct stele_schema {
	const struct stele_column *columns;
	size_t column_count;

	/* sizeof the value's struct. If the last column is variable, the offset of that column,
	 * which is the size of a value whose variable part is empty. 0 for a table with keys
	 * only. */
	size_t value_size;

	/* The library's mark of a schema that it allocated, and that nobody changes from then on:
	 * it is recognised without being compared. Zero in all others, also in a copy that a
	 * program makes of the struct in order to change it. */
	uint64_t mark_[2];

	uint64_t reserved_[2]; /* zero */
};

/* The initializers below are valid in C and C++. Members that an initializer does not name are
 * zero. */
#define STELE_COLUMN_(name_, type_, key_, size_, offset_, count_, words_, word_count_) \
	{ \
		(name_), (type_), (key_), (size_), (offset_), (count_), 0, NULL, NULL, NULL, \
			(words_), (word_count_), NULL, \
		{ \
			0 \
		} \
	}
#define STELE_SIZEOF_(struct_, member_) sizeof(((struct_ *)0)->member_)
#define STELE_COUNT_(array_)            (sizeof(array_) / sizeof((array_)[0]))

/* A key column. For STELE_CHAR, use STELE_KEY_CHAR, which takes the size. */
#define STELE_KEY(name_, type_)      STELE_COLUMN_(name_, type_, true, 0, 0, 0, NULL, 0)
#define STELE_KEY_CHAR(name_, size_) STELE_COLUMN_(name_, STELE_CHAR, true, size_, 0, 0, NULL, 0)
/* A key column that is an enumeration; `words_` is an array of struct stele_word. */
#define STELE_KEY_ENUM(name_, type_, words_) \
	STELE_COLUMN_(name_, type_, true, 0, 0, 0, words_, STELE_COUNT_(words_))
/* A value column: a member of a struct. The column has the name of the member. */
#define STELE_VALUE(struct_, member_, type_) \
	STELE_COLUMN_(#member_, type_, false, STELE_SIZEOF_(struct_, member_), \
	              offsetof(struct_, member_), 0, NULL, 0)
/* A value column that is an enumeration; `words_` is an array of struct stele_word. */
#define STELE_VALUE_ENUM(struct_, member_, type_, words_) \
	STELE_COLUMN_(#member_, type_, false, STELE_SIZEOF_(struct_, member_), \
	              offsetof(struct_, member_), 0, words_, STELE_COUNT_(words_))
/* A value column that is an array, such as a member `uint32_t load[3]` with type STELE_U32. An
 * element of type STELE_IPV6, STELE_MAC or STELE_UUID is itself an array of bytes. */
#define STELE_VALUE_ARRAY(struct_, member_, type_) \
	STELE_COLUMN_(#member_, type_, false, STELE_SIZEOF_(struct_, member_), \
	              offsetof(struct_, member_), STELE_COUNT_(((struct_ *)0)->member_), NULL, 0)
/* A variable value column: the flexible array member of a struct. */
#define STELE_VALUE_VARIABLE(struct_, member_, type_) \
	STELE_COLUMN_(#member_, type_, false, 0, offsetof(struct_, member_), 0, NULL, 0)
/* A value column with attributes, as designated initializers (C, and C++ from C++20 on):
 *
 *     STELE_VALUE_WITH(struct route, metric, STELE_U32, .description = "lower is better") */
#define STELE_VALUE_WITH(struct_, member_, type_, ...) \
	{ \
		.name = #member_, .type = (type_), .size = STELE_SIZEOF_(struct_, member_), \
		.offset = offsetof(struct_, member_), __VA_ARGS__ \
	}
/* The schema of a table whose values are of type `struct_`, with the columns of the array
 * `columns_`. */
#define STELE_SCHEMA(struct_, columns_) \
	{ \
		(columns_), STELE_COUNT_(columns_), sizeof(struct_), {0}, \
		{ \
			0 \
		} \
	}
/* A schema whose last column is the flexible array member `member_`. */
#define STELE_SCHEMA_VARIABLE(struct_, member_, columns_) \
	{ \
		(columns_), STELE_COUNT_(columns_), offsetof(struct_, member_), {0}, \
		{ \
			0 \
		} \
	}

/* Checks that a schema is well formed:
 *
 * - at least one key column, and all key columns before the value columns
 * - column names allowed and distinct
 * - variable columns and prefixes only where they are allowed
 * - value columns inside the value, aligned to their types, without overlap
 * - attributes only where they are allowed, former names different from all names, words of an
 *   enumeration in the range of its type, a default that may be put
 * - the limits above
 *
 * Returns 0, or -EINVAL; the error message names the column. */
STELE_API int stele_schema_check(const struct stele_schema *schema);

/* Returns true if both schemas have the same value size and the same columns with the same
 * attributes. */
STELE_API bool stele_schema_equal(const struct stele_schema *a, const struct stele_schema *b);

/* ---- schemas that change ----
 *
 * A program reads the rows of a schema `present` with the struct of a schema `expected`, in place,
 * if every byte of that struct still has its meaning:
 *
 * - The key columns are the same: types, sizes, order.
 * - The value columns of `expected` come first in `present`, with the same types, sizes and
 *   offsets. Columns that `present` has appended begin at or after the value size of `expected`, so
 *   not in the padding at its end. Nothing is appended to a variable column, and an appended
 *   variable column begins at least one byte after the value size of `expected`: otherwise each
 *   value of `expected` would be one of `present`, in which this column is empty.
 * - A column has the name that is expected, or had it before it was renamed. A program that knows
 *   the new name reads a table that still has the former one, too.
 * - Each word of an expected enumeration is there, with its number. Words may be added.
 * - Descriptions, units, defaults and deprecation may differ.
 *
 * docs/schemas.md explains the rule by examples. */
#define STELE_SCHEMA_SAME     0 /* the schemas are equal */
#define STELE_SCHEMA_IN_PLACE 1 /* they differ; rows of `present` can be read as `expected` */

/* Returns STELE_SCHEMA_SAME or STELE_SCHEMA_IN_PLACE. Otherwise -EMEDIUMTYPE: the error message
 * names the first difference that matters, and shows both schemas. Both must be well formed. */
STELE_API int stele_schema_compatible(const struct stele_schema *expected,
                                      const struct stele_schema *present);

/* Called by stele_schema_compare() for each difference. `compatible` says whether programs that
 * were built with the old schema read on in spite of it. `what` is text such as `column "zone" was
 * appended`, valid during the call. A result other than 0 ends the comparison. */
typedef int stele_schema_difference_fn(bool compatible, const char *what, void *context);

/* Reports all differences between two well-formed schemas of a table, the older and the newer, by
 * the rule above. Returns 0, or the result of `each` that ended the comparison. */
STELE_API int stele_schema_compare(const struct stele_schema *older,
                                   const struct stele_schema *newer,
                                   stele_schema_difference_fn *each, void *context);

/* ---- schemas as text ----
 *
 *     table     = NAME '(' column { ',' column } [ ',' '@' SIZE ] ')'
 *     column    = NAME ':' TYPE [ '[' N ']' ] [ "key" ] { attribute }
 *     attribute = '@' OFFSET | "was" TEXT | "enum" '(' WORD '=' NUMBER { ',' WORD '=' NUMBER } ')'
 *               | "default" TEXT | "unit" TEXT | "doc" TEXT | "deprecated"
 *
 * TEXT is quoted with " or ', and the quotation mark doubled inside. A \xHH in it, two digits in
 * lower case, is a byte. Control characters, bytes that are not UTF-8, and characters that change
 * the direction of writing are formatted so, and so is a backslash that would be taken for one.
 * TEXT may also be bare, and then ends at a space, comma, parenthesis, quotation mark or '#'. White
 * space, line breaks and comments, from '#' to the end of the line, may stand between all parts.
 *
 * Columns are laid out like the members of a C struct. '@' places one elsewhere, or, after the last
 * column, gives the size of the value: `v: u32 @8, @16`. "was" gives the former names, with a space
 * between them. `char[N]` is text of N bytes; with any other type, [N] makes an array. A default is
 * the text of a value, as for stele_value_parse(): `state: u8 enum(up=1, down=2) default up`. */

/* Formats the columns of a schema as text, such as
 * `prefix: ipv4net key, next_hop: ipv4, interface: char[16]`. In parentheses, after the name of the
 * table, stele_schema_parse() parses this to an equal schema. Writes at most `size` bytes to
 * `buffer`, including the terminating NUL. Returns the length of the complete text, as snprintf(3)
 * does. */
STELE_API size_t stele_schema_format(const struct stele_schema *schema, char *buffer, size_t size);

/* Parses the declaration of a table, such as `routes(prefix: ipv4net key, next_hop: ipv4)`.
 * Writes the name of the table to `ret_table` (STELE_NAME_MAX + 1 bytes) and the schema to
 * `*ret`. The caller frees the schema with stele_schema_free(). Returns 0. Errors: -EINVAL (the
 * error message has the position, and what was expected), -ENOMEM. */
STELE_API int stele_schema_parse(const char *text, char *ret_table, struct stele_schema **ret);

/* Parses the next declaration of a text that has any number of them, such as a file, and advances
 * `*text` past it. Returns 1; 0 if only white space and comments are left; or an error as
 * stele_schema_parse(), whose positions count from the declaration's first character, to which
 * `*text` then points. */
STELE_API int stele_schema_parse_next(const char **text, char *ret_table,
                                      struct stele_schema **ret);

/* Returns a copy of a schema, or NULL if there is no memory. The caller frees it with
 * stele_schema_free(). */
STELE_API struct stele_schema *stele_schema_copy(const struct stele_schema *schema);

/* Frees a schema that the library allocated. Accepts NULL. Returns NULL. */
STELE_API struct stele_schema *stele_schema_free(struct stele_schema *schema);

/* Returns the index of the column with this name, or else of the column that had this name before
 * it was renamed. Errors: -ENXIO (there is none). */
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

/* Makes the key of a row from its columns, given in their C types, so that the caller encodes
 * nothing:
 *
 *     stele_key_make(&key, &route_schema, &address, 24);           // prefix: ipv4net key
 *     stele_key_make(&key, &port_schema, switch_id, "eth0");       // id: u32 key, name: text key
 *
 * The arguments after the schema are those of the key columns in order. Pass, for a column of type
 *
 *     u8, u16, i8, i16, bool     the number
 *     u32, i32, u64, i64, f64    the number, of just this type: UINT64_C(7) for a u64
 *     time                       uint64_t
 *     ipv4, ipv6, mac, uuid      a pointer to the bytes
 *     ipv4net, ipv6net           a pointer to the bytes of the address, then the length (unsigned)
 *     char[N], text              the text, which ends with NUL
 *     bytes                      a pointer to the bytes, then their number (size_t)
 *
 * The compiler does not check these arguments. Returns 0. Errors: those of stele_key_append(), and
 * -ERANGE (a number outside its type, text longer than its char[N]); then `*ret` is unchanged. */
STELE_API int stele_key_make(struct stele_key *ret, const struct stele_schema *schema, ...);

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
 * - a column that is an enumeration has one of its values
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
 * - a column that is an enumeration has one of its values
 *
 * In an array each element is checked. Returns 0, or -EINVAL; the error message names the column.
 * */
STELE_API int stele_value_check(const struct stele_schema *schema, const void *value,
                                size_t value_size);

/* ---- columns as text ---- */

/* Returns the name of a type as in a declaration ("ipv4net"; "char" for STELE_CHAR), or NULL if
 * there is no such type. The string is static. */
STELE_API const char *stele_type_name(uint32_t type);

/* Formats the value of a column, given in its C type, as text:
 *
 *     integers               decimal
 *     f64                    the fewest digits that read back as the same number; inf, nan; a NaN
 *                            with other bits than the usual ones as nan(0x7ff8000000000001)
 *     bool                   true, false
 *     addresses, prefixes    as inet_ntop(3)
 *     mac                    aa:bb:cc:dd:ee:ff
 *     uuid                   lower case
 *     time                   2026-01-31T12:00:00.000000001Z; without the fraction if it is zero
 *     char[N], text          unchanged
 *     bytes                  hexadecimal
 *     enumeration            the word; a number that has none in decimal
 *     array                  the elements, with a space between two
 *
 * The text is not escaped. Returns the length of the complete text, as snprintf(3) does. */
STELE_API size_t stele_value_format(const struct stele_column *column, const void *value,
                                    size_t size, char *buffer, size_t buffer_size);

/* Parses text of `length` bytes into the C type of a column, the inverse of stele_value_format().
 * Writes to `buffer` and sets `*ret_size`. Also accepts:
 *
 *     integers               0x...; for a u32, AS64496, the number of an autonomous system
 *     prefixes               an address without a length, which is the prefix of this address;
 *                            "default": 0.0.0.0/0 or ::/0
 *     mac                    aa-bb-cc-dd-ee-ff, aabb.ccdd.eeff, aabbccddeeff
 *     time                   another zone: 2026-01-31T14:00:00+02:00; seconds since 1970 after '@':
 *                            @1769860800.5; "now"; a decimal number of nanoseconds since 1970, but
 *                            none of 1 to 10^16 - 1 (April 1970), which was meant as seconds or
 *                            milliseconds
 *     enumeration            the number of a word
 *
 * Returns 0. Errors: -EINVAL (the error message says what was expected and what was found),
 * -ERANGE (a number outside its type, text longer than its char[N]), -EMSGSIZE (the buffer is too
 * small). */
STELE_API int stele_value_parse(const struct stele_column *column, const char *text, size_t length,
                                void *buffer, size_t buffer_size, size_t *ret_size);

#ifdef __cplusplus
}
#endif

#endif
