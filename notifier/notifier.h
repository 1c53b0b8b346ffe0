/* SPDX-License-Identifier: MIT
 *
 * Notifiers: how a publisher wakes subscribers. A notice says "version v exists". It is only a
 * hint: the subscriber then reads head in the region. It also reads head now and then without a
 * notice. So lost, repeated and forged notices cost only time. Notifiers know versions, never rows.
 * For the publisher and for subscribers.
 *
 * The ticket in a subscriber's slot decides when the publisher sends (publisher/notices/fanout.c,
 * subscriber/wait.c). A notifier only carries the notice, and keeps the contract at struct
 * notifier.
 */
#ifndef NOTIFIER_NOTIFIER_H
#define NOTIFIER_NOTIFIER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "lib/layout.h"
#include "lib/storage/paths.h"

/* How long the library blocks before it reads head again, in nanoseconds: one second. The longer
 * there was no new version, the longer it blocks, up to NOTIFIER_SLICES of these (wait_slice() in
 * subscriber/wait.c). Only tests change it, before they open subscribers. If a test sets one hour,
 * a subscriber that wakes up was notified, however slow the machine is. In common.c. */
extern int64_t notifier_slice;

/* The longest time without a look at head, in slices. A notice is lost if the publisher dies after
 * it has stored head and before it sends, if it is out of descriptors or memory, or if it comes
 * back in a namespace from which it does not reach the subscriber. Other readers of the region can
 * keep any notice away, as they may write into the slot that asks for it. */
#define NOTIFIER_SLICES 8u

/* One end of the connection between the publisher and one subscriber: the subscriber's, or the
 * publisher's. The caller fills in the first part, whose pointers must stay valid as long as the
 * channel. The second part belongs to the notifier. */
struct channel {
	const struct region_paths *names; /* the region's paths */
	uint8_t region_uuid[16];
	const uint64_t *head;     /* the head word in the region's present file */
	struct layout_slot *slot; /* the subscriber's slot */
	uint32_t index;           /* the slot's index */
	uint8_t uuid[16];    /* the subscriber's uuid, part of the name of its queue or socket */
	uid_t owner;         /* the region's owner: the user that the publisher runs as */
	gid_t group;         /* the region's group */
	uint32_t futex_mask; /* the tables that wake a wait on the futex; 0: all */
	int64_t slice;       /* the longest time that the next wait blocks, in nanoseconds */

	int fd;         /* a descriptor, or -1 */
	void *state;    /* the notifier's own data */
	char name[128]; /* the name of the queue or socket, for error messages */
};

/* A notifier, and the contract that every notifier keeps.
 *
 * The publisher decides by the ticket in the slot when it sends: at most once for each odd ticket,
 * after it stored head. It never sends for the same ticket again, even if that notice was lost. So
 * a notice that was consumed is the last one until the subscriber takes a new ticket. It follows
 * that:
 *
 *   1. A wait that consumed a notice always returns, no matter which process sent the notice. A
 *      notice of another process may be the reason why the publisher's notice did not fit, and a
 *      notice does not show for which ticket it was sent. The subscriber takes a new ticket before
 *      it waits again. Each notice of a flood costs the subscriber only one read of head.
 *   2. Outside a wait, notices are consumed only by _drain, before a ticket is taken, and never
 *      between taking the ticket and the wait.
 *   3. A notice that was sent before a wait ends the wait at once, like one that is sent during the
 *      wait: a notice stays until it is consumed.
 *   4. _send returns -EAGAIN only if a pending notice, of any process, will end the wait. When the
 *      subscriber reads head after that wait, it finds the head that was stored before the _send.
 *   5. If a publisher dies within _send, the first _send of the next publisher ends the wait.
 *
 * A notifier that can't store notices keeps 6 and 7 instead of 3. (The wake of a futex is lost if
 * no process waits.)
 *
 *   6. _wait compares a word with the value of head that the subscriber has read, and blocks in the
 *      same atomic step. Each version changes the word, and so does each state of a data file that
 *      is being replaced (HEAD_REPLACING and HEAD_REPLACED in lib/layout.h).
 *   7. While the ticket is armed, the publisher wakes for every version. One wake is not enough: it
 *      may come before the wait of a subscriber that has read that version already.
 *
 * docs/models/channels.pml checks these rules against each kind of channel;
 * tests/notices/notifier_contract.c tests each notifier against them, and tests/stress/notice.c all
 * notifiers together. */
struct notifier {
	const char *name;
	uint32_t kind; /* LAYOUT_NOTIFIER_... */
	/* True if its queues are visible only in the IPC namespace in which they were made. */
	bool of_ipc_namespace;
	/* True if an open channel of a subscriber has a descriptor that notices make readable. */
	bool has_descriptor;

	/* ---- the subscriber's side ---- */

	/* Makes the queue, socket... of a subscriber, to which the region's owner can send. The
	 * slot is claimed already, and its ticket is even. Returns 0 or a negative errno. After a
	 * failure the channel holds no resources. */
	int (*open)(struct channel *channel);
	/* Blocks until a notice comes, `deadline` on CLOCK_MONOTONIC passes, a signal comes, or
	 * channel->slice is over. The futex also returns when head is no longer `seen`. After any
	 * return the subscriber takes a new ticket and reads head. */
	void (*wait)(struct channel *channel, uint64_t seen, int64_t deadline);
	/* Consumes some or all pending notices. Never blocks. If a notice stays pending, the next
	 * wait ends at once. */
	void (*drain)(struct channel *channel);
	/* Closes the channel, and removes its queue, socket... */
	void (*close)(struct channel *channel);
	/* Called in a child made by fork(): closes the child's descriptors and frees its memory.
	 * The parent's channel still works. */
	void (*abandon)(struct channel *channel);

	/* ---- the publisher's side ---- */

	/* Opens a subscriber's queue, socket... for sending. Returns 0 or a negative errno. After a
	 * failure the channel holds no resources. */
	int (*attach)(struct channel *channel);
	/* Sends a notice. Never blocks. Returns 0; -EAGAIN, if notices are pending already; or
	 * another negative errno. */
	int (*send)(struct channel *channel, uint64_t version);
	/* Closes the channel that `attach` opened. */
	void (*detach)(struct channel *channel);
	/* For monitoring: stores the number of pending notices and the owner of the queue. Returns
	 * 0, or a negative errno if this process can't find out. NULL for a notifier that can't
	 * count its notices. */
	int (*stat)(struct channel *channel, uint64_t *ret_waiting, uid_t *ret_owner);
	/* Removes the queue, socket... of a dead subscriber. Returns 0, also if there was none, or
	 * a negative errno. The slot's kind and uuid may be forged, so this removes only an object
	 * that this notifier could have made for a subscriber of this region. */
	int (*reap)(struct channel *channel);
	/* Removes the objects that all subscribers of a region share, when the region is removed.
	 * May be NULL. */
	void (*remove)(const struct region_paths *names, const uint8_t region_uuid[16]);
};

/* The notifiers, each in its own file. A notifier uses this header and common.h, and no other
 * notifier. */
extern const struct notifier notifier_mq;
extern const struct notifier notifier_socket;
extern const struct notifier notifier_fifo;
extern const struct notifier notifier_signal;
extern const struct notifier notifier_semaphore;
extern const struct notifier notifier_sysv;
extern const struct notifier notifier_futex;

/* ---- notifier.c: the table of all notifiers, for publishers and subscribers ---- */

/* Returns the notifier for a slot's kind, or NULL if the kind is unknown. */
const struct notifier *notifier_of_kind(uint32_t kind);
/* Returns the notifier with a name that a user gave, or NULL. */
const struct notifier *notifier_of_name(const char *name);
/* Lists the names that a user may give, for an error message: "auto, mq, ... and futex". */
#define NOTIFIER_NAMES_SIZE 128
void notifier_names(char ret[NOTIFIER_NAMES_SIZE]);

/* Removes the objects that notifiers made for all subscribers of a region, such as the queue of
 * "sysv". */
void notifiers_remove(const struct region_paths *names, const uint8_t region_uuid[16]);

#endif
