/* SPDX-License-Identifier: MIT
 *
 * A new file for the region: to grow past what is mapped, to give memory back, or because the old
 * one lost its name. The order:
 *
 *   the new file whole, locked, under a name beside the region's
 *   the mark REPLACED in the old file's head
 *   the rename
 *   a wake of everybody, on both heads
 *
 * Who finds the mark opens the name again (subscriber/move.c). A publisher that dies after the mark
 * leaves the old file with its name and the mark: the next one clears it, and readers that found it
 * have found the same file under the name meanwhile, and stayed. Marked after the rename, they would
 * be on a file that nobody writes any more, and not know.
 *
 * The publisher's and the subscribers' files stay. The mutex is held.
 */
#ifndef PUBLISHER_GENERATION_H
#define PUBLISHER_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

struct stele_publisher;

/* Makes the file with the same bytes, and a maximum of at least `least` bytes. Nothing moves, in the
 * file or in this process's memory, so it may happen in the middle of a change. 0; -ENOSPC (the
 * region's limit, or no room for both files for a moment); or another error. With a sentence. */
int generation_grow(struct stele_publisher *publisher, uint64_t least);

/* The same with the same maximum: for a file whose name was removed. Where the memory is not in the
 * file, there is only a new file, and no new generation. */
int generation_name_again(struct stele_publisher *publisher);

/* Writes what is reached and nothing else into a new file. Not within a transaction's changes. 0, or
 * an error with a sentence: then the region goes on in its file. */
int generation_compact(struct stele_publisher *publisher);

/* The same, if the region is large, less than half of it is used, and nobody still maps the
 * generation before. `now` is the time of day. */
void generation_compact_if_worth(struct stele_publisher *publisher, uint64_t now);

/* True while somebody still maps the generation before the present one. Gives up what this process
 * keeps of it if not. */
bool generation_before_in_use(struct stele_publisher *publisher);

/* Gives up what this process keeps of the generation before. */
void generation_forget(struct stele_publisher *publisher);

#endif
