/* SPDX-License-Identifier: MIT */
#include "lib/storage/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/layout.h"
#include "lib/storage/file.h"

static void replace_path(const struct region_paths *names, uint64_t number,
                         char ret[REPLACE_PATH_SIZE])
{
	snprintf(ret, REPLACE_PATH_SIZE, "%s.new-%016llx", names->data, (unsigned long long)number);
}

/* ---- the file of a dead publisher ---- */

/* The common start of the headers of the data file and of the subscribers file. */
struct replace_header {
	uint64_t magic;
	uint32_t layout_version;
	uint32_t byte_order;
	uint8_t uuid[16];
};

static_assert(offsetof(struct replace_header, uuid) == offsetof(struct layout_header, uuid) &&
                      offsetof(struct replace_header, uuid) ==
                              offsetof(struct layout_subscribers_header, uuid),
              "the uuid has the same offset in both files");

/* Returns true if `path` names a file of this owner whose header has this uuid. */
static bool replace_is_own(const char *path, uid_t owner, const uint8_t uuid[16])
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct replace_header header;
	struct stat status;
	bool own;

	if (fd < 0)
		return false;
	own = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == owner &&
	      pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
	      (header.magic == LAYOUT_MAGIC_DATA || header.magic == LAYOUT_MAGIC_SUBSCRIBERS) &&
	      memcmp(header.uuid, uuid, sizeof(header.uuid)) == 0;
	close(fd);
	return own;
}

int replace_find_left(int publisher, const struct region_paths *names,
                      char ret_path[REPLACE_PATH_SIZE])
{
	struct layout_replacement record;
	struct stat status;

	if (fstat(publisher, &status) < 0 ||
	    pread(publisher, &record, sizeof(record), LAYOUT_REPLACEMENT_OFFSET) !=
	            (ssize_t)sizeof(record) ||
	    record.number == 0)
		return 0;
	replace_path(names, record.number, ret_path);
	return replace_is_own(ret_path, status.st_uid, record.uuid);
}

int replace_remove_left(int publisher, const struct region_paths *names)
{
	char path[REPLACE_PATH_SIZE];

	if (replace_find_left(publisher, names, path) == 0 || unlink(path) == 0 || errno == ENOENT)
		return 0;
	return error_set(errno, "cannot remove %s, left by a publisher that died: %s", path,
	                 strerror(errno));
}

/* ---- replacing ---- */

/* Records the new file's name in the publisher file and on its disk. The contract with
 * replace_find_left(), which the next publisher calls: a file gets only a name that was
 * recorded. */
static int replace_record(int publisher, const struct region_paths *names, uint64_t number,
                          const uint8_t uuid[16])
{
	struct layout_replacement record = {.number = number};
	ssize_t written;

	memcpy(record.uuid, uuid, sizeof(record.uuid));
	written = pwrite(publisher, &record, sizeof(record), LAYOUT_REPLACEMENT_OFFSET);
	if (written != (ssize_t)sizeof(record))
		return file_write_error(names->publisher, written < 0 ? errno : ENOSPC);
	return file_sync(publisher, names->publisher);
}

int replace_begin(int publisher, const struct region_paths *names, const uint8_t uuid[16], int fd,
                  mode_t mode, char ret_path[REPLACE_PATH_SIZE])
{
	uint64_t number;
	int r = replace_remove_left(publisher, names);

	if (r < 0)
		return r;
	do {
		r = file_random(&number);
		if (r < 0)
			return r;
		replace_path(names, number, ret_path);
		r = replace_record(publisher, names, number, uuid);
		if (r == 0)
			r = file_publish(fd, ret_path, mode);
	} while (r == -EEXIST);
	return r;
}

int replace_end(const char *new_path, const char *path)
{
	int r;

	if (rename(new_path, path) == 0)
		return 0;
	if (errno == EISDIR && rmdir(path) == 0 && rename(new_path, path) == 0)
		return 0;
	r = file_refuse_name("replace", path, errno);
	unlink(new_path);
	return r;
}

int replace_file(int publisher, const struct region_paths *names, const uint8_t uuid[16], int fd,
                 const char *path, mode_t mode)
{
	char new_path[REPLACE_PATH_SIZE];
	int r = file_publish(fd, path, mode);

	if (r != -EEXIST)
		return r;
	/* Syncs the header, because replace_find_left() identifies the file by its uuid, also after
	 * a power cut. */
	r = file_sync(fd, path);
	if (r == 0)
		r = replace_begin(publisher, names, uuid, fd, mode, new_path);
	return r < 0 ? r : replace_end(new_path, path);
}
