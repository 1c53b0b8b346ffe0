/* SPDX-License-Identifier: MIT
 * A line on a terminal that shows the progress of long work, such as reading a large file.
 * Subcommands, their helpers and batch_read() use this. */
#ifndef TOOLS_OUTPUT_PROGRESS_H
#define TOOLS_OUTPUT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* text at the start of the line */
	uint64_t total;   /* bytes of work; 0: not known */
	int64_t next;     /* time of the next update, in nanoseconds on CLOCK_MONOTONIC */
	bool shown;       /* the line is on the terminal */
	bool wanted;
};

/* Starts to measure progress. The line is shown only if standard error is a terminal, and if the
 * work is large or of unknown size. */
void progress_start(struct progress *progress, const char *what, uint64_t total);
/* Updates the line for work that reads rows. May be called for every row, because it reads the
 * clock only for every 4096th. */
void progress_step(struct progress *progress, uint64_t rows, uint64_t bytes);
/* Updates the line with the formatted text, for work that does not read rows. */
void progress_note(struct progress *progress, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Removes the line from the terminal. */
void progress_end(struct progress *progress);

#endif
