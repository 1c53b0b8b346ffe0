/* SPDX-License-Identifier: MIT
 *
 * Generations: the region moves to another data file. The publisher makes a new file to grow past
 * the maximum size, to return memory to the system (compaction), or because the old file lost its
 * name. A mapping cannot grow under a reader, so subscribers map the new file themselves, when they
 * notice it. The publisher file and the subscribers file are not replaced. Called by publisher.c,
 * lock.c and transaction.c, which hold the mutex.
 *
 * The order of the steps:
 *
 *   1  make the new file complete and locked, under a random name beside the region's
 *   2  store HEAD_REPLACING in the old file's head
 *   3  rename the new file over the old one
 *   4  store HEAD_REPLACED in the old file's head, and wake the futex waiters there
 *   5  send notices to all subscribers, for the new file
 *
 * A subscriber that finds a state other than HEAD_CURRENT opens the region's name again
 * (subscriber/move.c). If the name still refers to the same file, the subscriber stays with that
 * file, and may wait on the head word with the value that it has just read. Steps 2 and 4 both
 * change the low half of the word. So a wait with a value from before either step ends at once,
 * however late it begins, and step 4 wakes every wait that began before it. After step 4 no
 * subscriber waits on the old head. So the publisher never has to wake an older file's head again,
 * however many times a transaction replaces the file.
 *
 * What a publisher leaves behind if it dies
 *
 *   before 2   a file beside the region's. The next publisher removes it.
 *   before 3   the old file, with its name. The next publisher stores HEAD_CURRENT, which changes
 *              the word once more, and uses the file.
 *   in 4       HEAD_REPLACING in a file without a name, or HEAD_REPLACED without the wake. A
 *              subscriber that checks finds the new file. A futex waiter on the old head checks
 *              within a second. A publisher that shares the region finds that its file has lost
 *              the name, and does step 4 (shared.c).
 *   before 5   subscribers without their notices; only the futex waiters were woken. The next
 *              publisher notifies all subscribers.
 *
 * The state has to be stored before the rename. If the state were stored only after the rename, a
 * publisher that died in between would leave subscribers on a file that is no longer written, and
 * they would never notice. The removal of a region has the same order, with the removal of the name
 * as step 3. */
#ifndef PUBLISHER_GENERATION_H
#define PUBLISHER_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

struct stele_publisher;

/* Moves to a new file with the same bytes, and with a maximum size of at least `min` bytes. No
 * offset in the file and no pointer in this process changes, so this may happen in the middle of a
 * change. Returns 0; -ENOSPC (the region's limit, or no space for both files at the same time); or
 * another error. On error the region stays in its file. */
int generation_grow(struct stele_publisher *publisher, uint64_t min);

/* Checks that the region's name refers to its file. If the name was removed, or refers to another
 * user's file, makes a new file with the same bytes and the same maximum size. If the contents are
 * in a System V segment, only the data file is new, and the generation stays the same. Returns 0;
 * -EBADMSG (another file of this user has the name); or an error of generation_grow(). */
int generation_keep_name(struct stele_publisher *publisher);

/* Compacts: moves to a new file that holds only the objects that the versions and pins reach. Not
 * allowed while a transaction has changes. Returns 0 or an error. On error the region stays in its
 * file. */
int generation_compact(struct stele_publisher *publisher);

/* Adds all features of a new region (lib/layout.h): compacts, and writes every object in the layout
 * that it has with these features. The new file's maximum size is larger if it has to be. Allowed
 * and failing like generation_compact(). */
int generation_upgrade(struct stele_publisher *publisher);

/* Does the same for a region that all its publishers share from now on, or no longer. */
int generation_share(struct stele_publisher *publisher, bool shared);

/* Compacts if the region is large, less than half of it is in use, no process still maps the file
 * of the previous generation, and the last try was long enough ago. `now` is the time of day. */
void generation_compact_if_worth(struct stele_publisher *publisher, uint64_t now);

/* Returns true while another process still maps the file of the previous generation. If no process
 * does, closes this process's descriptor of that file. */
bool generation_before_in_use(struct stele_publisher *publisher);

/* Closes this process's descriptor of the file of the previous generation. */
void generation_close_before(struct stele_publisher *publisher);

#endif
