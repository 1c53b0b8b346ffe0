/* SPDX-License-Identifier: MIT
 * Receives SIGINT, SIGTERM and SIGHUP through a descriptor. Used by commands that run until a
 * signal stops them, so that they clean up before they end. A signal that was ignored when the
 * command started, as nohup(1) ignores SIGHUP, stays ignored. */
#ifndef TOOLS_BASE_STOP_H
#define TOOLS_BASE_STOP_H

#include <signal.h>
#include <stdbool.h>
#include "tools/base/status.h"

/* Removes from a set the signals that were ignored when the command started: nohup(1) ignores
 * SIGHUP, and a shell without job control ignores SIGINT in the background. The kernel queues a
 * blocked signal even if it is ignored, so a descriptor for the whole set would report it. */
void stop_leave_ignored(sigset_t *set);

/* Blocks the signals and returns a descriptor that is readable once one of them is pending. Returns
 * -1 after an error message. At most one such descriptor may be open. */
int stop_descriptor(void);

/* Makes SIGHUP a request instead of a signal that stops the command, also if it was ignored at the
 * start. Called before stop_descriptor(). Returns a descriptor for stop_take_hangup(), which is
 * readable once the signal is pending; or -1 after an error message. */
int stop_hangup_descriptor(void);

/* Returns true if SIGHUP has come since the last call. */
bool stop_take_hangup(int fd);

/* Returns true if the descriptor is open and a signal is pending. */
bool stop_came(void);

/* Makes writes to standard output fail with ECANCELED when a signal comes, even if they are blocked
 * because the reader reads nothing. */
void stop_guard_output(void);

/* Returns true if standard output does not accept PIPE_BUF bytes now: its reader reads nothing. For
 * a command that must go on with its work, and drops lines instead. */
bool stop_output_is_stuck(void);

/* Closes the descriptor and unblocks the signals. A pending signal ends the process here. */
void stop_descriptor_close(int fd);

/* Reports that signals cannot be received through a descriptor, for the reason in errno. Returns
 * STATUS_SYSTEM. */
enum status stop_fail(void);

#endif
