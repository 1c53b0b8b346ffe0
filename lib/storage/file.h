/* SPDX-License-Identifier: MIT
 * The files of a region: opened with suspicion, made whole or not at all, locked. */
#ifndef LIB_STORAGE_FILE_H
#define LIB_STORAGE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include "lib/storage/paths.h"

/* Opens a file that exists, never waiting for it and never following it anywhere: it must be a
 * regular file with one link, and at least `min_size` bytes. 0 or a negative errno;
 * for -ENOENT it sets no message. */
int file_open(const char *path, bool writable, uint64_t min_size, int *ret_fd,
              struct stat *ret_status);

/* The same for the subscribers file: whoever may write it may give it more names, which must keep
 * nobody from registering. Its owner and the uuid in it tell whether it is the right one. */
int file_open_linked(const char *path, bool writable, uint64_t min_size, int *ret_fd,
                     struct stat *ret_status);

/* Opens an open file once more, with an open file description of its own: 0 or a negative errno.
 * Sets no message. A lock must not be on a description that is mapped: a mapping keeps its
 * description, with the locks on it, and a child made by fork() has the mapping too. */
int file_open_again(int fd, int *ret_fd);

/* Makes a file that has no name yet, with `size` bytes reserved, next to where `path` will be. */
int file_make(const char *path, uint64_t size, int *ret_fd);

/* Gives it its mode and its name, so that it appears whole. -EEXIST: there is one already; this
 * sets no message. */
int file_publish(int fd, const char *path, mode_t mode);

/* Removes what has the name of a region's file, an empty directory too: 1, 0 if there was nothing, or as
 * file_refuse_name(). */
int file_remove_name(const char *path);

/* Sets the error for what has the name of a region's file and can't be replaced or removed (`what` is
 * that verb), as `errnum` says: whose it is, and the remedy. -EPERM (another user's), -EBADMSG (a
 * directory that is not empty), or the errno. */
int file_refuse_name(const char *what, const char *path, int errnum);

/* In place of what a person calls `path`: a regular file, or nothing. It has a name of its own beside
 * it for a moment, which no other file can have. 0 or a negative errno. */
int file_replace(int fd, const char *path, mode_t mode);
/* 0, or -EINVAL: something else has that name, or it can't be a file's. */
int file_replaceable(const char *path);

/* Sets the error message for a file that could not be written, and returns the negative errno;
 * `errnum` is 0 if there is no reason to tell. */
int file_write_error(const char *path, int errnum);

/* Everything written to the file, or the names in the directory of `path`, is on the disk after
 * this. 0 or a negative errno. */
int file_sync(int fd, const char *path);
int file_sync_directory(const char *path);

/* True for a file system that keeps its files in memory. */
bool file_is_in_memory(int fd);

/* The bytes of a file that reading through a mapping takes no further memory for: its size, or, on a
 * tmpfs, where a hole that is read becomes a page, what it has memory for if that is less. `status` is of
 * fstat(2). */
uint64_t file_reserved_size(int fd, const struct stat *status);

/* Whether another process has the file open or mapped, in whatever namespace, as far as the kernel
 * tells: _in_use is true if one certainly has, _idle if certainly none has (for the file's owner
 * and root). Both ask for a write lease. A process that opens the file at that very moment waits
 * for it, or is refused (EWOULDBLOCK). No signal reaches this program. */
bool file_is_in_use(int fd);
bool file_is_idle(int fd);

/* True when `path` still names the open file. */
bool file_is_named(int fd, const char *path);

/* Open-file-description locks on one byte; they never wait. _try takes a write lock, and _try_shared
 * a read lock, each in place of the other: 0, or -EAGAIN, and then the old one stays.
 * _held_by_writer looks whether somebody else has a write lock on one of `count` bytes (a read lock,
 * which any reader may take, does not count): 1, 0, or a negative errno. They set no message. */
int file_lock_try(int fd, off_t byte);
int file_lock_try_shared(int fd, off_t byte);
int file_lock_held_by_writer(int fd, off_t byte, off_t count);
/* Looks whether another open file description has a write lock on this byte and on no other: 1, 0,
 * or a negative errno. Sets no message. */
int file_lock_is_one_byte(int fd, off_t byte);
void file_unlock(int fd, off_t byte);

#endif
