/* SPDX-License-Identifier: MIT */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

/* The longest sentences are those that show two schemas. */
static _Thread_local char sentence[2048];

void error_sentence(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
}

const char *stele_last_error(void)
{
	return sentence;
}
