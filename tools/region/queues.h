/* SPDX-License-Identifier: MIT
 * Lists the POSIX message queues of this process's IPC namespace, and finds those of dead
 * subscribers. leftovers.c and the doctor use this. */
#ifndef TOOLS_REGION_QUEUES_H
#define TOOLS_REGION_QUEUES_H

#include <stdbool.h>
#include <stele/stele.h>

/* Bytes of RLIMIT_MSGQUEUE that a subscriber's queue uses, by the formula of getrlimit(2): a
 * message of 8 bytes, and the two structs of 48 bytes that the kernel allocates for it. */
#define QUEUE_BYTES (8u + 48u + 48u)

/* Calls `each` with the name, without its slash, of each queue. Returns 0, or a negative errno if
 * this process cannot list queues. Root always can; other users need a mount of the mqueue file
 * system at /dev/mqueue. */
int queues_each(void (*each)(void *context, const char *name), void *context);

/* Returns true if this is the name of a subscriber's queue, and writes the name of its region to
 * `region`. */
bool queue_is_subscribers(const char *name, char region[STELE_NAME_MAX + 1]);

/* Returns 1 if the subscriber of this queue is dead: no process of any namespace has the queue
 * open. Returns 0 if a process has it open, or if it does not exist or is not a subscriber's.
 * Returns a negative errno if this process cannot find out. */
int queue_is_dead(const char *name);

/* Removes a queue. Returns 0, also if the queue does not exist, or a negative errno. */
int queue_remove(const char *name);

#endif
