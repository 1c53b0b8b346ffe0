/* SPDX-License-Identifier: MIT
 *
 * The tables that a subscriber waits for, and whether one of them changed. For opening, registering
 * and waiting. */
#ifndef SUBSCRIBER_INTEREST_H
#define SUBSCRIBER_INTEREST_H

#include "subscriber/state.h"

/* Copies the names in options.tables, which may be NULL. Returns 0, -EINVAL or -ENOMEM. */
int interest_init(struct interest *interest, const char *const *tables);
void interest_fini(struct interest *interest);
/* Forgets which of the tables exist, as the subscriber has moved to another region. */
void interest_forget(struct interest *interest);
/* Fills in the tables that the subscriber's slot names. */
void interest_describe(const struct interest *interest, struct slot_owner *owner);
/* Returns the mask of the tables for channel.futex_mask. */
uint32_t interest_futex_mask(const struct interest *interest);

/* Returns true until the first call of interest_changed() has recorded which of the tables exist.
 * Until then a drop of a table cannot be noticed. */
static inline bool interest_is_new(const struct interest *interest)
{
	return interest->count > 0 && interest->checked == 0;
}

/* Returns 1 if a version after `since` changed, made or dropped one of the tables, else 0.
 * `version` is the newest version. Returns -EBADMSG, or -EAGAIN if the publisher reclaimed
 * `version` meanwhile. Sets no message for -EAGAIN. */
int interest_changed(struct stele_subscriber *subscriber, uint64_t since, uint64_t version);

#endif
