/* SPDX-License-Identifier: MIT
 *
 * Attaching to a region as a publisher: its three files open, locked, and of one uuid. Called by
 * publisher.c for the open and the close, and by lock.c, shared.c and generation.c where a file
 * was lost or replaced meanwhile.
 *
 * Every function of this folder sets the error message before it returns a negative errno, but for
 * errnos that a caller within the folder turns into a retry (-EAGAIN, -ENOENT). */
#ifndef PUBLISHER_ATTACH_ATTACH_H
#define PUBLISHER_ATTACH_ATTACH_H

#include <stele/publisher.h>
#include "lib/base/fork.h"
#include "lib/region/region.h"
#include "lib/region/slots.h"

/* The process-shared parts of an attachment: what attach.c gets hold of. */
struct attachment {
	struct region region;
	struct fork_fd data_lock; /* another descriptor of the data file, which holds its lock */
	struct fork_fd publisher_lock; /* of the publisher file */
	struct mapping publisher_mapping;
	struct layout_publisher_file *publisher_file;
	struct slots slots;
	bool slots_open;
	bool shared;          /* others may be attached too */
	bool joined;          /* and were already: this attach made nothing */
	bool incompatible;    /* with those: -EPROTONOSUPPORT, unless they go away in time */
	bool created;         /* the region was made by this attach */
	const char *replaced; /* why it was made in place of an unusable one; NULL: it was not */
	bool made_publisher_file, made_subscribers_file; /* and these */
	int64_t lock_timeout;                            /* nanoseconds to wait for the mutex */
	uint64_t deaths; /* times that the mutex's holder was found dead */
};

/* Attaches to a region, and takes its mutex. A region that this makes is filled with `contents`,
 * if that is not NULL, before it has its name. */
int attach(const struct region_paths *names, const struct stele_publisher_options *options,
           struct region *contents, struct attachment *ret);
void attach_close(struct attachment *attachment);
/* The end of an attach: lets those in that share the region. */
int attach_let_others_in(struct attachment *attachment);
/* Opens the region's data file anew, where another publisher replaced it. */
int attach_next_generation(struct attachment *attachment, bool guarded);
/* True if no other publisher is attached, and none can be until this one is closed. */
bool attach_is_last(struct attachment *attachment);
/* Opens the subscribers file, made anew if it is lost. */
int attach_slots(struct attachment *attachment, bool guarded);
/* For the middle of a life: whether it was lost; and a new one, then. */
bool attach_slots_lost(const struct attachment *attachment);
void attach_slots_replace(struct attachment *attachment, bool guarded);

#endif
