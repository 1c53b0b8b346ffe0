/* SPDX-License-Identifier: MIT
 * The thread's last error: see <stele/error.h> for what the numbers mean. */
#ifndef LIB_BASE_ERROR_H
#define LIB_BASE_ERROR_H

#include <stele/error.h>

/* Sets the thread's sentence and returns -errnum, so that a failure is one statement:
 *
 *     return error_set(ENOENT, "there is no table \"%s\" in region \"%s\"", table, region);
 *
 * What a system call has failed with may be given as it is: of numbers that <stele/error.h> does not
 * have, the one that means the same there is returned.
 *
 * The sentence says what failed, on what, and what to do; it starts in lower case and has no full
 * stop. */
#define error_set(errnum, ...) \
	({ \
		int error_set_number = error_number(errnum); \
		error_message(__VA_ARGS__); \
		-error_set_number; \
	})
int error_number(int errnum);
void error_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
