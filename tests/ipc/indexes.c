/* SPDX-License-Identifier: MIT
 *
 * What indexes of every kind promise beside a publisher: reclaimed versions, moves that fail, a
 * region file that is replaced meanwhile, a forked child, damage, and threads. Each test runs with
 * each kind of index. */
#include <pthread.h>

#include "tests/support/ipc/index_kind.h"
#include "tests/support/ipc/ipc.h"
#include "tests/support/random.h"

TestSuite(ipc_indexes_hash, .init = ipc_begin, .fini = ipc_end, .timeout = 120);
TestSuite(ipc_indexes_column, .init = ipc_begin, .fini = ipc_end, .timeout = 120);
TestSuite(ipc_indexes_rows, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static const struct index_kind *kind; /* the kind under test */

#define EACH_KIND(name_) \
	static void name_(void); \
	Test(ipc_indexes_hash, name_) \
	{ \
		kind = &index_kind_hash; \
		name_(); \
	} \
	Test(ipc_indexes_column, name_) \
	{ \
		kind = &index_kind_column; \
		name_(); \
	} \
	Test(ipc_indexes_rows, name_) \
	{ \
		kind = &index_kind_rows; \
		name_(); \
	} \
	static void name_(void)

/* Closes an index, a subscriber with its open snapshots, and a publisher. */
static void end(void *index, struct stele_subscriber *subscriber, struct stele_publisher *publisher)
{
	kind->close(index);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- versions that are reclaimed ---- */

EACH_KIND(a_reclaimed_version_is_stale_until_the_move)
{
	struct stele_publisher *publisher = index_publish(kind, 2, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_snapshot *snapshot, *newer;
	struct index_answer many[2];
	struct stele_table table;
	uint32_t number = 1;
	void *index;

	index_commit(kind, publisher, 1, number++);
	snapshot = index_newest(subscriber, &table);
	OK(kind->open(&table, &index));
	for (unsigned round = 0; round < 40; round++) {
		index_compare(kind, index, &table, ITEM_ROWS);
		for (unsigned i = 0; i < round * 5 || stele_snapshot_check(snapshot) == 0; i++)
			index_commit(kind, publisher, number * 7 % 250, number), number++;
		kind->check_refused(index, -ESTALE, "no longer held");
		/* The version to compare with was reclaimed, so the index reads everything anew. */
		newer = index_newest(subscriber, &table);
		OK(kind->move(index, &table));
		stele_snapshot_close(snapshot);
		snapshot = newer;
		OK(kind->find_many(index, 2, many));
		cr_expect_eq(index_number(kind, &many[0]), number - 1);
	}
	end(index, subscriber, publisher);
}

EACH_KIND(a_failed_move_refuses_lookups_until_one_succeeds)
{
	struct stele_publisher *publisher = index_publish(kind, 2, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_snapshot *snapshot, *newer;
	struct stele_table table, other;
	struct index_answer answer;
	void *index;

	index_commit(kind, publisher, 2, 100);
	snapshot = index_newest(subscriber, &table);
	OK(kind->open(&table, &index));
	index_commit(kind, publisher, 4, 101);
	newer = index_newest(subscriber, &other);
	for (unsigned i = 0; stele_snapshot_check(newer) == 0; i++)
		index_commit(kind, publisher, i % 200, 200 + i);
	RETURNS(kind->move(index, &other), -ESTALE, "no longer held");
	stele_snapshot_close(snapshot);
	stele_snapshot_close(newer);
	kind->check_refused(index, -ESTALE, "could not be moved");
	RETURNS(kind->find_many(index, 0, &answer), -ESTALE, "could not be moved");
	cr_expect_eq(kind->version(index), 0);
	index_commit(kind, publisher, 2, 7);
	newer = index_newest(subscriber, &table);
	OK(kind->move(index, &table));
	RETURNS(kind->find(index, 2, &answer), 1, "");
	cr_expect_eq(index_number(kind, &answer), 7);
	cr_expect_eq(kind->version(index), stele_snapshot_version(newer));
	end(index, subscriber, publisher);
}

/* ---- another file, another subscriber, another process ---- */

EACH_KIND(moves_to_a_new_file_and_to_another_subscriber)
{
	struct stele_publisher *publisher = index_publish(kind, 4, 1 << 20);
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_subscriber *subscribers[2];
	struct stele_snapshot *snapshot, *newer;
	struct stele_transaction *tx;
	struct stele_table table;
	void *index;

	index_commit(kind, publisher, 2, 100);
	for (int i = 0; i < 2; i++)
		subscribers[i] = ipc_subscribe(0, NULL);
	snapshot = index_newest(subscribers[0], &table);
	OK(kind->open(&table, &index));
	OK(stele_transaction_begin(publisher, &tx));
	for (unsigned id = 0; id < 20000; id++)
		index_put(kind, tx, id, id + 5);
	OK(stele_transaction_commit(tx, NULL, NULL));
	OK(stele_region_describe(region, &info));
	CHECK(info.generation > 1, "the file was not exchanged");
	for (unsigned round = 0; round < 6; round++) {
		newer = index_newest(subscribers[round == 0], &table);
		OK(kind->move(index, &table));
		stele_snapshot_close(snapshot);
		snapshot = newer;
		index_compare(kind, index, &table, 20000);
		if (round ==
		    1) /* now no subscriber has the old file, so the publisher can compact again */
			subscribers[1] = stele_subscriber_close(subscribers[1]);
		if (round > 1)
			OK(stele_publisher_compact(publisher));
		index_commit(kind, publisher, round, round + 1);
	}
	kind->close(index);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscribers[0]);
	stele_publisher_close(publisher);
}

EACH_KIND(moves_when_a_compaction_has_relocated_rows)
{
	struct stele_publisher *publisher = index_publish(kind, 2, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot, *newer;
	struct stele_table table;
	void *index;

	for (uint32_t i = 1; i < 1000; i++)
		index_commit(kind, publisher, i % 250, i);
	snapshot = index_newest(subscriber, &table);
	OK(kind->open(&table, &index));
	for (uint32_t i = 1; i < 20; i++) {
		OK(stele_publisher_compact(publisher));
		index_commit(kind, publisher, i, i);
		newer = index_newest(subscriber, &table);
		OK(kind->move(index, &table));
		stele_snapshot_close(snapshot);
		snapshot = newer;
		index_compare(kind, index, &table, ITEM_ROWS);
	}
	end(index, subscriber, publisher);
}

/* Handles that a forked child inherits from its parent. */
static struct {
	struct stele_table table;
	void *index;
} inherited;

static void use_inherited(unsigned argument)
{
	struct index_answer answer;
	void *another;

	(void)argument;
	kind->check_refused(inherited.index, -ECHILD, "parent");
	RETURNS(kind->find_many(inherited.index, 0, &answer), -ECHILD, "parent");
	RETURNS(kind->move(inherited.index, &inherited.table), -ECHILD, "parent");
	RETURNS(kind->open(&inherited.table, &another), -ECHILD, "parent");
	kind->close(inherited.index);
}

EACH_KIND(a_child_made_by_fork_is_refused)
{
	struct stele_publisher *publisher = index_publish(kind, 4, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct index_answer answer;

	index_commit(kind, publisher, 2, 100);
	index_newest(subscriber, &inherited.table);
	OK(kind->open(&inherited.table, &inherited.index));
	ipc_join(ipc_spawn(use_inherited, 0));
	RETURNS(kind->find(inherited.index, 2, &answer), 1, "");
	end(inherited.index, subscriber, publisher);
}

enum { GO }; /* stages */

/* Compares the index with a table whose version may be reclaimed at any time: returns 0 or
 * -ESTALE. */
static int compare_as_it_goes(const void *index, const struct stele_snapshot *snapshot,
                              const struct stele_table *table)
{
	for (unsigned id = 0; id < ITEM_ROWS; id++) {
		struct index_answer answer = {0};
		struct stele_row row = {0};
		struct item item = {0};
		int r = kind->find_in_table(table, id, &row), found;
		if (r == 1)
			memcpy(&item, row.value, sizeof(item));
		if (r < 0 || stele_snapshot_check(snapshot) < 0)
			return -ESTALE;
		found = kind->find(index, id, &answer);
		CHECK(found >= 0 || found == -ESTALE, "%d: %s", found, stele_last_error());
		if (found < 0)
			return found;
		CHECK(found == r, "%u is answered with %d, not %d", id, found, r);
		if (r == 1 && kind->column)
			CHECK(answer.number == item.number, "%u is answered with %u, not %u", id,
			      answer.number, item.number);
		else if (r == 1)
			index_check_answer(kind, id, &answer, &row);
	}
	return 0;
}

/* Moves an index from version to version as fast as they come, and compares it with the table. */
static void follow(unsigned argument)
{
	struct stele_subscriber *subscriber =
		ipc_subscribe(argument ? STELE_UNREGISTERED : 0, NULL);
	struct stele_snapshot *snapshot = NULL, *newer;
	struct stele_table table;
	void *index = NULL;
	bool last;

	do {
		int r;
		last = ipc_stage(GO) > 0;
		newer = index_newest(subscriber, &table);
		if (!newer)
			continue;
		r = index ? kind->move(index, &table) : kind->open(&table, &index);
		CHECK(r == 0 || r == -ESTALE, "%d: %s", r, stele_last_error());
		stele_snapshot_close(snapshot);
		snapshot = newer;
		if (r == 0 && compare_as_it_goes(index, snapshot, &table) == 0)
			ipc_tell(argument, ipc_told(argument) + 1);
	} while (!last || ipc_told(argument) == 0);
	kind->close(index);
	stele_subscriber_close(subscriber);
}

EACH_KIND(follows_a_publisher_in_another_process)
{
	struct stele_publisher *publisher = index_publish(kind, 16, 0);
	uint64_t random = 9;
	pid_t pids[2];

	index_commit(kind, publisher, 0, 1);
	for (unsigned i = 0; i < 2; i++)
		pids[i] = ipc_spawn(follow, i);
	UNTIL(ipc_told(0) > 0);
	for (uint32_t i = 0; i < 5000; i++)
		index_commit(kind, publisher, (unsigned)(random_from(&random) % ITEM_ROWS), i + 2);
	ipc_reach(GO, 1);
	for (unsigned i = 0; i < 2; i++)
		ipc_join(pids[i]);
	stele_publisher_close(publisher);
}

/* ---- damage ---- */

static void check_error(int64_t r, bool moved)
{
	CHECK(r >= 0 || r == -EBADMSG || (!moved && r == -ESTALE), "%d: %s", (int)r,
	      stele_last_error());
}

static void ask_around(const void *index, bool moved, uint64_t *random)
{
	struct index_answer answers[64];

	for (unsigned i = 0; i < 64; i++) {
		check_error(kind->find(index, i * 3, answers), moved);
		check_error(kind->find(index, (unsigned)random_from(random), answers), moved);
	}
	check_error(kind->find_many(index, 64, answers), moved);
}

#define DAMAGES 48u

/* Flips bits of one byte in the arena, where nodes and rows are, again and again: a third of the
 * times before the index is opened, a third before the first lookups, a third before the move.
 * Returns the number of calls that found the damage. */
static uint64_t damage(unsigned char *file, size_t size, unsigned char bits, uint64_t *random)
{
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_snapshot *snapshots[2] = {0};
	struct stele_table tables[2];
	size_t places[DAMAGES];
	uint64_t newest, errors = 0;
	void *index = NULL;
	int r;

	OK(stele_subscriber_version(subscriber, &newest));
	for (unsigned i = 0; i < 2; i++) {
		OK(stele_snapshot_open(subscriber, newest - 1 + i, &snapshots[i]));
		OK(stele_table_open(snapshots[i], "items", NULL, &tables[i]));
	}
	for (unsigned i = 0; i < DAMAGES; i++) {
		if (i == DAMAGES / 3) {
			r = kind->open(&tables[0], &index);
			check_error(r, true);
			errors += r < 0;
		}
		if (i == DAMAGES * 2 / 3 && index)
			ask_around(index, true, random);
		places[i] = 8192 + (size_t)(random_from(random) % (size - 8192));
		file[places[i]] ^= bits;
	}
	if (index) {
		ask_around(index, true, random);
		r = kind->move(index, &tables[1]);
		check_error(r, true);
		errors += r < 0;
		ask_around(index, r == 0, random);
	}
	for (unsigned i = DAMAGES; i-- > 0;)
		file[places[i]] ^= bits;
	kind->close(index);
	stele_subscriber_close(subscriber);
	return errors;
}

EACH_KIND(a_damaged_region_costs_an_error_at_most)
{
	const unsigned flips = SANITIZED ? 60 : 400;
	uint64_t random = 31, errors = 0;
	struct stele_publisher *publisher = index_publish(kind, 4, 0);
	struct stat status;
	unsigned char *file;
	char path[128];
	int fd;

	for (unsigned i = 0; i < 300; i++)
		index_commit(kind, publisher, i * 2 % ITEM_ROWS, i + 1);
	ipc_path(path, "");
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert(fd >= 0 && fstat(fd, &status) == 0);
	file = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert(file != MAP_FAILED);
	for (unsigned i = 0; i < flips; i++)
		errors +=
			damage(file, (size_t)status.st_size, (unsigned char)(1 + i % 255), &random);
	cr_expect_gt(errors, 0, "no damage was found: nothing was tested");
	munmap(file, (size_t)status.st_size);
	close(fd);
	stele_publisher_close(publisher);
}

/* ---- threads ---- */

static void *find_all(void *index)
{
	for (unsigned i = 0; i < 2000; i++) {
		struct index_answer answers[64];
		RETURNS(kind->find(index, 2, &answers[0]), 1, "");
		CHECK(index_number(kind, &answers[0]) == 100, "another answer");
		/* The key is absent; among prefixes a shorter one matches. */
		RETURNS(kind->find(index, 5, &answers[0]), kind != &index_kind_hash, "");
		OK(kind->find_many(index, 64, answers));
	}
	return NULL;
}

EACH_KIND(many_threads_may_look_up_at_once)
{
	struct stele_publisher *publisher = index_publish(kind, 4, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_table table;
	pthread_t threads[4];
	void *index;

	index_commit(kind, publisher, 2, 100);
	index_newest(subscriber, &table);
	OK(kind->open(&table, &index));
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, find_all, index), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	end(index, subscriber, publisher);
}
