/* SPDX-License-Identifier: MIT
 *
 * A NUL follows each value and each key that ends in text or bytes, so that a program may use text
 * as a string: however the row came to be, whatever was in its memory before, and through
 * every call that returns it. */
#include "tests/support/ipc/ipc.h"

TestSuite(layout_terminated, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

struct note {
	uint32_t number;
	char text[];
};

static const struct stele_column columns[] = {
	STELE_KEY("name", STELE_TEXT),
	{.name = "number", .type = STELE_U32},
	{.name = "text", .type = STELE_TEXT, .offset = offsetof(struct note, text)},
};
static const struct stele_schema schema = {
	.columns = columns, .column_count = 3, .value_size = offsetof(struct note, text)};

enum { LONGEST = 40 };

/* A text of this length, with room for a note before it. */
static _Alignas(8) char buffer[8 + LONGEST];

static const void *note_of(unsigned length, char fill)
{
	memset(buffer, fill, sizeof(buffer));
	*(uint32_t *)(void *)buffer = length;
	return buffer;
}

/* Puts a row for each length of the key, with values of `length` bytes. */
static void put_all(struct stele_transaction *tx, unsigned length, char fill)
{
	char key[LONGEST];

	memset(key, 'k', sizeof(key));
	for (unsigned bytes = 1; bytes <= LONGEST; bytes++)
		OK(stele_transaction_put(tx, "notes", key, bytes * 8, note_of(length, fill),
		                         schema.value_size + length));
}

static void expect_row(const struct stele_row *row, unsigned length)
{
	const struct note *note = row->value;

	CHECK(note->number == length && row->value_size == schema.value_size + length, "%u",
	      note->number);
	CHECK(strlen(note->text) == length, "%zu, not %u", strlen(note->text), length);
	CHECK(strlen(row->key) == row->key_bits / 8, "%zu", strlen(row->key));
}

static void expect_all(struct stele_subscriber *subscriber, unsigned length)
{
	struct stele_snapshot *snapshot;
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;
	unsigned rows = 0;

	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	OK(stele_table_open(snapshot, "notes", &schema, &table));
	OK(stele_cursor_open(&table, &cursor));
	while (stele_cursor_next(cursor, &row) == 1) {
		expect_row(&row, length);
		RETURNS(stele_table_get(&table, row.key, row.key_bits, &row), 1, "");
		expect_row(&row, length);
		rows++;
	}
	CHECK(rows == LONGEST, "%u", rows);
	stele_cursor_close(cursor);
	stele_snapshot_close(snapshot);
}

/* Commits values of each length, which reuse the memory of older ones. In each transaction the rows
 * are put twice: the second time in place, and with another size. */
Test(layout_terminated, in_every_row_that_is_put)
{
	const struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .history = 2};
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	struct stele_transaction *tx;

	OK(stele_publisher_open(region, &options, &publisher));
	ipc_create_table(publisher, "notes", &schema);
	OK(stele_subscriber_open(region, NULL, &subscriber));
	for (unsigned round = 0; round < 3 * LONGEST; round++) {
		unsigned length = round * 7 % LONGEST;
		OK(stele_transaction_begin(publisher, &tx));
		put_all(tx, length, 'a');
		put_all(tx, (length + 1) % LONGEST, 'b');
		put_all(tx, length, round % 2 ? 'c' : 'd');
		OK(stele_transaction_commit(tx, NULL, NULL));
		expect_all(subscriber, length);
	}
	OK(stele_publisher_compact(publisher));
	expect_all(subscriber, (3 * LONGEST - 1) * 7 % LONGEST);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Many rows that are built into a trie at once, and copies of single rows. */
Test(layout_terminated, in_rows_of_one_call_and_in_copies)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct stele_row_ref rows[LONGEST];
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	struct stele_transaction *tx;
	char key[LONGEST], copy[sizeof(buffer) + 1];
	size_t size;

	OK(stele_publisher_open(region, &options, &publisher));
	ipc_create_table(publisher, "notes", &schema);
	memset(key, 'k', sizeof(key));
	for (unsigned i = 0; i < LONGEST; i++)
		rows[i] = (struct stele_row_ref){.key = key,
		                                 .key_bits = (i + 1) * 8,
		                                 .value = note_of(20, 'm'),
		                                 .value_size = schema.value_size + 20};
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_put_many(tx, "notes", rows, LONGEST));
	OK(stele_transaction_commit(tx, NULL, NULL));
	OK(stele_subscriber_open(region, NULL, &subscriber));
	expect_all(subscriber, 20);
	memset(copy, 'x', sizeof(copy));
	size = sizeof(copy);
	RETURNS(stele_subscriber_get_copy(subscriber, "notes", &schema, key, 8, copy, &size, NULL),
	        1, "");
	CHECK(size == schema.value_size + 20 && strlen(copy + schema.value_size) == 20, "%zu",
	      size);
	/* A buffer of just the value's size has no room for the NUL. */
	memset(copy, 'x', sizeof(copy));
	RETURNS(stele_subscriber_get_copy(subscriber, "notes", &schema, key, 8, copy, &size, NULL),
	        1, "");
	CHECK(copy[size] == 'x', "%d", copy[size]);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* A row that has lost the NUL is damaged: a program would read past its value. */
Test(layout_terminated, a_value_without_its_nul_is_damaged)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_transaction *tx;
	struct stele_table table;
	struct stele_row row;
	struct stat status;
	char path[128], *base;
	int fd;

	OK(stele_publisher_open(region, &options, &publisher));
	ipc_create_table(publisher, "notes", &schema);
	OK(stele_transaction_begin(publisher, &tx));
	put_all(tx, 13, 'z');
	OK(stele_transaction_commit(tx, NULL, NULL));
	ipc_path(path, "");
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && fstat(fd, &status) == 0, "%s", strerror(errno));
	base = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(base != MAP_FAILED, "%s", strerror(errno));
	for (off_t i = 0; i + 14 < status.st_size; i++)
		if (memcmp(base + i, "zzzzzzzzzzzzz", 13) == 0 && base[i + 13] == 0) {
			/* Only this byte: the length of the key follows it. */
			base[i + 13] = 'z';
			i += 14;
		}
	OK(stele_subscriber_open(region, NULL, &subscriber));
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	OK(stele_table_open(snapshot, "notes", &schema, &table));
	RETURNS(stele_table_get(&table, "k", 8, &row), -EBADMSG, "damaged");
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	munmap(base, (size_t)status.st_size);
	close(fd);
}
