/* SPDX-License-Identifier: MIT
 *
 * A publisher killed at random moments while it alters tables, in shared memory and on a disk. The
 * last version that it reported is there, an unfinished alter has left nothing, and readers of the
 * first columns read every version. tests/crash/step.c kills a publisher at every instruction of an
 * alter. */
#include <poll.h>

#include "tests/support/crash/bank.h"
#include "tests/support/crash/crash.h"

#define ROUNDS 40

/* Makes the next version of the bank, and appends a column to both tables, as long as the bank can
 * fill in more. Returns the version, or a negative errno. */
static int64_t alter_once(struct stele_publisher *publisher, uint64_t *random)
{
	uint64_t version = stele_publisher_version(publisher);
	const struct stele_schema *schema;
	struct stele_transaction *tx;
	int r = stele_transaction_begin(publisher, &tx);

	if (r == 0)
		r = bank_change(tx, version + 1, random);
	if (r == 0)
		r = stele_transaction_schema(tx, "left", &schema);
	if (r == 0 && schema->value_size < sizeof(struct account) + BANK_APPENDED) {
		r = bank_alter(tx, "left");
		if (r == 0)
			r = bank_alter(tx, "right");
	}
	if (r == 0)
		r = stele_transaction_commit(tx, NULL, &version);
	return r < 0 ? r : (int64_t)version;
}

/* Lets a publisher alter until it is killed at a random moment. Returns the last version that it
 * reported. */
static uint64_t alter_until_killed(const char *region, uint64_t *random)
{
	int64_t version, reported = 0, until;
	int ends[2], status;
	pid_t child;

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	child = crash_fork();
	if (child == 0) {
		struct stele_publisher *publisher = crash_publisher(region, 0, 0);
		do
			version = alter_once(publisher, random);
		while (version > 0 && write(ends[1], &version, sizeof(version)) > 0);
		fprintf(stderr, "the publisher fails: %s\n", stele_last_error());
		_exit(1);
	}
	close(ends[1]);
	cr_assert_eq(read(ends[0], &reported, sizeof(reported)), (ssize_t)sizeof(reported));
	until = clock_now() + (int64_t)(random_from(random) % 2000000);
	while (clock_now() < until)
		;
	kill(child, SIGKILL);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSIGNALED(status), "the publisher ended by itself");
	while (read(ends[0], &version, sizeof(version)) == (ssize_t)sizeof(version))
		reported = version;
	close(ends[0]);
	return (uint64_t)reported;
}

static void kill_and_recover(const char *region, uint64_t seed)
{
	struct stele_region_use use = {.size = sizeof(use)};
	uint64_t random = seed, reported, version, used;
	struct stele_publisher *publisher;

	for (int round = 0; round < ROUNDS; round++) {
		bank_create(region, 2);
		reported = alter_until_killed(region, &random);
		publisher = crash_publisher(region, 0, 0);
		version = stele_publisher_version(publisher);
		used = crash_used(publisher, NULL);
		cr_assert(version == reported || version == reported + 1,
		          "seed %llu, round %d: version %llu after %llu", (unsigned long long)seed,
		          round, (unsigned long long)version, (unsigned long long)reported);
		bank_assert_whole(region, 0, "after a kill");
		cr_assert_eq(stele_region_verify(region, NULL, &use), 1, "round %d: %s", round,
		             stele_last_error());
		stele_publisher_close(publisher);
		publisher = crash_publisher(region, 0, 0);
		cr_assert_eq(crash_used(publisher, NULL), used, "round %d", round);
		cr_assert_eq(alter_once(publisher, &random), (int64_t)version + 1, "%s",
		             stele_last_error());
		bank_assert_whole(region, 0, "after an alter");
		stele_publisher_close(publisher);
		cr_assert_eq(stele_region_remove(region), 0, "%s", stele_last_error());
	}
}

Test(alter_crash, crash_01_a_kill_during_an_alter_in_memory, .fini = crash_clean, .timeout = 300)
{
	kill_and_recover(crash_name("alter"), 20240801);
}

Test(alter_crash, crash_01_a_kill_during_an_alter_on_a_disk, .fini = crash_clean, .timeout = 300)
{
	char directory[] = "/tmp/stele-alter-XXXXXX", region[128];

	cr_assert_not_null(mkdtemp(directory));
	snprintf(region, sizeof(region), "%s/bank", directory);
	kill_and_recover(region, 20240802);
	cr_assert_eq(rmdir(directory), 0, "%s", strerror(errno));
}
