/* SPDX-License-Identifier: MIT
 * Which of several names was meant by one that does not exist. */
#ifndef TOOLS_BASE_SUGGEST_H
#define TOOLS_BASE_SUGGEST_H

#define SUGGESTION_MAX 64

/* `best` is the nearest name offered, or empty when none is near enough to be a slip of the
 * fingers. */
struct suggestion {
	const char *meant;
	unsigned distance;
	char best[SUGGESTION_MAX];
};

void suggest_start(struct suggestion *suggestion, const char *meant);
void suggest_offer(struct suggestion *suggestion, const char *name);

#endif
