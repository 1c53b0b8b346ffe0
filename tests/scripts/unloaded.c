/* SPDX-License-Identifier: MIT
 *
 * A shared library with a schema, which tests/ipc/by_name.c loads and unloads. The Makefile builds
 * it twice, with different types of the column "number". */
#include <stele/schema.h>

#ifndef NUMBER_TYPE
#define NUMBER_TYPE STELE_U32
#endif

struct unloaded {
	uint32_t number;
};

static const struct stele_column columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_VALUE(struct unloaded, number, NUMBER_TYPE),
};
extern __attribute__((visibility("default"))) const struct stele_schema unloaded_schema;
const struct stele_schema unloaded_schema = STELE_SCHEMA(struct unloaded, columns);
