/* SPDX-License-Identifier: MIT
 * Prints error messages, and maps errors of the library to exit statuses. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/escape.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/base/text.h"

static void fail_print(const char *kind, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

/* Messages that fail_release() will print, and whether fail_hold() was called. */
static struct text held;
static bool holding;

/* Prints a message that begins with `kind`. */
static void fail_print(const char *kind, const char *format, va_list arguments)
{
	char *message;
	int length;

	length = vasprintf(&message, format, arguments);
	if (length < 0)
		return;
	text_append_string(&held, "stele: ");
	text_append_string(&held, kind);
	escape_for_people(&held, message, (size_t)length);
	text_append(&held, "\n", 1);
	free(message);
	if (!holding)
		fail_release();
}

void fail_hold(void)
{
	holding = true;
}

void fail_release(void)
{
	holding = false;
	if (held.length == 0)
		return;
	fflush(stdout);
	fwrite(held.bytes, 1, held.length, stderr);
	text_free(&held);
	held = (struct text){0};
}

enum status fail(enum status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fail_print("", format, arguments);
	va_end(arguments);
	return status;
}

void note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fail_print("note: ", format, arguments);
	va_end(arguments);
}

enum status fail_usage(const char *command, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fail_print("", format, arguments);
	va_end(arguments);
	fprintf(stderr, "Try 'stele %s%s--help'.\n", command, *command ? " " : "");
	return STATUS_INPUT;
}

enum status fail_status(int error)
{
	switch (-error) {
	case EINVAL:
	case EMEDIUMTYPE:
	case ERANGE:
	case EEXIST:
	case ENOTDIR:
	case EMSGSIZE:
		return STATUS_INPUT;
	case ENOENT:
	case ENXIO:
	case ENODATA:
	case ESTALE:
	case EIDRM:
		return STATUS_NO_TABLE;
	case EBUSY:
	case ETIME:
	case EUCLEAN:
		return STATUS_BUSY;
	case EAGAIN:
		return STATUS_CONDITION;
	case EACCES:
	case EPERM:
		return STATUS_DENIED;
	case ENOSPC:
	case EOVERFLOW:
	case EFBIG:
	case EDQUOT:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return STATUS_NO_SPACE;
	case EBADMSG:
	case EPROTONOSUPPORT:
		return STATUS_DAMAGED;
	default:
		return STATUS_SYSTEM;
	}
}

enum status fail_library(int error)
{
	const char *message = stele_last_error();

	return fail(fail_status(error), "%s", *message ? message : strerror(-error));
}
