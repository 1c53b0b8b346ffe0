/* SPDX-License-Identifier: MIT
 *
 * Opens, creates and maps the publisher file. */
#include "publisher/attach/attach_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "lib/base/abi.h"
#include "lib/base/error.h"
#include "lib/storage/file.h"
#include "lib/storage/reserve.h"
#include "publisher/attach/attach_lock.h"
#include "publisher/attach/mutex.h"

/* Reads the uuid from the data file, for a region without a publisher file. Returns 0; -ENOENT
 * (there is no data file); -EBUSY (a publisher holds the lock of the data file); or another
 * negative errno. */
static int attach_file_region_uuid(const struct region_paths *names, uint8_t ret[16])
{
	struct layout_header header;
	struct stat status;
	int fd, r = file_open(names->data, false, sizeof(header), &fd, &status);

	if (r < 0)
		return r;
	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		r = error_set(EBADMSG, "cannot read %s", names->data);
	else if (file_lock_held_by_writer(fd, REGION_PUBLISHER_BYTE, REGION_PUBLISHER_BYTES) == 1)
		r = attach_lock_busy(names);
	memcpy(ret, header.uuid, 16);
	close(fd);
	return r;
}

/* Creates the publisher file, which is locked before it has a name. Returns 0, -EEXIST, or another
 * negative errno. */
static int attach_file_make(const struct region_paths *names, const uint8_t uuid[16],
                            struct attachment *attachment)
{
	struct layout_publisher_file file = {0};
	/* The size is the same for every kind of process (lib/base/abi.h). */
	int fd, r = file_make(names->publisher, LAYOUT_NOTICES_OFFSET, &fd);

	if (r < 0)
		return r;
	memcpy(file.uuid, uuid, sizeof(file.uuid));
	r = mutex_file_init(&file);
	if (r < 0)
		;
	else if (pwrite(fd, &file, sizeof(file), 0) != (ssize_t)sizeof(file))
		r = file_write_error(names->publisher, 0);
	else
		r = attach_lock_new(names, fd, LOCK_BYTE);
	if (r == 0)
		r = file_publish(fd, names->publisher, 0600);
	if (r == 0)
		r = attach_lock_add(&attachment->publisher_lock, fd);
	if (r < 0)
		close(fd);
	return r;
}

/* Checks that a file is a publisher file. A power cut may have left it without its contents
 * (zeros). The other byte order is accepted too: such a publisher file belongs to a data file of
 * another layout, and attach_open() decides what happens to the two files. */
static int attach_file_validate(const struct region_paths *names, int fd)
{
	uint64_t magic = 0;

	if (pread(fd, &magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
	    (magic == LAYOUT_MAGIC_PUBLISHER ||
	     magic == __builtin_bswap64(LAYOUT_MAGIC_PUBLISHER) || magic == 0))
		return 0;
	return file_foreign_error(names->publisher);
}

static int attach_file_open(const struct region_paths *names, struct attach_wait *wait,
                            struct attachment *attachment)
{
	struct stat status;
	/* The file may be of another layout, which is smaller. */
	int fd, r = file_open(names->publisher, true, sizeof(uint64_t), &fd, &status);

	if (r < 0)
		return r;
	r = attach_file_validate(names, fd);
	if (r == 0 && status.st_uid != geteuid())
		r = error_set(
			EPERM,
			"%s belongs to user %u: that user publishes region \"%s\"; use another "
			"name, or let that user or root remove it",
			names->publisher, status.st_uid, names->region);
	if (r == 0)
		r = attach_lock_until(
			names, fd,
			attachment->shared ? attach_lock_try_shared : attach_lock_try_alone, wait);
	/* The file was removed or replaced while this process waited for the lock. */
	if (r == 0 && !file_is_named(fd, names->publisher))
		r = -EAGAIN;
	if (r == 0)
		r = attach_lock_add(&attachment->publisher_lock, fd);
	if (r < 0)
		close(fd);
	return r;
}

int attach_file_lock(const struct region_paths *names, bool create, struct attach_wait *wait,
                     struct attachment *attachment)
{
	uint8_t uuid[16];
	int r = attach_file_open(names, wait, attachment);

	if (r != -ENOENT)
		return r;
	r = attach_file_region_uuid(names, uuid);
	/* Another process created both files after this one looked for the publisher file: wait for
	 * that process. */
	if (r == -EBUSY && faccessat(AT_FDCWD, names->publisher, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EAGAIN;
	if (r == -ENOENT) {
		if (!create)
			return paths_missing_error(names);
		uuid_generate(uuid);
	} else if (r < 0) {
		return r;
	}
	r = attach_file_make(names, uuid, attachment);
	attachment->made_publisher_file = r == 0;
	return r == -EEXIST ? -EAGAIN : r;
}

/* Makes sure that the mutex belongs to this boot, this layout and this kind of process. If it does
 * not, the first publisher initialises the mutex again; no other process can use the file
 * meanwhile, because that publisher holds the file's write lock. Returns 0, -EAGAIN (start over),
 * or another negative errno. */
static int attach_file_adopt(struct attachment *attachment)
{
	struct layout_publisher_file *file = attachment->publisher_file;
	uint8_t boot_id[16];
	bool fits;
	int r = paths_boot_id(boot_id);

	if (r < 0)
		return r;
	fits = file->magic == LAYOUT_MAGIC_PUBLISHER && file->layout_version == LAYOUT_VERSION &&
	       memcmp(file->boot_id, boot_id, sizeof(boot_id)) == 0;
	if (fits && file->incompatible != 0 && attachment->joined) {
		attachment->incompatible = true;
		error_set(EPROTONOSUPPORT,
		          "%s has a feature that this library does not know; upgrade the library",
		          attachment->region.names.publisher);
		return -EAGAIN;
	}
	if (fits && file->incompatible == 0 && abi_is_ours(file))
		return 0;
	if (fits && attachment->joined) {
		abi_refuse(file, attachment->region.names.publisher);
		attachment->incompatible = true;
	}
	if (attachment->joined)
		return -EAGAIN;
	/* A mutex that was locked when the machine went down never reports that its owner died. A
	 * mutex of another kind may also be locked, but an attach recovers the region in any case.
	 * The write lock on the file is held, so no publisher of any kind uses the old mutex. */
	return mutex_file_init(file);
}

int attach_file_map(struct attachment *attachment, bool guarded)
{
	struct layout_publisher_file *file;
	const char *path = attachment->region.names.publisher;
	size_t size = LAYOUT_NOTICES_OFFSET + LAYOUT_SLOTS_MAX * sizeof(struct layout_notices);
	int fd, r = file_open_again(attachment->publisher_lock.fd, &fd);

	if (r < 0)
		return error_set(-r, "cannot open %s again to map it: %s", path, strerror(-r));
	r = file_reserve(fd, 0, LAYOUT_PAGE);
	if (r < 0)
		r = file_reserve_error(r, fd, path, LAYOUT_PAGE);
	else if ((r = mapping_open(&attachment->publisher_mapping, fd, size, true, guarded)) < 0)
		r = mapping_error(r, path, size);
	close(fd);
	if (r < 0)
		return r;
	file = (struct layout_publisher_file *)attachment->publisher_mapping.base;
	attachment->publisher_file = file;
	if (!attachment->joined)
		memcpy(file->uuid, attachment->region.uuid, sizeof(file->uuid));
	return attach_file_adopt(attachment);
}
