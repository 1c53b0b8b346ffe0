/* SPDX-License-Identifier: MIT
 *
 * Gets and matches by the name of a table: the expected schema, and tables that are created again
 * under the same name. */
#include <dlfcn.h>
#include <pthread.h>

#include "tests/support/ipc/ipc.h"

TestSuite(ipc_by_name, .init = ipc_begin, .fini = ipc_end, .timeout = 60);

/* Drops "rows", and creates it again with one row 0, from a declaration. The row's value is a
 * number. */
static void create_again(struct stele_publisher *publisher, const char *declaration)
{
	const uint32_t number = 7;
	char name[STELE_NAME_MAX + 1];
	struct stele_transaction *tx;
	struct stele_schema *schema;

	OK(stele_schema_parse(declaration, name, &schema));
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_drop_table(tx, "rows"));
	OK(stele_transaction_create_table(tx, "rows", schema));
	RETURNS(stele_transaction_put(tx, "rows", "\0\0\0\0", 32, &number, sizeof(number)), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_schema_free(schema);
}

/* Reads row 0 of "rows" from a snapshot in each way that takes a name. Each must return `want`. */
static void read_snapshot(const struct stele_snapshot *snapshot, const struct stele_schema *schema,
                          int want, const char *message)
{
	const struct stele_key_ref key = {"\0\0\0\0", 32};
	struct stele_row row;

	RETURNS(stele_snapshot_get(snapshot, "rows", schema, key.data, 32, &row), want, message);
	RETURNS(stele_snapshot_match(snapshot, "rows", schema, key.data, 32, &row), want, message);
	RETURNS((int)stele_snapshot_get_many(snapshot, "rows", schema, &key, 1, &row), want,
	        message);
	RETURNS((int)stele_snapshot_match_many(snapshot, "rows", schema, &key, 1, &row), want,
	        message);
}

/* The same from the newest version. A read that fails leaves the buffer as it was. */
static void read_newest(struct stele_subscriber *subscriber, const struct stele_schema *schema,
                        int want, const char *message)
{
	struct ipc_value value, before;
	size_t size = sizeof(value);

	memset(&value, 0x55, sizeof(value));
	before = value;
	RETURNS(stele_subscriber_get_copy(subscriber, "rows", schema, "\0\0\0\0", 32, &value, &size,
	                                  NULL),
	        want, message);
	size = sizeof(value);
	RETURNS(stele_subscriber_match_copy(subscriber, "rows", schema, "\0\0\0\0", 32, &value,
	                                    &size, NULL, NULL),
	        want, message);
	cr_expect(want == 1 || memcmp(&value, &before, sizeof(value)) == 0);
}

/* A program that was compiled with a struct never reads it out of a value of other columns. */
Test(ipc_by_name, a_table_of_other_columns_is_an_error)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *old, *snapshot;

	OK(stele_snapshot_open(subscriber, 0, &old));
	for (int round = 0; round < 2; round++) {
		read_snapshot(old, &ipc_schema, 1, "");
		read_newest(subscriber, &ipc_schema, 1, "");
		read_newest(subscriber, NULL, 1, "");
	}
	create_again(publisher, "rows(id: u32 key, count: u32)");
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	for (int round = 0; round < 2; round++) {
		read_snapshot(old, &ipc_schema, 1, "");
		read_snapshot(snapshot, NULL, 1, "");
		read_snapshot(snapshot, &ipc_schema, -EMEDIUMTYPE,
		              "table \"rows\" has another schema than this program expects: (id: "
		              "u32 key, count: u32), not (id: u32 key, number: u64");
		read_newest(subscriber, NULL, 1, "");
		read_newest(subscriber, &ipc_schema, -EMEDIUMTYPE, "another schema");
	}
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* The library may remember a table, but never takes it for one with other columns: neither after
 * the table was created again, with snapshots that are closed and opened between, nor if the
 * expected schema is another one at the same address. */
Test(ipc_by_name, what_is_remembered_is_checked)
{
	static const char *const other = "rows(id: u32 key, count: u32)";
	static const char *const third = "rows(id: u32 key, count: i32)";
	char name[STELE_NAME_MAX + 1];
	struct stele_publisher *publisher = ipc_publish_history(2);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_schema *schemas[2], changing;
	struct stele_column columns[2];
	struct stele_snapshot *snapshot;

	OK(stele_schema_parse(other, name, &schemas[0]));
	OK(stele_schema_parse(third, name, &schemas[1]));
	for (unsigned round = 0; round < 16; round++) {
		/* The memory of a schema that nobody has read for some versions is used again. */
		for (unsigned i = round % 4 * 2 + 1; i-- > 0;)
			create_again(publisher, (round + i) % 2 == 0 ? other : third);
		for (unsigned i = 0; i < 2; i++) {
			OK(stele_snapshot_open(subscriber, 0, &snapshot));
			read_snapshot(snapshot, NULL, 1, "");
			read_snapshot(snapshot, &ipc_schema, -EMEDIUMTYPE, "another schema");
			memcpy(columns, schemas[round % 2]->columns, sizeof(columns));
			changing = (struct stele_schema){
				.columns = columns, .column_count = 2, .value_size = 4};
			read_snapshot(snapshot, &changing, 1, "");
			read_newest(subscriber, &changing, 1, "");
			changing.value_size = 8;
			read_snapshot(snapshot, &changing, -EMEDIUMTYPE, "another schema");
			read_newest(subscriber, &changing, -EMEDIUMTYPE, "another schema");
			changing.value_size = 4;
			columns[1].type = schemas[(round + 1) % 2]->columns[1].type;
			read_snapshot(snapshot, &changing, -EMEDIUMTYPE, "another schema");
			read_newest(subscriber, &changing, -EMEDIUMTYPE, "another schema");
			columns[1].type = schemas[round % 2]->columns[1].type;
			columns[1].name = strcpy(name, "count");
			read_snapshot(snapshot, &changing, 1, "");
			read_newest(subscriber, &changing, 1, "");
			strcpy(name, "sound");
			read_snapshot(snapshot, &changing, -EMEDIUMTYPE, "another schema");
			read_newest(subscriber, &changing, -EMEDIUMTYPE, "another schema");
			stele_snapshot_close(snapshot);
		}
	}
	stele_schema_free(schemas[0]);
	stele_schema_free(schemas[1]);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Every call that takes the expected schema refuses one with a reserved member, or one that is not
 * well formed. */
Test(ipc_by_name, the_expected_schema_is_checked)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_schema reserved = ipc_schema, empty = {0};
	const struct stele_schema *const wrong[] = {&reserved, &empty};
	struct stele_column columns[STELE_COLUMNS_MAX];
	struct stele_snapshot *snapshot;
	struct stele_changes *changes;
	struct stele_table table;
	struct stele_live live;

	reserved.reserved_[0] = 1;
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	for (unsigned i = 0; i < 2; i++) {
		RETURNS(stele_table_open(snapshot, "rows", wrong[i], &table), -EINVAL, "");
		RETURNS(stele_live_open(subscriber, "rows", wrong[i], &live), -EINVAL, "");
		RETURNS(stele_changes_since(subscriber, "rows", wrong[i], NULL, &changes), -EINVAL,
		        "");
		read_snapshot(snapshot, wrong[i], -EINVAL, i == 0 ? "reserved" : "column");
		read_newest(subscriber, wrong[i], -EINVAL, i == 0 ? "reserved" : "column");
	}
	read_snapshot(snapshot, &ipc_schema, 1, "");
	/* Also where the schema without the reserved member was checked before. */
	reserved.reserved_[0] = 0;
	memcpy(columns, ipc_schema.columns, ipc_schema.column_count * sizeof(columns[0]));
	reserved.columns = columns;
	read_snapshot(snapshot, &reserved, 1, "");
	read_newest(subscriber, &reserved, 1, "");
	columns[1].reserved_[3] = 1;
	read_snapshot(snapshot, &reserved, -EINVAL, "reserved");
	read_newest(subscriber, &reserved, -EINVAL, "reserved");
	columns[1].reserved_[3] = 0;
	reserved.reserved_[1] = 1;
	read_snapshot(snapshot, &reserved, -EINVAL, "reserved");
	read_newest(subscriber, &reserved, -EINVAL, "reserved");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- names ---- */

#define TABLES 150u

/* Creates tables "table0" and so on. Each has one row 0 with the table's number as its value. */
static void create_tables(struct stele_publisher *publisher, unsigned first, unsigned count)
{
	char name[STELE_NAME_MAX + 1], declaration[] = "x(id: u32 key, number: u32)";
	struct stele_transaction *tx;
	struct stele_schema *schema;

	OK(stele_schema_parse(declaration, name, &schema));
	OK(stele_transaction_begin(publisher, &tx));
	for (unsigned i = first; i < first + count; i++) {
		snprintf(name, sizeof(name), "table%u", i);
		OK(stele_transaction_create_table(tx, name, schema));
		RETURNS(stele_transaction_put(tx, name, "\0\0\0\0", 32, &i, sizeof(i)), 1, "");
	}
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_schema_free(schema);
}

/* Reads the rows of all tables, which a name in the same memory selects. */
static void read_tables(const struct stele_snapshot *snapshot, unsigned seed)
{
	char name[STELE_NAME_MAX + 1];

	for (unsigned n = 0; n < TABLES; n++) {
		unsigned i = (n * 7 + seed) % TABLES, found;
		struct stele_row row;

		snprintf(name, sizeof(name), "table%u", i);
		RETURNS(stele_snapshot_get(snapshot, name, NULL, "\0\0\0\0", 32, &row), 1, "");
		memcpy(&found, row.value, sizeof(found));
		CHECK(found == i, "%s: %u", name, found);
	}
}

/* Loads a library from the build folder, and returns its schema. */
static const struct stele_schema *load(const char *name, void **ret)
{
	const struct stele_schema *schema;
	char path[600];
	ssize_t length = readlink("/proc/self/exe", path, 512);

	CHECK(length > 0 && length < 512, "%s", strerror(errno));
	path[length] = '\0';
	/* Cut "/tests/ipc/by_name" from the path. */
	for (unsigned i = 0; i < 3; i++)
		*strrchr(path, '/') = '\0';
	sprintf(path + strlen(path), "/%s", name);
	*ret = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CHECK(*ret, "%s", dlerror());
	schema = dlsym(*ret, "unloaded_schema");
	CHECK(schema, "%s", dlerror());
	return schema;
}

/* The constants of a library that was unloaded are no constants: another library may have other
 * ones at the same addresses. */
Test(ipc_by_name, a_library_is_unloaded)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	const struct stele_schema *fits, *other;
	struct stele_snapshot *snapshot;
	void *library;

	create_again(publisher, "rows(id: u32 key, number: u32)");
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	for (int i = 0; i < 2; i++) {
		fits = load("unloaded_u32.so", &library);
		read_snapshot(snapshot, fits, 1, "");
		read_newest(subscriber, fits, 1, "");
		dlclose(library);
		other = load("unloaded_i32.so", &library);
		CHECK(other == fits, "the libraries have different addresses");
		read_snapshot(snapshot, other, -EMEDIUMTYPE, "number");
		read_newest(subscriber, other, -EMEDIUMTYPE, "number");
		dlclose(library);
	}
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* More tables than are remembered, dropped tables, and names that no table has. */
Test(ipc_by_name, each_name_is_its_own_table)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	char name[STELE_NAME_MAX + 1], longest[200];
	struct stele_snapshot *snapshot;
	struct stele_transaction *tx;
	struct stele_row row;
	unsigned found;
	size_t size;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	create_tables(publisher, 0, TABLES);
	for (unsigned round = 0; round < 3; round++) {
		ipc_commit(publisher);
		OK(stele_snapshot_open(subscriber, 0, &snapshot));
		RETURNS(stele_snapshot_get(snapshot, "", NULL, "\0\0\0\0", 32, &row), -ENXIO, "");
		RETURNS(stele_snapshot_get(snapshot, longest, NULL, "\0\0\0\0", 32, &row), -ENXIO,
		        "");
		read_tables(snapshot, round);
		stele_snapshot_close(snapshot);
		for (unsigned i = 0; i < TABLES; i++) {
			size = sizeof(found);
			RETURNS(stele_subscriber_get_copy(subscriber, "", NULL, "\0\0\0\0", 32,
			                                  &found, &size, NULL),
			        -ENXIO, "");
			snprintf(name, sizeof(name), "table%u", i);
			size = sizeof(found);
			RETURNS(stele_subscriber_get_copy(subscriber, name, NULL, "\0\0\0\0", 32,
			                                  &found, &size, NULL),
			        1, "");
			CHECK(found == i, "%s: %u", name, found);
		}
		RETURNS(stele_subscriber_get_copy(subscriber, longest, NULL, "\0\0\0\0", 32, &found,
		                                  &size, NULL),
		        -ENXIO, "");
	}
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_drop_table(tx, "table7"));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	RETURNS(stele_snapshot_get(snapshot, "table7", NULL, "\0\0\0\0", 32, &row), -ENXIO,
	        "table7");
	size = sizeof(found);
	RETURNS(stele_subscriber_get_copy(subscriber, "table7", NULL, "\0\0\0\0", 32, &found, &size,
	                                  NULL),
	        -ENXIO, "table7");
	stele_snapshot_close(snapshot);
	create_tables(publisher, 7, 1);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	read_tables(snapshot, 0);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- schemas that the library allocated ---- */

/* Schemas of the same size, of which the second fits no table "rows" here. */
static const char *const declarations[] = {"rows(id: u32 key, number: u32)",
                                           "rows(id: u32 key, height: u32)"};

static struct stele_schema *parsed(unsigned which)
{
	char name[STELE_NAME_MAX + 1];
	struct stele_schema *schema;

	OK(stele_schema_parse(declarations[which], name, &schema));
	return schema;
}

/* A schema is found by its number, also where another was at its address. */
Test(ipc_by_name, a_schema_that_was_freed_leaves_nothing)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *snapshot;
	struct stele_schema *schema;
	unsigned again = 0;

	create_again(publisher, declarations[0]);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	for (unsigned i = 0; i < 64; i++) {
		struct stele_schema *before = schema = parsed(i % 2);

		for (unsigned j = 0; j < 3; j++) {
			read_snapshot(snapshot, schema, i % 2 ? -EMEDIUMTYPE : 1, "rows");
			read_newest(subscriber, schema, i % 2 ? -EMEDIUMTYPE : 1, "rows");
		}
		stele_schema_free(schema);
		schema = parsed((i + 1) % 2);
		again += schema == before;
		read_snapshot(snapshot, schema, i % 2 ? 1 : -EMEDIUMTYPE, "rows");
		read_newest(subscriber, schema, i % 2 ? 1 : -EMEDIUMTYPE, "rows");
		stele_schema_free(schema);
	}
	/* Without this the test shows nothing. Sanitizers keep freed memory for a while. */
	CHECK(ADDRESS_SANITIZED || THREAD_SANITIZED || again > 0,
	      "no schema was at the address of another");
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* A program may copy the struct, with the library's mark, and change the copy. */
Test(ipc_by_name, a_copy_of_the_struct_is_another_schema)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_schema *good = parsed(0), *bad = parsed(1), schema = *good;
	struct stele_snapshot *snapshot;

	create_again(publisher, declarations[0]);
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	for (unsigned i = 0; i < 8; i++) {
		schema.columns = i % 2 ? bad->columns : good->columns;
		for (unsigned j = 0; j < 3; j++) {
			read_snapshot(snapshot, &schema, i % 2 ? -EMEDIUMTYPE : 1, "rows");
			read_newest(subscriber, &schema, i % 2 ? -EMEDIUMTYPE : 1, "rows");
		}
	}
	stele_snapshot_close(snapshot);
	stele_schema_free(good);
	stele_schema_free(bad);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- threads ---- */

#define THREADS  4u
#define OPENINGS 100u

static struct {
	pthread_barrier_t barrier;
	struct stele_snapshot *snapshot;
} together;

static void *read_together(void *number)
{
	for (unsigned i = 0; i < OPENINGS; i++) {
		pthread_barrier_wait(&together.barrier);
		read_tables(together.snapshot, *(unsigned *)number * 3 + i);
		pthread_barrier_wait(&together.barrier);
	}
	return NULL;
}

/* Threads that share a snapshot make it remember tables at the same time. */
Test(ipc_by_name, threads_share_what_a_snapshot_remembers)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	pthread_t threads[THREADS];
	unsigned numbers[THREADS];

	create_tables(publisher, 0, TABLES);
	pthread_barrier_init(&together.barrier, NULL, THREADS + 1);
	for (unsigned i = 0; i < THREADS; i++) {
		numbers[i] = i;
		cr_assert_eq(pthread_create(&threads[i], NULL, read_together, &numbers[i]), 0);
	}
	for (unsigned i = 0; i < OPENINGS; i++) {
		ipc_commit(publisher);
		OK(stele_snapshot_open(subscriber, 0, &together.snapshot));
		pthread_barrier_wait(&together.barrier);
		pthread_barrier_wait(&together.barrier);
		stele_snapshot_close(together.snapshot);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&together.barrier);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
