/* SPDX-License-Identifier: MIT
 *
 * The recorder is killed at any moment: what it had announced can be replayed. */
#include <stele/stele.h>
#include "tests/support/cli.h"
#include "tests/support/random.h"
#include "tests/support/record/recorded.h"

TestSuite(record_kill, .init = recorded_begin, .fini = recorded_end);

Test(record_kill, killed_at_any_moment_it_is_readable_up_to_there, .timeout = 300)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct stele_publisher *publisher = numbered_open(&options);
	uint64_t seed = 7, newest = 1, replayed;

	cr_log_info("seed %llu", (unsigned long long)seed);
	for (int round = 0; round < 20; round++) {
		uint64_t commits = random_from(&seed) % 200;
		struct cli_result result;

		STELE_START(&recorder, "record", region, "--to", folder, "--rotate", "1h");
		/* In some rounds it is killed while it starts. */
		if (round % 4 != 0)
			EXPECT_HAS(cli_line(&recorder), ": recording to ");
		for (uint64_t i = 0; i < commits; i++)
			newest = numbered_commit(publisher, 50);
		kill(recorder.pid, SIGKILL);
		cr_expect(cli_wait(&recorder) == 128 + SIGKILL);
		close(recorder.out);
		if (recorded_list(NULL, NULL, 0) == 0)
			continue;
		result = recorded_replay();
		cr_expect(result.status == 0 || strstr(result.err, "too short"), "%s", result.err);
		if (result.status == 0 && !strstr(result.out, " 0 versions")) {
			replayed = numbered_expect(50);
			cr_expect(replayed <= newest);
		}
		recorded_remove();
	}
	stele_publisher_close(publisher);
}
