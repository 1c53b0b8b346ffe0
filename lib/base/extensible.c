/* SPDX-License-Identifier: MIT */
#include "lib/base/extensible.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/error.h"

/* Sizes outside these bounds are errors of the caller, such as a forgotten size, an uninitialised
 * one, or the size of a pointer. */
#define EXTENSIBLE_MIN (2 * sizeof(size_t))
#define EXTENSIBLE_MAX 4096u

/* Returns true if all bytes are zero. */
static bool extensible_is_zero(const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

int extensible_check_size(const char *tag, size_t size)
{
	if (size >= EXTENSIBLE_MIN && size <= EXTENSIBLE_MAX)
		return 0;
	return error_set(EINVAL, "a struct %s of %zu bytes; set .size to sizeof(struct %s)", tag,
	                 size, tag);
}

int extensible_read_bytes(const char *tag, const void *from, void *ret, size_t size)
{
	size_t given = size;
	int r;

	memset(ret, 0, size);
	if (from) {
		memcpy(&given, from, sizeof(given));
		r = extensible_check_size(tag, given);
		if (r < 0)
			return r;
		if (given > size &&
		    !extensible_is_zero((const unsigned char *)from + size, given - size))
			return error_set(
				E2BIG,
				"a struct %s of %zu bytes sets a member that this library does not "
				"know: after its first %zu bytes all must be zero; install the "
				"version of libstele that the program was built for, or leave the "
				"newer members zero",
				tag, given, size);
		memcpy(ret, from, given < size ? given : size);
	}
	memcpy(ret, &size, sizeof(size));
	return 0;
}

void extensible_write_bytes(const void *from, void *ret, size_t size)
{
	size_t given, known, start = sizeof(given);

	memcpy(&given, ret, sizeof(given));
	known = given < size ? given : size;
	memcpy((char *)ret + start, (const char *)from + start, known - start);
	memset((char *)ret + known, 0, given - known);
}
