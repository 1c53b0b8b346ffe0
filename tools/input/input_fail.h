/* SPDX-License-Identifier: MIT
 * Reports an error in an input file, with the line. The formats and the readers of rows call it. */
#ifndef TOOLS_INPUT_INPUT_FAIL_H
#define TOOLS_INPUT_INPUT_FAIL_H

#include "tools/base/status.h"

struct input;

/* Prints `FILE:LINE: SENTENCE` for the current row. */
enum status input_fail(const struct input *input, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
