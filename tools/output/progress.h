/* SPDX-License-Identifier: MIT
 * A line on a terminal that says how far a large file is read, or something else is done. */
#ifndef TOOLS_OUTPUT_PROGRESS_H
#define TOOLS_OUTPUT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what;
	uint64_t total; /* bytes; 0: not known */
	int64_t next;   /* when to draw again */
	bool shown;
	bool wanted;
};

/* Shows nothing unless standard error is a terminal and the work is large, or of unknown size. */
void progress_start(struct progress *progress, const char *what, uint64_t total);
/* Called for every row; looks at the clock seldom. */
void progress_step(struct progress *progress, uint64_t rows, uint64_t bytes);
/* The same for work that is not reading rows: says how far it is. */
void progress_note(struct progress *progress, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Clears the line. */
void progress_end(struct progress *progress);

#endif
