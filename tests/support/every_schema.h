/* SPDX-License-Identifier: MIT
 *
 * A schema with a column of every type, for tests of schemas and values. */
#ifndef TESTS_SUPPORT_EVERY_SCHEMA_H
#define TESTS_SUPPORT_EVERY_SCHEMA_H

#include <stdint.h>

#include <stele/schema.h>

/* A value with a member of every type. */
struct every {
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	int8_t i8;
	int16_t i16;
	int32_t i32;
	int64_t i64;
	double f64;
	bool flag;
	uint32_t ipv4;
	uint8_t ipv6[16];
	struct stele_ipv4net ipv4net;
	struct stele_ipv6net ipv6net;
	uint8_t mac[6];
	uint8_t uuid[16];
	uint64_t time;
	char name[13];
	char text[];
};

#define EVERY_COLUMNS 22
extern const struct stele_column every_columns[EVERY_COLUMNS];
extern const struct stele_schema every_schema;

#endif
