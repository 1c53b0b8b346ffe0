/* SPDX-License-Identifier: MIT
 *
 * Values as schemas describe them: which values are valid, where their columns are, and their
 * normal form. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/schema/schema_value.h"
#include "tests/support/message.h"
#include "tests/support/every_schema.h"

struct small {
	uint8_t flag;
	struct stele_ipv4net net;
	uint32_t number;
	struct stele_ipv6net net6;
	char name[6];
};

static const struct stele_column small_columns[] = {
	STELE_KEY("k", STELE_U8),
	STELE_VALUE(struct small, flag, STELE_BOOL),
	STELE_VALUE(struct small, net, STELE_IPV4NET),
	STELE_VALUE(struct small, number, STELE_U32),
	STELE_VALUE(struct small, net6, STELE_IPV6NET),
	STELE_VALUE(struct small, name, STELE_CHAR),
};
static const struct stele_schema small_schema = STELE_SCHEMA(struct small, small_columns);

static void expect_value(const struct small *value, const char *message)
{
	int r = stele_value_check(&small_schema, value, sizeof(*value));

	if (!message) {
		cr_expect(r == 0, "%s", stele_last_error());
		return;
	}
	cr_expect(r == -EINVAL, "passed; expected: %s", message);
	EXPECT_MESSAGE(message);
}

Test(unit_schema_value, invalid_values_are_refused)
{
	struct small value = {.flag = 1, .net = {{10, 0, 0, 0}, 8}};

	expect_value(&value, NULL);
	cr_expect(stele_value_check(&small_schema, &value, sizeof(value) - 1) == -EINVAL);
	cr_expect(stele_value_check(&small_schema, &value, sizeof(value) + 1) == -EINVAL);
	value.flag = 2;
	expect_value(&value, "column \"flag\": invalid bool 2 (expected 0 or 1)");
	value.flag = 0;
	value.net.address[3] = 1;
	expect_value(&value, "10.0.0.1/8 has bits set past its length; did you mean 10.0.0.0/8?");
	value.net.length = 32;
	expect_value(&value, NULL);
	value.net.length = 33;
	expect_value(&value, "10.0.0.1/33 has a length over 32");
	value.net.length = 64;
	expect_value(&value, "10.0.0.1/64 has a length over 32");
	value.net = (struct stele_ipv4net){{255, 128, 0, 0}, 9};
	expect_value(&value, NULL);
	value.net.length = 8;
	expect_value(&value, "did you mean 255.0.0.0/8?");
	value.net = (struct stele_ipv4net){.length = 0};
	expect_value(&value, NULL);
	value.net6.length = 128;
	value.net6.address[15] = 1;
	expect_value(&value, NULL);
	value.net6.length = 127;
	expect_value(&value,
	             "column \"net6\": ::1/127 has bits set past its length; did you mean ::/127?");
	value.net6.length = 129;
	expect_value(&value, "::1/129 has a length over 128");
	value.net6.length = 255;
	expect_value(&value, "::1/255 has a length over 128");
}

Test(unit_schema_value, variable_sizes)
{
	static uint8_t value[STELE_VALUE_MAX + 1];

	cr_expect(schema_value_variable(&every_schema));
	cr_expect_not(schema_value_variable(&small_schema));
	cr_expect(stele_value_check(&every_schema, value, every_schema.value_size - 1) == -EINVAL);
	cr_expect(stele_value_check(&every_schema, value, every_schema.value_size) == 0);
	cr_expect(stele_value_check(&every_schema, value, STELE_VALUE_MAX) == 0);
	cr_expect(stele_value_check(&every_schema, value, STELE_VALUE_MAX + 1) == -EINVAL);
}

Test(unit_schema_value, columns_of_a_value_are_found)
{
	union {
		struct every every;
		char room[sizeof(struct every) + 16];
	} value = {0};
	const void *at = NULL;
	size_t size = 99, whole = offsetof(struct every, text) + 5;

	memcpy(value.every.name, "thirteen byte", 13);
	memcpy(value.room + offsetof(struct every, text), "hello", 5);
	cr_expect(stele_value_column(&every_schema, 20, &value, whole, &at, &size) == 0);
	cr_expect(at == value.every.name && size == 13, "not terminated: %zu", size);
	value.every.name[4] = '\0';
	cr_expect(stele_value_column(&every_schema, 20, &value, whole, &at, &size) == 0 &&
	          size == 4);
	cr_expect(stele_value_column(&every_schema, 21, &value, whole, &at, &size) == 0);
	cr_expect(size == 5 && memcmp(at, "hello", 5) == 0);
	cr_expect(stele_value_column(&every_schema, 6, &value, whole, &at, &size) == 0);
	cr_expect(at == &value.every.u64 && size == 8);
	at = NULL;
	cr_expect(stele_value_column(&every_schema, 6, &value, 15, &at, &size) == -EBADMSG);
	cr_expect(stele_value_column(&every_schema, 21, &value, whole - 6, &at, &size) == -EBADMSG);
	cr_expect(stele_value_column(&every_schema, 0, &value, whole, &at, &size) == -EINVAL);
	cr_expect(stele_value_column(&every_schema, 22, &value, whole, &at, &size) == -EINVAL);
	cr_expect(at == NULL && size == 8, "written on failure");
}

#define KEY_COLUMN \
	{ \
		.name = "k", .type = STELE_U8, .key = true \
	}

Test(unit_schema_value, values_are_brought_into_normal_form)
{
	static const struct stele_column plain_columns[] = {
		KEY_COLUMN,
		{.name = "b", .type = STELE_U32, .offset = 4},
		{.name = "a", .type = STELE_U32}};
	static const struct stele_schema plain = {
		.columns = plain_columns, .column_count = 3, .value_size = 8};
	static const struct stele_schema slack = {
		.columns = plain_columns, .column_count = 3, .value_size = 12};
	static const struct stele_schema keys = {
		.columns = plain_columns, .column_count = 1, .value_size = 0};
	static const struct stele_column text_columns[] = {
		KEY_COLUMN, {.name = "c", .type = STELE_CHAR, .size = 8}};
	static const struct stele_schema text = {
		.columns = text_columns, .column_count = 2, .value_size = 8};
	struct small dirty, clean, expected;
	size_t whole = every_schema.value_size + 3;
	char before[sizeof(struct every) + 8], after[sizeof(struct every) + 8];

	cr_expect(schema_value_plain(&plain) && schema_value_plain(&keys));
	cr_expect_not(schema_value_plain(&slack));
	cr_expect_not(schema_value_plain(&small_schema));
	cr_expect_not(schema_value_plain(&text));

	memset(&dirty, 0xff, sizeof(dirty));
	memset(&expected, 0, sizeof(expected));
	memcpy(dirty.name, "ab\0cd", 6);
	memcpy(expected.name, "ab", 2);
	expected.flag = dirty.flag;
	expected.net = dirty.net;
	expected.number = dirty.number;
	expected.net6 = dirty.net6;
	schema_value_normalize(&small_schema, &dirty, sizeof(dirty), &clean);
	cr_expect(memcmp(&clean, &expected, sizeof(clean)) == 0);

	memset(before, 0xff, sizeof(before));
	memset(after, 0x11, sizeof(after));
	schema_value_normalize(&every_schema, before, whole, after);
	cr_expect(after[1] == 0, "padding");
	cr_expect(memcmp(after + every_schema.value_size, "\xff\xff\xff\x11", 4) == 0);
	cr_expect(memcmp(after + offsetof(struct every, name), before, 13) == 0);
}
