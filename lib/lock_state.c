/* SPDX-License-Identifier: MIT
 * What the region's mutex looks like from outside. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/futex.h>

#include "error.h"
#include "file.h"
#include "region.h"

/* A robust mutex has the kernel's word for robust futexes first (glibc): the holder's thread, and
 * whether it died. The kernel writes that bit, so its meaning is the same everywhere. */
static void judge(const struct layout_publisher_file *file, const uint8_t boot_id[16],
                  struct stele_region_lock *ret)
{
	uint32_t word;

	memcpy(&word, &file->mutex, sizeof(word));
	ret->owner = word & FUTEX_TID_MASK;
	if (memcmp(file->boot_id, boot_id, sizeof(file->boot_id)) != 0)
		ret->state = STELE_LOCK_EARLIER;
	else if (word & FUTEX_OWNER_DIED)
		ret->state = STELE_LOCK_DEAD;
	else
		ret->state = ret->owner ? STELE_LOCK_HELD : STELE_LOCK_FREE;
}

int stele_region_lock(const char *region, struct stele_region_lock *ret)
{
	struct layout_publisher_file file = {0};
	uint8_t boot_id[16];
	struct stat status;
	struct names names;
	int fd, r = names_make(region, &names);

	if (r == 0 && ret->size != sizeof(*ret))
		return error_set(EINVAL, "set .size to sizeof(struct stele_region_lock)");
	if (r == 0)
		r = names_boot_id(boot_id);
	if (r < 0)
		return r;
	r = file_open(names.publisher, false, sizeof(file), &fd, &status);
	if (r == -ENOENT)
		return error_set(ENOENT, "there is no file %s", names.publisher);
	if (r < 0)
		return r;
	if (pread(fd, &file, sizeof(file), 0) != (ssize_t)sizeof(file) ||
	    file.magic != LAYOUT_MAGIC_PUBLISHER || file.layout_version != LAYOUT_VERSION)
		r = error_set(EBADMSG, "%s is not a file of a region of this layout",
		              names.publisher);
	else
		judge(&file, boot_id, ret);
	close(fd);
	return r;
}
