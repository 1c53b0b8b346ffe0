/* SPDX-License-Identifier: MIT
 * Functions for harnesses of the command's parsers, see fuzz.h. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t insert(uint8_t *data, size_t size, size_t capacity, size_t at, const char *token)
{
	size_t length = strlen(token);

	if (length > capacity - size)
		return size;
	memmove(data + at + length, data + at, size - at);
	memcpy(data + at, token, length);
	return size + length;
}

/* Returns the end of the word that starts at `at`. */
static size_t word_end(const uint8_t *data, size_t size, size_t at)
{
	static const char ends[] = " ,:;()[]{}\"=/\n\t";

	while (at < size && (data[at] == 0 || !strchr(ends, data[at])))
		at++;
	return at;
}

size_t fuzz_mutate_text(uint8_t *data, size_t size, size_t capacity, unsigned seed,
                        const char *const *tokens)
{
	uint64_t random = seed;
	size_t count = 0, at = size ? (size_t)(random_from(&random) % (size + 1)) : 0, end;
	const char *token;

	while (tokens[count])
		count++;
	token = tokens[random_from(&random) % count];
	switch (random_from(&random) % 4) {
	case 0:
		return insert(data, size, capacity, at, token);
	case 1:
		end = word_end(data, size, at);
		memmove(data + at, data + end, size - end);
		return insert(data, size - (end - at), capacity, at, token);
	default:
		return LLVMFuzzerMutate(data, size, capacity);
	}
}

/* Returns true for messages of getopt_long(3), which contain the argument unescaped. */
static bool is_of_getopt(const char *bytes, size_t size)
{
	static const char *const starts[] = {"stele: unrecognized option", "stele: option ",
	                                     "stele: invalid option"};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (size > strlen(starts[i]) && memcmp(bytes, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

static ssize_t check_text(void *cookie, const char *bytes, size_t size)
{
	(void)cookie;
	if (is_of_getopt(bytes, size))
		return (ssize_t)size;
	for (size_t i = 0; i < size; i++)
		if (((unsigned char)bytes[i] < ' ' && bytes[i] != '\n') || bytes[i] == 0x7f) {
			dprintf(STDERR_FILENO, "control character %d in a message: %.*s\n",
			        bytes[i], (int)size, bytes);
			abort();
		}
	return (ssize_t)size;
}

static ssize_t drop(void *cookie, const char *bytes, size_t size)
{
	(void)cookie;
	(void)bytes;
	return (ssize_t)size;
}

void fuzz_capture_output(void)
{
	int null;

	if (stdout && fileno(stdout) < 0)
		return;
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	/* The C library writes some messages to the original standard output, even if stdout is
	 * another stream. */
	dup2(null, STDOUT_FILENO);
	close(null);
	stdout = fopencookie(NULL, "w", (cookie_io_functions_t){.write = drop});
	stderr = fopencookie(NULL, "w", (cookie_io_functions_t){.write = check_text});
	FUZZ_CHECK(stdout && stderr, "%s", strerror(errno));
	setvbuf(stderr, NULL, _IOLBF, 65536);
}

void fuzz_standard_input(const void *bytes, size_t size)
{
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		FUZZ_CHECK(fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO, "%s",
		           strerror(errno));
	}
	if (ftruncate(fd, (off_t)size) < 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size ||
	    lseek(fd, 0, SEEK_SET) < 0)
		abort();
}
