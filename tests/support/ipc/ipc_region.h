/* SPDX-License-Identifier: MIT
 *
 * The regions of a test, which are named by its pid, and what sets a test up and cleans up after
 * it. A process beside the test removes what is left once the test has ended, however it did.
 */
#ifndef TESTS_SUPPORT_IPC_IPC_REGION_H
#define TESTS_SUPPORT_IPC_IPC_REGION_H

#include <stdint.h>

#include "tests/support/cleaner.h"

/* The name of a second region, for tests that need two. */
extern char other_region[32];

/* The descriptor that keeps the cleaner waiting: it cleans once no process holds it open any
 * more. */
extern int ipc_pipe;

/* Writes the path of one of the region's files: its name ends in `suffix`. */
void ipc_path(char path[128], const char *suffix);

/* Sets a test up and tears it down: .init and .fini of its suite. */
void ipc_begin(void);
void ipc_end(void);

/* Who waits from here on, in this process or one that it spawns, does not look by itself every
 * second: what ends a wait is a notice, so that it ends proves the notice. One that is lost is a
 * wait without end, and no clock is asked. Called before this process has subscribers, as one
 * may have a thread that looks at it. */
void ipc_only_notices(void);

#endif
