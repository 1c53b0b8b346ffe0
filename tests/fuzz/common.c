/* SPDX-License-Identifier: MIT
 * The functions of fuzz.h that harnesses share. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stele/stele.h>

static char directory[64];

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

static void remove_directory(void)
{
	nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_directory(void)
{
	const char *given = getenv("STELE_FUZZ_DIRECTORY");

	if (given)
		return given;
	if (directory[0] == '\0') {
		snprintf(directory, sizeof(directory), "/dev/shm/fuzz-XXXXXX");
		FUZZ_CHECK(mkdtemp(directory), "%s", strerror(errno));
		atexit(remove_directory);
	}
	return directory;
}

int64_t fuzz_result(int64_t result)
{
	static const int known[] = {EINVAL,   EMEDIUMTYPE,     ENOENT,  ENOTDIR, EEXIST,  EAGAIN,
	                            EBUSY,    EACCES,          EPERM,   ENOSPC,  ENOMEM,  EMFILE,
	                            ENFILE,   ESTALE,          EBADMSG, ECHILD,  ENOTSUP, EIO,
	                            EMSGSIZE, EPROTONOSUPPORT, ERANGE,  ENOSYS,  ENXIO,   ENODATA,
	                            ETIME,    EIDRM,           EUCLEAN};

	if (result >= 0)
		return result;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (result == -known[i]) {
			FUZZ_CHECK(stele_last_error()[0] != '\0', "%lld has no message",
			           (long long)result);
			return result;
		}
	FUZZ_CHECK(false, "error %lld is not of the list: %s", (long long)result,
	           stele_last_error());
	return result;
}

uint64_t fuzz_number(uint64_t *random)
{
	static const uint64_t edges[] = {
		0,
		1,
		2,
		7,
		8,
		63,
		64,
		255,
		256,
		1023,
		1024,
		1025,
		4095,
		4096,
		65535,
		65536,
		UINT64_C(1) << 20,
		UINT64_C(1) << 24,
		INT32_MAX,
		UINT64_C(1) << 31,
		UINT32_MAX,
		UINT64_C(1) << 32,
		UINT64_C(1) << 35,
		INT64_MAX,
		UINT64_C(1) << 63,
		UINT64_MAX - 8191,
		UINT64_MAX - 4095,
		UINT64_MAX,
	};
	uint64_t number = edges[random_from(random) % (sizeof(edges) / sizeof(edges[0]))];

	switch (random_from(random) % 6) {
	case 4:
		return random_from(random) % 1024;
	case 0:
		return number + random_from(random) % 33 - 16;
	case 1:
		return random_from(random) >> random_from(random) % 64;
	case 2:
		return number * 8;
	default:
		return number;
	}
}

/* ---- text, for the parsers of the command ---- */

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
