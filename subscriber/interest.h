/* SPDX-License-Identifier: MIT
 *
 * The tables that a subscriber named: which they are, and whether one of them changed. For opening,
 * registration and waiting. */
#ifndef SUBSCRIBER_INTEREST_H
#define SUBSCRIBER_INTEREST_H

#include "subscriber/state.h"

/* Copies the names, NULL meaning none. 0, -EINVAL, -ENOMEM. */
int interest_init(struct interest *interest, const char *const *tables);
void interest_fini(struct interest *interest);
/* Says what it is in a slot; and for a channel. */
void interest_describe(const struct interest *interest, struct slot_owner *owner);
uint32_t interest_futex_mask(const struct interest *interest);

/* True before the first look: without one it is not known which tables there were. */
static inline bool interest_is_new(const struct interest *interest)
{
	return interest->count > 0 && interest->checked == 0;
}

/* Whether a version after `since`, up to `version`, the newest, changed something of interest. 1; 0;
 * -EAGAIN: lost a race, the publisher has moved on; or -EBADMSG. */
int interest_changed(struct stele_subscriber *subscriber, uint64_t since, uint64_t version);

#endif
