/* SPDX-License-Identifier: MIT
 * Lines of a file or of standard input, with their numbers. Reads in large pieces, but never waits
 * for more than the next line needs, and calls back before it waits. */
#ifndef TOOLS_INPUT_LINES_H
#define TOOLS_INPUT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tools/base/status.h"

struct lines {
	const char *name; /* for messages */
	int fd;
	char *buffer;
	size_t start, end, capacity;
	uint64_t number; /* of the line last returned, from 1 */
	uint64_t offset; /* bytes returned */
	uint64_t size;   /* of the file; 0: not known */
	bool at_end;
	bool refuse_unterminated; /* the last line must have its line feed */
	/* Called before each read; anything but STATUS_DONE ends lines_next(). May be NULL. */
	enum status (*before_read)(void *context);
	void *context;
};

/* Opens a file, or standard input for "-". */
enum status lines_open(struct lines *lines, const char *path);
void lines_close(struct lines *lines);

/* The next line, its line feed included where it has one; `*ret_line` is NULL after the last. It
 * holds until the next call, and its bytes may be changed. A byte order mark before the first line
 * is skipped. A last line without a line feed is what a file that was cut short ends in: with
 * `refuse_unterminated` it is an error. */
enum status lines_next(struct lines *lines, char **ret_line, size_t *ret_length);

bool line_is_blank(const char *line, size_t length);

#endif
