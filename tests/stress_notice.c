/* SPDX-License-Identifier: MIT
 *
 * Commits that fall between a subscriber's arming and its blocking, with each notifier: none may be slept through.
 * Both sides start from a spin at the same moment and go on after a random one, so that the commit meets every
 * step of the wait. A lost wake-up is a wait without end.
 */
#include "tests/notifier.h"
#include "tests/random.h"

TestSuite(stress_notice, .init = ipc_begin, .fini = ipc_end, .timeout = 240);

#define SEED  20250301u
#define RACES (IPC_SANITIZED ? 4000u : 60000u)
#define SPIN  3000u /* at most: about as long as a wait takes to block */

enum { READY, DONE }; /* numbers */

static void spin(uint64_t *random)
{
	for (uint64_t turns = random_from(random) % SPIN; turns > 0; turns--)
		__asm__ volatile("");
}

static void wait_in_races(unsigned way)
{
	struct stele_subscriber *subscriber = subscribe(way % MECHANISMS);
	struct pollfd pollfd = {.fd = -1, .events = POLLIN};
	uint64_t random = SEED + way, version = 1;

	if (way >= MECHANISMS)
		OK(pollfd.fd = stele_subscriber_fd(subscriber));
	for (unsigned race = 1; race <= RACES; race++) {
		int r;
		ipc_tell(READY, race);
		spin(&random);
		while ((r = stele_subscriber_wait(subscriber, version,
		                                  way < MECHANISMS ? STELE_FOREVER : 0,
		                                  &version)) == 0)
			CHECK(poll(&pollfd, 1, -1) == 1, "%s", strerror(errno));
		OK(r);
		CHECK(version == race + 1, "version %llu in race %u", (unsigned long long)version,
		      race);
		ipc_tell(DONE, race);
	}
	stele_subscriber_close(subscriber);
}

static void race(unsigned way)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	uint64_t random = ~(uint64_t)(SEED + way);
	pid_t child;

	memset(shared, 0, sizeof(*shared));
	ipc_only_notices();
	child = ipc_spawn(wait_in_races, way);
	for (unsigned round = 1; round <= RACES; round++) {
		UNTIL(ipc_told(READY) == round);
		spin(&random);
		ipc_commit(publisher);
		for (int64_t until = ipc_now() + IPC_PATIENCE; ipc_told(DONE) != round;
		     sched_yield())
			CHECK(ipc_now() < until,
			      "%s%s: commit %u of %u was slept through (seed %u)",
			      mechanisms[way % MECHANISMS].name,
			      way < MECHANISMS ? "" : " with a descriptor", round, RACES, SEED);
	}
	ipc_join(child);
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
}

Test(stress_notice, no_commit_is_slept_through)
{
	for (unsigned i = 0; i < MECHANISMS; i++)
		if (can_spawn(i))
			race(i);
}

Test(stress_notice, no_commit_is_slept_through_with_a_descriptor)
{
	for (unsigned i = 0; i < MECHANISMS; i++)
		if (mechanisms[i].has_descriptor)
			race(MECHANISMS + i);
}
