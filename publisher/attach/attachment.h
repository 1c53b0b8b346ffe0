/* SPDX-License-Identifier: MIT
 *
 * The attachment of a publisher to a region. Used by attach.c and the parts that it calls
 * (attach_file.c, mutex.c), and as a part of struct stele_publisher by publisher/. */
#ifndef PUBLISHER_ATTACH_ATTACHMENT_H
#define PUBLISHER_ATTACH_ATTACHMENT_H

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
	/* The region is shared: other publishers may be attached too (attach_share.h). */
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
	/* The callback that is told about a wait for the mutex. NULL: none. */
	void (*waiting)(const char *message, void *context);
	void *waiting_context;
	/* How often the holder of the mutex was found dead. */
	uint64_t deaths;
};

#endif
