/* SPDX-License-Identifier: MIT
 *
 * Indexes beside a publisher: versions that are taken back, moves that fail, the region's file
 * exchanged under them, a child made by fork, damage, and threads. */
#include <pthread.h>

#include "subscriber/index/index.h"
#include "tests/support/ipc.h"
#include "tests/support/random.h"
#include "tests/support/table.h"

TestSuite(ipc_index, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

struct route {
	uint32_t hop;
	uint64_t big;
};

static const struct stele_column columns[] = {
	STELE_KEY("prefix", STELE_IPV4NET),
	STELE_VALUE(struct route, hop, STELE_U32),
	STELE_VALUE(struct route, big, STELE_U64),
};
static const struct stele_schema schema = STELE_SCHEMA(struct route, columns);

static struct stele_publisher *publish(uint32_t history)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE_NEW,
		.history = history,
	};
	struct stele_publisher *publisher = ipc_attach(region, &options);

	ipc_create_table(publisher, "routes", &schema);
	return publisher;
}

/* Puts 10.0.0.0/8 and 10.1.<third>.0/24 with this hop. */
static void commit(struct stele_publisher *publisher, unsigned third, uint32_t hop)
{
	const unsigned char wide[4] = {10}, narrow[4] = {10, 1, (unsigned char)third};
	struct route route = {.hop = hop};
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_put(tx, "routes", wide, 8, &route, sizeof(route)));
	OK(stele_put(tx, "routes", narrow, 24, &route, sizeof(route)));
	OK(stele_transaction_commit(tx, NULL, NULL));
}

static struct stele_snapshot *open_newest(struct stele_subscriber *subscriber,
                                          struct stele_table *table)
{
	return ipc_newest_table(subscriber, "routes", table);
}

static uint32_t match(const struct stele_index *index, unsigned third)
{
	const unsigned char address[4] = {10, 1, (unsigned char)third, 200};
	uint32_t answer = 0;

	OK(stele_index_match(index, address, &answer));
	return answer;
}

/* Compares what both kinds answer with the table. */
static void compare(const struct stele_table *table, const struct stele_index *index,
                    const struct stele_index *rows)
{
	for (unsigned third = 0; third < 256; third++) {
		unsigned char address[4] = {10, 1, (unsigned char)third, 1};
		struct stele_row row, of_index;
		uint32_t answer;
		RETURNS(stele_table_match(table, address, 32, &row), 1, "");
		RETURNS(stele_index_match(index, address, &answer), 1, "");
		CHECK(answer == ((const struct route *)row.value)->hop, "%u is answered with %u",
		      third, answer);
		RETURNS(stele_index_match(rows, address, &answer), 1, "");
		RETURNS(stele_index_row(rows, answer, &of_index), 1, "");
		CHECK(of_index.value == row.value, "%u: another row", third);
	}
}

/* ---- versions that go ---- */

Test(ipc_index, a_version_that_was_taken_back_is_stale_until_the_move)
{
	struct stele_publisher *publisher = publish(2);
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_index *index = NULL, *rows = NULL;
	struct stele_snapshot *snapshot, *newer;
	uint32_t hop = 1, answer, many[2] = {0};
	struct stele_table table;
	struct stele_row row;

	commit(publisher, 1, hop++);
	snapshot = open_newest(subscriber, &table);
	OK(stele_index_open(&table, "hop", 0, &index));
	OK(stele_index_open(&table, NULL, 0, &rows));
	for (unsigned round = 0; round < 40; round++) {
		compare(&table, index, rows);
		answer = 5;
		for (unsigned i = 0; i < round * 5 || stele_snapshot_check(snapshot) == 0;
		     i++, hop++)
			commit(publisher, hop * 7 % 250, hop);
		RETURNS(stele_index_match(index, "\12\1\1\1", &answer), -ESTALE, "no longer held");
		cr_expect_eq(answer, 5, "an output was written on failure");
		RETURNS(stele_index_match_many(index, "\12\1\1\1\12\1\1\2", 2, many), -ESTALE,
		        "no longer held");
		RETURNS(stele_index_match(rows, "\12\1\1\1", &answer), -ESTALE, "no longer held");
		RETURNS(stele_index_row(rows, 1, &row), -ESTALE, "no longer held");
		/* What it is compared with has gone, so all is read anew. */
		newer = open_newest(subscriber, &table);
		OK(stele_index_move(index, &table));
		OK(stele_index_move(rows, &table));
		stele_snapshot_close(snapshot);
		snapshot = newer;
	}
	stele_index_close(index);
	stele_index_close(rows);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_index, after_a_move_that_failed_it_answers_nothing_until_one_succeeds)
{
	struct stele_publisher *publisher = publish(2);
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_snapshot *snapshot, *newer;
	struct stele_table table, other;
	struct stele_index *index;
	uint32_t answer;

	commit(publisher, 1, 100);
	snapshot = open_newest(subscriber, &table);
	OK(stele_index_open(&table, "hop", 0, &index));
	commit(publisher, 2, 101);
	newer = open_newest(subscriber, &other);
	for (uint32_t i = 0; stele_snapshot_check(newer) == 0; i++)
		commit(publisher, i % 200, 200 + i);
	RETURNS(stele_index_move(index, &other), -ESTALE, "no longer held");
	stele_snapshot_close(snapshot);
	stele_snapshot_close(newer);
	RETURNS(stele_index_match(index, "\12\1\1\1", &answer), -ESTALE, "could not be moved");
	RETURNS(stele_index_match_many(index, "\12\1\1\1", 1, &answer), -ESTALE,
	        "could not be moved");
	cr_expect_eq(stele_index_version(index), 0);
	commit(publisher, 1, 7);
	newer = open_newest(subscriber, &table);
	OK(stele_index_move(index, &table));
	cr_expect_eq(match(index, 1), 7);
	cr_expect_eq(stele_index_version(index), stele_snapshot_version(newer));
	stele_index_close(index);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_index, a_table_of_the_other_family_leaves_it_as_it_was)
{
	struct stele_publisher *publisher = publish(4);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot;
	struct stele_table table;
	struct stele_index *index;

	commit(publisher, 1, 100);
	ipc_declare_table(publisher, "six(prefix: ipv6net key, hop: u32)", "six");
	snapshot = open_newest(subscriber, &table);
	OK(stele_index_open(&table, "hop", 0, &index));
	OK(stele_table_open(snapshot, "six", NULL, &table));
	RETURNS(stele_index_move(index, &table), -EINVAL, "IPv4");
	cr_expect_eq(match(index, 1), 100);
	stele_index_close(index);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- another file, another subscriber, another process ---- */

Test(ipc_index, moves_along_when_the_file_is_exchanged_and_to_another_subscriber)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE_NEW, .maximum_size = 1 << 20};
	struct stele_publisher *publisher = ipc_attach(region, &options);
	struct stele_subscriber *subscribers[2];
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_snapshot *snapshot, *newer;
	struct stele_transaction *tx;
	struct stele_table table;
	struct stele_index *index, *rows;
	struct prefix4 *prefixes;
	size_t count;

	ipc_create_table(publisher, "routes", &schema);
	commit(publisher, 1, 100);
	for (int i = 0; i < 2; i++)
		subscribers[i] = ipc_subscribe(0, NULL);
	snapshot = open_newest(subscribers[0], &table);
	OK(stele_index_open(&table, "hop", 0, &index));
	OK(stele_index_open(&table, NULL, 0, &rows));
	prefixes = table_generate(3, 20, &count);
	OK(stele_transaction_begin(publisher, &tx));
	for (size_t i = 0; i < count; i++) {
		uint32_t key = htonl(prefixes[i].address);
		struct route route = {.hop = (uint32_t)i + 1};
		OK(stele_put(tx, "routes", &key, prefixes[i].length, &route, sizeof(route)));
	}
	OK(stele_transaction_commit(tx, NULL, NULL));
	OK(stele_region_describe(region, &info));
	CHECK(info.generation > 1, "the file was not exchanged");
	for (int to = 0; to < 2; to++) {
		newer = open_newest(subscribers[to], &table);
		OK(stele_index_move(index, &table));
		OK(stele_index_move(rows, &table));
		stele_snapshot_close(snapshot);
		snapshot = newer;
		for (size_t i = 0; i < count; i++) {
			uint32_t key = htonl(prefixes[i].address), answer;
			struct stele_row row, of_index;
			RETURNS(stele_table_match(&table, &key, 32, &row), 1, "");
			RETURNS(stele_index_match(index, &key, &answer), 1, "");
			CHECK(answer == ((const struct route *)row.value)->hop, "prefix %zu", i);
			RETURNS(stele_index_match(rows, &key, &answer), 1, "");
			RETURNS(stele_index_row(rows, answer, &of_index), 1, "");
			CHECK(of_index.value == row.value, "prefix %zu", i);
		}
	}
	free(prefixes);
	stele_index_close(index);
	stele_index_close(rows);
	stele_subscriber_close(subscribers[0]);
	stele_subscriber_close(subscribers[1]);
	stele_publisher_close(publisher);
}

Test(ipc_index, moves_along_when_rows_are_elsewhere_in_a_compacted_file)
{
	struct stele_publisher *publisher = publish(2);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot, *newer;
	struct stele_index *index, *rows;
	struct stele_table table;

	for (uint32_t i = 1; i < 1000; i++)
		commit(publisher, i % 250, i);
	snapshot = open_newest(subscriber, &table);
	OK(stele_index_open(&table, "hop", 0, &index));
	OK(stele_index_open(&table, NULL, 0, &rows));
	for (uint32_t i = 1; i < 20; i++) {
		OK(stele_publisher_compact(publisher));
		commit(publisher, i, i);
		newer = open_newest(subscriber, &table);
		OK(stele_index_move(index, &table));
		OK(stele_index_move(rows, &table));
		stele_snapshot_close(snapshot);
		snapshot = newer;
		compare(&table, index, rows);
	}
	stele_index_close(index);
	stele_index_close(rows);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_index, a_child_made_by_fork_is_refused)
{
	struct stele_publisher *publisher = publish(4);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot;
	struct stele_table table;
	struct stele_index *index;
	int status;
	pid_t pid;

	commit(publisher, 1, 100);
	snapshot = open_newest(subscriber, &table);
	OK(stele_index_open(&table, NULL, 0, &index));
	pid = fork();
	if (pid == 0) {
		struct stele_row row;
		uint32_t answer;
		bool right = stele_index_match(index, "\12\1\1\1", &answer) == -ECHILD &&
		             stele_index_match_many(index, "\12\1\1\1", 1, &answer) == -ECHILD &&
		             stele_index_row(index, 0, &row) == -ECHILD &&
		             stele_index_move(index, &table) == -ECHILD &&
		             strstr(stele_last_error(), "parent");
		stele_index_close(index);
		_exit(right ? 0 : 1);
	}
	cr_assert(waitpid(pid, &status, 0) == pid && status == 0, "%x", (unsigned)status);
	cr_expect_neq(match(index, 1), 0);
	stele_index_close(index);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

enum { GO }; /* stages */

/* Moves an index from version to version as fast as they come, and compares it with the table. */
static void follow(unsigned argument)
{
	struct stele_subscriber *subscriber =
		ipc_subscribe(argument ? STELE_UNREGISTERED : 0, NULL);
	struct stele_snapshot *snapshot = NULL, *newer;
	struct stele_index *index = NULL;
	struct stele_table table;
	bool last;

	do {
		int r;
		last = ipc_stage(GO) > 0;
		newer = open_newest(subscriber, &table);
		if (!newer)
			continue;
		r = index ? stele_index_move(index, &table)
		          : stele_index_open(&table, "hop", 0, &index);
		CHECK(r == 0 || r == -ESTALE, "%d: %s", r, stele_last_error());
		stele_snapshot_close(snapshot);
		snapshot = newer;
		for (unsigned third = 0; third < 256 && r == 0; third++) {
			unsigned char address[4] = {10, 1, (unsigned char)third, 1};
			struct stele_row row;
			uint32_t hop = 0, answer;
			r = stele_table_match(&table, address, 32, &row);
			if (r == 1)
				hop = ((const struct route *)row.value)->hop;
			if (r >= 0 && stele_snapshot_check(snapshot) == 0)
				r = stele_index_match(index, address, &answer);
			else
				r = -ESTALE;
			CHECK(r >= 0 || r == -ESTALE, "%d: %s", r, stele_last_error());
			CHECK(r < 0 || answer == hop, "%u is answered with %u, not %u", third,
			      answer, hop);
			r = r < 0 ? r : 0;
		}
		if (r == 0)
			ipc_tell(argument, ipc_told(argument) + 1);
	} while (!last || ipc_told(argument) == 0);
	stele_index_close(index);
	stele_subscriber_close(subscriber);
}

Test(ipc_index, follows_a_publisher_in_another_process)
{
	struct stele_publisher *publisher = publish(16);
	uint64_t random = 9;
	pid_t pids[2];

	commit(publisher, 0, 1);
	for (unsigned i = 0; i < 2; i++)
		pids[i] = ipc_spawn(follow, i);
	UNTIL(ipc_told(0) > 0);
	for (uint32_t i = 0; i < 5000; i++)
		commit(publisher, (unsigned)(random_from(&random) % 256), i + 2);
	ipc_reach(GO, 1);
	for (unsigned i = 0; i < 2; i++)
		ipc_join(pids[i]);
	stele_publisher_close(publisher);
}

/* ---- damage ---- */

static void ask_around(const struct stele_index *index, uint64_t *random)
{
	for (unsigned i = 0; i < 64; i++) {
		uint64_t address[2] = {random_from(random), random_from(random)};
		struct stele_row row;
		uint32_t answer;
		int r = stele_index_match(index, address, &answer);
		if (r == 1)
			r = stele_index_row(index, answer, &row);
		CHECK(r == 0 || r == 1 || r == -EBADMSG || r == -ESTALE, "%d: %s", r,
		      stele_last_error());
	}
}

Test(ipc_index, a_damaged_region_costs_an_error_at_most)
{
	const unsigned flips = SANITIZED ? 60 : 400;
	uint64_t random = 31, errors = 0;
	struct stele_publisher *publisher = publish(4);
	struct stat status;
	unsigned char *file;
	char path[128];
	int fd;

	for (uint32_t i = 0; i < 40; i++)
		commit(publisher, i * 5, i);
	ipc_path(path, "");
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert(fd >= 0 && fstat(fd, &status) == 0);
	file = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert(file != MAP_FAILED);
	for (unsigned i = 0; i < flips; i++) {
		struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
		struct stele_snapshot *snapshots[2] = {0};
		size_t places[16];
		struct stele_table tables[2];
		struct stele_index *index = NULL;
		uint64_t newest;
		int r;
		OK(stele_subscriber_version(subscriber, &newest));
		for (unsigned j = 0; j < 2; j++) {
			OK(stele_snapshot_open(subscriber, newest - 1 + j, &snapshots[j]));
			OK(stele_table_open(snapshots[j], "routes", NULL, &tables[j]));
		}
		/* In the arena, where nodes and rows are; half of them before the open, half
		 * before the move. */
		for (unsigned j = 0; j < 16; j++) {
			if (j == 8) {
				r = stele_index_open(&tables[0], NULL, 0, &index);
				CHECK(r == 0 || r == -EBADMSG, "%d: %s", r, stele_last_error());
				errors += r < 0;
			}
			places[j] = 8192 + (size_t)(random_from(&random) %
			                            ((size_t)status.st_size - 8192));
			file[places[j]] ^= (unsigned char)(1 + i % 255);
		}
		if (index) {
			ask_around(index, &random);
			r = stele_index_move(index, &tables[1]);
			CHECK(r == 0 || r == -EBADMSG, "%d: %s", r, stele_last_error());
			errors += r < 0;
			ask_around(index, &random);
		}
		for (unsigned j = 16; j-- > 0;)
			file[places[j]] ^= (unsigned char)(1 + i % 255);
		stele_index_close(index);
		stele_subscriber_close(subscriber);
	}
	cr_expect_gt(errors, 0, "no damage was found: nothing was tested");
	munmap(file, (size_t)status.st_size);
	close(fd);
	stele_publisher_close(publisher);
}

/* ---- threads ---- */

static void *match_all(void *context)
{
	static const unsigned char addresses[64][4];
	uint32_t answers[64];

	for (unsigned i = 0; i < 2000; i++) {
		CHECK(match(context, 1) == 100, "another answer");
		OK(stele_index_match_many(context, addresses, 64, answers));
	}
	return NULL;
}

Test(ipc_index, many_threads_may_ask_at_once)
{
	struct stele_publisher *publisher = publish(4);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot;
	struct stele_table table;
	struct stele_index *index;
	pthread_t threads[4];

	commit(publisher, 1, 100);
	snapshot = open_newest(subscriber, &table);
	OK(stele_index_open(&table, "hop", 0, &index));
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, match_all, index), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	stele_index_close(index);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
