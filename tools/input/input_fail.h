/* SPDX-License-Identifier: MIT
 * Reports an error in an input file, with the number of the line. The drivers of the input formats
 * and batch.c call this. */
#ifndef TOOLS_INPUT_INPUT_FAIL_H
#define TOOLS_INPUT_INPUT_FAIL_H

#include "tools/base/status.h"

struct input;

/* Prints the error message `FILE:LINE: MESSAGE` for the current row, or `FILE: object N: MESSAGE`
 * in JSON, and returns STATUS_INPUT. The
 * caller may go on with the next row, to report all wrong ones. */
enum status input_fail(struct input *input, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
