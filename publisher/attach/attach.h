/* SPDX-License-Identifier: MIT
 * What the files of an attach share.
 *
 *   attach.c        the data file, and the order of it all
 *   attach_file.c   the publisher file
 *   attach_lock.c   waiting for locks
 *   load.c          what a new region is filled with
 */
#ifndef PUBLISHER_ATTACH_ATTACH_H
#define PUBLISHER_ATTACH_ATTACH_H

#include "publisher/publisher.h"

#define LOCK_BYTE 0 /* of the publisher file */

/* Takes a lock, trying until `until` on CLOCK_MONOTONIC: 0, -EBUSY with a sentence, or another
 * errno. */
int lock_until(const struct region_paths *names, int fd, int (*try)(int fd), int64_t until);

/* For it, the locks of the publisher file: to have the region alone; or with others, but alone at
 * first if nobody is there, to make what has to be made. */
int try_alone(int fd);
int try_shared(int fd);

/* And those of the data file. Readers may hold read locks on it; then that of the publisher file has
 * to do. */
int try_data_alone(int fd);
int try_data_shared(int fd);
/* The second half of that, for who may have it. */
void lock_data_shared(int fd);

/* Locks one of the two files if it is there, for who removes what a region has: 0, and a descriptor
 * or -1, -EBUSY with a sentence (a publisher is attached, or attaching), or another errno. A file
 * that was locked too late to have its name still is another's work. */
int lock_for_removal(const struct region_paths *names, const char *path, bool readers_may_hold,
                     int *ret_fd);

/* load.c: the arena that a new region needs for what a saved one holds; and copies that into its file,
 * which has no name yet. 0 or with a sentence. */
uint64_t contents_room(struct region *contents);
int contents_fill(const struct region_paths *names, int fd, struct region *contents);

/* Opens or makes the publisher file and locks it. -EAGAIN: start over. */
int publisher_file_attach(const struct region_paths *names, bool create, int64_t until,
                          struct attachment *attachment);

/* Maps the publisher file, and makes it agree with the data file, this boot and this layout. */
int publisher_file_map(struct attachment *attachment, bool guarded);

/* Removes what has no path, the System V segment and queue, of the region that an open publisher file
 * is of, whose lock is held. Its uuid is read there because nobody else can write it. 0, or with an
 * error message: the segment stays. */
int forget_objects(const struct region_paths *names, int publisher);

#endif
