/* SPDX-License-Identifier: MIT
 *
 * The calling thread's last error message. <stele/error.h> describes the error numbers. Any part of
 * the library may call these functions.
 *
 * A function that fails returns a negative errno. Whether a function that a header declares also
 * sets the error message then depends on where the function is:
 *
 *   lib/base/                              never
 *     extensible.c                         always
 *   lib/types/                             always
 *     text_address.c, text_number.c,
 *     text_time.c                          never
 *   lib/schema/                            always
 *   lib/text/                              always
 *     csv_read.c                           never
 *   lib/storage/                           always
 *     guard.c, mapping.c                   never
 *   lib/trie/                              never
 *   lib/region/                            always
 *     copy.c                               never
 *   lib/reading/                           always
 *   notifier/                              never
 *     the member `open` of struct notifier always
 *   publisher/, publisher/attach/,
 *   publisher/state/, publisher/tables/    always
 *   publisher/memory/                      never
 *     durable.c, recover.c                 always
 *   publisher/notices/                     never
 *     notify.c                             always
 *   publisher/trie/                        never
 *   subscriber/, subscriber/follow/,
 *   subscriber/inspect/                    always
 *   subscriber/index/                      always
 *     hash_table.c, lpm_sweep.c,
 *     lpm_ipv4.c, lpm_ipv6.c,
 *     lpm_ranges.c                       never
 *
 * "Never" is for functions whose caller ignores a failure, or knows better what failed and sets the
 * message.
 *
 * Exceptions: A function that exists to set a message, such as fork_check() and mapping_error(),
 * sets it everywhere. A function that sets none in spite of "always" has a comment that says "Sets
 * no message", for all errors or for those that its callers handle.
 */
#ifndef LIB_BASE_ERROR_H
#define LIB_BASE_ERROR_H

#include <stddef.h>
#include <stele/error.h>

/* Sets the thread's error message and returns the negative error number, so that a failure is one
 * statement:
 *
 *     return error_set(ENXIO, "there is no table \"%s\" in region \"%s\"", table, region);
 *
 * `errnum` may be the errno of any system call: error_number() translates it. The message says what
 * failed, on which object, why, and what to do. It starts in lower case and has no full stop. */
#define error_set(errnum, ...) \
	({ \
		int error_set_number = error_number(errnum); \
		error_message(__VA_ARGS__); \
		-error_set_number; \
	})

/* Returns the number in <stele/error.h> that has the meaning of `errnum`; EIO if there is none. */
int error_number(int errnum);

/* Sets the thread's error message. */
void error_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Checks the flags that a caller gave. Returns 0, or -EINVAL with an error message if flags other
 * than `known` are set. `what` says what the flags are for, such as "a publisher". */
int error_check_flags(const char *what, unsigned flags, unsigned known);

#endif
