/* SPDX-License-Identifier: MIT */
#include "lib/storage/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "lib/base/error.h"
#include "lib/storage/file.h"

#define NO_FOLLOW (O_CLOEXEC | O_NOFOLLOW)
/* Maximum number of passes of a removal. Each pass moves one level of nested directories up; the
 * limit stops an attacker who creates them faster. */
#define PASSES 4096
/* Maximum number of attempts to remove the folder, if a subscriber adds entries between a pass and
 * rmdir(2). */
#define REMOVE_TRIES 8

/* Denies all other users access to a directory, so that nobody can keep a removal busy by adding
 * files. Returns false if the directory belongs to another user and this process is not root. */
static bool folder_shut(int fd)
{
	if (geteuid() == 0 && fchown(fd, 0, (gid_t)-1) < 0)
		return false;
	return fchmod(fd, 0700) == 0;
}

/* Moves a directory up into `folder`, under a random name, which nobody can take in advance. */
static bool folder_move_up(int folder, int fd, const char *entry)
{
	char name[32];
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return false;
	snprintf(name, sizeof(name), "removed-%016llx", (unsigned long long)number);
	return renameat(fd, entry, folder, name) == 0;
}

/* Removes the entries of a directory. Works on open directories, so that no symbolic link can
 * redirect it to another place.
 *
 * With `folder` -1, the directory is the region's folder: its subdirectories are emptied by a
 * recursive call, with the folder's descriptor as `folder`. That call moves directories that are
 * not empty up into the folder instead of descending further, so no depth of nesting stops a
 * removal. Returns true if a directory was moved up: the caller then makes another pass. */
static bool folder_remove_entries(int directory_fd, int folder)
{
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | NO_FOLLOW);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool moved = false;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((entry = readdir(directory)) != NULL) {
		int inner;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    unlinkat(fd, entry->d_name, 0) == 0 ||
		    unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0)
			continue;
		if (folder >= 0) {
			moved |= folder_move_up(folder, fd, entry->d_name);
			continue;
		}
		inner = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | NO_FOLLOW);
		if (inner < 0)
			continue;
		if (folder_shut(inner))
			moved |= folder_remove_entries(inner, fd);
		close(inner);
		unlinkat(fd, entry->d_name, AT_REMOVEDIR);
	}
	closedir(directory);
	return moved;
}

/* Sets the error message for an entry that could not be removed, and names the entry's owner. */
static int folder_refuse_left(const struct region_paths *names, int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | NO_FOLLOW), r = 0;
	DIR *directory = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;
	struct stat status;

	if (!directory) {
		if (again >= 0)
			close(again);
		return file_refuse_name("remove", names->folder, ENOTEMPTY);
	}
	while (r == 0 && (entry = readdir(directory)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    fstatat(again, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
			r = error_set(
				EBADMSG,
				"cannot remove %s: user %u has made a %s in it; let that user "
				"or root remove it, and try again",
				names->folder, status.st_uid,
				S_ISDIR(status.st_mode) ? "directory" : "file");
	closedir(directory);
	return r < 0 ? r : file_refuse_name("remove", names->folder, ENOTEMPTY);
}

int folder_remove(const struct region_paths *names)
{
	int fd = open(names->folder, O_RDONLY | O_DIRECTORY | NO_FOLLOW);
	int passes = PASSES, tries = REMOVE_TRIES, r;

	/* The object is not a directory, or a directory that can't be read. */
	if (fd < 0)
		return file_remove_name(names->folder);
	/* A subscriber of this user that has the folder open may add an entry at any time. */
	do {
		if (folder_shut(fd))
			while (folder_remove_entries(fd, -1) && --passes > 0)
				;
		r = rmdir(names->folder) == 0 ? 0 : -errno;
	} while (r == -ENOTEMPTY && passes > 0 && --tries > 0);
	if (r == -ENOTEMPTY)
		r = folder_refuse_left(names, fd);
	else
		r = r == 0 || r == -ENOENT ? 1 : file_refuse_name("remove", names->folder, -r);
	close(fd);
	return r;
}

/* Removes an object that has the folder's name but is not a directory of this user. Another user
 * may have created it in advance. */
static void folder_remove_foreign(const struct region_paths *names)
{
	struct stat status;

	if (lstat(names->folder, &status) == 0 &&
	    (!S_ISDIR(status.st_mode) || status.st_uid != geteuid()))
		folder_remove(names);
}

int folder_make(const struct region_paths *names, mode_t region_mode, gid_t group)
{
	/* The sticky bit lets only the owners of an entry and of the folder remove the entry. */
	mode_t mode = 01700 | (region_mode & 040 ? 030 : 0) | (region_mode & 04 ? 03 : 0);
	char path[FOLDER_FOUND_SIZE];
	struct stat status;
	int fd, r = 0;

	folder_remove_foreign(names);
	if (mkdir(names->folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	/* O_PATH: the umask may have removed the owner's own read permission. */
	fd = open(names->folder, O_PATH | O_DIRECTORY | NO_FOLLOW);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		r = -errno;
	else if (status.st_uid != geteuid())
		r = -EPERM;
	if (r == 0) {
		folder_found_path(fd, path);
		if (status.st_gid != group && chown(path, (uid_t)-1, group) < 0)
			r = errno == EPERM ? 0 : -errno;
	}
	if (r == 0 && (status.st_mode & 07777) != mode)
		r = chmod(path, mode) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* Opens the folder for readdir(3). Returns NULL if it can't be read. */
static DIR *folder_read(const struct region_paths *names)
{
	int fd = open(names->folder, O_RDONLY | O_DIRECTORY | NO_FOLLOW);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (!directory && fd >= 0)
		close(fd);
	return directory;
}

void folder_each(const struct region_paths *names,
                 void (*each)(void *context, const uint8_t uuid[16]), void *context)
{
	DIR *directory = folder_read(names);
	struct dirent *entry;
	uint8_t uuid[16];

	if (!directory)
		return;
	while ((entry = readdir(directory)) != NULL)
		if (uuid_parse(entry->d_name, uuid) == 0)
			each(context, uuid);
	closedir(directory);
}

int folder_open(const struct region_paths *names, uid_t owner, int *ret_fd)
{
	struct stat status;
	int fd = open(names->folder, O_PATH | O_DIRECTORY | NO_FOLLOW);

	if (fd < 0)
		return error_set(errno == ENOENT ? ENOTSUP : errno,
		                 "cannot use the folder %s, which the publisher makes: %s",
		                 names->folder, strerror(errno));
	if (fstat(fd, &status) < 0 || status.st_uid != owner) {
		close(fd);
		return error_set(
			EPERM,
			"the folder %s does not belong to the region's owner, user %u; let "
			"that user or root remove it",
			names->folder, owner);
	}
	*ret_fd = fd;
	return 0;
}

void folder_entry(const struct region_paths *names, const uint8_t uuid[16],
                  char ret[NAMES_PATH_SIZE])
{
	char text[UUID_STR_LEN];

	uuid_unparse_lower(uuid, text);
	snprintf(ret, NAMES_PATH_SIZE, "%.470s/%s", names->folder, text);
}

void folder_entry_at(int folder, const uint8_t uuid[16], char ret[FOLDER_SHORT_SIZE])
{
	char text[UUID_STR_LEN];

	uuid_unparse_lower(uuid, text);
	snprintf(ret, FOLDER_SHORT_SIZE, "/proc/self/fd/%d/%s", folder, text);
}

int folder_find(const struct region_paths *names, const uint8_t uuid[16], mode_t type, int *ret_fd)
{
	char path[NAMES_PATH_SIZE];
	struct stat status;
	int fd;

	folder_entry(names, uuid, path);
	fd = open(path, O_PATH | NO_FOLLOW);
	if (fd < 0)
		return -errno;
	/* A file of another user that was linked into the folder has more than one link. */
	if (fstat(fd, &status) < 0 || (status.st_mode & S_IFMT) != type || status.st_nlink != 1) {
		close(fd);
		return -EPERM;
	}
	*ret_fd = fd;
	return 0;
}

void folder_found_path(int fd, char ret[FOLDER_FOUND_SIZE])
{
	snprintf(ret, FOLDER_FOUND_SIZE, "/proc/self/fd/%d", fd);
}

int folder_remove_entry(const struct region_paths *names, const uint8_t uuid[16])
{
	char path[NAMES_PATH_SIZE];

	folder_entry(names, uuid, path);
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}
