/* SPDX-License-Identifier: MIT
 *
 * The processes that a test spawns: starting them, letting them wait for one another, and ending
 * them. They share one piece of memory with the test. */
#ifndef TESTS_SUPPORT_IPC_IPC_PROCESS_H
#define TESTS_SUPPORT_IPC_IPC_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Shared by the processes of a test; zero at its start. */
struct ipc_shared {
	uint32_t stage[33];  /* the last: the process in its own namespaces has ended */
	uint64_t number[33]; /* the last: the pid of that process */
	int segments[4]; /* System V segments that the test made itself: each one's shmid plus 1 */
};

/* Points into memory that the test and its processes share. */
extern struct ipc_shared *shared;

/* ---- stages: numbers that only rise ---- */

/* Sets the stage `which`, and wakes the processes that await it. */
void ipc_reach(unsigned which, uint32_t stage);

/* Returns the current value of stage `which`. */
uint32_t ipc_stage(unsigned which);

/* Waits until the stage `which` has been reached. */
void ipc_await(unsigned which, uint32_t stage);

/* Passes a number to the other processes, which read it with ipc_told(). */
void ipc_tell(unsigned which, uint64_t number);

uint64_t ipc_told(unsigned which);

/* ---- processes ---- */

/* Runs `work` in a new process, which dies with the test. */
pid_t ipc_spawn(void (*work)(unsigned), unsigned argument);

/* Waits until a process ends. Returns its status as of waitpid(2). */
int ipc_reap(pid_t pid);

/* Waits until a process ends, and checks that its exit status is 0. */
void ipc_join(pid_t pid);

/* Kills a process and waits until it ends. */
void ipc_kill(pid_t pid);

/* Kills every spawned process that still runs. */
void ipc_kill_all(void);

/* Forgets a process that the test has reaped itself: its pid may soon belong to another process. */
void ipc_forget(pid_t pid);

/* ---- a process in its own namespaces, one at a time ---- */

enum { IPC_INNER = 32 };

/* Runs `work` in new namespaces (CLONE_NEWPID...). Returns its pid in the namespace of the
 * caller. */
pid_t ipc_spawn_inner(int namespaces, void (*work)(unsigned));

/* Waits until the process in its own namespaces has ended. */
void ipc_join_inner(void);

/* Kills the process in its own namespaces, and waits until it has ended. */
void ipc_kill_inner(pid_t pid);

/* ---- the kernel's view of a process ---- */

/* Returns whether a process is in this state ('S' asleep, 'T' stopped). */
bool ipc_is(pid_t pid, char state);

/* Returns how many descriptors this process has open. */
unsigned ipc_descriptors(void);

#endif
