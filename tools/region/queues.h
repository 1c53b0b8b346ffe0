/* SPDX-License-Identifier: MIT
 * The POSIX message queues of this process's IPC namespace, and which of them dead subscribers
 * left. */
#ifndef TOOLS_REGION_QUEUES_H
#define TOOLS_REGION_QUEUES_H

#include <stdbool.h>
#include <stele/stele.h>

/* What a queue of a subscriber takes of RLIMIT_MSGQUEUE, by the formula of getrlimit(2): one
 * message of 8 bytes, and 48 bytes for each of the two structs that the kernel has for a message. */
#define QUEUE_BYTES (8u + 48u + 48u)

/* Calls `each` with the name of each queue, without its slash. 0, or a negative errno: the kernel
 * does not let this process list them. Root needs no mount of the mqueue file system for it. */
int queues_each(void (*each)(void *context, const char *name), void *context);

/* Whether this is the name of a subscriber's queue: then `region` is its region's. */
bool queue_is_subscribers(const char *name, char region[STELE_NAME_MAX + 1]);

/* 1: nobody has the queue open, in whatever namespace, so its subscriber is dead; 0: somebody has,
 * or there is no such queue; or a negative errno: this process can't tell. */
int queue_is_dead(const char *name);

/* 0, or a negative errno. */
int queue_remove(const char *name);

#endif
