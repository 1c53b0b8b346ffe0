/* SPDX-License-Identifier: MIT
 *
 * The regions of a test, which are named by its pid, and a test's set-up and cleaning up. A process
 * beside the test removes leftovers once the test has ended, even if it crashed. */
#ifndef TESTS_SUPPORT_IPC_IPC_REGION_H
#define TESTS_SUPPORT_IPC_IPC_REGION_H

#include <stdint.h>

#include "tests/support/cleaner.h"

/* The name of a second region, for tests that need two. */
extern char other_region[32];

/* The descriptor that keeps the cleaner waiting: it cleans up once no process holds the descriptor
 * open any more. */
extern int ipc_pipe;

/* Writes the path of one of the region's files, whose name ends in `suffix`. */
void ipc_path(char path[128], const char *suffix);

/* Set up and tear down a test: .init and .fini of its suite. */
void ipc_begin(void);
void ipc_end(void);

/* Turns off the looks of a waiting subscriber without a notice, in this process and in those
 * that it spawns. A wait then ends only by a notice, and a lost notice is a wait without end; no
 * clock is involved. Must be called before this process has subscribers, since a subscriber's
 * thread may read the setting. */
void ipc_only_notices(void);

#endif
