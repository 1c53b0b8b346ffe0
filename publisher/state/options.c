/* SPDX-License-Identifier: MIT */
#include "publisher/state/options.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/extensible.h"
#include "lib/layout.h"

/* Default number of versions of history. */
#define OPTIONS_HISTORY 64u
/* Default size of a System V segment in bytes. */
#define OPTIONS_SYSV_SIZE (UINT64_C(64) << 20)

/* Validates the option `memory` against the region's name, and fills in the default of this option.
 * Validates the options that a System V segment restricts. */
static int options_read_memory(const struct region_paths *names,
                               struct stele_publisher_options *ret)
{
	if ((unsigned)ret->memory > STELE_MEMORY_SYSV)
		return error_set(EINVAL,
		                 "invalid memory %d (expected STELE_MEMORY_DEFAULT, _SHM, _FILE or "
		                 "_SYSV)",
		                 (int)ret->memory);
	if (ret->memory == STELE_MEMORY_DEFAULT)
		ret->memory = names->in_directory ? STELE_MEMORY_FILE : STELE_MEMORY_SHM;
	if (ret->memory == STELE_MEMORY_FILE && !names->in_directory)
		return error_set(
			EINVAL,
			"region \"%s\" cannot be stored in files without a directory; name it "
			"DIRECTORY/NAME",
			names->region);
	if (ret->memory != STELE_MEMORY_FILE && names->in_directory)
		return error_set(
			EINVAL,
			"region \"%s\" cannot be stored in %s, which has no directories; give the "
			"name without a directory",
			names->region,
			ret->memory == STELE_MEMORY_SHM ? "POSIX shared memory"
							: "a System V segment");
	if (ret->memory != STELE_MEMORY_SYSV)
		return 0;
	if (ret->durability == STELE_DURABLE_COMMIT)
		return error_set(EINVAL, "a System V segment has no disk for durable commits; use "
		                         "STELE_DURABLE_CLOSE");
	if (ret->maximum_size == 0)
		ret->maximum_size = ret->limit_size ? ret->limit_size : OPTIONS_SYSV_SIZE;
	if (ret->limit_size == 0)
		ret->limit_size = ret->maximum_size;
	if (ret->limit_size != ret->maximum_size)
		return error_set(
			EINVAL,
			"the maximum size of %llu bytes and the limit of %llu bytes must be equal, "
			"because a System V segment cannot grow",
			(unsigned long long)ret->maximum_size, (unsigned long long)ret->limit_size);
	return 0;
}

/* Returns 1 if the process is a member of the group, 0 if not, or -ENOMEM. */
static int options_is_member(gid_t group)
{
	int count = getgroups(0, NULL), member = group == getegid();
	/* Up to 65,536 groups: too many for the stack of a thread. */
	gid_t *groups = malloc((count > 0 ? (size_t)count : 1) * sizeof(*groups));

	if (!groups)
		return error_set(ENOMEM, "no memory for the %d groups of this process", count);
	count = getgroups(count, groups);
	for (int i = 0; i < count && !member; i++)
		member = groups[i] == group;
	free(groups);
	return member;
}

/* Validates the option `group` before anything is created. Without the flag the option becomes the
 * group that chown(2) takes for no change. */
static int options_read_group(struct stele_publisher_options *ret)
{
	int r;

	if (!(ret->flags & STELE_GROUP)) {
		if (ret->group != 0)
			return error_set(EINVAL, ".group is set without the flag STELE_GROUP");
		ret->group = (gid_t)-1;
		return 0;
	}
	if (ret->group == (gid_t)-1)
		return error_set(EINVAL, "invalid .group of -1");
	r = geteuid() == 0 ? 1 : options_is_member(ret->group);
	if (r != 0)
		return r < 0 ? r : 0;
	return error_set(EPERM,
	                 "user %u cannot give a region to group %u without being in it; add the "
	                 "user to the group, or let root create the region",
	                 geteuid(), ret->group);
}

int options_read(const struct region_paths *names, const struct stele_publisher_options *options,
                 struct stele_publisher_options *ret)
{
	uint64_t max = sizeof(void *) == 4 ? UINT64_C(1) << 28 : UINT64_C(1) << 32;
	int r = extensible_read(stele_publisher_options, options, ret);

	if (r < 0)
		return r;
	r = error_check_flags("a publisher", ret->flags,
	                      STELE_CREATE | STELE_CREATE_NEW | STELE_NO_SIGBUS_HANDLER |
	                              STELE_SHARED | STELE_SHARED_REGION | STELE_NOTIFIER_THREAD |
	                              STELE_GROUP);
	if (r < 0)
		return r;
	r = options_read_group(ret);
	if (r < 0)
		return r;
	if (ret->history == 0)
		ret->history = OPTIONS_HISTORY;
	if (ret->history < 2 || ret->history > LAYOUT_HISTORY_MAX)
		return error_set(EINVAL, "invalid history of %u versions (expected 2 to %u)",
		                 ret->history, LAYOUT_HISTORY_MAX);
	r = options_read_memory(names, ret);
	if (r < 0)
		return r;
	if (ret->limit_size == 0)
		ret->limit_size = sizeof(void *) == 4 ? UINT64_C(1) << 30 : LAYOUT_MAXIMUM;
	if (ret->maximum_size == 0)
		ret->maximum_size = max < ret->limit_size ? max : ret->limit_size;
	if (ret->limit_size > LAYOUT_MAXIMUM || ret->limit_size > SIZE_MAX)
		return error_set(EINVAL,
		                 "the limit of %llu bytes is too large; a region can have up to "
		                 "%llu bytes",
		                 (unsigned long long)ret->limit_size,
		                 (unsigned long long)LAYOUT_MAXIMUM);
	if (ret->maximum_size > ret->limit_size)
		return error_set(
			EINVAL, "the maximum size of %llu bytes is above the limit of %llu bytes",
			(unsigned long long)ret->maximum_size, (unsigned long long)ret->limit_size);
	ret->maximum_size = ret->maximum_size / LAYOUT_PAGE * LAYOUT_PAGE;
	ret->limit_size = ret->limit_size / LAYOUT_PAGE * LAYOUT_PAGE;
	if (ret->durability != STELE_DURABLE_CLOSE && ret->durability != STELE_DURABLE_COMMIT)
		return error_set(EINVAL,
		                 "invalid durability %d (expected STELE_DURABLE_CLOSE or _COMMIT)",
		                 (int)ret->durability);
	if (ret->mode == 0)
		ret->mode = 0640;
	if (ret->mode & ~(mode_t)0644 || (ret->mode & 0600) != 0600)
		return error_set(
			EINVAL,
			"invalid mode %04o for a region (expected 0600, which the owner needs, "
			"with 0040 and 0004 for readers)",
			ret->mode);
	return 0;
}
