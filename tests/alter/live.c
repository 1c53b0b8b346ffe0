/* SPDX-License-Identifier: MIT
 *
 * Live tables and the copies of subscribers: they answer with the columns that their caller
 * expects, whatever happens to the table and to the region. */
#include "lib/types/net.h"
#include "tests/support/ipc/ipc.h"

TestSuite(alter_live, .init = ipc_begin, .fini = ipc_end, .timeout = 300);

static struct stele_schema *parse(const char *declaration)
{
	char name[STELE_NAME_MAX + 1];
	struct stele_schema *schema;

	OK(stele_schema_parse(declaration, name, &schema));
	return schema;
}

/* Creates the region, and in its first version the table "t" with one row 0, whose value has
 * `size` bytes. */
static struct stele_publisher *publish(const char *declaration, const void *value, size_t size)
{
	const struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE_NEW, .history = 2};
	struct stele_publisher *publisher = ipc_attach(region, &options);
	struct stele_schema *schema = parse(declaration);
	struct stele_transaction *tx;
	uint64_t version;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "t", schema));
	RETURNS(stele_transaction_put(tx, "t", "\0\0\0\0", 32, value, size), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
	cr_assert_eq(version, 1);
	stele_schema_free(schema);
	return publisher;
}

/* ---- another region of the name ---- */

/* Row 0 of "t", read in each way that outlives a region. */
static void read_each(struct stele_subscriber *subscriber, struct stele_live *live,
                      struct stele_live *any, const struct stele_schema *expected, int want,
                      int want_any)
{
	unsigned char value[16];
	size_t size = sizeof(value);

	for (int round = 0; round < 2; round++) {
		RETURNS(stele_live_get_copy(live, "\0\0\0\0", 32, value, &size, NULL), want, "");
		RETURNS(stele_live_match_copy(live, "\0\0\0\0", 32, value, &size, NULL, NULL), want,
		        "");
		RETURNS(stele_live_get_copy(any, "\0\0\0\0", 32, value, &size, NULL), want_any, "");
		RETURNS(stele_subscriber_get_copy(subscriber, "t", expected, "\0\0\0\0", 32, value,
		                                  &size, NULL),
		        want, "");
		RETURNS(stele_subscriber_get_copy(subscriber, "t", NULL, "\0\0\0\0", 32, value,
		                                  &size, NULL),
		        1, "");
		size = sizeof(value);
	}
}

static void make_again(struct stele_publisher **publisher, struct stele_subscriber *subscriber,
                       const char *declaration)
{
	static const unsigned char value[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	stele_publisher_close(*publisher);
	OK(stele_region_remove(region));
	*publisher = publish(declaration, value, sizeof(value));
	OK(stele_subscriber_reopen(subscriber, 0));
}

/* Both regions create the table in version 1, so the catalogs, the ids and the places of the
 * schemas are the same. */
Test(alter_live, a_table_of_the_next_region_is_another_one)
{
	static const char *const first = "t(id: u32 key, a: u32, b: u32)";
	static const char *const other = "t(id: u32 key, b: u32, a: u32)";
	static const char *const more = "t(id: u32 key, a: u32, b: u32 unit ms)";
	static const unsigned char value[8] = {1};
	struct stele_publisher *publisher = publish(first, value, sizeof(value));
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_schema *expected = parse(first);
	struct stele_live live, any;

	RETURNS(stele_live_open(subscriber, "t", &(struct stele_schema){.column_count = 1}, &live),
	        -EINVAL, "no columns");
	OK(stele_live_open(subscriber, "t", expected, &live));
	OK(stele_live_open(subscriber, "t", NULL, &any));
	read_each(subscriber, &live, &any, expected, 1, 1);
	make_again(&publisher, subscriber, other);
	read_each(subscriber, &live, &any, expected, -EMEDIUMTYPE, -EMEDIUMTYPE);
	make_again(&publisher, subscriber, more);
	read_each(subscriber, &live, &any, expected, 1, 1);
	stele_schema_free(expected);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Snapshots remember tables by their names also when they are opened again, and indexes and changes
 * remember the snapshot that they came from. */
Test(alter_live, what_belongs_to_snapshots_does_not_cross_regions)
{
	static const char *const first = "t(prefix: ipv4net key, hop: u32, zone: u32)";
	static const char *const other = "t(prefix: ipv4net key, zone: u32, hop: u32)";
	static const uint32_t value[2] = {1, 2};
	struct stele_publisher *publisher = publish(first, value, sizeof(value));
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_schema *expected = parse(first);
	struct stele_snapshot *old, *snapshot;
	struct stele_table before, after;
	struct stele_position position;
	struct stele_changes *changes;
	struct stele_cursor *cursor;
	struct stele_lpm *index;
	struct stele_hash *hash;
	struct stele_row row;
	uint32_t answer;

	OK(stele_snapshot_open(subscriber, 0, &old));
	OK(stele_table_open(old, "t", expected, &before));
	OK(stele_cursor_open(&before, &cursor));
	OK(stele_lpm_open(&before, "hop", 0, &index));
	OK(stele_hash_open(&before, &hash));
	RETURNS(stele_lpm_match(index, "\0\0\0\0", &answer), 1, "");
	cr_expect_eq(answer, 1);
	stele_snapshot_position(old, &position);
	make_again(&publisher, subscriber, other);
	for (int round = 0; round < 2; round++) {
		OK(stele_snapshot_open(subscriber, 0, &snapshot));
		RETURNS(stele_table_open(snapshot, "t", expected, &after), -EMEDIUMTYPE, "");
		RETURNS(stele_snapshot_get(snapshot, "t", expected, "\0\0\0\0", 32, &row),
		        -EMEDIUMTYPE, "");
		if (round == 0)
			stele_snapshot_close(snapshot);
	}
	OK(stele_table_open(snapshot, "t", NULL, &after));
	/* The old snapshot reads its own region. */
	RETURNS(stele_cursor_next(cursor, &row), 1, "");
	cr_expect(memcmp(row.value, value, sizeof(value)) == 0);
	RETURNS(stele_changes_open(&before, &after, &changes), -EMEDIUMTYPE, "");
	RETURNS(stele_changes_since(subscriber, "t", NULL, &position, &changes), STELE_GAP, "");
	OK(stele_lpm_move(index, &after));
	RETURNS(stele_lpm_match(index, "\0\0\0\0", &answer), 1, "");
	cr_expect_eq(answer, 0x08070605, "0x%x", answer);
	OK(stele_hash_move(hash, &after));
	RETURNS(stele_hash_get(hash, "\0\0\0\0", 32, &row), 1, "");
	cr_expect_eq(((const uint32_t *)row.value)[0], 0x04030201);
	stele_hash_close(hash);
	stele_lpm_close(index);
	stele_cursor_close(cursor);
	stele_snapshot_close(snapshot);
	stele_snapshot_close(old);
	stele_schema_free(expected);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* An index whose version is not pinned: the memory of its table's schema may hold that of a later
 * table when the index is moved. */
Test(alter_live, an_index_never_takes_one_schema_for_another)
{
	static const char *const declarations[] = {"t(prefix: ipv4net key, hop: u32, zone: u32)",
	                                           "t(prefix: ipv4net key, zone: u32, hop: u32)"};
	static const uint32_t value[2] = {11, 22};
	struct stele_publisher *publisher = publish(declarations[0], value, sizeof(value));
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct stele_snapshot *snapshot, *next;
	struct stele_table table;
	struct stele_lpm *index;

	snapshot = ipc_newest_table(subscriber, "t", &table);
	OK(stele_lpm_open(&table, "hop", 0, &index));
	for (unsigned round = 0; round < 400; round++) {
		struct stele_schema *schema = parse(declarations[round % 2]);
		uint32_t answer;
		for (unsigned i = 0; i < round % 64 + 1; i++) {
			const uint32_t other[2] = {round, i};
			struct stele_transaction *tx;
			OK(stele_transaction_begin(publisher, &tx));
			OK(stele_transaction_drop_table(tx, "t"));
			OK(stele_transaction_create_table(tx, "t", schema));
			RETURNS(stele_transaction_put(tx, "t", "\0\0\0\0", 32, value, 8), 1, "");
			RETURNS(stele_transaction_put(tx, "t", "\1", 8, other, 8), 1, "");
			RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
		}
		stele_schema_free(schema);
		next = ipc_newest_table(subscriber, "t", &table);
		OK(stele_lpm_move(index, &table));
		stele_snapshot_close(snapshot);
		snapshot = next;
		RETURNS(stele_lpm_match(index, "\0\0\0\0", &answer), 1, "");
		CHECK(answer == value[round % 2], "round %u: %u", round, answer);
	}
	stele_lpm_close(index);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- a publisher that is faster than every try ---- */

#define PAGE 4096u

/* The buffer of a read, of two pages. One of them can't be written: a read faults in each page, and
 * at each fault history moves on by all its versions. So each try without a pin loses the race. */
static struct {
	unsigned char *pages;
	struct stele_publisher *publisher;
	unsigned faults;
} race;

static void on_fault(int number, siginfo_t *info, void *context)
{
	unsigned char *page = race.pages;

	(void)number;
	(void)context;
	if ((unsigned char *)info->si_addr >= race.pages + PAGE)
		page += PAGE;
	race.faults++;
	/* More than the versions that are reclaimed at a time. */
	for (int i = 0; i < 100; i++)
		ipc_commit(race.publisher);
	mprotect(race.pages, 2 * PAGE, PROT_NONE);
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
}

/* Reads row 0 of "t" into the buffer of two pages, by a handle, from a pinned version. */
static void read_racing(struct stele_live *live)
{
	size_t size = 2 * PAGE;

	race.faults = 0;
	OK(mprotect(race.pages, 2 * PAGE, PROT_NONE));
	RETURNS(stele_live_get_copy(live, "\0\0\0\0", 32, race.pages, &size, NULL), 1, "");
	OK(mprotect(race.pages, 2 * PAGE, PROT_READ | PROT_WRITE));
	cr_expect_eq(size, 2 * PAGE);
	cr_expect_geq(race.faults, 2 * 17, "%u", race.faults);
	cr_expect(race.pages[0] == 1 && race.pages[2 * PAGE - 1] == 7);
}

Test(alter_live, a_read_that_pins_takes_an_altered_table)
{
	static const char *const first = "t(id: u32 key, state: u8 enum(up=1), bulk: u8[8191])";
	static const char *const wider = "t(id: u32 key, state: u8 enum(up=1, down=2), "
					 "bulk: u8[8191] was block)";
	static unsigned char value[2 * PAGE] = {1};
	const struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	struct stele_subscriber *subscriber;
	struct stele_schema *expected, *altered;
	struct stele_transaction *tx;
	struct stele_live live, any;

	if (SANITIZED)
		cr_skip_test("a sanitizer has the handler of SIGSEGV");
	expected = parse(first);
	altered = parse(wider);
	race.pages = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(race.pages, MAP_FAILED);
	value[2 * PAGE - 1] = 7;
	race.publisher = publish(first, value, sizeof(value));
	ipc_create_table(race.publisher, "rows", &ipc_schema);
	subscriber = ipc_subscribe(0, NULL);
	OK(sigaction(SIGSEGV, &action, NULL));
	OK(stele_live_open(subscriber, "t", expected, &live));
	OK(stele_live_open(subscriber, "t", NULL, &any));
	read_racing(&live);
	OK(stele_transaction_begin(race.publisher, &tx));
	RETURNS(stele_transaction_alter_table(tx, "t", altered), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	read_racing(&live);
	read_racing(&any);
	stele_schema_free(expected);
	stele_schema_free(altered);
	stele_subscriber_close(subscriber);
	stele_publisher_close(race.publisher);
}
