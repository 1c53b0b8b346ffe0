/* SPDX-License-Identifier: MIT
 * Commands that run until they are told to stop take SIGINT, SIGTERM and SIGHUP from a descriptor,
 * so that they can put everything in order first. */
#ifndef TOOLS_STOP_H
#define TOOLS_STOP_H

/* Blocks the signals and returns a descriptor that is readable once one has come, for the life of
 * the process; -1 after a sentence. */
int stop_descriptor(void);

#endif
