/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include "tools/base/heap.h"
#include "tools/bench/bench_samples.h"

/* Minimum number of values above a percentile. With fewer, the percentile would be chance. */
enum { BEYOND = 10 };

void samples_add(struct samples *samples, double value)
{
	/* The array doubles: it is full when the count is a power of two. */
	if ((samples->count & (samples->count - 1)) == 0)
		samples->values =
			heap_realloc(samples->values,
		                     (samples->count ? samples->count : 1) * 2 * sizeof(double));
	samples->values[samples->count++] = value;
}

void samples_free(struct samples *samples)
{
	free(samples->values);
	*samples = (struct samples){0};
}

static int samples_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double samples_median(struct samples *samples, size_t first)
{
	size_t count = samples->count - first;

	if (count == 0)
		return NAN;
	qsort(samples->values + first, count, sizeof(double), samples_compare);
	return samples->values[first + count / 2];
}

double samples_percentile(struct samples *samples, double part)
{
	size_t index = (size_t)(part * (double)samples->count);

	if (samples->count < index + BEYOND)
		return NAN;
	qsort(samples->values, samples->count, sizeof(double), samples_compare);
	return samples->values[index];
}

double samples_max(const struct samples *samples)
{
	double max = samples->count ? samples->values[0] : NAN;

	for (size_t i = 1; i < samples->count; i++)
		if (samples->values[i] > max)
			max = samples->values[i];
	return max;
}
