/* SPDX-License-Identifier: MIT
 *
 * Operations of a publisher on a region's data file, besides committing: making the file longer,
 * initialising the arena over it, copying versions into it, and storing the file's state in the
 * head word. Called by an attach and a removal, by recovery, by the publisher's state, and by
 * publisher.c, shared.c and generation.c, which make the file grow or mark it as replaced. */
#ifndef PUBLISHER_MEMORY_DATA_FILE_H
#define PUBLISHER_MEMORY_DATA_FILE_H

#include "lib/region/region.h"
#include "publisher/memory/arena.h"

/* Stores the state of a data file in its head word, and wakes the futex waiters if they must open
 * the region's name again. The caller is the only writer of the head. */
void data_file_mark(uint64_t *head, enum head_state state);

/* Makes a data file longer, so that its arena ends at file offset `end`. Reserves the bytes and the
 * guard after them before it stores arena_end. Returns 0 or a negative errno. */
int data_file_grow(struct region *region, uint64_t end);

/* Returns how many arena pages a data file of `size` bytes has. */
uint32_t data_file_pages(const struct region *region, uint64_t size);

/* Initialises an empty arena over the bytes of a data file. Returns 0 or -ENOMEM. */
int data_file_arena(const struct region *region, struct arena *ret);

/* Copies everything that the versions of region `from` reach into a new data file whose arena is
 * empty. `view` is the view of `from`. Errors are those of copy_versions(). */
int data_file_fill(struct region *region, struct arena *arena, const struct region *from,
                   const struct view *view);

#endif
