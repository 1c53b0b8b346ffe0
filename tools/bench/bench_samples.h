/* SPDX-License-Identifier: MIT
 * Measured values and their percentiles. Used by the measurements and by bench_machine.c. */
#ifndef TOOLS_BENCH_BENCH_SAMPLES_H
#define TOOLS_BENCH_BENCH_SAMPLES_H

#include <stddef.h>

struct samples {
	double *values; /* microseconds */
	size_t count;
};

void samples_add(struct samples *samples, double value);
void samples_free(struct samples *samples);
/* Return NAN if there are too few values: none, or fewer than ten above the percentile. Both
 * sort the values. */
double samples_median(struct samples *samples, size_t first); /* of the values from `first` on */
double samples_percentile(struct samples *samples, double part);
double samples_max(const struct samples *samples);

#endif
