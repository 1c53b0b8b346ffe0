/* SPDX-License-Identifier: MIT */
#include "tests/support/ipc/ipc_check.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

bool ipc_spawned;

void __attribute__((format(printf, 3, 4)))
ipc_fail(int line, const char *condition, const char *format, ...)
{
	char text[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (ipc_spawned) {
		fprintf(stderr, "process %d, line %d: %s: %s\n", (int)getpid(), line, condition,
		        text);
		_exit(1);
	}
	cr_assert(false, "line %d: %s: %s", line, condition, text);
}
