/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/input/input.h"
#include "tools/input/input_fail.h"

enum status input_fail(struct input *input, const char *format, ...)
{
	va_list arguments;
	char *message;
	int length;

	va_start(arguments, format);
	length = vasprintf(&message, format, arguments);
	va_end(arguments);
	if (length < 0)
		return STATUS_NO_SPACE;
	fail(STATUS_INPUT, strcmp(input->unit, "line") == 0 ? "%s:%llu: %s" : "%s: object %llu: %s",
	     input->lines.name, (unsigned long long)input->line, message);
	free(message);
	input->wrong_row = true;
	return STATUS_INPUT;
}
