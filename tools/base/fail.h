/* SPDX-License-Identifier: MIT
 * Reports failures: an error message on standard error, and an exit status. All parts of the
 * command report failures through these functions. */
#ifndef TOOLS_BASE_FAIL_H
#define TOOLS_BASE_FAIL_H

#include "tools/base/status.h"

/* Prints `stele: MESSAGE`, escaped for a terminal, and returns `status`. */
enum status fail(enum status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints `stele: note: MESSAGE`: what the user should know of a command that goes on. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* fail_hold() holds all further messages back until fail_release(), which prints them. Used while a
 * region is locked, because a slow reader of standard error would delay other publishers. */
void fail_hold(void);
void fail_release(void);

/* Prints a message like fail(), and a second line that points to `stele COMMAND --help`, or to
 * `stele --help` if `command` is "". Returns STATUS_INPUT. */
enum status fail_usage(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints the library's error message about `error`, a negative errno, and returns
 * fail_status(error). */
enum status fail_library(int error);
/* Returns the exit status for a negative errno of the library. */
enum status fail_status(int error);

#endif
