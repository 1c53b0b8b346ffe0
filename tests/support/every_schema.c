/* SPDX-License-Identifier: MIT */
#include "tests/support/every_schema.h"

const struct stele_column every_columns[EVERY_COLUMNS] = {
	STELE_KEY("id", STELE_U32),
	STELE_KEY_CHAR("zone", 7),
	STELE_KEY("prefix", STELE_IPV6NET),
	STELE_VALUE(struct every, u8, STELE_U8),
	STELE_VALUE(struct every, u16, STELE_U16),
	STELE_VALUE(struct every, u32, STELE_U32),
	STELE_VALUE(struct every, u64, STELE_U64),
	STELE_VALUE(struct every, i8, STELE_I8),
	STELE_VALUE(struct every, i16, STELE_I16),
	STELE_VALUE(struct every, i32, STELE_I32),
	STELE_VALUE(struct every, i64, STELE_I64),
	STELE_VALUE(struct every, f64, STELE_F64),
	STELE_VALUE(struct every, flag, STELE_BOOL),
	STELE_VALUE(struct every, ipv4, STELE_IPV4),
	STELE_VALUE(struct every, ipv6, STELE_IPV6),
	STELE_VALUE(struct every, ipv4net, STELE_IPV4NET),
	STELE_VALUE(struct every, ipv6net, STELE_IPV6NET),
	STELE_VALUE(struct every, mac, STELE_MAC),
	STELE_VALUE(struct every, uuid, STELE_UUID),
	STELE_VALUE(struct every, time, STELE_TIME),
	STELE_VALUE(struct every, name, STELE_CHAR),
	STELE_VALUE_VARIABLE(struct every, text, STELE_TEXT),
};
const struct stele_schema every_schema = STELE_SCHEMA_VARIABLE(struct every, text, every_columns);
