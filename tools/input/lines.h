/* SPDX-License-Identifier: MIT
 * Reads lines of a file or of standard input, and counts them. Reads large blocks, but never blocks
 * when the next line is already complete, so that input from a pipe or a terminal is answered line
 * by line. input.c and the drivers of the input formats, `stele apply' and `stele lookup' use
 * this. */
#ifndef TOOLS_INPUT_LINES_H
#define TOOLS_INPUT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "tools/base/status.h"

struct lines {
	const char *name; /* for error messages */
	int fd;
	char *buffer;
	size_t start, end, capacity; /* of the unread part of the buffer, and of the buffer */
	uint64_t number;             /* of the line returned last, from 1 */
	uint64_t offset;             /* bytes returned so far */
	bool kept;                   /* the file is the copy of lines_keep_input() */
	off_t at;                    /* there: bytes read so far */
	uint64_t size;               /* of the file in bytes; 0: not known */
	bool at_end;                 /* the end of the file was read */
	bool refuse_unterminated;    /* a last line without a line feed is an error */
	bool pieces;                 /* lines_next() returns what is there of a line */
	/* Called before each read(2), which may block; may be NULL. If it returns another status
	 * than STATUS_DONE, lines_next() returns that status. */
	enum status (*before_read)(void *context);
	void *context;
};

/* Copies standard input to memory, up to its end, so that "-" can be opened several times. Fails
 * with STATUS_NO_SPACE if it has more than 1 GiB. */
enum status lines_keep_input(void);

/* Opens a file, or standard input for "-". */
enum status lines_open(struct lines *lines, const char *path);
/* Closes the file and frees the buffer. */
void lines_close(struct lines *lines);

/* Returns the next line, with its line feed, in `*ret_line`; NULL after the last line. The line is
 * valid until the next call, and the caller may change its bytes. Skips a byte order mark before
 * the first line.
 *
 * A last line without a line feed is a sign of a truncated file. It is an error if
 * `refuse_unterminated` is set, and is returned otherwise.
 *
 * If `pieces` is set, a line may come in several pieces, of which the last has the line feed, if
 * there is one. Then no line is too long, and none is refused. */
enum status lines_next(struct lines *lines, char **ret_line, size_t *ret_length);

/* Reads the first line that is not blank, or the start of a long one, and returns what is there of
 * the file without taking it. Called before lines_next(). */
enum status lines_peek(struct lines *lines, const char **ret_text, size_t *ret_length);

/* Returns true for a space, a tab, and the ends of lines. */
bool line_is_space(char c);

/* Returns true if the line has only spaces, tabs and ends of lines. */
bool line_is_blank(const char *line, size_t length);

#endif
