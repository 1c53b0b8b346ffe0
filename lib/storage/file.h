/* SPDX-License-Identifier: MIT
 *
 * Opens, creates, replaces and locks the files of a region. Any user can put any object under their
 * names in /dev/shm, so every open validates what it finds. A new file gets its name only when it
 * is complete. Any part of the library may call these functions. */
#ifndef LIB_STORAGE_FILE_H
#define LIB_STORAGE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include "lib/storage/paths.h"

/* Opens an existing file and stores its status in `*ret_status`. Never blocks, and never follows a
 * symbolic link. The file must be a regular file with exactly one link and at least `min_size`
 * bytes. Returns 0 or a negative errno. Sets no message for -ENOENT. */
int file_open(const char *path, bool writable, uint64_t min_size, int *ret_fd,
              struct stat *ret_status);

/* Opens a file like file_open(), but accepts one with several links. For the subscribers file:
 * every process that may write the file can add links to it, which must not stop others from
 * registering. The caller validates the file by its owner and the uuid in its header. Also for
 * saved files. */
int file_open_linked(const char *path, bool writable, uint64_t min_size, int *ret_fd,
                     struct stat *ret_status);

/* Opens an open file again, for reading and writing, to get a second open file description. Locks
 * must not be held on a description that is mapped: a mapping keeps its description and the locks
 * on it alive, and a child of fork() inherits the mapping. Returns 0 or a negative errno. Sets no
 * message. */
int file_open_again(int fd, int *ret_fd);

/* Creates a file without a name in the directory of `path`, with `size` bytes reserved. Returns 0
 * or a negative errno. */
int file_make(const char *path, uint64_t size, int *ret_fd);

/* Gives a file of file_make() its mode and then its name, so that it appears complete. Returns 0 or
 * a negative errno. Sets no message for -EEXIST: the name is taken. */
int file_publish(int fd, const char *path, mode_t mode);

/* Removes the object that has the name of one of a region's files, even if it is an empty
 * directory. Returns 1, 0 if there was none, or an error of file_refuse_name(). */
int file_remove_name(const char *path);

/* Sets the error message for an object that has the name of one of a region's files but can't be
 * replaced or removed. `what` is "replace" or "remove", and `errnum` is the reason. The message
 * names the owner and the remedy. Returns -EPERM (the object belongs to another user), -EBADMSG (a
 * directory that is not empty), or -errnum. */
int file_refuse_name(const char *what, const char *path, int errnum);

/* Gives a file of file_make() its mode and the name `path`, replacing a regular file of that name.
 * For a path that a user gave. Until it is renamed to `path`, the new file has a random name in the
 * same directory. Returns 0 or a negative errno. */
int file_replace(int fd, const char *path, mode_t mode);

/* Returns 0 if file_replace() may use `path`; -EINVAL if `path` names an object that is not a
 * regular file, or can't be the name of a file. */
int file_replaceable(const char *path);

/* Sets the error message for a file that could not be written. Returns the negative error number.
 * `errnum` is 0 if the reason is unknown, as for a short write. */
int file_write_error(const char *path, int errnum);

/* Sets the error message for a file that does not exist. Returns -ENOENT. */
int file_missing_error(const char *path);

/* Sets the error message for a file that has the name, but not the contents, of one of a region's
 * files. Returns -EBADMSG. */
int file_foreign_error(const char *path);

/* Makes a random number for the name of a file, so that other users cannot take the name first.
 * Returns 0 or a negative errno. */
int file_random(uint64_t *ret);

/* Writes the contents of the file to its disk. Returns 0 or a negative errno. */
int file_sync(int fd, const char *path);

/* Writes the directory of `path` to its disk, so that a new name in it survives a power cut.
 * Returns 0 or a negative errno. */
int file_sync_directory(const char *path);

/* Returns true if the file is in a file system that keeps its files in memory (tmpfs, ramfs). */
bool file_is_in_memory(int fd);

/* Returns the number of bytes of a file that have memory: reading them through a mapping allocates
 * no more. On a tmpfs, where reading a hole allocates a page, that may be less than the size;
 * elsewhere it is the size. `status` is the result of fstat(2). */
uint64_t file_reserved_size(int fd, const struct stat *status);

/* Returns true if another process, in any namespace, certainly has the file open or mapped. Returns
 * false if none has, and also if the kernel can't tell. Takes a write lease for a moment: a process
 * that opens the file at that moment waits, or fails with EWOULDBLOCK. The kernel's signal to the
 * holder of the lease does not reach the program. */
bool file_is_in_use(int fd);

/* Returns true if certainly no other process has the file open or mapped. Takes a lease like
 * file_is_in_use(), which the kernel grants only to the file's owner and root: false for other
 * users. */
bool file_is_idle(int fd);

/* Gives an open file, whose path is only for the error message, to a group. -1 changes nothing.
 * Returns 0 or a negative errno. */
int file_set_group(int fd, const char *path, gid_t group);

/* Returns true if `path` still names the open file. */
bool file_is_named(int fd, const char *path);

/* Like file_is_named(), for an open file whose status is known: one system call instead of two. */
bool file_has_name(const struct stat *status, const char *path);

/* The functions below use open-file-description locks on bytes. They never block, and set no
 * message. In each call the kernel walks the list of all locks on the file, so the cost rises with
 * the number of these locks. */

/* Takes a write lock on a byte. Replaces a read lock of the same description. Returns 0; -EAGAIN if
 * another description holds a lock: then the old lock stays; or another negative errno. */
int file_lock_try(int fd, off_t byte);

/* Takes a write lock on `count` bytes, as file_lock_try() does on one. */
int file_lock_try_range(int fd, off_t byte, off_t count);

/* Takes a read lock on a byte, as file_lock_try() takes a write lock. */
int file_lock_try_shared(int fd, off_t byte);

/* Returns 1 if another open file description holds a write lock on one of `count` bytes, 0 if none
 * does, or a negative errno. Read locks do not count, because any reader may take one. */
int file_lock_held_by_writer(int fd, off_t byte, off_t count);

/* Returns 1 if another open file description holds a write lock on exactly this byte, 0 if none
 * does, or a negative errno. A lock on a longer range does not count. */
int file_lock_is_one_byte(int fd, off_t byte);

/* Finds a lock, of either kind, that another open file description holds on one of `count` bytes.
 * Returns 1 and stores the first and the last of these bytes that the lock covers, 0 if there is no
 * lock, or a negative errno. Of several locks the kernel reports any. */
int file_lock_find(int fd, off_t byte, off_t count, off_t *ret_first, off_t *ret_last);

/* Releases this description's lock on a byte, or on `count` bytes. */
void file_unlock(int fd, off_t byte);
void file_unlock_range(int fd, off_t byte, off_t count);

#endif
