/* SPDX-License-Identifier: MIT
 *
 * A new file for the region: to grow past what is mapped, to give memory back, or because the old
 * one lost its name. The order:
 *
 *   1  the new file whole, locked, under a name beside the region's
 *   2  HEAD_REPLACING in the old file's head
 *   3  the rename
 *   4  HEAD_REPLACED in the old file's head, and a wake of all futex waiters there
 *   5  notices for all subscribers, for the new file
 *
 * A subscriber that finds a state other than HEAD_CURRENT opens the name again (subscriber/move.c). If
 * the name is still the same file's, the subscriber goes on with it, and may wait on the head word with
 * the very value that it has judged. Steps 2 and 4 both change the low half of the word, so a wait with
 * a value from before either step ends at once, however late it begins; and a wait that began before
 * step 4 is woken by it. Nobody waits on the old head after that, so nothing is kept of the old file,
 * however many times a transaction replaces it.
 *
 * A publisher that dies
 *
 *   before 2   leaves a file beside, which the next publisher removes;
 *   before 3   leaves the old file with its name: the next publisher stores HEAD_CURRENT, which changes
 *              the word once more, and goes on with the file;
 *   in 4       leaves HEAD_REPLACING in a file without a name, or has not woken yet. A subscriber that
 *              looks finds the new file; a futex waiter on the old head looks after a slice. A publisher
 *              that shares the region finds the old file in its place, and does step 4;
 *   before 5   has woken the futex waiters; the next publisher sends notices to all the others.
 *
 * With the state stored only after the rename, a subscriber could stay on a file that nobody writes any
 * more, and not know. A removal does the same, with the removal of the name as step 3.
 *
 * The publisher's and the subscribers' files stay. The mutex is held.
 *
 * Called by lock.c, transaction.c and publisher.c. */
#ifndef PUBLISHER_GENERATION_H
#define PUBLISHER_GENERATION_H

#include <stdbool.h>
#include <stdint.h>
#include "lib/layout.h"

struct stele_publisher;

/* Makes the file with the same bytes, and a maximum of at least `min` bytes. Nothing moves, in the
 * file or in this process's memory, so it may happen in the middle of a change. 0; -ENOSPC (the
 * region's limit, or no room for both files for a moment); or another error. */
int generation_grow(struct stele_publisher *publisher, uint64_t min);

/* Makes a new file, with the same bytes and the same maximum, if the region's name was removed or
 * is another user's file since. Where the memory is not in the file, there is only a new file, and
 * no new generation. 0, also if the name is there; -EBADMSG (another file of this user has the
 * name); or an error of generation_grow(). */
int generation_keep_name(struct stele_publisher *publisher);

/* Writes what is reached and nothing else into a new file. Not within a transaction's changes. 0,
 * or an error: then the region goes on in its file. */
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
