/* SPDX-License-Identifier: MIT
 *
 * Implements stele_region_describe_lock(): reports the state of the region's mutex without locking
 * it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/futex.h>

#include "lib/base/abi.h"
#include "lib/base/error.h"
#include "lib/base/extensible.h"
#include "lib/region/region.h"
#include "lib/storage/file.h"

/* Decodes the futex word of the mutex. Its meaning does not depend on the C library, because the
 * kernel itself sets FUTEX_OWNER_DIED (robust_list(2)). */
static void lock_state_set(const struct layout_publisher_file *file, uint32_t word,
                           const uint8_t boot_id[16], struct stele_region_lock *ret)
{
	ret->owner = word & FUTEX_TID_MASK;
	if (memcmp(file->boot_id, boot_id, sizeof(file->boot_id)) != 0)
		ret->state = STELE_LOCK_EARLIER;
	else if (word & FUTEX_OWNER_DIED)
		ret->state = STELE_LOCK_DEAD;
	else
		ret->state = ret->owner ? STELE_LOCK_HELD : STELE_LOCK_FREE;
}

static int lock_state_read(int fd, const char *path, const uint8_t boot_id[16],
                           struct stele_region_lock *ret)
{
	unsigned char bytes[LAYOUT_NOTICES_OFFSET];
	struct layout_publisher_file file;
	uint32_t word;

	if (pread(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return error_set(EIO, "cannot read %s", path);
	memcpy(&file, bytes, sizeof(file));
	if (file.magic == __builtin_bswap64(LAYOUT_MAGIC_PUBLISHER))
		return error_set(EPROTONOSUPPORT,
		                 "%s was made on a machine with the other byte order", path);
	if (file.magic != LAYOUT_MAGIC_PUBLISHER)
		return file_foreign_error(path);
	if (file.layout_version != LAYOUT_VERSION)
		return error_set(EPROTONOSUPPORT,
		                 "%s has layout version %u, and this library reads version %u; use "
		                 "the library that made it",
		                 path, file.layout_version, LAYOUT_VERSION);
	if (file.incompatible != 0)
		return error_set(EPROTONOSUPPORT,
		                 "%s has a feature that this library does not know; upgrade the "
		                 "library",
		                 path);
	if (!abi_lock_word(bytes, &word))
		return error_set(EBADMSG, "%s is damaged: it has no lock", path);
	lock_state_set(&file, word, boot_id, ret);
	return 0;
}

int stele_region_describe_lock(const char *region, struct stele_region_lock *ret)
{
	uint8_t boot_id[16];
	struct stat status;
	struct region_paths names;
	struct stele_region_lock lock = {0};
	int fd, r = paths_make(region, &names);

	if (r == 0)
		r = extensible_check(stele_region_lock, ret);
	if (r == 0)
		r = paths_boot_id(boot_id);
	if (r < 0)
		return r;
	r = file_open(names.publisher, false, LAYOUT_NOTICES_OFFSET, &fd, &status);
	if (r == -ENOENT)
		return file_missing_error(names.publisher);
	if (r < 0)
		return r;
	r = lock_state_read(fd, names.publisher, boot_id, &lock);
	close(fd);
	if (r == 0)
		extensible_write(stele_region_lock, &lock, ret);
	return r;
}
