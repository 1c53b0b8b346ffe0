/* SPDX-License-Identifier: MIT
 *
 * What a publisher does to a region's data file besides committing: makes it longer, sets up an
 * arena over it, copies versions into it, and stores its state in its head. Called by an attach,
 * by recovery, by a new generation and by what loads a saved file. */
#ifndef PUBLISHER_MEMORY_DATA_FILE_H
#define PUBLISHER_MEMORY_DATA_FILE_H

#include "lib/region/region.h"
#include "publisher/memory/arena.h"

/* Stores the state of a data file in its head word, of which the caller is the only writer, and
 * wakes the futex waiters if they have to check it. */
void data_file_mark(uint64_t *head, enum head_state state);

/* Makes a data file longer, for the arena: the bytes and the guard after them are reserved before
 * arena_end says so. 0 or a negative errno. */
int data_file_grow(struct region *region, uint64_t end);

/* Returns how many arena pages a data file of `size` bytes has. */
uint32_t data_file_pages(const struct region *region, uint64_t size);

/* Initialises an empty arena over a data file's bytes. 0 or -ENOMEM. */
int data_file_arena(const struct region *region, struct arena *ret);

/* Copies what the versions of another region reach into one that is new, and whose arena is empty.
 * Errors as of copy_versions(). */
int data_file_fill(struct region *region, struct arena *arena, const struct region *from,
                   const struct view *view);

#endif
