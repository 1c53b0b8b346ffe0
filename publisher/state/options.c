/* SPDX-License-Identifier: MIT */
#include "publisher/state/options.h"

#include <errno.h>

#include "lib/base/error.h"
#include "lib/layout.h"

#define OPTIONS_HISTORY   64u
#define OPTIONS_SYSV_SIZE (UINT64_C(64) << 20)

/* Which memory is meant for a region of this name, and what follows for the other options. */
static int options_read_memory(const struct region_paths *names,
                               struct stele_publisher_options *ret)
{
	if ((unsigned)ret->memory > STELE_MEMORY_SYSV)
		return error_set(EINVAL,
		                 "memory %d; there are STELE_MEMORY_SHM, _FILE and _SYSV, and "
		                 "_DEFAULT",
		                 (int)ret->memory);
	if (ret->memory == STELE_MEMORY_DEFAULT)
		ret->memory = names->in_directory ? STELE_MEMORY_FILE : STELE_MEMORY_SHM;
	if (ret->memory == STELE_MEMORY_FILE && !names->in_directory)
		return error_set(
			EINVAL,
			"region \"%s\" is to be in files, but without a directory; give it "
			"as DIRECTORY/NAME",
			names->region);
	if (ret->memory != STELE_MEMORY_FILE && names->in_directory)
		return error_set(
			EINVAL,
			"region \"%s\" is to be in %s, which has no directories; give it by "
			"its name alone",
			names->region,
			ret->memory == STELE_MEMORY_SHM ? "POSIX shared memory"
							: "a System V segment");
	if (ret->memory != STELE_MEMORY_SYSV)
		return 0;
	if (ret->durability == STELE_DURABLE_COMMIT)
		return error_set(EINVAL, "a System V segment has no disk to bring commits to");
	if (ret->maximum_size == 0)
		ret->maximum_size = ret->limit_size ? ret->limit_size : OPTIONS_SYSV_SIZE;
	if (ret->limit_size == 0)
		ret->limit_size = ret->maximum_size;
	if (ret->limit_size != ret->maximum_size)
		return error_set(
			EINVAL,
			"a maximum size of %llu bytes, but a limit of %llu; a System V segment can't "
			"grow, so they are the same",
			(unsigned long long)ret->maximum_size, (unsigned long long)ret->limit_size);
	return 0;
}

/* Copies the options with defaults filled in. */
int options_read(const struct region_paths *names, const struct stele_publisher_options *options,
                 struct stele_publisher_options *ret)
{
	uint64_t max = sizeof(void *) == 4 ? UINT64_C(1) << 28 : UINT64_C(1) << 32;
	int r;

	*ret = (struct stele_publisher_options){.size = sizeof(*ret)};
	if (options) {
		if (options->size != sizeof(*options))
			return error_set(
				EINVAL,
				"options of %zu bytes; set .size to sizeof(struct stele_publisher_options)",
				options->size);
		*ret = *options;
	}
	if (ret->flags & ~(STELE_CREATE | STELE_CREATE_NEW | STELE_NO_SIGBUS_HANDLER |
	                   STELE_SHARED | STELE_NOTIFIER_THREAD))
		return error_set(EINVAL, "unknown flags 0x%x for a publisher", ret->flags);
	if (ret->history == 0)
		ret->history = OPTIONS_HISTORY;
	if (ret->history < 2 || ret->history > LAYOUT_HISTORY_MAX)
		return error_set(EINVAL, "a history of %u versions; it can have 2 to %u",
		                 ret->history, LAYOUT_HISTORY_MAX);
	r = options_read_memory(names, ret);
	if (r < 0)
		return r;
	if (ret->limit_size == 0)
		ret->limit_size = sizeof(void *) == 4 ? UINT64_C(1) << 30 : LAYOUT_MAXIMUM;
	if (ret->maximum_size == 0)
		ret->maximum_size = max < ret->limit_size ? max : ret->limit_size;
	if (ret->limit_size > LAYOUT_MAXIMUM || ret->limit_size > SIZE_MAX)
		return error_set(EINVAL, "a limit of %llu bytes; a region can have up to %llu",
		                 (unsigned long long)ret->limit_size,
		                 (unsigned long long)LAYOUT_MAXIMUM);
	if (ret->maximum_size > ret->limit_size)
		return error_set(
			EINVAL,
			"a maximum size of %llu bytes, but a limit of %llu; the limit is for all",
			(unsigned long long)ret->maximum_size, (unsigned long long)ret->limit_size);
	ret->maximum_size = ret->maximum_size / LAYOUT_PAGE * LAYOUT_PAGE;
	ret->limit_size = ret->limit_size / LAYOUT_PAGE * LAYOUT_PAGE;
	if (ret->durability != STELE_DURABLE_CLOSE && ret->durability != STELE_DURABLE_COMMIT)
		return error_set(EINVAL, "durability %d; there are STELE_DURABLE_CLOSE and _COMMIT",
		                 (int)ret->durability);
	if (ret->mode == 0)
		ret->mode = 0640;
	if (ret->mode & ~(mode_t)0644 || (ret->mode & 0600) != 0600)
		return error_set(
			EINVAL,
			"mode %04o for a region; its owner reads and writes (0600), and the group (0040) "
			"and others (0004) may read",
			ret->mode);
	return 0;
}
