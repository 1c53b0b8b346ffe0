/* SPDX-License-Identifier: MIT */
#include "lib/reading/extension.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/atomic.h"
#include "lib/types/refuse.h"
#include "lib/types/type.h"

int extension_init(struct extension *extension, const struct stele_schema *narrow,
                   const struct stele_schema *wide)
{
	*extension = (struct extension){
		.narrow_size = narrow->value_size,
		.wide_size = wide->value_size,
		.appends = wide->column_count > narrow->column_count ||
	                   wide->value_size > narrow->value_size,
	};
	if (wide->value_size == narrow->value_size)
		return 0;
	extension->rest = calloc(1, wide->value_size - narrow->value_size);
	if (!extension->rest)
		return refuse_schema_memory(NULL);
	for (size_t i = narrow->column_count; i < wide->column_count; i++) {
		const struct stele_column *column = &wide->columns[i];

		if (column->default_value)
			memcpy(extension->rest + column->offset - narrow->value_size,
			       column->default_value, type_column_size(column));
	}
	return 0;
}

int extension_between(const struct stele_schema *a, const struct stele_schema *b,
                      struct extension *ret)
{
	int r;

	if (stele_schema_compatible(a, b) >= 0)
		return extension_init(ret, a, b);
	r = stele_schema_compatible(b, a);
	if (r >= 0)
		r = extension_init(ret, b, a);
	ret->narrow = 1;
	return r;
}

void extension_fini(struct extension *extension)
{
	free(extension->rest);
	extension->rest = NULL;
}

void extension_extend(const struct extension *extension, const unsigned char *narrow,
                      unsigned char *ret)
{
	size_t size = extension->narrow_size;

	if (size > 0)
		data_copy_out(ret, narrow, size);
	if (extension->wide_size > size)
		memcpy(ret + size, extension->rest, extension->wide_size - size);
}

bool extension_equal(const struct extension *extension, const unsigned char *narrow,
                     const unsigned char *wide, size_t wide_size)
{
	size_t size = extension->narrow_size, i = 0;

	if (wide_size != extension->wide_size)
		return false;
	for (; i + 8 <= size; i += 8)
		if (data_load_bytes(narrow + i) != data_load_bytes(wide + i))
			return false;
	for (; i < size; i++)
		if (data_load_byte(narrow + i) != data_load_byte(wide + i))
			return false;
	return data_equal(wide + size, extension->rest, extension->wide_size - size);
}
