/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "tools/base/suggest.h"

static unsigned suggest_min(unsigned a, unsigned b, unsigned c)
{
	unsigned min_of_two = a < b ? a : b;

	return min_of_two < c ? min_of_two : c;
}

static bool suggest_is_same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Returns the Damerau-Levenshtein distance: the number of letters to insert, delete, replace or
 * swap with their neighbour to turn `a` into `b`, whatever their case. Both must be shorter than
 * SUGGESTION_MAX. Keeps only three rows of the usual matrix. */
static unsigned suggest_distance(const char *a, const char *b)
{
	unsigned rows[3][SUGGESTION_MAX];
	unsigned *before = rows[0], *last = rows[1], *current = rows[2];
	size_t a_length = strlen(a), b_length = strlen(b);

	for (size_t j = 0; j <= b_length; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *oldest = before;

		current[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			current[j] =
				suggest_min(last[j] + 1, current[j - 1] + 1,
			                    last[j - 1] + !suggest_is_same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < current[j])
				current[j] = before[j - 2] + 1;
		}
		before = last;
		last = current;
		current = oldest;
	}
	return last[b_length];
}

void suggest_start(struct suggestion *suggestion, const char *meant)
{
	size_t length = strlen(meant);

	suggestion->meant = meant;
	suggestion->best[0] = '\0';
	/* One letter may be wrong, unless it is the only one, and in longer names up to a third of
	 * them. A name that differs more is another word. `distance` is the smallest distance that
	 * is too large. */
	if (length < 6)
		suggestion->distance = 1 + (length > 1);
	else
		suggestion->distance = (unsigned)(length < SUGGESTION_MAX ? length : 0) / 3 + 1;
}

void suggest_offer(struct suggestion *suggestion, const char *name)
{
	unsigned distance;

	if (strlen(suggestion->meant) >= SUGGESTION_MAX || strlen(name) >= SUGGESTION_MAX)
		return;
	distance = suggest_distance(suggestion->meant, name);
	if (distance < suggestion->distance) {
		suggestion->distance = distance;
		snprintf(suggestion->best, sizeof(suggestion->best), "%s", name);
	}
}
