/* SPDX-License-Identifier: MIT */
#include "tests/support/ipc/ipc_region.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include <stele/stele.h>

#include "notifier/notifier.h"
#include "tests/support/clock.h"
#include "tests/support/ipc/ipc_process.h"

char other_region[32];
int ipc_pipe = -1;

void ipc_path(char path[128], const char *suffix)
{
	snprintf(path, 128, "/dev/shm/stele.%s%s", region, suffix);
}

static void ipc_clean_after(void)
{
	char pattern[128];
	int64_t until;

	until = clock_now() + 10 * NSEC_PER_SEC;
	while (stele_region_remove(region) == -EBUSY && clock_now() < until)
		sched_yield();
	while (stele_region_remove(other_region) == -EBUSY && clock_now() < until)
		sched_yield();
	ipc_path(pattern, "*");
	cleaner_unlink(pattern);
	/* Subscribers that were still dying when the region was removed have left their queues. */
	snprintf(pattern, sizeof(pattern), "/dev/mqueue/stele.%s*", region);
	cleaner_unlink(pattern);
	for (unsigned i = 0; i < sizeof(shared->segments) / sizeof(shared->segments[0]); i++)
		if (shared->segments[i] != 0)
			shmctl(shared->segments[i] - 1, IPC_RMID, NULL);
}

void ipc_begin(void)
{
	snprintf(region, sizeof(region), "ipc%d-t", (int)getpid());
	snprintf(other_region, sizeof(other_region), "ipc%d-t2", (int)getpid());
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	cr_assert(shared != MAP_FAILED);
	ipc_pipe = cleaner_start(ipc_clean_after);
}

void ipc_end(void)
{
	ipc_kill_all();
	stele_region_remove(region);
	stele_region_remove(other_region);
}

void ipc_only_notices(void)
{
	notifier_slice = 3600 * NSEC_PER_SEC;
}
