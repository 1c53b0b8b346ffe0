/* SPDX-License-Identifier: MIT
 * The one way to report a failure: an error message on standard error, and an exit status. Any part
 * of the command may call it. */
#ifndef TOOLS_BASE_FAIL_H
#define TOOLS_BASE_FAIL_H

#include "tools/base/status.h"

/* Prints `stele: MESSAGE` with everything in it that could steer a terminal escaped, and returns
 * `status`. */
enum status fail(enum status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From fail_hold() to fail_release() messages are kept, and printed at the release. So nothing is
 * printed while a region is locked: the reader of standard error may be slow. */
void fail_hold(void);
void fail_release(void);

/* Prints a message as fail() does, with a second line that says where the subcommand's help is;
 * returns STATUS_INPUT. */
enum status fail_usage(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints the library's message about `error`, a negative errno, and returns the status it maps to. */
enum status fail_library(int error);
enum status fail_status(int error);

#endif
