/* SPDX-License-Identifier: MIT
 *
 * Finds the region of a name: at the open of a subscriber, and again when the region was removed or
 * replaced. */
#ifndef SUBSCRIBER_REOPEN_H
#define SUBSCRIBER_REOPEN_H

#include "subscriber/state.h"

/* Opens the region, and waits for it until the deadline if it does not exist yet, or is of an
 * earlier boot. `rule` are the owners that are accepted. Returns 0 or an error of
 * stele_subscriber_open(). */
int reopen_first(const char *region, const struct owner_rule *rule, bool guarded, int64_t deadline,
                 struct region_paths *ret_names, struct region **ret);

/* Moves the subscriber to the region that has its name now, if that is another one: open snapshots
 * stay on the old region, and the subscriber registers anew. Does not wait. Returns 0, also if the
 * name still belongs to the subscriber's region; or an error of stele_subscriber_reopen(). */
int reopen_once(struct stele_subscriber *subscriber);

/* Watches for a region to appear under the subscriber's name. The descriptor of
 * stele_subscriber_fd() becomes readable when one may have. Call reopen_once() afterwards, which
 * ends the watch if it finds a region. */
void reopen_watch(struct stele_subscriber *subscriber);

/* Adds the watch, if there is one, to the descriptor of stele_subscriber_fd(), if there is one. */
void reopen_add_to_epoll(struct stele_subscriber *subscriber);

#endif
