/* SPDX-License-Identifier: MIT
 * Suggests an existing name for a misspelt one. Error messages about unknown names use this. */
#ifndef TOOLS_BASE_SUGGEST_H
#define TOOLS_BASE_SUGGEST_H

/* Names of this many bytes or more are neither corrected nor suggested. */
#define SUGGESTION_MAX 64

struct suggestion {
	const char *meant;         /* the misspelt name */
	unsigned distance;         /* only names nearer than this are suggested */
	char best[SUGGESTION_MAX]; /* the nearest name offered, or "" if none is near enough */
};

/* Starts to search for an existing name close to `meant`, which must stay valid. */
void suggest_start(struct suggestion *suggestion, const char *meant);
/* Offers an existing name. */
void suggest_offer(struct suggestion *suggestion, const char *name);

#endif
