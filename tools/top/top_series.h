/* SPDX-License-Identifier: MIT
 * A series of values over time, and its picture as a line of text. Samples add values, and pages
 * draw the picture. */
#ifndef TOOLS_TOP_TOP_SERIES_H
#define TOOLS_TOP_TOP_SERIES_H

#include <stdbool.h>

#define SERIES_MAX 240u /* capacity, in values; the oldest ones are dropped */

/* A ring buffer of values. Initialize it with zeros. */
struct series {
	float values[SERIES_MAX];
	unsigned next;  /* index of the next value */
	unsigned count; /* number of values */
};

void series_add(struct series *series, double value);
/* Returns the value `age` places before the newest one. The series must have more than `age`
 * values. */
double series_back(const struct series *series, unsigned age);

/* Draws the newest `width` values (at most SERIES_MAX), one character each, aligned to the right.
 * `full` is the value with the full height; 0: the largest of those drawn. Zero has the lowest
 * mark, and all larger values have a higher one. Uses only ASCII if `blocks` is false. Writes at
 * most SERIES_TEXT bytes to `buffer`, including the NUL. */
#define SERIES_TEXT (SERIES_MAX * 3 + 1)
void series_draw(const struct series *series, unsigned width, double full, bool blocks,
                 char *buffer);

#endif
