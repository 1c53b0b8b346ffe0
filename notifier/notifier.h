/* SPDX-License-Identifier: MIT
 *
 * How notices travel. A notice says "version v exists" and is only a hint: whoever gets one looks
 * at the head in the region, and looks there by itself once a second. So a notifier may lose,
 * repeat or forge notices and break nothing but the time they take. Notifiers know versions, never
 * rows.
 *
 * When a subscriber is sent a notice is decided by the ticket in its slot (publisher/notices/fanout.c,
 * subscriber/wait.c); a notifier only carries it, and keeps the contract at struct notifier.
 */
#ifndef NOTIFIER_NOTIFIER_H
#define NOTIFIER_NOTIFIER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "lib/layout.h"
#include "lib/storage/paths.h"

/* No wait in the library is longer than this, in nanoseconds: then it looks at the head again. One
 * second, and nothing changes it but a test, before it opens subscribers: where nobody looks by itself
 * for an hour, who is up was woken, however slow the machine is. */
extern int64_t notifier_slice;

/* One subscriber's end, or the publisher's end to one subscriber. The caller fills in the first part
 * and keeps what it points at; the rest is the mechanism's. */
struct channel {
	const struct region_paths *names; /* of the region */
	uint8_t region_uuid[16];
	const uint64_t *head;     /* the region's head word; another one after a new generation */
	struct layout_slot *slot; /* the subscriber's */
	uint32_t index;           /* of it */
	uint8_t uuid[16];         /* the subscriber's: what its object is named after */
	uid_t owner;              /* of the region: who sends */
	gid_t group;
	uint32_t futex_mask; /* what a wait on the futex is woken for; 0: everything */

	int fd;         /* a descriptor of the mechanism's, or -1 */
	void *state;    /* what else it needs */
	char name[128]; /* what the system knows it by, for messages */
};

/* What every notifier keeps. The ticket in the slot decides when a notice is sent: a publisher sends
 * once, at most, for each odd ticket, after it stored head, and never again for that ticket, whatever
 * became of the notice. So a notice that is taken away is the last one until the subscriber takes a new
 * ticket, and
 *
 *   1. a wait that took anything away returns, always, whoever sent it: a stranger's notice may be why
 *      the publisher's found no room, and one left from an earlier ticket can't be told from this
 *      ticket's. The subscriber takes a new ticket before it waits again. A flood costs a look for each
 *      notice, and nothing else.
 *   2. Outside a wait, notices are taken away before the ticket is taken (_drain), and never between
 *      that and the wait.
 *   3. A notice that was sent before a wait begins ends the wait, like one that is sent during it. It
 *      stays until it is taken away.
 *   4. _send answers -EAGAIN only if a notice that is there, whoever sent it, will end the wait; and the
 *      look after that wait finds the head that was stored before the _send.
 *   5. If a publisher dies within a _send, the next publisher's first _send ends the wait.
 *
 * What has no place for a notice that stays, as the wake of a futex is lost if nobody waits, keeps these
 * instead of 3:
 *
 *   6. _wait compares a word with the value that the subscriber has judged, and the comparison and the
 *      block are one step. What is waited for changes the word: each version, and each state of a data
 *      file that is replaced (lib/layout.h).
 *   7. A wake is sent for each version while the ticket is armed, as the wake for one version can come
 *      before the wait that looked at that version.
 *
 * _open sets the error message when it fails. The other functions set no message: their callers go on
 * with the next subscriber.
 *
 * docs/models/channels.pml checks these against each kind of channel, tests/notices/notifier_contract.c
 * holds each notifier to them, and tests/stress/notice.c all of them together. */
struct notifier {
	const char *name;
	uint32_t kind;         /* LAYOUT_NOTIFIER_... */
	bool of_ipc_namespace; /* its objects are not seen in another one */

	/* The subscriber's side. _open makes the mechanism's object, to which the region's owner must
	 * be able to send. The slot is taken by then, and its ticket even. 0, or a negative errno, and
	 * then nothing is left of it. */
	int (*open)(struct channel *channel);
	/* Blocks until a notice comes, or head is not `seen` any more where that is waited on, or
	 * `deadline` on CLOCK_MONOTONIC, or a signal, or for a slice. Any return means: take a new
	 * ticket, and look. */
	void (*wait)(struct channel *channel, uint64_t seen, int64_t deadline);
	/* Takes the notices that are there, or some of them; never blocks. Those that are left make
	 * the next wait return at once. */
	void (*drain)(struct channel *channel);
	/* Closes, and removes the object. */
	void (*close)(struct channel *channel);
	/* Closes what is this process's, in a child made by fork(), and leaves the parent its own. */
	void (*abandon)(struct channel *channel);

	/* The publisher's side. _attach opens the object of a subscriber: 0 or a negative errno, and
	 * then nothing is left open. _send never blocks: 0; -EAGAIN: there are notices waiting already;
	 * or another errno. _detach closes. */
	int (*attach)(struct channel *channel);
	int (*send)(struct channel *channel, uint64_t version);
	void (*detach)(struct channel *channel);
	/* For who only looks: how many notices wait to be taken, and whose the object is. 0, or a
	 * negative errno where that can't be told here. NULL: the mechanism can't tell. */
	int (*stat)(struct channel *channel, uint64_t *ret_waiting, uid_t *ret_owner);
	/* Removes the object of a dead subscriber: 0 (also if there was none) or a negative errno. Its
	 * kind and uuid may have been forged: what is removed must be something that this mechanism
	 * would have made for a subscriber of this region. */
	int (*reap)(struct channel *channel);
	/* Removes what a mechanism has for a region as a whole, at the region's removal; or NULL. */
	void (*remove)(const struct region_paths *names, const uint8_t region_uuid[16]);
};

/* The notifiers, a file each. They use this header and common.h, and not each other. */
extern const struct notifier notifier_mq;
extern const struct notifier notifier_socket;
extern const struct notifier notifier_fifo;
extern const struct notifier notifier_signal;
extern const struct notifier notifier_semaphore;
extern const struct notifier notifier_sysv;
extern const struct notifier notifier_futex;

/* ---- notifier.c: the table of all notifiers, for publishers and subscribers ---- */

/* The notifier of a kind that stands in a slot, or NULL. */
const struct notifier *notifier_of_kind(uint32_t kind);
/* The notifier that a user named, or NULL. */
const struct notifier *notifier_of_name(const char *name);
/* What a user may name, for an error message: "auto, mq, ... and futex". */
#define NOTIFIER_NAMES_SIZE 128
void notifier_names(char ret[NOTIFIER_NAMES_SIZE]);

/* Removes what mechanisms have for a region as a whole. */
void notifiers_remove(const struct region_paths *names, const uint8_t region_uuid[16]);

#endif
