/* SPDX-License-Identifier: MIT
 *
 * Hash indexes beside a publisher: what they refuse, versions that are taken back, moves that fail,
 * the region's file exchanged or cut under them, a child made by fork, damage, and threads. */
#include <pthread.h>

#include "subscriber/index/hash_state.h"
#include "tests/support/ipc.h"
#include "tests/support/random.h"

TestSuite(ipc_hash, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

#define ROWS 256u /* that commit() puts */

struct item {
	uint64_t id, number;
};

static const struct stele_column columns[] = {
	STELE_KEY("name", STELE_TEXT),
	STELE_VALUE(struct item, id, STELE_U64),
	STELE_VALUE(struct item, number, STELE_U64),
};
static const struct stele_schema schema = STELE_SCHEMA(struct item, columns);

static unsigned name_of(unsigned id, char name[32])
{
	return (unsigned)snprintf(name, 32, "/some/name/%u", id) * 8;
}

static struct stele_publisher *publish(uint32_t history, size_t maximum_size)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE_NEW,
		.history = history,
		.maximum_size = maximum_size,
	};
	struct stele_publisher *publisher = ipc_attach(region, &options);

	ipc_create_table(publisher, "items", &schema);
	return publisher;
}

static void put(struct stele_transaction *tx, unsigned id, uint64_t number)
{
	struct item item = {id, number};
	char name[32];
	unsigned bits = name_of(id, name);

	OK(stele_put(tx, "items", name, bits, &item, sizeof(item)));
}

/* Puts row 0 and another; where that one is odd, it deletes the row after it. */
static void commit(struct stele_publisher *publisher, unsigned id, uint64_t number)
{
	struct stele_transaction *tx;
	char name[32];
	unsigned bits = name_of((id + 1) % ROWS, name);

	OK(stele_transaction_begin(publisher, &tx));
	if (id % 2)
		OK(stele_delete(tx, "items", name, bits));
	put(tx, id % ROWS, number);
	put(tx, 0, number);
	OK(stele_transaction_commit(tx, NULL, NULL));
}

static struct stele_snapshot *open_newest(struct stele_subscriber *subscriber,
                                          struct stele_table *table)
{
	return ipc_newest_table(subscriber, "items", table);
}

/* The subscriber takes its snapshots along. */
static void end(struct stele_hash *hash, struct stele_subscriber *subscriber,
                struct stele_publisher *publisher)
{
	stele_hash_close(hash);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

static int get(const struct stele_hash *hash, unsigned id, struct stele_row *ret)
{
	char name[32];
	unsigned bits = name_of(id, name);

	return stele_hash_get(hash, name, bits, ret);
}

#define NUMBER_OF(row_) (((const struct item *)(row_)->value)->number)

/* Compares what it answers with the table. */
static void compare(const struct stele_table *table, const struct stele_hash *hash, unsigned count)
{
	for (unsigned id = 0; id < count; id++) {
		struct stele_row row, of_hash;
		char name[32];
		unsigned bits = name_of(id, name);
		int r = stele_table_get(table, name, bits, &row);
		OK(r);
		RETURNS(get(hash, id, &of_hash), r, "");
		CHECK(r == 0 || (row.value == of_hash.value && row.key == of_hash.key &&
		                 row.version == of_hash.version),
		      "%u: another row", id);
	}
}

/* ---- what is refused ---- */

static const struct {
	const char *declaration;
	unsigned char key[8];
	unsigned bits;
} refused[] = {
	{"t(id: u32 key, hop: u32)", {1, 2, 3, 4, 5}, 40},
	{"t(id: u32 key, hop: u32)", {1, 2, 3, 4}, 31},
	{"t(id: u32 key, hop: u32)", {0}, UINT32_MAX},
	{"t(name: text key, hop: text)", {'a', 'b'}, 12},
	{"t(name: text key, hop: text)", {0}, STELE_KEY_MAX * 8 + 8},
	{"t(prefix: ipv4net key, hop: u32)", {10, 1, 1, 1}, 31},
	{"t(prefix: ipv4net key, hop: u32)", {10, 1, 1, 1}, 33},
};

Test(ipc_hash, keys_are_refused_as_by_the_table)
{
	struct stele_publisher *publisher = publish(4, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);

	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct stele_key_ref keys[40];
		struct stele_row rows[40], untouched = {.version = 5}, row = untouched;
		char own[8], sentence[256];
		struct stele_snapshot *snapshot;
		struct stele_table table;
		struct stele_hash *hash;
		snprintf(own, sizeof(own), "t%u", i);
		ipc_declare_table(publisher, refused[i].declaration, own);
		snapshot = ipc_newest_table(subscriber, own, &table);
		OK(stele_hash_open(&table, &hash));
		for (unsigned j = 0; j < 40; j++)
			keys[j] = (struct stele_key_ref){refused[i].key, 32};
		keys[39].bits = refused[i].bits;
		RETURNS(stele_table_get(&table, refused[i].key, refused[i].bits, &row), -EINVAL,
		        "");
		snprintf(sentence, sizeof(sentence), "%s", stele_last_error());
		RETURNS(stele_hash_get(hash, refused[i].key, refused[i].bits, &row), -EINVAL,
		        sentence);
		RETURNS(stele_hash_get_many(hash, keys, 40, rows), -EINVAL, "");
		cr_expect_eq(row.version, untouched.version, "an output was written on failure");
		RETURNS(stele_hash_get_many(hash, keys, 0, rows), 0, "");
		stele_hash_close(hash);
		stele_snapshot_close(snapshot);
	}
	cr_expect_null(stele_hash_close(NULL));
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- versions that go ---- */

Test(ipc_hash, a_version_that_was_taken_back_is_stale_until_the_move)
{
	struct stele_publisher *publisher = publish(2, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	const struct stele_key_ref keys[2] = {{"/some/name/0", 96}, {"/nothing", 64}};
	struct stele_row row = {.version = 5}, many[2];
	struct stele_snapshot *snapshot, *newer;
	struct stele_table table;
	struct stele_hash *hash;
	uint64_t number = 1;

	commit(publisher, 1, number++);
	snapshot = open_newest(subscriber, &table);
	OK(stele_hash_open(&table, &hash));
	for (unsigned round = 0; round < 40; round++) {
		compare(&table, hash, ROWS);
		for (unsigned i = 0; i < round * 5 || stele_snapshot_check(snapshot) == 0; i++)
			commit(publisher, (unsigned)number * 7 % 250, number), number++;
		RETURNS(get(hash, 0, &row), -ESTALE, "no longer held");
		RETURNS(get(hash, ROWS + 5, &row), -ESTALE, "no longer held");
		cr_expect_eq(row.version, 5, "an output was written on failure");
		RETURNS(stele_hash_get_many(hash, keys, 2, many), -ESTALE, "no longer held");
		/* What it is compared with has gone, so all is read anew. */
		newer = open_newest(subscriber, &table);
		OK(stele_hash_move(hash, &table));
		stele_snapshot_close(snapshot);
		snapshot = newer;
		RETURNS(stele_hash_get_many(hash, keys, 2, many), 1, "");
		cr_expect(many[1].key == NULL && NUMBER_OF(&many[0]) == number - 1);
	}
	end(hash, subscriber, publisher);
}

Test(ipc_hash, after_a_move_that_failed_it_answers_nothing_until_one_succeeds)
{
	struct stele_publisher *publisher = publish(2, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_snapshot *snapshot, *newer;
	struct stele_table table, other;
	struct stele_hash *hash;
	struct stele_row row;

	commit(publisher, 2, 100);
	snapshot = open_newest(subscriber, &table);
	OK(stele_hash_open(&table, &hash));
	commit(publisher, 4, 101);
	newer = open_newest(subscriber, &other);
	for (unsigned i = 0; stele_snapshot_check(newer) == 0; i++)
		commit(publisher, i % 200, 200 + i);
	RETURNS(stele_hash_move(hash, &other), -ESTALE, "no longer held");
	stele_snapshot_close(snapshot);
	stele_snapshot_close(newer);
	RETURNS(get(hash, 2, &row), -ESTALE, "could not be moved");
	RETURNS(stele_hash_get_many(hash, NULL, 0, &row), -ESTALE, "could not be moved");
	cr_expect_eq(stele_hash_version(hash), 0);
	commit(publisher, 2, 7);
	newer = open_newest(subscriber, &table);
	OK(stele_hash_move(hash, &table));
	RETURNS(get(hash, 2, &row), 1, "");
	cr_expect_eq(NUMBER_OF(&row), 7);
	cr_expect_eq(stele_hash_version(hash), stele_snapshot_version(newer));
	end(hash, subscriber, publisher);
}

/* ---- another table, another file, another subscriber, another process ---- */

Test(ipc_hash, moves_to_another_table_and_its_kind_of_keys)
{
	struct stele_publisher *publisher = publish(4, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	char name[STELE_NAME_MAX + 1];
	struct stele_snapshot *snapshot;
	struct stele_transaction *tx;
	struct stele_schema *other;
	struct stele_table table;
	struct stele_hash *hash;
	struct stele_row row;

	commit(publisher, 2, 100);
	OK(stele_schema_parse("nets(prefix: ipv4net key, note: text)", name, &other));
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_table_create(tx, name, other));
	OK(stele_put(tx, name, "\12\2", 15, "odd", 3));
	OK(stele_transaction_commit(tx, NULL, NULL));
	stele_schema_free(other);
	snapshot = open_newest(subscriber, &table);
	OK(stele_hash_open(&table, &hash));
	RETURNS(get(hash, 2, &row), 1, "");
	OK(stele_table_open(snapshot, name, NULL, &table));
	OK(stele_hash_move(hash, &table));
	RETURNS(stele_hash_get(hash, "\12\2", 15, &row), 1, "");
	cr_expect(row.value_size == 3 && memcmp(row.value, "odd", 3) == 0);
	RETURNS(stele_hash_get(hash, "\12\2", 16, &row), 0, "");
	OK(stele_table_open(snapshot, "items", NULL, &table));
	OK(stele_hash_move(hash, &table));
	compare(&table, hash, ROWS);
	end(hash, subscriber, publisher);
}

Test(ipc_hash, moves_along_when_the_file_is_exchanged_and_to_another_subscriber)
{
	struct stele_publisher *publisher = publish(4, 1 << 20);
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_subscriber *subscribers[2];
	struct stele_snapshot *snapshot, *newer;
	struct stele_transaction *tx;
	struct stele_table table;
	struct stele_hash *hash;

	commit(publisher, 2, 100);
	for (int i = 0; i < 2; i++)
		subscribers[i] = ipc_subscribe(0, NULL);
	snapshot = open_newest(subscribers[0], &table);
	OK(stele_hash_open(&table, &hash));
	OK(stele_transaction_begin(publisher, &tx));
	for (unsigned id = 0; id < 20000; id++)
		put(tx, id, id + 5);
	OK(stele_transaction_commit(tx, NULL, NULL));
	OK(stele_region_describe(region, &info));
	CHECK(info.generation > 1, "the file was not exchanged");
	for (unsigned round = 0; round < 6; round++) {
		newer = open_newest(subscribers[round == 0], &table);
		OK(stele_hash_move(hash, &table));
		stele_snapshot_close(snapshot);
		snapshot = newer;
		compare(&table, hash, 20000);
		if (round == 1) /* nobody keeps the publisher from another exchange */
			subscribers[1] = stele_subscriber_close(subscribers[1]);
		if (round > 1)
			OK(stele_publisher_compact(publisher));
		commit(publisher, round, round);
	}
	stele_hash_close(hash);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscribers[0]);
	stele_publisher_close(publisher);
}

Test(ipc_hash, a_child_made_by_fork_is_refused)
{
	struct stele_publisher *publisher = publish(4, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_table table;
	struct stele_hash *hash;
	struct stele_row row;
	int status;
	pid_t pid;

	commit(publisher, 2, 100);
	open_newest(subscriber, &table);
	OK(stele_hash_open(&table, &hash));
	pid = fork();
	if (pid == 0) {
		bool right = get(hash, 2, &row) == -ECHILD &&
		             stele_hash_get_many(hash, NULL, 0, &row) == -ECHILD &&
		             stele_hash_move(hash, &table) == -ECHILD &&
		             strstr(stele_last_error(), "parent") &&
		             stele_hash_open(&table, &hash) == -ECHILD;
		stele_hash_close(hash);
		_exit(right ? 0 : 1);
	}
	cr_assert(waitpid(pid, &status, 0) == pid && status == 0, "%x", (unsigned)status);
	RETURNS(get(hash, 2, &row), 1, "");
	end(hash, subscriber, publisher);
}

enum { GO }; /* stages */

/* Moves an index from version to version as fast as they come, and compares it with the table. */
static void follow(unsigned argument)
{
	struct stele_subscriber *subscriber =
		ipc_subscribe(argument ? STELE_UNREGISTERED : 0, NULL);
	struct stele_snapshot *snapshot = NULL, *newer;
	struct stele_hash *hash = NULL;
	struct stele_table table;
	bool last;

	do {
		int r;
		last = ipc_stage(GO) > 0;
		newer = open_newest(subscriber, &table);
		if (!newer)
			continue;
		r = hash ? stele_hash_move(hash, &table) : stele_hash_open(&table, &hash);
		CHECK(r == 0 || r == -ESTALE, "%d: %s", r, stele_last_error());
		stele_snapshot_close(snapshot);
		snapshot = newer;
		for (unsigned id = 0; id < ROWS && r == 0; id++) {
			struct stele_row row = {0}, of_hash = {0};
			char name[32];
			unsigned bits = name_of(id, name);
			int is = stele_table_get(&table, name, bits, &row);
			r = get(hash, id, &of_hash);
			CHECK(r >= 0 || r == -ESTALE, "%d: %s", r, stele_last_error());
			if (is >= 0 && r >= 0)
				CHECK(r == is && row.value == of_hash.value &&
				              row.version == of_hash.version,
				      "%u is answered with %d, not %d", id, r, is);
			r = is < 0 || r < 0 ? -ESTALE : 0;
		}
		if (r == 0)
			ipc_tell(argument, ipc_told(argument) + 1);
	} while (!last || ipc_told(argument) == 0);
	stele_hash_close(hash);
	stele_subscriber_close(subscriber);
}

Test(ipc_hash, follows_a_publisher_in_another_process)
{
	struct stele_publisher *publisher = publish(16, 0);
	uint64_t random = 9;
	pid_t pids[2];

	commit(publisher, 0, 1);
	for (unsigned i = 0; i < 2; i++)
		pids[i] = ipc_spawn(follow, i);
	UNTIL(ipc_told(0) > 0);
	for (uint32_t i = 0; i < 5000; i++)
		commit(publisher, (unsigned)(random_from(&random) % ROWS), i + 2);
	ipc_reach(GO, 1);
	for (unsigned i = 0; i < 2; i++)
		ipc_join(pids[i]);
	stele_publisher_close(publisher);
}

/* ---- damage ---- */

static void ask_around(const struct stele_hash *hash)
{
	struct stele_key_ref keys[64];
	struct stele_row rows[64];
	char names[64][32];
	int64_t found;

	for (unsigned i = 0; i < 64; i++) {
		int r = get(hash, i * 3, &rows[0]);
		CHECK(r == 0 || r == 1 || r == -EBADMSG, "%d: %s", r, stele_last_error());
		keys[i].bits = name_of(i * 3, names[i]);
		keys[i].data = names[i];
	}
	found = stele_hash_get_many(hash, keys, 64, rows);
	CHECK(found >= 0 || found == -EBADMSG, "%d: %s", (int)found, stele_last_error());
}

Test(ipc_hash, a_damaged_region_costs_an_error_at_most)
{
	const unsigned flips = SANITIZED ? 60 : 400;
	uint64_t random = 31, errors = 0;
	struct stele_publisher *publisher = publish(4, 0);
	struct stat status;
	unsigned char *file;
	char path[128];
	int fd;

	for (unsigned i = 0; i < 300; i++)
		commit(publisher, i * 2 % ROWS, i);
	ipc_path(path, "");
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert(fd >= 0 && fstat(fd, &status) == 0);
	file = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert(file != MAP_FAILED);
	for (unsigned i = 0; i < flips; i++) {
		struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
		struct stele_snapshot *snapshots[2] = {0};
		struct stele_table tables[2];
		struct stele_hash *hash = NULL;
		size_t places[48];
		uint64_t newest;
		int r;
		OK(stele_subscriber_version(subscriber, &newest));
		for (unsigned j = 0; j < 2; j++) {
			OK(stele_snapshot_open(subscriber, newest - 1 + j, &snapshots[j]));
			OK(stele_table_open(snapshots[j], "items", NULL, &tables[j]));
		}
		/* In the arena, where nodes and rows are; a third of them before the open, one
		 * before the first gets, one before the move. */
		for (unsigned j = 0; j < 48; j++) {
			if (j == 16) {
				r = stele_hash_open(&tables[0], &hash);
				CHECK(r == 0 || r == -EBADMSG, "%d: %s", r, stele_last_error());
				errors += r < 0;
			}
			if (j == 32 && hash)
				ask_around(hash);
			places[j] = 8192 + (size_t)(random_from(&random) %
			                            ((size_t)status.st_size - 8192));
			file[places[j]] ^= (unsigned char)(1 + i % 255);
		}
		if (hash) {
			ask_around(hash);
			r = stele_hash_move(hash, &tables[1]);
			CHECK(r == 0 || r == -EBADMSG, "%d: %s", r, stele_last_error());
			errors += r < 0;
			if (r == 0)
				ask_around(hash);
		}
		for (unsigned j = 48; j-- > 0;)
			file[places[j]] ^= (unsigned char)(1 + i % 255);
		stele_hash_close(hash);
		stele_subscriber_close(subscriber);
	}
	cr_expect_gt(errors, 0, "no damage was found: nothing was tested");
	munmap(file, (size_t)status.st_size);
	close(fd);
	stele_publisher_close(publisher);
}

/* Rows that became nodes, and references that lead anywhere: the index was whole when it was
 * built. */
Test(ipc_hash, rows_that_are_no_rows_any_more_are_an_error)
{
	struct stele_publisher *publisher = publish(4, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_key_ref key = {"/some/name/2", 96};
	struct stele_table table;
	struct stele_hash *hash;
	struct stele_row row;
	char path[128];
	uint64_t first;
	int fd;

	commit(publisher, 2, 100);
	open_newest(subscriber, &table);
	OK(stele_hash_open(&table, &hash));
	RETURNS(get(hash, 2, &row), 1, "");
	ipc_path(path, "");
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	first = row.version | LAYOUT_NODE;
	cr_assert_eq(pwrite(fd, &first, 8, (const unsigned char *)row.value - 8 - hash->view.base),
	             8);
	RETURNS(get(hash, 2, &row), -EBADMSG, "");
	RETURNS(stele_hash_get_many(hash, &key, 1, &row), -EBADMSG, "");
	for (uint32_t i = 0; i < hash->rows.count; i++)
		for (unsigned place = 0; place < HASH_PLACES; place++)
			if (hash->rows.buckets[i].refs[place])
				hash->rows.buckets[i].refs[place] = UINT32_MAX;
	RETURNS(get(hash, 2, &row), -EBADMSG, "");
	RETURNS(stele_hash_get_many(hash, &key, 1, &row), -EBADMSG, "");
	/* A file that is cut is one, too. */
	cr_assert_eq(ftruncate(fd, 4096), 0);
	RETURNS(get(hash, 3, &row), -EBADMSG, "");
	RETURNS(stele_hash_move(hash, &table), -EBADMSG, "");
	close(fd);
	end(hash, subscriber, publisher);
}

/* ---- threads ---- */

static void *get_all(void *context)
{
	for (unsigned i = 0; i < 2000; i++) {
		struct stele_row row;
		RETURNS(get(context, 2, &row), 1, "");
		CHECK(NUMBER_OF(&row) == 100, "another answer");
		RETURNS(get(context, 5, &row), 0, "");
	}
	return NULL;
}

Test(ipc_hash, many_threads_may_get_at_once)
{
	struct stele_publisher *publisher = publish(4, 0);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_table table;
	struct stele_hash *hash;
	pthread_t threads[4];

	commit(publisher, 2, 100);
	open_newest(subscriber, &table);
	OK(stele_hash_open(&table, &hash));
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, get_all, hash), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	end(hash, subscriber, publisher);
}
