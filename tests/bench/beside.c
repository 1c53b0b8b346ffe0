/* SPDX-License-Identifier: MIT
 *
 * Two readers at full speed, each on its own core, alone and beside a publisher that makes 10,000
 * commits a second. The publisher makes ten commits each time that it wakes: on a machine with two
 * cores, waking it for each commit would cost the readers more than the commits do. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/units.h"
#include "tests/support/bench/bench_rows.h"

#define ROWS    100000u
#define COMMITS 10000.0 /* commits per second */
#define AT_ONCE 10u
#define RENEWAL 1000u /* lookups in one snapshot */
#define ROUNDS  9
#define SPAN    0.5 /* length of a measurement in seconds */

static struct shared {
	_Atomic bool publishes;
	_Atomic uint64_t commits;
	struct {
		_Alignas(64) _Atomic uint64_t gets;
	} readers[2];
} * shared;

static void publish(void)
{
	struct stele_publisher *publisher = items_publish(&kind_id, ROWS);
	struct pace pace = pace_start(COMMITS / AT_ONCE);
	uint64_t random = 9;

	shared->commits = 1;
	for (uint64_t round = 1;; round++) {
		if (shared->publishes) {
			for (unsigned i = 0; i < AT_ONCE; i++)
				item_commit(publisher, &kind_id, random_from(&random) % ROWS,
				            round);
			shared->commits += AT_ONCE;
			pace_wait(&pace);
		} else {
			usleep(1000);
		}
	}
}

/* Reads at full speed. Every row is checked: its words must belong together. */
static void read_all(int which)
{
	struct stele_subscriber *subscriber;
	uint64_t random = 11 + (uint64_t)which;

	bench_stay_on_core(which);
	must(stele_subscriber_open(bench_region, NULL, &subscriber));
	for (;;) {
		struct stele_snapshot *snapshot;
		struct stele_table table;

		must(stele_snapshot_open(subscriber, 0, &snapshot));
		must(stele_table_open(snapshot, "items", &schema_id, &table));
		for (size_t i = 0; i < RENEWAL; i++) {
			uint64_t number = random_from(&random) % ROWS;
			unsigned char key[16];
			struct stele_row row;
			struct item item;

			key_id(number, key);
			if (stele_table_get(&table, key, 128, &row) != 1)
				bench_fail("a row is missing");
			memcpy(&item, row.value, sizeof(item));
			if (item.b != number || item.c != item.a + 1 || item.f != item.a + 3)
				bench_fail("a row is torn");
		}
		must(stele_snapshot_check(snapshot));
		stele_snapshot_close(snapshot);
		shared->readers[which].gets += RENEWAL;
	}
}

static uint64_t gets(void)
{
	return shared->readers[0].gets + shared->readers[1].gets;
}

/* Returns the lookups per second of both readers together, and the commits per second in the same
 * time. */
static double rate(bool beside, double *ret_commits)
{
	uint64_t from, commits;
	double begin;

	shared->publishes = beside;
	usleep(50000);
	from = gets();
	commits = shared->commits;
	begin = bench_seconds();
	usleep((useconds_t)(SPAN * (double)USEC_PER_SEC));
	*ret_commits = (double)(shared->commits - commits) / (bench_seconds() - begin);
	return (double)(gets() - from) / (bench_seconds() - begin);
}

static void rounds(void)
{
	double alone[ROUNDS], beside[ROUNDS], ratios[ROUNDS], commits[ROUNDS], none;

	for (int round = 0; round < ROUNDS; round++) {
		alone[round] = rate(false, &none);
		beside[round] = rate(true, &commits[round]);
		ratios[round] = beside[round] / alone[round];
	}
	bench_ratio("readers/beside_10000_commits_a_second", bench_median(ratios, ROUNDS), 0.95);
	bench_print("readers/alone", bench_median(alone, ROUNDS) / 1e6, "M gets/s");
	bench_print("readers/beside", bench_median(beside, ROUNDS) / 1e6, "M gets/s");
	bench_print("readers/commits", bench_median(commits, ROUNDS), "a second");
}

/* Pauses while waiting for the children, and checks that none of them has failed. */
static void wait_a_little(void)
{
	check(waitpid(-1, NULL, WNOHANG) == 0);
	usleep(1000);
}

int main(void)
{
	pid_t children[3];

	snprintf(bench_region, sizeof(bench_region), "bench-beside-%ld", (long)getpid());
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	check(shared != MAP_FAILED);
	for (int i = 0; i < 3; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (i == 0)
				publish();
			read_all(i - 1);
		}
		while (shared->commits == 0)
			wait_a_little();
	}
	while (shared->readers[0].gets == 0 || shared->readers[1].gets == 0)
		wait_a_little();
	rounds();
	for (int i = 3; i-- > 0;) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	must(stele_region_remove(bench_region));
	return 0;
}
