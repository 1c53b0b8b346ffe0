/* SPDX-License-Identifier: MIT
 *
 * Attaches a publisher to a region: opens and locks the region's three files, and makes sure that
 * all have the same uuid. Called by publisher.c for the open and the close, and by lock.c, shared.c
 * and generation.c when a file was lost or replaced meanwhile.
 *
 * Within this folder, -EAGAIN, -ENOENT and -ENOTRECOVERABLE come without an error message if the
 * caller handles them, by a retry or by creating the file. */
#ifndef PUBLISHER_ATTACH_ATTACH_H
#define PUBLISHER_ATTACH_ATTACH_H

#include <stele/publisher.h>
#include "lib/base/fork.h"
#include "lib/region/region.h"
#include "lib/region/slots.h"

/* The open and locked files of an attached publisher. */
struct attachment {
	struct region region;
	/* A second descriptor of the data file, which holds the file's lock. */
	struct fork_fd data_lock;
	/* A descriptor of the publisher file, which holds the file's lock. */
	struct fork_fd publisher_lock;
	struct mapping publisher_mapping;
	struct layout_publisher_file *publisher_file;
	struct slots slots;
	bool slots_open;
	/* The region is shared: other publishers may be attached too (STELE_SHARED). */
	bool shared;
	/* Other publishers were attached already, so this attach created neither the region nor the
	 * publisher file. */
	bool joined;
	/* The other publishers use another layout, or another kind of mutex (lib/base/abi.h): the
	 * attach fails with -EPROTONOSUPPORT, unless they detach in time. */
	bool incompatible;
	/* This attach created the region. */
	bool created;
	/* Why this attach replaced an unusable region. NULL: it did not. */
	const char *replaced;
	/* This attach created these files. */
	bool made_publisher_file, made_subscribers_file;
	/* How long to wait for the mutex, in nanoseconds. */
	int64_t lock_timeout;
	/* How often the holder of the mutex was found dead. */
	uint64_t deaths;
};

/* Attaches to a region and locks its mutex. Creates the region if the options ask for that, and
 * fills it with `contents`, which may be NULL, before the region has its name. Returns 0 or a
 * negative errno: those of stele_publisher_open(). After an error, nothing is left to close. */
int attach(const struct region_paths *names, const struct stele_publisher_options *options,
           struct region *contents, struct attachment *ret);
/* Closes all files of an attachment, which releases its locks. */
void attach_close(struct attachment *attachment);
/* Ends an attach: lets other publishers attach if the region is shared. Returns 0 or a negative
 * errno. */
int attach_let_others_in(struct attachment *attachment);
/* Opens the region's current data file, after another publisher replaced it. Returns 0 or a
 * negative errno. */
int attach_next_generation(struct attachment *attachment, bool guarded);
/* Returns true if no other publisher is attached. Then none can attach before this attachment is
 * closed. */
bool attach_is_last(struct attachment *attachment);
/* Opens the subscribers file, and creates it again if it is lost. Returns 0 or a negative errno. */
int attach_slots(struct attachment *attachment, bool guarded);
/* Returns true if the subscribers file was lost since the attach. */
bool attach_slots_lost(const struct attachment *attachment);
/* Replaces a lost subscribers file by a new one. If this fails, the publisher continues without the
 * file. */
void attach_slots_replace(struct attachment *attachment, bool guarded);

#endif
