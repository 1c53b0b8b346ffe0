/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/input/lines.h"

enum {
	PIECE = 64 * 1024, /* bytes read at once; a pipe holds as many */
	/* Maximum bytes of a line; no row needs more. Without a limit, /dev/zero would use up all
	 * memory. */
	LONGEST = 16 * 1024 * 1024,
	INPUT_MAX = 1 << 30, /* maximum bytes of standard input that are kept */
};

/* The copy of standard input; -1: none. All that read it share its position in the file, so they
 * use positions of their own. */
static int lines_input = -1;

/* Copies a piece of standard input. Returns the number of bytes, 0 at the end, or -1. */
static ssize_t lines_keep_piece(int fd, char *piece)
{
	ssize_t got, put;

	do {
		got = read(STDIN_FILENO, piece, PIECE);
	} while (got < 0 && errno == EINTR);
	for (ssize_t at = 0; at < got; at += put) {
		put = write(fd, piece + at, (size_t)(got - at));
		if (put < 0 && errno == EINTR)
			put = 0;
		if (put < 0)
			return -1;
	}
	return got;
}

enum status lines_keep_input(void)
{
	char *piece = heap_realloc(NULL, PIECE);
	ssize_t got, all = 0;

	lines_input = memfd_create("stele-input", MFD_CLOEXEC);
	got = lines_input < 0 ? -1 : 1;
	while (got > 0 && all <= INPUT_MAX) {
		got = lines_keep_piece(lines_input, piece);
		all += got > 0 ? got : 0;
	}
	free(piece);
	if (got < 0)
		return fail(STATUS_SYSTEM, "cannot keep standard input in memory: %s",
		            strerror(errno));
	if (all > INPUT_MAX)
		return fail(STATUS_NO_SPACE,
		            "standard input has more than %d bytes; save it in a file", INPUT_MAX);
	return STATUS_DONE;
}

enum status lines_open(struct lines *lines, const char *path)
{
	struct stat status;

	*lines = (struct lines){.name = path, .fd = STDIN_FILENO};
	if (strcmp(path, "-") == 0) {
		lines->name = "standard input";
		lines->kept = lines_input >= 0;
		if (lines->kept)
			lines->fd = fcntl(lines_input, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	} else
		lines->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (lines->fd < 0)
		return fail(STATUS_INPUT, "cannot read %s: %s", path, strerror(errno));
	if (fstat(lines->fd, &status) == 0) {
		if (S_ISDIR(status.st_mode)) {
			lines_close(lines);
			return fail(STATUS_INPUT, "cannot read %s: %s", path, strerror(EISDIR));
		}
		if (S_ISREG(status.st_mode))
			lines->size = (uint64_t)status.st_size;
	}
	return STATUS_DONE;
}

void lines_close(struct lines *lines)
{
	if (lines->fd > STDERR_FILENO)
		close(lines->fd);
	free(lines->buffer);
	*lines = (struct lines){0};
}

/* Reads more bytes and appends them to the buffer. */
static enum status lines_read_more(struct lines *lines)
{
	enum status status = STATUS_DONE;
	ssize_t got;

	if (lines->before_read)
		status = lines->before_read(lines->context);
	if (status != STATUS_DONE)
		return status;
	if (lines->start) {
		memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
		lines->end -= lines->start;
		lines->start = 0;
	}
	if (lines->end > LONGEST)
		return fail(STATUS_INPUT, "%s:%llu: the line is longer than %d bytes", lines->name,
		            (unsigned long long)lines->number + 1, LONGEST);
	if (lines->capacity - lines->end < PIECE) {
		lines->capacity = lines->capacity * 2 + PIECE;
		lines->buffer = heap_realloc(lines->buffer, lines->capacity);
	}
	do {
		size_t size = lines->capacity - lines->end;
		char *end = lines->buffer + lines->end;

		got = lines->kept ? pread(lines->fd, end, size, lines->at)
		                  : read(lines->fd, end, size);
	} while (got < 0 && errno == EINTR);
	lines->at += got > 0 ? got : 0;
	if (got < 0)
		return fail(STATUS_SYSTEM, "cannot read %s: %s", lines->name, strerror(errno));
	lines->end += (size_t)got;
	lines->at_end = got == 0;
	return STATUS_DONE;
}

/* Skips a byte order mark. */
static void lines_skip_mark(char **line, size_t *length)
{
	if (*length >= 3 && memcmp(*line, "\xef\xbb\xbf", 3) == 0) {
		*line += 3;
		*length -= 3;
	}
}

enum status lines_next(struct lines *lines, char **ret_line, size_t *ret_length)
{
	size_t searched = 0;
	const char *feed = NULL;

	for (;;) {
		size_t there = lines->end - lines->start;
		enum status status;

		if (there > searched)
			feed = memchr(lines->buffer + lines->start + searched, '\n',
			              there - searched);
		searched = there;
		if (feed || lines->at_end || (lines->pieces && there > 0))
			break;
		status = lines_read_more(lines);
		if (status != STATUS_DONE)
			return status;
	}
	*ret_line = lines->buffer + lines->start;
	*ret_length = feed ? (size_t)(feed - *ret_line) + 1 : lines->end - lines->start;
	lines->start += *ret_length;
	lines->offset += *ret_length;
	if (lines->offset == *ret_length)
		lines_skip_mark(ret_line, ret_length);
	if (*ret_length == 0)
		*ret_line = NULL;
	else if (feed || lines->at_end)
		lines->number++;
	if (*ret_line && !feed && lines->refuse_unterminated && !lines->pieces)
		return fail(
			STATUS_INPUT,
			"%s:%llu: the last line has no line feed, so the file may have been cut "
			"short; --allow-unterminated accepts it",
			lines->name, (unsigned long long)lines->number);
	return STATUS_DONE;
}

/* Returns true if the buffer has the first line that is not blank, completely. */
static bool lines_has_first(const struct lines *lines)
{
	size_t at = 0;

	while (at < lines->end && line_is_space(lines->buffer[at]))
		at++;
	return at < lines->end && memchr(lines->buffer + at, '\n', lines->end - at);
}

enum status lines_peek(struct lines *lines, const char **ret_text, size_t *ret_length)
{
	enum status status = STATUS_DONE;

	while (status == STATUS_DONE && !lines->at_end && lines->end < PIECE &&
	       !lines_has_first(lines))
		status = lines_read_more(lines);
	*ret_text = lines->buffer;
	*ret_length = lines->end;
	return status;
}

bool line_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool line_is_blank(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!line_is_space(line[i]))
			return false;
	return true;
}
