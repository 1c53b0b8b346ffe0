/* SPDX-License-Identifier: MIT
 *
 * Programs that were built with the first columns of a table read it at full speed, in every way
 * that there is, while a publisher changes rows, appends columns, renames them, and rolls back.
 * Each row that they get must be consistent, and none of them may need to start again. */
#include "tests/support/ipc/ipc.h"
#include "tests/support/position.h"
#include "tests/support/random.h"

TestSuite(alter_running, .init = ipc_begin, .fini = ipc_end, .timeout = 300);

#define ROWS    400u
#define COMMITS 1500u
#define ALTERS  12u /* columns that are appended, one every so many commits */
#define EVERY   (COMMITS / (2 * ALTERS))

/* What the readers were built with. */
struct first {
	uint64_t number; /* the version that wrote the row; 0: the first */
	uint64_t check;
};

static const struct stele_column first_columns[] = {
	STELE_KEY("prefix", STELE_IPV4NET),
	STELE_VALUE(struct first, number, STELE_U64),
	STELE_VALUE(struct first, check, STELE_U64),
};
static const struct stele_schema first_schema = STELE_SCHEMA(struct first, first_columns);

enum { STOP, STARTED }; /* stages */
enum { SCAN, LIVE, FOLLOW, SINCE, LPM, HASH, READERS };

static void key_of(unsigned id, uint8_t key[4])
{
	const uint8_t bytes[4] = {10, (uint8_t)(id >> 8), (uint8_t)id, 0};

	memcpy(key, bytes, sizeof(bytes));
}

static unsigned id_of(const void *key)
{
	const uint8_t *bytes = key;

	return (unsigned)bytes[1] << 8 | bytes[2];
}

static uint64_t check_of(unsigned id, uint64_t number)
{
	return ipc_mix(number * ROWS + id);
}

/* Checks a row that may be stale: only a consistent row must be right. */
static bool is_right(const struct stele_row *row)
{
	struct first first;

	if (row->value_size < sizeof(first))
		return false;
	memcpy(&first, row->value, sizeof(first));
	return first.check == check_of(id_of(row->key), first.number);
}

/* ---- readers ---- */

static void done_once(unsigned which)
{
	__atomic_fetch_add(&shared->number[which], 1, __ATOMIC_RELAXED);
}

static struct stele_snapshot *open_newest(struct stele_subscriber *subscriber,
                                          struct stele_table *ret)
{
	struct stele_snapshot *snapshot;

	for (;;) {
		int r = stele_snapshot_open(subscriber, 0, &snapshot);
		OK(r);
		r = stele_table_open(snapshot, "routes", &first_schema, ret);
		if (r == 0)
			return snapshot;
		RETURNS(r, -ESTALE, "");
		stele_snapshot_close(snapshot);
	}
}

static void scan(struct stele_subscriber *subscriber)
{
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_snapshot *snapshot = open_newest(subscriber, &table);
	struct stele_row row;
	unsigned count = 0;
	int r;

	OK(stele_cursor_open(&table, &cursor));
	while ((r = stele_cursor_next(cursor, &row)) == 1) {
		bool right = is_right(&row);
		CHECK(right || stele_snapshot_check(snapshot) == -ESTALE, "row %u of version %llu",
		      count, (unsigned long long)stele_snapshot_version(snapshot));
		count++;
	}
	CHECK(r == -ESTALE || (r == 0 && count == ROWS), "%d after %u rows", r, count);
	stele_cursor_close(cursor);
	stele_snapshot_close(snapshot);
}

static void read_live(struct stele_subscriber *subscriber)
{
	static struct stele_live live;
	static bool opened;
	struct first first;
	uint8_t key[4];

	if (!opened)
		OK(stele_live_open(subscriber, "routes", &first_schema, &live));
	opened = true;
	for (unsigned id = 0; id < ROWS; id++) {
		size_t size = sizeof(first);
		key_of(id, key);
		RETURNS(stele_live_get_copy(&live, key, 24, &first, &size, NULL), 1, "");
		CHECK(size == sizeof(first) && first.check == check_of(id, first.number), "row %u",
		      id);
	}
}

static void since(struct stele_subscriber *subscriber)
{
	static struct stele_position position;
	static uint64_t numbers[ROWS];
	struct stele_changes *changes;
	struct stele_change change;
	int r = stele_changes_since(subscriber, "routes", &first_schema, &position, &changes);

	if (r == STELE_GAP || r == -ETIME) {
		position.version = 0;
		memset(numbers, 0, sizeof(numbers));
		return;
	}
	OK(r);
	while ((r = stele_changes_next(changes, &change)) == 1) {
		struct first before = {0}, after = {0};
		const void *key =
			change.kind == STELE_REMOVED ? change.before.key : change.after.key;
		unsigned id = id_of(key) % ROWS;
		if (change.kind != STELE_ADDED)
			memcpy(&before, change.before.value, sizeof(before));
		if (change.kind != STELE_REMOVED)
			memcpy(&after, change.after.value, sizeof(after));
		r = stele_changes_check(changes);
		if (r < 0)
			break;
		CHECK(change.kind == (position.version == 0 ? STELE_ADDED : STELE_CHANGED), "%d",
		      change.kind);
		CHECK(before.number == numbers[id] && after.check == check_of(id, after.number),
		      "row %u: %llu, not %llu", id, (unsigned long long)before.number,
		      (unsigned long long)numbers[id]);
		numbers[id] = after.number;
	}
	stele_changes_position(changes, &position);
	if (r < 0) {
		RETURNS(r, -ESTALE, "");
		position.version = 0;
		memset(numbers, 0, sizeof(numbers));
	}
	stele_changes_close(changes);
}

static int on_event(const struct stele_event *event, void *context)
{
	uint64_t *numbers = context;
	struct first before = {0}, after;
	unsigned id;

	switch (event->kind) {
	case STELE_EVENT_INITIAL:
	case STELE_EVENT_CHANGE:
		id = id_of(event->change.after.key);
		CHECK(event->change.kind != STELE_REMOVED && id < ROWS, "%d", event->change.kind);
		CHECK(is_right(&event->change.after), "row %u", id);
		CHECK(event->schema->value_size <= event->change.after.value_size, "%zu",
		      event->schema->value_size);
		if (event->change.kind == STELE_CHANGED) {
			CHECK(is_right(&event->change.before), "row %u before", id);
			memcpy(&before, event->change.before.value, sizeof(before));
		}
		memcpy(&after, event->change.after.value, sizeof(after));
		CHECK(before.number == numbers[id], "row %u: %llu, not %llu", id,
		      (unsigned long long)before.number, (unsigned long long)numbers[id]);
		numbers[id] = after.number;
		return 0;
	case STELE_EVENT_RESYNC:
		CHECK(false, "a follower had to start again");
		return 0;
	default:
		done_once(FOLLOW);
		return ipc_stage(STOP) == 1;
	}
}

static void follow(struct stele_subscriber *subscriber)
{
	const struct stele_follow_table table = {.name = "routes", .schema = &first_schema};
	struct stele_follow_options options = {
		.size = sizeof(options), .tables = &table, .table_count = 1};
	uint64_t numbers[ROWS] = {0};

	RETURNS(stele_subscriber_follow(subscriber, &options, STELE_FOREVER, on_event, numbers), 1,
	        "");
}

static void move_lpm(struct stele_subscriber *subscriber)
{
	static struct stele_snapshot *snapshot;
	static struct stele_lpm *rows;
	struct stele_snapshot *newer;
	struct stele_table table;
	struct stele_row row;
	uint8_t key[4];
	uint32_t answer;
	int r;

	newer = open_newest(subscriber, &table);
	r = rows ? stele_lpm_move(rows, &table) : stele_lpm_open(&table, NULL, 0, &rows);
	stele_snapshot_close(snapshot);
	snapshot = newer;
	for (unsigned id = 0; id < ROWS && r >= 0; id++) {
		bool right;
		key_of(id, key);
		r = stele_lpm_match(rows, key, &answer);
		if (r == 1)
			r = stele_lpm_row(rows, answer, &row);
		if (r < 0)
			break;
		right = r == 1 && is_right(&row) && id_of(row.key) == id;
		CHECK(right || stele_snapshot_check(snapshot) == -ESTALE, "row %u", id);
	}
	CHECK(r >= 0 || r == -ESTALE, "%s", stele_last_error());
}

static void move_hash(struct stele_subscriber *subscriber)
{
	static struct stele_snapshot *snapshot;
	static struct stele_hash *hash;
	struct stele_snapshot *newer;
	struct stele_table table;
	struct stele_row row;
	uint8_t key[4];
	int r;

	newer = open_newest(subscriber, &table);
	r = hash ? stele_hash_move(hash, &table) : stele_hash_open(&table, &hash);
	stele_snapshot_close(snapshot);
	snapshot = newer;
	for (unsigned id = 0; id < ROWS && r >= 0; id++) {
		bool right;
		key_of(id, key);
		r = stele_hash_get(hash, key, 24, &row);
		if (r < 0)
			break;
		right = r == 1 && is_right(&row) && id_of(row.key) == id;
		CHECK(right || stele_snapshot_check(snapshot) == -ESTALE, "row %u", id);
	}
	CHECK(r >= 0 || r == -ESTALE, "%s", stele_last_error());
}

static void reader(unsigned which)
{
	static void (*const reads[READERS])(struct stele_subscriber *) = {
		[SCAN] = scan,   [LIVE] = read_live, [FOLLOW] = follow,
		[SINCE] = since, [LPM] = move_lpm,   [HASH] = move_hash};
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);

	while (ipc_stage(STOP) == 0) {
		reads[which](subscriber);
		done_once(which);
	}
	stele_subscriber_close(subscriber);
}

/* ---- the publisher ---- */

/* Puts rows at the version that is made, with the columns that the table has now. */
static void change_rows(struct stele_transaction *tx, unsigned count, uint64_t version,
                        uint64_t *random)
{
	const struct stele_schema *schema;
	uint64_t value[2 + ALTERS];

	OK(stele_transaction_schema(tx, "routes", &schema));
	for (unsigned i = 0; i < count; i++) {
		unsigned id = count == ROWS ? i : (unsigned)(random_from(random) % ROWS);
		uint8_t key[4];
		key_of(id, key);
		value[0] = version;
		value[1] = check_of(id, version);
		for (unsigned c = 0; c < ALTERS; c++)
			value[2 + c] = random_from(random) % 3;
		OK(stele_transaction_put(tx, "routes", key, 24, value, schema->value_size));
	}
}

/* Appends a column, and renames one that the readers do not know. */
static void alter_table(struct stele_transaction *tx)
{
	static const uint64_t one = 1;
	struct stele_column columns[STELE_COLUMNS_MAX];
	const struct stele_schema *present;
	struct stele_schema schema;
	char name[32], renamed[32], former[STELE_NAME_MAX + 1];

	OK(stele_transaction_schema(tx, "routes", &present));
	schema = *present;
	schema.columns = columns;
	memcpy(columns, present->columns, present->column_count * sizeof(columns[0]));
	snprintf(name, sizeof(name), "more%zu", present->column_count);
	if (present->column_count > 3 && !columns[3].former_names) {
		snprintf(renamed, sizeof(renamed), "other%zu", present->column_count);
		snprintf(former, sizeof(former), "%s", columns[3].name);
		columns[3].former_names = former;
		columns[3].name = renamed;
	}
	columns[schema.column_count++] = (struct stele_column){
		.name = name,
		.type = STELE_U64,
		.size = 8,
		.offset = (uint32_t)present->value_size,
		.default_value = &one,
	};
	schema.value_size += 8;
	RETURNS(stele_transaction_alter_table(tx, "routes", &schema), 1, "");
}

static void run(struct stele_publisher *publisher)
{
	uint64_t random = 20240803, version = 0;
	unsigned appended = 0;

	for (unsigned i = 1; i <= COMMITS; i++) {
		bool back = i % (8 * EVERY) == EVERY;
		struct stele_transaction *tx;
		OK(stele_transaction_begin(publisher, &tx));
		if (back && i > EVERY)
			OK(stele_transaction_rollback(
				tx, POSITION(tx, version - 10 - random_from(&random) % 20)));
		change_rows(tx, 1 + (unsigned)(random_from(&random) % 5), i + 1, &random);
		if (i % EVERY == EVERY / 2 && appended < ALTERS) {
			alter_table(tx);
			appended++;
			change_rows(tx, 2, i + 1, &random);
		}
		RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
		CHECK(version == i + 1, "version %llu", (unsigned long long)version);
	}
	CHECK(appended == ALTERS, "only %u alters", appended);
}

Test(alter_running, readers_of_the_first_columns_go_on)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_transaction *tx;
	pid_t readers[READERS];
	uint64_t random = 1;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "routes", &first_schema));
	change_rows(tx, ROWS, 1, &random);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	for (unsigned i = 0; i < READERS; i++)
		readers[i] = ipc_spawn(reader, i);
	for (unsigned i = 0; i < READERS; i++)
		UNTIL(__atomic_load_n(&shared->number[i], __ATOMIC_RELAXED) > 0);
	run(publisher);
	/* Each reader comes round once more, with the last columns. */
	for (unsigned i = 0; i < READERS; i++) {
		uint64_t before = __atomic_load_n(&shared->number[i], __ATOMIC_RELAXED);
		if (i != FOLLOW)
			UNTIL(__atomic_load_n(&shared->number[i], __ATOMIC_RELAXED) > before + 1);
	}
	ipc_reach(STOP, 1);
	OK(stele_transaction_begin(publisher, &tx));
	change_rows(tx, 1, COMMITS + 2, &random);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	for (unsigned i = 0; i < READERS; i++)
		ipc_join(readers[i]);
	stele_publisher_close(publisher);
	cr_expect_eq(stele_region_verify(
			     region, NULL,
			     &(struct stele_region_use){.size = sizeof(struct stele_region_use)}),
	             1, "%s", stele_last_error());
}
