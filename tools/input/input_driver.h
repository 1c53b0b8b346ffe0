/* SPDX-License-Identifier: MIT
 * What the formats of input.c share. Each format is a driver in a file of its own; only input.c
 * calls the drivers. */
#ifndef TOOLS_INPUT_INPUT_DRIVER_H
#define TOOLS_INPUT_INPUT_DRIVER_H

#include <stdbool.h>
#include "tools/base/status.h"
#include "tools/input/input.h"

struct input_driver {
	enum status (*open)(struct input *input);
	enum status (*next)(struct input *input, bool *ret_row);
	void (*close)(struct input *input);
};

extern const struct input_driver input_csv, input_ndjson;

#endif
