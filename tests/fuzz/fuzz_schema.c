/* SPDX-License-Identifier: MIT
 *
 * Fuzzes schemas, keys and values as text, and the stored form of a schema; the first byte of an
 * input selects one. An input that is accepted must be the same after a round trip.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <stele/stele.h>
#include "lib/schema/key.h"
#include "lib/schema/schema_store.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
	static const char *const tokens[] = {
		"u8",
		"u16",
		"u32",
		"u64",
		"i8",
		"i64",
		"f64",
		"bool",
		"ipv4",
		"ipv6",
		"ipv4net",
		"ipv6net",
		"mac",
		"uuid",
		"time",
		"char[16]",
		"char[4294967295]",
		"text",
		"bytes",
		" key",
		" enum(up=1, down=2)",
		" default \"1\"",
		" unit 'ms'",
		" doc \"a \"\"b\"\"\"",
		" was old",
		" deprecated",
		" @8",
		"[4]",
		"# c\n",
		", @16)",
		", ",
		": ",
		"(",
		")",
		"t(a: u32 key)",
		"1.0e308",
		"-0.0",
		"0x",
		"18446744073709551616",
		"::ffff:10.0.0.0/128",
		"10.0.0.0/8",
		"2026-01-31T12:00:00.000000001Z",
		"1969-12-31T23:59:59Z",
		"inf",
		"nan",
		"true",
		"aa:bb:cc:dd:ee:ff",
		"00112233-4455-6677-8899-aabbccddeeff",
		NULL,
	};

	if (size == 0 || seed % 8 == 0)
		return LLVMFuzzerMutate(data, size, capacity);
	return 1 + fuzz_mutate_text(data + 1, size - 1, capacity - 1, seed / 8, tokens);
}

/* Returns a copy of an input as a string, in memory of exactly its size. */
static char *string_of(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

static void check_schema(const struct stele_schema *schema)
{
	unsigned min, max;
	struct stele_schema *copy;
	uint8_t *stored = malloc(SCHEMA_STORED_MAX);
	size_t size;

	FUZZ_CHECK(stele_schema_check(schema) == 0, "%s", stele_last_error());
	schema_key_bits(schema, &min, &max);
	FUZZ_CHECK(min <= max && max <= STELE_KEY_MAX * 8, "%u to %u bits", min, max);
	size = schema_store(schema, stored);
	FUZZ_CHECK(size <= SCHEMA_STORED_MAX, "%zu bytes", size);
	FUZZ_CHECK(schema_load(stored, size, &copy) == 0, "%s", stele_last_error());
	FUZZ_CHECK(stele_schema_equal(schema, copy), "the stored schema differs");
	stele_schema_free(copy);
	free(stored);
}

static void fuzz_declaration(const uint8_t *data, size_t size)
{
	char table[STELE_NAME_MAX + 1], again[STELE_NAME_MAX + 1], *text = string_of(data, size);
	struct stele_schema *schema, *second;
	char *columns;
	size_t length;

	if (fuzz_result(stele_schema_parse(text, table, &schema)) == 0) {
		check_schema(schema);
		length = stele_schema_format(schema, NULL, 0);
		columns = malloc(length + STELE_NAME_MAX + 3);
		sprintf(columns, "%s(", table);
		stele_schema_format(schema, columns + strlen(columns), length + 1);
		strcat(columns, ")");
		FUZZ_CHECK(stele_schema_parse(columns, again, &second) == 0, "%s: %s", columns,
		           stele_last_error());
		FUZZ_CHECK(stele_schema_equal(schema, second) && strcmp(table, again) == 0, "%s",
		           columns);
		stele_schema_free(second);
		free(columns);
		stele_schema_free(schema);
	}
	free(text);
}

static void fuzz_stored(const uint8_t *data, size_t size)
{
	/* A stored schema is aligned to words. */
	uint64_t *words = malloc(size + 8);
	struct stele_schema *schema;

	memcpy(words, data, size);
	if (fuzz_result(schema_load(words, size, &schema)) == 0) {
		check_schema(schema);
		stele_schema_free(schema);
	}
	free(words);
}

/* Checks that a value, in its representation in C, is the same after it was encoded as a key. */
static void check_value(const struct stele_column *column, const void *value, size_t size)
{
	struct stele_column columns[2] = {*column, {.name = "v", .type = STELE_U8}};
	struct stele_schema schema = {.columns = columns, .column_count = 2, .value_size = 1};
	struct stele_key key = {0};
	const void *decoded;
	uint8_t buffer[512];
	size_t decoded_size;

	columns[0].key = true;
	if (stele_schema_check(&schema) < 0 ||
	    fuzz_result(stele_key_append(&key, &columns[0], value, size)) < 0)
		return;
	FUZZ_CHECK(stele_key_check(&schema, key.bytes, key.bits) == 0, "%s", stele_last_error());
	FUZZ_CHECK(stele_key_column(&schema, 0, key.bytes, key.bits, buffer, sizeof(buffer),
	                            &decoded, &decoded_size) == 0,
	           "%s", stele_last_error());
	FUZZ_CHECK(column->type == STELE_F64 || column->type == STELE_CHAR ||
	                   (decoded_size == size && memcmp(decoded, value, size) == 0),
	           "a key of type %s decodes to another value", stele_type_name(column->type));
}

static void fuzz_value(const uint8_t *data, size_t size)
{
	static const struct stele_word words[] = {{"up", 1}, {"down", 2}, {"far", 127}};
	struct stele_column column = {.name = "c"};
	uint8_t *buffer = malloc(256), again[256];
	size_t got, got_again, length;
	char *text, formatted[1024];

	column.type = (enum stele_type)(1 + data[0] % STELE_BYTES);
	column.size = column.type == STELE_CHAR ? 1 + data[0] / STELE_BYTES : 0;
	if (data[0] >= 128 && column.type < STELE_CHAR)
		column.count = 1 + data[0] % 4;
	if (data[0] >= 192 && column.type <= STELE_I64) {
		column.words = words;
		column.word_count = sizeof(words) / sizeof(words[0]);
	}
	text = string_of(data + 1, size - 1);
	if (fuzz_result(stele_value_parse(&column, text, size - 1, buffer, 256, &got)) == 0) {
		length = stele_value_format(&column, buffer, got, formatted, sizeof(formatted));
		FUZZ_CHECK(length < sizeof(formatted), "%zu bytes", length);
		FUZZ_CHECK(stele_value_parse(&column, formatted, length, again, sizeof(again),
		                             &got_again) == 0,
		           "%s: %s", formatted, stele_last_error());
		FUZZ_CHECK(got == got_again && memcmp(buffer, again, got) == 0, "%s", formatted);
		check_value(&column, buffer, got);
	}
	free(buffer);
	free(text);
}

static void fuzz_name(const uint8_t *data, size_t size)
{
	char *text = string_of(data, size);

	if (fuzz_result(stele_name_check("region", text)) == 0)
		FUZZ_CHECK(strlen(text) <= STELE_NAME_MAX && !strchr(text, '/'), "%s", text);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	switch (data[0] % 4) {
	case 0:
		fuzz_declaration(data + 1, size - 1);
		break;
	case 1:
		fuzz_stored(data + 1, size - 1);
		break;
	case 2:
		fuzz_value(data + 1, size - 1);
		break;
	default:
		fuzz_name(data + 1, size - 1);
	}
	return 0;
}
