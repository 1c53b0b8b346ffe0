/* SPDX-License-Identifier: MIT */
#include "lib/storage/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/storage/reserve.h"

static const char *file_kind(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFLNK:
		return "a symbolic link";
	case S_IFIFO:
		return "a named pipe";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	default:
		return "not a regular file";
	}
}

/* Sets the error message for an object that is not a regular file. With `links`, the path may be a
 * file that a user asked to read: the message does not suggest its removal. */
static int file_refuse_kind(const char *path, const struct stat *status, bool links)
{
	return error_set(EBADMSG, "%s is %s of user %u, not a file of a region%s", path,
	                 file_kind(status->st_mode), status->st_uid,
	                 links ? "" : "; use another name, or let that user or root remove it");
}

static int file_status_error(const char *path, int errnum)
{
	return error_set(errnum, "cannot get the status of %s: %s", path, strerror(errnum));
}

/* Checks that an open file is regular, has one link (or more with `links`) and at least `min_size`
 * bytes. Returns 0 or a negative errno; -ENOENT, without a message, if the file has lost its
 * name. */
static int file_validate(const char *path, const struct stat *status, bool links, uint64_t min_size)
{
	if (!S_ISREG(status->st_mode))
		return file_refuse_kind(path, status, links);
	if (status->st_nlink == 0)
		return -ENOENT;
	if (status->st_nlink != 1 && !links)
		return error_set(
			EBADMSG,
			"%s of user %u has %lu names (hard links) and is not trusted; remove the other "
			"names",
			path, status->st_uid, (unsigned long)status->st_nlink);
	if ((uint64_t)status->st_size < min_size)
		return error_set(
			EBADMSG,
			"%s of user %u has %lld bytes, too few for a file of a region: it was "
			"truncated, or is another kind of file%s",
			path, status->st_uid, (long long)status->st_size,
			links ? "" : "; let that user or root remove it");
	return 0;
}

/* Sets the error message for a path that could not be opened, except for -ENOENT. The open of an
 * object that is not a regular file may fail because of its permissions; the message then reports
 * the kind of the object, which is the actual fault. */
static int file_refuse_open(const char *path, bool writable, bool links, int errnum)
{
	struct stat status;

	if (errnum == ENOENT)
		return -ENOENT;
	if (lstat(path, &status) < 0)
		return errno == ENOENT ? -ENOENT : file_status_error(path, errno);
	if (!S_ISREG(status.st_mode))
		return file_refuse_kind(path, &status, links);
	if (errnum == EACCES || errnum == EPERM)
		return error_set(errnum,
		                 "may not open %s for %s: it belongs to user %u; ask that user, "
		                 "join its group, or, if it is in the way, let that user or root "
		                 "remove it",
		                 path, writable ? "writing" : "reading", status.st_uid);
	return error_set(errnum, "cannot open %s: %s", path, strerror(errnum));
}

/* Opens and validates a file. Returns 0, a negative errno, or 1 if the file lost its name between
 * the open and the check. */
static int file_open_once(const char *path, bool writable, bool links, uint64_t min_size,
                          int *ret_fd, struct stat *ret_status)
{
	int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC |
	                            O_NOCTTY);
	int r;

	if (fd < 0)
		return file_refuse_open(path, writable, links, errno);
	if (fstat(fd, ret_status) < 0)
		r = file_status_error(path, errno);
	else
		r = file_validate(path, ret_status, links, min_size);
	if (r < 0) {
		close(fd);
		return r == -ENOENT ? 1 : r;
	}
	*ret_fd = fd;
	return 0;
}

/* Limits the retries if publishers keep replacing the file between the open and the check. */
#define OPEN_TRIES 100

/* Opens and validates the file of this name. A file that lost its name between the open and the
 * check was replaced or removed. The next try opens its replacement, or finds that there is
 * none. */
static int file_open_validated(const char *path, bool writable, bool links, uint64_t min_size,
                               int *ret_fd, struct stat *ret_status)
{
	int r = 1;

	for (int i = 0; i < OPEN_TRIES && r == 1; i++)
		r = file_open_once(path, writable, links, min_size, ret_fd, ret_status);
	return r == 1 ? -ENOENT : r;
}

int file_open(const char *path, bool writable, uint64_t min_size, int *ret_fd,
              struct stat *ret_status)
{
	return file_open_validated(path, writable, false, min_size, ret_fd, ret_status);
}

int file_open_linked(const char *path, bool writable, uint64_t min_size, int *ret_fd,
                     struct stat *ret_status)
{
	return file_open_validated(path, writable, true, min_size, ret_fd, ret_status);
}

int file_open_again(int fd, int *ret_fd)
{
	char self[40];
	int again;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	again = open(self, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (again < 0)
		return -errno;
	*ret_fd = again;
	return 0;
}

/* Sets the error message for an open(2) that could not create a file in `directory`. */
static int file_refuse_make(int errnum, const char *directory)
{
	struct statvfs status;

	switch (errnum) {
	case ENOSPC:
		if (statvfs(directory, &status) == 0 && status.f_files > 0 && status.f_ffree == 0)
			return error_set(ENOSPC,
			                 "cannot make a file in %s: all %llu inodes of its file "
			                 "system are in use; remove files there, or mount it with "
			                 "more (nr_inodes)",
			                 directory, (unsigned long long)status.f_files);
		return error_set(ENOSPC,
		                 "cannot make a file in %s: its file system is full; free space "
		                 "there, or mount it with a larger size",
		                 directory);
	case EDQUOT:
		return error_set(
			EDQUOT,
			"cannot make a file in %s: the disk quota of this user is used up; "
			"remove some of that user's files, or raise the quota",
			directory);
	case EOPNOTSUPP:
	case EISDIR:
		return error_set(errnum,
		                 "cannot make a file in %s: its file system does not support "
		                 "O_TMPFILE; use a file system such as tmpfs, ext4 or XFS",
		                 directory);
	default:
		return error_set(errnum, "cannot make a file in %s: %s", directory,
		                 strerror(errnum));
	}
}

int file_make(const char *path, uint64_t size, int *ret_fd)
{
	char copy[NAMES_PATH_SIZE];
	const char *directory;
	int fd, r;

	snprintf(copy, sizeof(copy), "%s", path);
	directory = dirname(copy);
	fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return file_refuse_make(errno, directory);
	r = file_reserve(fd, 0, size);
	if (r < 0) {
		r = file_reserve_error(r, fd, path, size);
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* Gives an open file without a name the name `path`. */
static int file_link(int fd, const char *path)
{
	char self[40];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return 0;
}

int file_publish(int fd, const char *path, mode_t mode)
{
	int r = fchmod(fd, mode) < 0 ? -errno : file_link(fd, path);

	if (r == 0 || r == -EEXIST)
		return r;
	return error_set(-r, "cannot name the new file %s: %s%s", path, strerror(-r),
	                 r == -ENOENT && access("/proc/self/fd", X_OK) < 0
	                         ? " (/proc is not mounted, or hidden; new files get their names "
	                           "through /proc/self/fd)"
	                         : "");
}

int file_refuse_name(const char *what, const char *path, int errnum)
{
	struct stat status;

	if (lstat(path, &status) < 0)
		return error_set(errnum, "cannot %s %s: %s", what, path, strerror(errnum));
	if (errnum == EPERM || errnum == EACCES)
		return error_set(EPERM,
		                 "cannot %s %s: it is %s of user %u; let that user or root remove "
		                 "it, or use another name",
		                 what, path,
		                 S_ISREG(status.st_mode) ? "a file" : file_kind(status.st_mode),
		                 status.st_uid);
	if (S_ISDIR(status.st_mode) && (errnum == ENOTEMPTY || errnum == EEXIST))
		return error_set(EBADMSG,
		                 "cannot %s %s: it is a directory of user %u, and not empty; let "
		                 "that user or root remove it, or use another name",
		                 what, path, status.st_uid);
	return error_set(errnum, "cannot %s %s: %s", what, path, strerror(errnum));
}

int file_remove_name(const char *path)
{
	if (unlink(path) == 0 || (errno == EISDIR && rmdir(path) == 0))
		return 1;
	return errno == ENOENT ? 0 : file_refuse_name("remove", path, errno);
}

int file_replaceable(const char *path)
{
	size_t length = strlen(path);
	struct stat status;

	if (length == 0 || path[length - 1] == '/')
		return error_set(EINVAL, "\"%s\" is not a file name", path);
	if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode))
		return error_set(EINVAL,
		                 "%s is %s, not a regular file, and is not replaced; give another "
		                 "name",
		                 path, file_kind(status.st_mode));
	return 0;
}

int file_random(uint64_t *ret)
{
	if (getrandom(ret, sizeof(*ret), 0) != (ssize_t)sizeof(*ret))
		return error_set(errno, "cannot make a random name: %s", strerror(errno));
	return 0;
}

/* Gives a file a random name in the directory of `path`. Tries another name if the link fails
 * because the name is taken. */
static int file_publish_random(int fd, const char *path, mode_t mode, char ret[NAMES_PATH_SIZE])
{
	char copy[NAMES_PATH_SIZE];
	const char *directory;
	uint64_t number;
	int r;

	snprintf(copy, sizeof(copy), "%s", path);
	directory = dirname(copy);
	do {
		r = file_random(&number);
		if (r < 0)
			return r;
		snprintf(ret, NAMES_PATH_SIZE, "%.480s/.stele-%016llx", directory,
		         (unsigned long long)number);
		r = file_publish(fd, ret, mode);
	} while (r == -EEXIST);
	return r;
}

int file_replace(int fd, const char *path, mode_t mode)
{
	char beside[NAMES_PATH_SIZE];
	int r = file_publish_random(fd, path, mode, beside);

	if (r < 0)
		return r;
	r = file_replaceable(path);
	if (r == 0 && rename(beside, path) < 0)
		r = error_set(errno, "cannot rename %s to %s: %s", beside, path, strerror(errno));
	if (r < 0)
		unlink(beside);
	return r;
}

int file_missing_error(const char *path)
{
	return error_set(ENOENT, "there is no file %s", path);
}

int file_foreign_error(const char *path)
{
	return error_set(EBADMSG, "%s is not a file of a region; remove it if nobody needs it",
	                 path);
}

int file_write_error(const char *path, int errnum)
{
	if (errnum == 0)
		return error_set(EIO, "cannot write %s", path);
	return error_set(errnum, "cannot write %s: %s", path, strerror(errnum));
}

int file_sync(int fd, const char *path)
{
	int r;

	do
		r = fdatasync(fd);
	while (r < 0 && errno == EINTR);
	return r < 0 ? error_set(errno, "cannot write %s to its disk: %s", path, strerror(errno))
	             : 0;
}

int file_sync_directory(const char *path)
{
	char copy[NAMES_PATH_SIZE];
	const char *directory;
	int fd, r;

	snprintf(copy, sizeof(copy), "%s", path);
	directory = dirname(copy);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(errno, "cannot open the directory %s: %s", directory,
		                 strerror(errno));
	r = fsync(fd) < 0 ? error_set(errno, "cannot write the directory %s to its disk: %s",
	                              directory, strerror(errno))
	                  : 0;
	close(fd);
	return r;
}

bool file_is_in_memory(int fd)
{
	struct statfs status;

	return fstatfs(fd, &status) == 0 &&
	       ((uint32_t)status.f_type == TMPFS_MAGIC || (uint32_t)status.f_type == RAMFS_MAGIC);
}

uint64_t file_reserved_size(int fd, const struct stat *status)
{
	uint64_t size = (uint64_t)status->st_size, reserved = (uint64_t)status->st_blocks * 512;
	struct statfs system;

	/* A ramfs does not count blocks, so its files are taken to be complete. */
	if (reserved >= size || fstatfs(fd, &system) < 0 || system.f_type != TMPFS_MAGIC)
		return size;
	return reserved;
}

/* Consumes the signal of a broken lease, which is pending for this thread alone. A program that
 * blocks SIGURG in all threads may have a SIGURG of its own pending for the process: that one is
 * queued again. */
static void file_take_lease_signal(const sigset_t *urgent, int fd)
{
	static const struct timespec now = {0};
	siginfo_t info;

	while (sigtimedwait(urgent, &info, &now) > 0) {
		if (info.si_code == POLL_MSG && info.si_fd == fd)
			continue;
		syscall(SYS_rt_sigqueueinfo, getpid(), SIGURG, &info);
		return;
	}
}

/* Takes a write lease on a file and releases it at once. The kernel grants the lease only if no
 * other process has the file open. Returns 0 if the lease was granted, or a negative errno.
 *
 * A process that opens the file during the lease breaks the lease, and the kernel signals the
 * lease's owner. Any reader can cause that, so the signal must not reach the program: the default
 * signal, SIGIO, would end it, and a handler of the program would interrupt its system calls.
 * Therefore the signal is SIGURG, and its target is this thread (otherwise F_SETLEASE makes the
 * whole process the target), which blocks SIGURG until the signal was consumed. A real-time signal
 * does not work: if the queue of signals is full, the kernel sends SIGIO instead. */
static int file_try_lease(int fd)
{
	struct f_owner_ex self = {.type = F_OWNER_TID, .pid = (pid_t)syscall(SYS_gettid)};
	sigset_t urgent, before;
	int r = 0;

	sigemptyset(&urgent);
	sigaddset(&urgent, SIGURG);
	pthread_sigmask(SIG_BLOCK, &urgent, &before);
	if (fcntl(fd, F_SETOWN_EX, &self) < 0 || fcntl(fd, F_SETSIG, SIGURG) < 0 ||
	    fcntl(fd, F_SETLEASE, F_WRLCK) < 0) {
		r = -errno;
	} else {
		fcntl(fd, F_SETLEASE, F_UNLCK);
		file_take_lease_signal(&urgent, fd);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

bool file_is_in_use(int fd)
{
	return file_try_lease(fd) == -EAGAIN;
}

bool file_is_idle(int fd)
{
	return file_try_lease(fd) == 0;
}

int file_set_group(int fd, const char *path, gid_t group)
{
	if (fchown(fd, (uid_t)-1, group) == 0)
		return 0;
	/* EINVAL: the group is unknown in this user namespace. */
	return error_set(errno == EINVAL ? EPERM : errno, "cannot give %s to group %u: %s", path,
	                 group, strerror(errno));
}

bool file_has_name(const struct stat *status, const char *path)
{
	struct stat named;

	return lstat(path, &named) == 0 && status->st_dev == named.st_dev &&
	       status->st_ino == named.st_ino;
}

bool file_is_named(int fd, const char *path)
{
	struct stat status;

	return fstat(fd, &status) == 0 && file_has_name(&status, path);
}

/* Sets or changes this description's lock on `count` bytes. */
static int file_lock_set(int fd, off_t byte, off_t count, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = count};

	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		/* EINVAL: the kernel does not know this command. */
		return errno == EACCES ? -EAGAIN : errno == EINVAL ? -ENOTSUP : -errno;
	return 0;
}

int file_lock_try_range(int fd, off_t byte, off_t count)
{
	return file_lock_set(fd, byte, count, F_WRLCK);
}

int file_lock_try(int fd, off_t byte)
{
	return file_lock_try_range(fd, byte, 1);
}

int file_lock_try_shared(int fd, off_t byte)
{
	return file_lock_set(fd, byte, 1, F_RDLCK);
}

int file_lock_held_by_writer(int fd, off_t byte, off_t count)
{
	/* A read lock conflicts with write locks only. */
	struct flock lock = {
		.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = count};

	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	return lock.l_type == F_WRLCK;
}

int file_lock_is_one_byte(int fd, off_t byte)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	return lock.l_type == F_WRLCK && lock.l_start == byte && lock.l_len == 1;
}

int file_lock_find(int fd, off_t byte, off_t count, off_t *ret_first, off_t *ret_last)
{
	/* A write lock conflicts with locks of both kinds. */
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = count};
	off_t last = byte + count - 1, locked_last;

	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	if (lock.l_type == F_UNLCK)
		return 0;
	/* A length of 0 means that the lock has no end. */
	locked_last = lock.l_len == 0 ? last : lock.l_start + lock.l_len - 1;
	*ret_first = lock.l_start > byte ? lock.l_start : byte;
	*ret_last = locked_last < last ? locked_last : last;
	return 1;
}

void file_unlock_range(int fd, off_t byte, off_t count)
{
	file_lock_set(fd, byte, count, F_UNLCK);
}

void file_unlock(int fd, off_t byte)
{
	file_unlock_range(fd, byte, 1);
}
