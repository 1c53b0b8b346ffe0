/* SPDX-License-Identifier: MIT
 *
 * The processes that a test spawns: starting them, letting them wait for one another, and ending
 * them. They share one piece of memory with the test.
 */
#ifndef TESTS_SUPPORT_IPC_IPC_PROCESS_H
#define TESTS_SUPPORT_IPC_IPC_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What the processes of a test share; zero at its start. */
struct ipc_shared {
	uint32_t stage[33];  /* the last: the process in namespaces of its own has ended */
	uint64_t number[33]; /* ... its pid */
	int segments[4]; /* System V segments that the test made itself: each one's shmid and 1 */
};

/* In memory that is shared by the test and its processes. */
extern struct ipc_shared *shared;

/* ---- stages: numbers that only rise ---- */

/* Sets the stage `which` and wakes the processes that await it. */
void ipc_reach(unsigned which, uint32_t stage);

/* The stage `which` as it is now. */
uint32_t ipc_stage(unsigned which);

/* Waits until the stage `which` has been reached. */
void ipc_await(unsigned which, uint32_t stage);

/* Numbers that a process tells the others. */
void ipc_tell(unsigned which, uint64_t number);

uint64_t ipc_told(unsigned which);

/* ---- processes ---- */

/* Runs `work` in a process of its own, which dies with the test. */
pid_t ipc_spawn(void (*work)(unsigned), unsigned argument);

/* Waits for a process's end; its status as of waitpid(2). */
int ipc_reap(pid_t pid);

/* Waits for a process's end, which must be an exit with status 0. */
void ipc_join(pid_t pid);

/* Kills a process and waits for its end. */
void ipc_kill(pid_t pid);

/* Kills every spawned process that still runs. */
void ipc_kill_all(void);

/* Forgets a process that the test has reaped itself: its pid may belong to another process soon. */
void ipc_forget(pid_t pid);

/* ---- a process in namespaces of its own, one at a time ---- */

enum { IPC_INNER = 32 };

/* Runs `work` in new namespaces (CLONE_NEWPID...); its pid out here. */
pid_t ipc_spawn_inner(int namespaces, void (*work)(unsigned));

/* Waits until it has ended. */
void ipc_join_inner(void);

/* Kills it, and waits until it has ended. */
void ipc_kill_inner(pid_t pid);

/* ---- what the system says of a process ---- */

/* Whether a process is in this state ('S' asleep, 'T' stopped). */
bool ipc_is(pid_t pid, char state);

/* Descriptors that this process has open. */
unsigned ipc_descriptors(void);

#endif
