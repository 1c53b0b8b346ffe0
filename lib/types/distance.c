/* SPDX-License-Identifier: MIT */
#include "lib/types/distance.h"

static unsigned distance_min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length, unsigned replaced)
{
	/* Entry j: the distance of the letters of `a` so far and the first j letters of `b`. */
	unsigned row[DISTANCE_MAX + 1];

	for (unsigned j = 0; j <= b_length; j++)
		row[j] = j;
	for (unsigned i = 0; i < a_length; i++) {
		unsigned diagonal = row[0];

		row[0] = i + 1;
		for (unsigned j = 0; j < b_length; j++) {
			unsigned kept = diagonal + (a[i] == b[j] ? 0 : replaced);

			diagonal = row[j + 1];
			row[j + 1] = distance_min(kept, distance_min(row[j], row[j + 1]) + 1);
		}
	}
	return row[b_length];
}
