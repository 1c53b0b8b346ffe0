/* SPDX-License-Identifier: MIT
 * The functions of fuzz.h that all harnesses share. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <ftw.h>
#include <string.h>
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
