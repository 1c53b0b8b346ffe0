/* SPDX-License-Identifier: MIT
 *
 * The folder for channels, and what other users may have put into it or in its place. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/storage/folder.h"

static char directory[64];
static struct region_paths names;
static const uint8_t uuid[16] = {1, 2, 3};

static void begin(void)
{
	char region[80];

	snprintf(directory, sizeof(directory), "/dev/shm/test-folder-%d", (int)getpid());
	cr_assert_eq(mkdir(directory, 0700), 0);
	snprintf(region, sizeof(region), "%s/r", directory);
	cr_assert_eq(paths_make(region, &names), 0);
}

static void end(void)
{
	folder_remove(&names);
	cr_expect_eq(rmdir(directory), 0, "%s: %s", directory, strerror(errno));
}

TestSuite(unit_folder, .init = begin, .fini = end);

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	cr_assert(fd >= 0, "%s: %s", path, strerror(errno));
	close(fd);
}

Test(unit_folder, an_entry_has_one_link_and_the_wanted_type)
{
	char path[NAMES_PATH_SIZE], other[128], target[64];
	int fd;

	cr_assert_eq(folder_make(&names, 0644, getegid()), 0);
	folder_entry(&names, uuid, path);
	cr_expect_eq(folder_find(&names, uuid, S_IFREG, &fd), -ENOENT);
	make_file(path);
	cr_assert_eq(folder_find(&names, uuid, S_IFREG, &fd), 0);
	close(fd);
	cr_expect_eq(folder_find(&names, uuid, S_IFSOCK, &fd), -EPERM);
	/* A file with two links is refused: it may be another user's, linked here. */
	snprintf(other, sizeof(other), "%s/other", directory);
	cr_assert_eq(link(path, other), 0);
	cr_expect_eq(folder_find(&names, uuid, S_IFREG, &fd), -EPERM);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(symlink(other, path), 0);
	cr_expect_eq(folder_find(&names, uuid, S_IFREG, &fd), -EPERM);
	cr_expect_eq(folder_remove_entry(&names, uuid), 0);
	cr_expect(readlink(path, target, sizeof(target)) < 0);
	cr_assert_eq(unlink(other), 0);
}

Test(unit_folder, is_removed_with_its_contents)
{
	char path[NAMES_PATH_SIZE + 32];
	struct stat status;

	cr_assert_eq(folder_make(&names, 0644, getegid()), 0);
	snprintf(path, sizeof(path), "%s/a", names.folder);
	cr_assert_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/a/b", names.folder);
	cr_assert_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/a/b/c", names.folder);
	make_file(path);
	/* A symbolic link out of the folder, which must not be followed. */
	snprintf(path, sizeof(path), "%s/a/out", names.folder);
	cr_assert_eq(symlink(directory, path), 0);
	snprintf(path, sizeof(path), "%s/kept", directory);
	make_file(path);
	folder_remove(&names);
	cr_expect(stat(names.folder, &status) < 0 && errno == ENOENT);
	cr_expect_eq(unlink(path), 0);
}

Test(unit_folder, replaces_an_object_of_its_name)
{
	struct stat status;

	make_file(names.folder);
	cr_expect_eq(folder_make(&names, 0640, getegid()), 0);
	cr_assert_eq(lstat(names.folder, &status), 0);
	cr_expect_eq(status.st_mode, S_IFDIR | 01730);
	folder_remove(&names);
	cr_assert_eq(symlink(directory, names.folder), 0);
	cr_expect_eq(folder_make(&names, 0604, getegid()), 0);
	cr_assert_eq(lstat(names.folder, &status), 0);
	cr_expect_eq(status.st_mode, S_IFDIR | 01703);
}

Test(unit_folder, replaces_a_folder_of_another_user)
{
	struct stat status;

	if (geteuid() != 0)
		cr_skip_test("giving files away needs root");
	cr_assert(mkdir(names.folder, 0700) == 0 && chown(names.folder, 65534, 65534) == 0);
	cr_expect_eq(folder_make(&names, 0640, getegid()), 0);
	cr_assert_eq(lstat(names.folder, &status), 0);
	cr_expect_eq(status.st_uid, 0);
}
