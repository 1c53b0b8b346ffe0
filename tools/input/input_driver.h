/* SPDX-License-Identifier: MIT
 * The interface between input.c and the drivers of the input formats. Each driver is a file of its
 * own; only input.c calls the drivers. */
#ifndef TOOLS_INPUT_INPUT_DRIVER_H
#define TOOLS_INPUT_INPUT_DRIVER_H

#include <stdbool.h>
#include "tools/base/status.h"
#include "tools/input/input.h"

struct input_driver {
	/* Allocates input->state, and reads the input up to the first row. */
	enum status (*open)(struct input *input);
	/* Reads a row as input_next() does. */
	enum status (*next)(struct input *input, bool *ret_row);
	/* Frees input->state. */
	void (*close)(struct input *input);
};

extern const struct input_driver input_csv, input_ndjson, input_json;

#endif
