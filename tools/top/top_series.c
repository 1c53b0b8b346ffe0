/* SPDX-License-Identifier: MIT */
#include "tools/top/top_series.h"
#include <string.h>

#define LEVELS 7 /* number of marks for values above zero */

void series_add(struct series *series, double value)
{
	series->values[series->next] = (float)value;
	series->next = (series->next + 1) % SERIES_MAX;
	if (series->count < SERIES_MAX)
		series->count++;
}

double series_back(const struct series *series, unsigned age)
{
	return (double)series->values[(series->next + SERIES_MAX - 1 - age) % SERIES_MAX];
}

static unsigned series_level(double value, double highest)
{
	unsigned level;

	if (!(value > 0))
		return 0;
	level = 1 + (unsigned)(value / highest * LEVELS);
	return level > LEVELS ? LEVELS : level;
}

void series_draw(const struct series *series, unsigned width, double full, bool blocks,
                 char *buffer)
{
	static const char *const block[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const ascii[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
	unsigned count;
	double highest = full;

	if (width > SERIES_MAX)
		width = SERIES_MAX;
	count = series->count < width ? series->count : width;
	for (unsigned i = 0; i < count && full <= 0; i++)
		if (series_back(series, i) > highest)
			highest = series_back(series, i);
	memset(buffer, ' ', width - count);
	buffer += width - count;
	*buffer = '\0';
	for (unsigned i = count; i-- > 0;)
		buffer = stpcpy(
			buffer,
			(blocks ? block : ascii)[series_level(series_back(series, i), highest)]);
}
