/* SPDX-License-Identifier: MIT
 *
 * The cost of `stele top`, on a pseudo terminal of its own, beside a publisher of a million rows:
 * its share of a core at 100 commits a second, and its effect on commits that are made back to
 * back, while top refreshes ten times a second and while it is stopped, in turns. */
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/units.h"
#include "tests/support/bench/bench_rows.h"

#define ROWS    1000000u
#define COMMITS 100.0 /* commits per second */
#define WHILE   20.0  /* length of a measurement at that rate, in seconds */
#define ROUNDS  15
#define SPAN    0.5 /* length of a measurement of commits back to back, in seconds */

static struct shared {
	_Atomic pid_t top;
	_Atomic uint64_t bytes; /* written by top */
} * shared;

/* Holds top's terminal, and reads its output. */
static void hold_terminal(const char *interval)
{
	const char *stele = getenv("STELE");
	struct winsize size = {.ws_row = 40, .ws_col = 120};
	char buffer[65536];
	int terminal;
	pid_t top;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	top = forkpty(&terminal, NULL, NULL, &size);
	if (top == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("TERM", "xterm", 1);
		setenv("LC_ALL", "C.UTF-8", 1);
		execlp(stele ? stele : "build/stele", "stele", "top", "--interval", interval,
		       bench_region, (char *)NULL);
		_exit(127);
	}
	shared->top = top;
	for (;;) {
		ssize_t got = read(terminal, buffer, sizeof(buffer));

		if (got <= 0)
			_exit(1);
		shared->bytes += (uint64_t)got;
	}
}

static pid_t start_top(const char *interval)
{
	pid_t holder;

	shared->top = 0;
	shared->bytes = 0;
	holder = fork();
	if (holder == 0)
		hold_terminal(interval);
	while (shared->bytes == 0) {
		check(waitpid(holder, NULL, WNOHANG) == 0);
		usleep(1000);
	}
	return holder;
}

static void stop_top(pid_t holder)
{
	kill(shared->top, SIGCONT);
	kill(shared->top, SIGTERM);
	waitpid(holder, NULL, 0);
}

/* Returns the processor time in seconds that top has used so far. */
static double used(void)
{
	struct timespec time;
	clockid_t clock;

	check(clock_getcpuclockid(shared->top, &clock) == 0 && clock_gettime(clock, &time) == 0);
	return (double)time.tv_sec + (double)time.tv_nsec / (double)NSEC_PER_SEC;
}

static void measure_core(struct stele_publisher *publisher, uint64_t *round)
{
	struct pace pace = pace_start(COMMITS);
	pid_t holder = start_top("1");
	double begin = bench_seconds(), core = used(), elapsed;
	uint64_t random = 5, bytes = shared->bytes, commits = 0;

	while ((elapsed = bench_seconds() - begin) < WHILE) {
		item_commit(publisher, &kind_id, random_from(&random) % ROWS, ++*round);
		commits++;
		pace_wait(&pace);
	}
	core = (used() - core) / elapsed;
	bytes = shared->bytes - bytes;
	stop_top(holder);
	bench_ratio("top/of_a_core_2_percent", 0.02 / core, 1);
	bench_print("top/of_a_core", core * 100, "%");
	bench_print("top/beside", (double)commits / elapsed, "commits/s");
	bench_print("top/to_the_terminal", (double)bytes / elapsed, "B/s");
}

/* Returns the seconds per commit. */
static double commit_cost(struct stele_publisher *publisher, uint64_t *round)
{
	double begin = bench_seconds(), elapsed;
	uint64_t random = 7, commits = 0;

	while ((elapsed = bench_seconds() - begin) < SPAN) {
		item_commit(publisher, &kind_id, random_from(&random) % ROWS, ++*round);
		commits++;
	}
	return elapsed / (double)commits;
}

static void measure_commits(struct stele_publisher *publisher, uint64_t *round)
{
	double alone[ROUNDS], beside[ROUNDS], ratios[ROUNDS];
	pid_t holder = start_top("0.1");

	for (int i = 0; i < ROUNDS; i++)
		for (int side = 0; side < 2; side++) {
			bool with = (i + side) % 2 == 0;

			kill(shared->top, with ? SIGCONT : SIGSTOP);
			(with ? beside : alone)[i] = commit_cost(publisher, round);
		}
	stop_top(holder);
	for (int i = 0; i < ROUNDS; i++)
		ratios[i] = alone[i] / beside[i];
	bench_ratio("top/commits_beside_it", bench_median(ratios, ROUNDS), 0.97);
	bench_print("top/commit_alone", bench_median(alone, ROUNDS) * (double)NSEC_PER_SEC, "ns");
	bench_print("top/commit_beside", bench_median(beside, ROUNDS) * (double)NSEC_PER_SEC, "ns");
}

int main(void)
{
	struct stele_publisher *publisher;
	uint64_t round = 0;

	snprintf(bench_region, sizeof(bench_region), "bench-top-%ld", (long)getpid());
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	check(shared != MAP_FAILED);
	publisher = items_publish(&kind_id, ROWS);
	measure_core(publisher, &round);
	measure_commits(publisher, &round);
	stele_publisher_close(publisher);
	must(stele_region_remove(bench_region));
	return 0;
}
