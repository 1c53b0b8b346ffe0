/* SPDX-License-Identifier: MIT
 *
 * How notices travel. A notice says "version v exists" and is only a hint: whoever gets one looks
 * at the head in the region, and looks there by itself once a second. So a notifier may lose,
 * repeat or forge notices and break nothing but the time they take. Notifiers know versions, never
 * rows.
 *
 * When a subscriber is sent a notice is decided by the ticket in its slot (publisher/fanout.c,
 * subscriber/wait.c); a notifier only carries it.
 */
#ifndef NOTIFIER_NOTIFIER_H
#define NOTIFIER_NOTIFIER_H

#include <stdint.h>
#include <sys/types.h>
#include "lib/layout.h"

/* No wait in the library is longer than this: then it looks at the head again. */
#define NOTIFIER_SLICE INT64_C(1000000000)

/* One subscriber's end, or the publisher's end to one subscriber. */
struct channel {
	int fd;                    /* a descriptor of the mechanism's, or -1 */
	const uint64_t *head;      /* the region's head word; for mechanisms that wait on it */
	char name[128];            /* what the system knows it by, for messages */
};

struct notifier {
	const char *name;
	uint32_t kind; /* LAYOUT_NOTIFIER_... */

	/* The subscriber's side. _open makes the mechanism's object, which the region's owner
	 * (user, group) must be able to send to. 0, or a negative errno with a sentence. */
	int (*open)(struct channel *channel, const char *region, const uint8_t uuid[16], uid_t owner, gid_t group);
	/* Blocks until a notice comes, or head is not `seen` any more where that is waited on, or
	 * `deadline` on CLOCK_MONOTONIC, or a signal, or for a slice. Any return means: look. */
	void (*wait)(struct channel *channel, uint64_t seen, int64_t deadline);
	/* Takes the notices that are there. */
	void (*drain)(struct channel *channel);
	/* Closes, and removes the object. */
	void (*close)(struct channel *channel, const char *region, const uint8_t uuid[16]);

	/* The publisher's side. _attach opens the object of a subscriber: 0 or a negative errno.
	 * _send never blocks: 0; -EAGAIN: there are notices waiting already; or another errno.
	 * _detach closes. */
	int (*attach)(struct channel *channel, const char *region, const uint8_t uuid[16]);
	int (*send)(struct channel *channel, uint64_t version);
	void (*detach)(struct channel *channel);
	/* Removes the object of a dead subscriber: 0 (also if there was none) or a negative
	 * errno. */
	int (*reap)(const char *region, const uint8_t uuid[16]);
};

extern const struct notifier notifier_mq;
extern const struct notifier notifier_futex;

/* The notifier of a kind that stands in a slot, or NULL. */
const struct notifier *notifier_of_kind(uint32_t kind);
/* The notifier that a user named, or NULL. */
const struct notifier *notifier_of_name(const char *name);

/* Wakes all who wait on the head word, with or without a slot. */
void notifier_futex_wake_all(const uint64_t *head);

#endif
