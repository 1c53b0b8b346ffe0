/* SPDX-License-Identifier: MIT
 * Values over time, the newest last, and their picture as a line of text. */
#ifndef TOOLS_TOP_TOP_SERIES_H
#define TOOLS_TOP_TOP_SERIES_H

#include <stdbool.h>

#define SERIES_MAX 240u /* values that are kept */

/* Start one with `struct series series = {0};`. */
struct series {
	float values[SERIES_MAX];
	unsigned next;  /* where the next value goes */
	unsigned count; /* of values there are */
};

void series_add(struct series *series, double value);
/* The `age`th value back from the newest (0); there must be as many. */
double series_back(const struct series *series, unsigned age);

/* Draws the newest `width` values, a character each, to the right. `full`, or, if that is 0,
 * the highest of them, has the whole height; zero has the lowest mark, and what is more than
 * zero a higher one. Without `blocks` in ASCII. Writes at most SERIES_TEXT bytes to `buffer`,
 * NUL included; `width` is cut to SERIES_MAX. */
#define SERIES_TEXT (SERIES_MAX * 3 + 1)
void series_draw(const struct series *series, unsigned width, double full, bool blocks,
                 char *buffer);

#endif
