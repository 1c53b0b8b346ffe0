/* SPDX-License-Identifier: MIT
 *
 * An upgrade of the layout under publishers and subscribers that stay: the library of an older
 * release, build/libstele-before.so, which knows no feature, creates the region and reads it beside
 * the present library. Both are in processes of their own. */
#include <dlfcn.h>

#include "lib/base/checksum.h"
#include "tests/support/ipc/ipc.h"

TestSuite(layout_releases, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

enum { OLD, NEW }; /* stages */

/* The functions of the older library. */
static struct {
	__typeof__(&stele_publisher_open) publisher_open;
	__typeof__(&stele_publisher_close) publisher_close;
	__typeof__(&stele_transaction_begin) begin;
	__typeof__(&stele_transaction_create_table) create_table;
	__typeof__(&stele_transaction_put) put;
	__typeof__(&stele_transaction_commit) commit;
	__typeof__(&stele_subscriber_open) subscriber_open;
	__typeof__(&stele_subscriber_wait) wait;
	__typeof__(&stele_snapshot_open) snapshot_open;
	__typeof__(&stele_snapshot_version) snapshot_version;
	__typeof__(&stele_table_open) table_open;
	__typeof__(&stele_table_get) table_get;
	__typeof__(&stele_last_error) last_error;
} before;

static void *symbol(void *library, const char *name)
{
	void *found = dlsym(library, name);

	CHECK(found, "%s", dlerror());
	return found;
}

static void load_before(void)
{
	char path[512];
	const char *command = getenv("STELE") ? getenv("STELE") : "build/stele";
	void *library;

	/* The library is beside the command. */
	snprintf(path, sizeof(path), "%.*s/libstele-before.so",
	         (int)(strrchr(command, '/') - command), command);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CHECK(library, "%s", dlerror());
#define LOAD(member, name) *(void **)&before.member = symbol(library, #name)
	LOAD(publisher_open, stele_publisher_open);
	LOAD(publisher_close, stele_publisher_close);
	LOAD(begin, stele_transaction_begin);
	LOAD(create_table, stele_transaction_create_table);
	LOAD(put, stele_transaction_put);
	LOAD(commit, stele_transaction_commit);
	LOAD(subscriber_open, stele_subscriber_open);
	LOAD(wait, stele_subscriber_wait);
	LOAD(snapshot_open, stele_snapshot_open);
	LOAD(snapshot_version, stele_snapshot_version);
	LOAD(table_open, stele_table_open);
	LOAD(table_get, stele_table_get);
	LOAD(last_error, stele_last_error);
#undef LOAD
}

/* ---- the table ---- */

static const struct stele_column note_columns[] = {
	STELE_KEY("name", STELE_TEXT),
	{.name = "note", .type = STELE_TEXT},
};
static const struct stele_schema note_schema = {.columns = note_columns, .column_count = 2};

enum { ROWS = 100 };

/* Writes the name or the note of a row; their lengths vary. */
static unsigned text_of(unsigned row, unsigned number, char text[64])
{
	return (unsigned)snprintf(text, 64, "%u %.*s", row, (int)(row * number % 40),
	                          "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
}

/* Creates the region and its table with the older library, at version 1. */
static void create_before(unsigned argument)
{
	const struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .maximum_size = 8 << 20};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	char key[64], value[64];

	(void)argument;
	load_before();
	CHECK(before.publisher_open(region, &options, &publisher) == 0, "%s", before.last_error());
	CHECK(before.begin(publisher, &tx) == 0, "%s", before.last_error());
	CHECK(before.create_table(tx, "notes", &note_schema) == 0, "%s", before.last_error());
	for (unsigned i = 0; i < ROWS; i++) {
		unsigned bits = text_of(i, 1, key) * 8, size = text_of(i, 7, value);
		CHECK(before.put(tx, "notes", key, bits, value, size) == 1, "%s",
		      before.last_error());
	}
	CHECK(before.commit(tx, NULL, NULL) == 1, "%s", before.last_error());
	before.publisher_close(publisher);
}

/* Commits a change of one row. */
static void commit_row(struct stele_publisher *publisher, unsigned row, unsigned number)
{
	struct stele_transaction *tx;
	char key[64], value[64];
	unsigned bits = text_of(row, 1, key) * 8, size = text_of(row, number, value);

	OK(stele_transaction_begin(publisher, &tx));
	CHECK(stele_transaction_put(tx, "notes", key, bits, value, size) >= 1, "%s",
	      stele_last_error());
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

/* Checks that a row has the value `number`. */
static void expect_row(const struct stele_row *row, unsigned index, unsigned number)
{
	char key[64], value[64];
	unsigned bits = text_of(index, 1, key) * 8, size = text_of(index, number, value);

	CHECK(row->key_bits == bits && memcmp(row->key, key, bits / 8) == 0, "row %u", index);
	CHECK(row->value_size == size && memcmp(row->value, value, size) == 0, "row %u", index);
}

/* Checks that NULs follow a row's key and value. */
static void expect_terminated(const struct stele_row *row)
{
	CHECK(strlen(row->value) == row->value_size, "%s", (const char *)row->value);
	CHECK(strlen(row->key) == row->key_bits / 8, "%s", (const char *)row->key);
}

/* ---- the older library under an upgrade ---- */

static void read_before(struct stele_snapshot *snapshot, unsigned row, unsigned number)
{
	struct stele_table table;
	struct stele_row found;
	char key[64];

	CHECK(before.table_open(snapshot, "notes", NULL, &table) == 0, "%s", before.last_error());
	CHECK(before.table_get(&table, key, text_of(row, 1, key) * 8, &found) == 1, "%s",
	      before.last_error());
	expect_row(&found, row, number);
}

static void old_reader(unsigned argument)
{
	struct stele_snapshot *first, *last;
	struct stele_subscriber *subscriber;
	uint64_t version;

	(void)argument;
	load_before();
	CHECK(before.subscriber_open(region, NULL, &subscriber) == 0, "%s", before.last_error());
	CHECK(before.snapshot_open(subscriber, 0, &first) == 0, "%s", before.last_error());
	ipc_reach(OLD, 1);
	/* The newer library publishes in the layout that it finds. */
	CHECK(before.wait(subscriber, 1, STELE_FOREVER, &version) == 1 && version == 2, "%s",
	      before.last_error());
	CHECK(before.snapshot_open(subscriber, 0, &last) == 0, "%s", before.last_error());
	read_before(last, 5, 11);
	ipc_reach(OLD, 2);
	CHECK(before.wait(subscriber, 2, STELE_FOREVER, &version) == -EPROTONOSUPPORT, "%s",
	      before.last_error());
	CHECK(strstr(before.last_error(), "\"terminated-values\"") &&
	              strstr(before.last_error(), "upgrade the library"),
	      "%s", before.last_error());
	/* What is open stays, and the last version can be opened again. */
	read_before(first, 5, 7);
	read_before(last, 5, 11);
	CHECK(before.snapshot_open(subscriber, 0, &last) == 0, "%s", before.last_error());
	CHECK(before.snapshot_version(last) == 2, "%llu",
	      (unsigned long long)before.snapshot_version(last));
	read_before(last, 5, 11);
}

Test(layout_releases, an_older_reader_keeps_the_last_version_and_is_told_why)
{
	struct stele_publisher *publisher;
	pid_t reader;

	ipc_join(ipc_spawn(create_before, 0));
	reader = ipc_spawn(old_reader, 0);
	ipc_await(OLD, 1);
	OK(stele_publisher_open(region, NULL, &publisher));
	commit_row(publisher, 5, 11);
	ipc_await(OLD, 2);
	RETURNS(stele_publisher_upgrade(publisher), 1, "");
	RETURNS(stele_publisher_upgrade(publisher), 0, "");
	commit_row(publisher, 5, 13);
	ipc_join(reader);
	stele_publisher_close(publisher);
}

/* ---- the present library under an upgrade ---- */

static void expect_live(struct stele_live *live, unsigned row, unsigned number)
{
	char key[64], value[64], want[64];
	size_t size = sizeof(value);

	RETURNS(stele_live_get_copy(live, key, text_of(row, 1, key) * 8, value, &size, NULL), 1,
	        "");
	CHECK(size == text_of(row, number, want) && memcmp(value, want, size) == 0, "row %u", row);
}

static void expect_all(struct stele_subscriber *subscriber, unsigned changed, unsigned number)
{
	struct stele_snapshot *snapshot;
	struct stele_table table;
	struct stele_row row;
	char key[64];

	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	OK(stele_table_open(snapshot, "notes", &note_schema, &table));
	for (unsigned i = 0; i < ROWS; i++) {
		RETURNS(stele_table_get(&table, key, text_of(i, 1, key) * 8, &row), 1, "");
		expect_row(&row, i, i == changed ? number : 7);
		if (number == 13)
			expect_terminated(&row);
	}
	stele_snapshot_close(snapshot);
}

static void new_reader(unsigned argument)
{
	struct stele_subscriber *subscriber;
	struct stele_snapshot *first;
	struct stele_table table;
	struct stele_row row;
	struct stele_live live;
	uint64_t version;
	char key[64];

	(void)argument;
	OK(stele_subscriber_open(region, NULL, &subscriber));
	OK(stele_live_open(subscriber, "notes", &note_schema, &live));
	OK(stele_snapshot_open(subscriber, 0, &first));
	expect_live(&live, 5, 7);
	ipc_reach(NEW, 1);
	RETURNS(stele_subscriber_wait(subscriber, 1, STELE_FOREVER, &version), 1, "");
	expect_live(&live, 5, 11);
	expect_all(subscriber, 5, 11);
	ipc_reach(NEW, 2);
	RETURNS(stele_subscriber_wait(subscriber, 2, STELE_FOREVER, &version), 1, "");
	CHECK(version == 3, "%llu", (unsigned long long)version);
	expect_live(&live, 5, 13);
	expect_all(subscriber, 5, 13);
	/* The snapshot of the file before the upgrade. */
	OK(stele_table_open(first, "notes", &note_schema, &table));
	RETURNS(stele_table_get(&table, key, text_of(5, 1, key) * 8, &row), 1, "");
	expect_row(&row, 5, 7);
	stele_snapshot_close(first);
	stele_subscriber_close(subscriber);
}

/* The publisher's open tables, and the subscriber's live table, snapshot and subscription. */
Test(layout_releases, handles_of_the_present_library_go_on)
{
	struct stele_publisher *publisher;
	pid_t reader;

	ipc_join(ipc_spawn(create_before, 0));
	reader = ipc_spawn(new_reader, 0);
	ipc_await(NEW, 1);
	OK(stele_publisher_open(region, NULL, &publisher));
	commit_row(publisher, 5, 11);
	ipc_await(NEW, 2);
	RETURNS(stele_publisher_upgrade(publisher), 1, "");
	commit_row(publisher, 5, 13);
	ipc_join(reader);
	stele_publisher_close(publisher);
}

static void upgrade_shared(unsigned argument)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_SHARED};
	struct stele_publisher *publisher;

	(void)argument;
	OK(stele_publisher_open(region, &options, &publisher));
	RETURNS(stele_publisher_upgrade(publisher), 1, "");
	commit_row(publisher, 6, 17);
	stele_publisher_close(publisher);
}

/* Another publisher upgrades the region between two transactions of this one. */
Test(layout_releases, a_shared_publisher_follows_the_upgrade_of_another)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_SHARED};
	struct stele_region_use use = {.size = sizeof(use)};
	struct stele_publisher *publisher;

	ipc_join(ipc_spawn(create_before, 0));
	OK(stele_publisher_open(region, &options, &publisher));
	commit_row(publisher, 5, 11);
	ipc_join(ipc_spawn(upgrade_shared, 0));
	commit_row(publisher, 5, 13);
	commit_row(publisher, 6, 7);
	stele_publisher_close(publisher);
	RETURNS(stele_region_verify(region, NULL, &use), 1, "");
}

/* Creates a region of many rows. Each row has 24 bytes, and 32 with the two NULs. */
enum { FULL = 14000 };
static void create_full(unsigned argument)
{
	const struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .maximum_size = 8 << 20};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	char key[5] = "";

	(void)argument;
	load_before();
	CHECK(before.publisher_open(region, &options, &publisher) == 0, "%s", before.last_error());
	CHECK(before.begin(publisher, &tx) == 0, "%s", before.last_error());
	CHECK(before.create_table(tx, "notes", &note_schema) == 0, "%s", before.last_error());
	for (unsigned i = 0; i < FULL; i++) {
		for (unsigned k = 0; k < 4; k++)
			key[k] = (char)('a' + (i >> k * 4 & 15));
		CHECK(before.put(tx, "notes", key, 32, "ab", 2) == 1, "%s", before.last_error());
	}
	CHECK(before.commit(tx, NULL, NULL) == 1, "%s", before.last_error());
	before.publisher_close(publisher);
}

/* Makes the size of the region's file its maximum size. Returns that size. */
static uint64_t set_maximum(void)
{
	struct layout_header *header;
	struct stat status;
	char path[128];
	int fd;

	ipc_path(path, "");
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && fstat(fd, &status) == 0, "%s", strerror(errno));
	header = mmap(NULL, sizeof(*header), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(header != MAP_FAILED, "%s", strerror(errno));
	header->maximum_size = (uint64_t)status.st_size;
	header->checksum = checksum_header(header);
	munmap(header, sizeof(*header));
	close(fd);
	return (uint64_t)status.st_size;
}

/* The upgraded rows need more bytes than the maximum size of the region's file. */
Test(layout_releases, an_upgrade_gets_a_larger_maximum_size_if_it_needs_one)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_region_use use = {.size = sizeof(use)};
	struct stele_publisher *publisher;
	uint64_t maximum;

	ipc_join(ipc_spawn(create_full, 0));
	OK(stele_publisher_open(region, NULL, &publisher));
	OK(stele_publisher_compact(publisher));
	stele_publisher_close(publisher);
	maximum = set_maximum();
	OK(stele_publisher_open(region, NULL, &publisher));
	RETURNS(stele_publisher_upgrade(publisher), 1, "");
	commit_row(publisher, 5, 11);
	stele_publisher_close(publisher);
	OK(stele_region_describe(region, &info));
	CHECK(info.maximum_size > maximum, "%llu", (unsigned long long)maximum);
	RETURNS(stele_region_verify(region, NULL, &use), 1, "");
	CHECK(use.rows == FULL + 1, "%llu", (unsigned long long)use.rows);
}
