/* SPDX-License-Identifier: MIT
 *
 * Errors: every error number that a function can return is listed in <stele/error.h>. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"

#ifdef NDEBUG
#error "tests need their assertions"
#endif

static char *read_header(void)
{
	FILE *file = fopen("include/stele/error.h", "r");
	char *text = calloc(1, 65536);

	if (!file)
		cr_skip_test("the sources are not here");
	cr_assert(text && fread(text, 1, 65535, file) > 0);
	fclose(file);
	return text;
}

/* Returns whether the header has "-NAME" as a complete word. */
static bool is_listed(const char *header, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = header; (at = strstr(at, name)) != NULL; at++)
		if (at[-1] == '-' && (at[length] == ' ' || at[length] == ','))
			return true;
	return false;
}

Test(unit_error, numbers_are_listed_in_the_header)
{
	char *header = read_header();

	for (int errnum = 1; errnum < 134; errnum++) {
		int number = error_set(errnum, "number %d", errnum);
		const char *name = strerrorname_np(-number);
		cr_assert(number < 0 && name);
		/* ENOTSUP and EOPNOTSUPP are the same number. */
		if (number == -ENOTSUP)
			name = "ENOTSUP";
		cr_expect(is_listed(header, name), "%s, for %d", name, errnum);
	}
	cr_expect_str_eq(stele_last_error(), "number 133");
	free(header);
}

Test(unit_error, listed_numbers_are_returned_unchanged)
{
	static const int listed[] = {EINVAL,  EMEDIUMTYPE,     ERANGE, ENOENT,    ENOTDIR, EEXIST,
	                             EBUSY,   EAGAIN,          EACCES, EPERM,     ENOSPC,  ENOMEM,
	                             EMFILE,  ENFILE,          ESTALE, EBADMSG,   EIO,     EMSGSIZE,
	                             ENOTSUP, EPROTONOSUPPORT, ECHILD, EOVERFLOW, EFBIG,   EDQUOT,
	                             ENXIO,   ENODATA,         ETIME,  EIDRM,     EUCLEAN};

	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++)
		cr_expect_eq(error_set(listed[i], "no"), -listed[i]);
	cr_expect_eq(error_set(EPIPE, "no"), -EIO);
}

Test(unit_error, unknown_flags_are_refused)
{
	cr_expect_eq(error_check_flags("a test", 0, 0x5), 0);
	cr_expect_eq(error_check_flags("a test", 0x4, 0x5), 0);
	cr_expect_eq(error_check_flags("a test", 0x1e, 0x5), -EINVAL);
	cr_expect_str_eq(stele_last_error(), "unknown flags 0x1a for a test");
}
