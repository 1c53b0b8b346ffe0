/* SPDX-License-Identifier: MIT
 * Commands that run until they are told to stop take SIGINT, SIGTERM and SIGHUP from a descriptor,
 * so that they can put everything in order first. Those that were ignored when the command started,
 * as SIGHUP is by nohup(1), stay ignored. */
#ifndef TOOLS_BASE_STOP_H
#define TOOLS_BASE_STOP_H

#include <stdbool.h>

/* Blocks the signals and returns a descriptor that is readable once one has come; -1 after an error
 * message. There is one at a time. */
int stop_descriptor(void);

/* True once a signal has come, if there is a descriptor. */
bool stop_came(void);

/* Makes writes to standard output end when a signal comes, also while the reader takes nothing: they
 * fail with ECANCELED. */
void stop_guard_output(void);

/* Closes the descriptor and unblocks the signals: one that is pending ends the process here. */
void stop_descriptor_close(int fd);

#endif
