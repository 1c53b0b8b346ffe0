/* SPDX-License-Identifier: MIT
 *
 * Following a table: what a callback may rely on, whatever the publisher does meanwhile. */
#include "tests/support/ipc/model.h"
#include "tests/support/position.h"

TestSuite(ipc_follow, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

#define COMMITS 20000u
#define DONE    77 /* returned by a callback to end */
enum { READER };   /* stages */
enum { BATCHES, RESYNCS };

/* ---- a callback that records its events, and acts at one of them ---- */

struct told {
	char text[4096]; /* a word for each event */
	size_t length;
	uint64_t version; /* version of the last event */
	uint8_t region[16];
	unsigned events;
	unsigned end_at;                /* the event at which the callback returns DONE */
	void (*act)(struct told *told); /* called first at each event */
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
};

static void tell(struct told *told, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	told->length += (size_t)vsnprintf(told->text + told->length,
	                                  sizeof(told->text) - told->length, format, list);
	va_end(list);
	CHECK(told->length < sizeof(told->text), "too many events: %s", told->text);
}

static void tell_row(struct told *told, const struct stele_event *event)
{
	const struct stele_change *change = &event->change;
	const struct stele_row *row =
		change->kind == STELE_REMOVED ? &change->before : &change->after;
	static const char marks[] = " +~-"; /* in the order of enum stele_change_kind */

	tell(told, "%s%c%s", event->kind == STELE_EVENT_INITIAL ? "i" : "", marks[change->kind],
	     event->table);
	if (stele_schema_equal(event->schema, &ipc_schema)) {
		const struct ipc_value *value = row->value;
		CHECK(ipc_whole(value, model_id(row)), "row %u", model_id(row));
		tell(told, ":%u", model_id(row));
	}
	tell(told, " ");
}

static int write_down(const struct stele_event *event, void *context)
{
	struct told *told = context;

	told->events++;
	if (told->act)
		told->act(told);
	switch (event->kind) {
	case STELE_EVENT_INITIAL:
	case STELE_EVENT_CHANGE:
		tell_row(told, event);
		break;
	case STELE_EVENT_INITIAL_END:
		tell(told, "end%llu/%llu ", (unsigned long long)event->version,
		     (unsigned long long)event->count);
		break;
	case STELE_EVENT_APPLIED:
		tell(told, "applied%llu/%llu ", (unsigned long long)event->version,
		     (unsigned long long)event->count);
		break;
	default: /* STELE_EVENT_RESYNC */
		tell(told, "resync ");
	}
	told->version = event->version;
	memcpy(told->region, event->region, 16);
	return told->events == told->end_at ? DONE : 0;
}

#define TOLD(told_, text_) \
	cr_expect_str_eq((told_).text, text_, "expected %s, got %s", text_, (told_).text)

/* What to follow: at most one table, which NULL leaves out. */
struct asked {
	struct stele_follow_table table;
	struct stele_position since;
	int64_t deadline_ns; /* 0: none */
	unsigned flags;
};

static int follow(struct told *told, struct asked asked)
{
	const struct stele_follow_options options = {
		.size = sizeof(options),
		.flags = asked.flags,
		.tables = asked.table.name ? &asked.table : NULL,
		.table_count = asked.table.name ? 1 : 0,
		.since = asked.since,
	};

	return stele_subscriber_follow(told->subscriber, &options,
	                               asked.deadline_ns ? asked.deadline_ns : STELE_FOREVER,
	                               write_down, told);
}

static uint64_t put_and_delete(struct stele_publisher *publisher, uint32_t put, uint32_t deleted)
{
	uint8_t key[4] = {0, 0, (uint8_t)(deleted >> 8), (uint8_t)deleted};
	struct stele_transaction *tx;
	uint64_t version = 0;

	OK(stele_transaction_begin(publisher, &tx));
	ipc_put(tx, put, stele_publisher_version(publisher) + 1);
	OK(stele_transaction_delete(tx, "rows", key, 32));
	RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
	return version;
}

/* ---- rows, then changes, in the order of the versions ---- */

static uint64_t applied_of(pid_t pid)
{
	struct layout_slot slots[64];
	unsigned count = ipc_slots(slots, 64);

	for (unsigned i = 0; i < count; i++)
		if (slots[i].state == LAYOUT_SLOT_TAKEN && slots[i].pid == (uint32_t)pid)
			return slots[i].applied;
	return UINT64_MAX;
}

static void commit_at_marks(struct told *told)
{
	/* The events: two rows, end of version 2; row 9 put, row 1 deleted, version 3 applied; row
	 * 9 put again, version 4 applied. */
	if (told->events == 3) {
		cr_expect_eq(applied_of(getpid()), 0);
		put_and_delete(told->publisher, 9, 1);
	}
	if (told->events == 4)
		cr_expect_eq(applied_of(getpid()), 2);
	if (told->events == 6)
		put_and_delete(told->publisher, 9, 1);
	if (told->events == 7)
		cr_expect_eq(applied_of(getpid()), 3);
}

Test(ipc_follow, reports_all_rows_and_then_the_changes)
{
	struct stele_publisher *publisher = ipc_publish_history(8);
	struct told told = {.publisher = publisher, .act = commit_at_marks, .end_at = 8};

	put_and_delete(publisher, 1, 2);
	told.subscriber = ipc_subscribe(0, NULL);
	RETURNS(follow(&told, (struct asked){0}), DONE, "");
	TOLD(told, "i+rows:0 i+rows:1 end2/2 -rows:1 +rows:9 applied3/2 ~rows:9 applied4/1 ");
	cr_expect_eq(applied_of(getpid()), 3, "the last one was applied without its leave");
	/* stele_subscriber_follow() has released its pins. */
	for (unsigned i = 0; i < 8; i++) {
		struct stele_snapshot *snapshot;
		OK(stele_snapshot_open(told.subscriber, 0, &snapshot));
		put_and_delete(publisher, 9, 1);
	}
	stele_subscriber_close(told.subscriber);
	stele_publisher_close(publisher);
}

static void commit_three(struct told *told)
{
	if (told->events == 2)
		for (int i = 0; i < 3; i++)
			put_and_delete(told->publisher, 9, 1);
}

Test(ipc_follow, versions_committed_meanwhile_are_one_batch)
{
	struct told told = {.publisher = ipc_publish_history(8), .act = commit_three, .end_at = 4};

	told.subscriber = ipc_subscribe(0, NULL);
	RETURNS(follow(&told, (struct asked){0}), DONE, "");
	TOLD(told, "i+rows:0 end1/1 +rows:9 applied4/1 ");
	stele_subscriber_close(told.subscriber);
	stele_publisher_close(told.publisher);
}

static void commit_tables(struct told *told)
{
	static const struct stele_column columns[] = {STELE_KEY("name", STELE_TEXT)};
	static const struct stele_schema schema = {.columns = columns, .column_count = 1};
	struct stele_transaction *tx;
	uint8_t key[4] = {0, 0, 0, 1};
	struct ipc_value value;

	ipc_fill(&value, 1, 1);
	OK(stele_transaction_begin(told->publisher, &tx));
	switch (told->events) {
	case 2: /* created, beside an empty table */
		OK(stele_transaction_create_table(tx, "a", &ipc_schema));
		OK(stele_transaction_create_table(tx, "empty", &schema));
		OK(stele_transaction_put(tx, "a", key, 32, &value, sizeof(value)));
		break;
	case 4: /* created again with other columns */
		OK(stele_transaction_drop_table(tx, "a"));
		OK(stele_transaction_create_table(tx, "a", &schema));
		OK(stele_transaction_put(tx, "a", "x", 8, NULL, 0));
		break;
	case 7:
		OK(stele_transaction_drop_table(tx, "a"));
		break;
	case 9: /* no change that concerns this table */
		OK(stele_transaction_drop_table(tx, "empty"));
		break;
	}
	OK(stele_transaction_commit(tx, NULL, NULL));
}

Test(ipc_follow, reports_tables_that_are_created_and_dropped)
{
	struct told told = {
		.publisher = ipc_publish_history(8), .act = commit_tables, .end_at = 10};

	told.subscriber = ipc_subscribe(0, NULL);
	RETURNS(follow(&told, (struct asked){0}), DONE, "");
	TOLD(told, "i+rows:0 end1/1 +a:1 applied2/1 -a:1 +a applied3/2 -a applied4/1 applied5/0 ");
	stele_subscriber_close(told.subscriber);
	stele_publisher_close(told.publisher);
}

Test(ipc_follow, follows_a_table_that_does_not_exist_yet)
{
	struct told told = {.publisher = ipc_publish_history(8), .end_at = 3};

	told.subscriber = ipc_subscribe(0, NULL);
	told.events = 1; /* commit_tables() creates it at the second event */
	told.act = commit_tables;
	RETURNS(follow(&told, (struct asked){.table = {.name = "a"}}), DONE, "");
	TOLD(told, "end1/0 +a:1 ");
	stele_subscriber_close(told.subscriber);
	stele_publisher_close(told.publisher);
}

static void commit_on_both_sides(struct told *told)
{
	if (told->events == 2) {
		put_and_delete(told->publisher, 0x101, 0);
		put_and_delete(told->publisher, 0x1ff, 1);
		put_and_delete(told->publisher, 0x200, 1);
	}
}

Test(ipc_follow, reports_keys_under_a_prefix)
{
	struct told told = {
		.publisher = ipc_publish_history(8), .act = commit_on_both_sides, .end_at = 5};

	put_and_delete(told.publisher, 0x100, 1);
	told.subscriber = ipc_subscribe(0, NULL);
	RETURNS(follow(&told,
	               (struct asked){
			       .table = {.name = "rows", .prefix = "\0\0\1", .prefix_bits = 24}}),
	        DONE, "");
	TOLD(told, "i+rows:256 end2/1 +rows:257 +rows:511 applied5/2 ");
	stele_subscriber_close(told.subscriber);
	stele_publisher_close(told.publisher);
}

Test(ipc_follow, ends_at_the_deadline)
{
	struct told told = {.publisher = ipc_publish_history(8)};

	told.subscriber = ipc_subscribe(0, NULL);
	RETURNS(follow(&told, (struct asked){.deadline_ns = 1}), 0, "");
	TOLD(told, "i+rows:0 end1/1 ");
	RETURNS(follow(&told, (struct asked){.deadline_ns = clock_now() + 20 * NSEC_PER_MSEC}), 0,
	        "");
	TOLD(told, "i+rows:0 end1/1 i+rows:0 end1/1 ");
	stele_subscriber_close(told.subscriber);
	stele_publisher_close(told.publisher);
}

static void remove_region(struct told *told)
{
	if (told->events == 2) {
		told->publisher = stele_publisher_close(told->publisher);
		OK(stele_region_remove(region));
	}
}

Test(ipc_follow, ends_when_the_region_is_removed)
{
	struct told told = {.publisher = ipc_publish_history(8), .act = remove_region};

	told.subscriber = ipc_subscribe(0, NULL);
	RETURNS(follow(&told, (struct asked){.flags = STELE_ONE_REGION}), -ENOENT, "was removed");
	TOLD(told, "i+rows:0 end1/1 ");
	stele_subscriber_close(told.subscriber);
}

Test(ipc_follow, continues_from_a_version)
{
	struct told first = {.publisher = ipc_publish_history(4), .end_at = 2}, told;
	struct asked options = {.deadline_ns = 1};

	first.subscriber = ipc_subscribe(0, NULL);
	RETURNS(follow(&first, options), DONE, "");
	options.since = position_at(first.subscriber, first.version);
	cr_expect_eq(memcmp(first.region, options.since.region, 16), 0);
	told = (struct told){.subscriber = first.subscriber};
	RETURNS(follow(&told, options), 0, "");
	TOLD(told, "");
	put_and_delete(first.publisher, 9, 1);
	RETURNS(follow(&told, options), 0, "");
	TOLD(told, "+rows:9 applied2/1 ");
	options.since.region[3] ^= 1;
	told = (struct told){.subscriber = first.subscriber};
	RETURNS(follow(&told, options), 0, "");
	TOLD(told, "resync i+rows:0 i+rows:9 end2/2 ");
	options.since.region[3] ^= 1;
	options.since.version = 3;
	told = (struct told){.subscriber = first.subscriber};
	RETURNS(follow(&told, options), 0, "");
	TOLD(told, "resync i+rows:0 i+rows:9 end2/2 ");
	for (int i = 0; i < 100; i++)
		put_and_delete(first.publisher, 9, 1);
	options.since.version = 1;
	told = (struct told){.subscriber = first.subscriber};
	RETURNS(follow(&told, options), 0, "");
	TOLD(told, "resync i+rows:0 i+rows:9 end102/2 ");
	stele_subscriber_close(first.subscriber);
	stele_publisher_close(first.publisher);
}

/* ---- versions that are reclaimed ---- */

static void outrun_in_the_initial_rows(struct told *told)
{
	if (told->events == 2)
		for (int i = 0; i < 100; i++)
			put_and_delete(told->publisher, 9, 1);
}

Test(ipc_follow, starts_over_when_the_first_version_is_reclaimed)
{
	struct told told = {.publisher = ipc_publish_history(2),
	                    .act = outrun_in_the_initial_rows,
	                    .end_at = 6};

	put_and_delete(told.publisher, 1, 2);
	told.subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	RETURNS(follow(&told, (struct asked){0}), DONE, "");
	TOLD(told, "i+rows:0 i+rows:1 resync i+rows:0 i+rows:9 end102/2 ");
	stele_subscriber_close(told.subscriber);
	stele_publisher_close(told.publisher);
}

static void outrun_in_a_batch(struct told *told)
{
	if (told->events == 2) { /* end of the first rows: make two changes */
		put_and_delete(told->publisher, 8, 1);
		put_and_delete(told->publisher, 9, 1);
	}
	if (told->events == 3) /* first change: reclaim the version before the second one */
		for (int i = 0; i < 100; i++)
			put_and_delete(told->publisher, 7, 9);
}

Test(ipc_follow, starts_over_when_a_version_is_reclaimed_in_a_batch)
{
	struct told told = {
		.publisher = ipc_publish_history(2), .act = outrun_in_a_batch, .end_at = 8};

	told.subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	RETURNS(follow(&told, (struct asked){0}), DONE, "");
	TOLD(told, "i+rows:0 end1/1 +rows:8 resync i+rows:0 i+rows:7 i+rows:8 end103/3 ");
	stele_subscriber_close(told.subscriber);
	stele_publisher_close(told.publisher);
}

static void outrun_between_batches(struct told *told)
{
	if (told->events == 2)
		for (int i = 0; i < 100; i++)
			put_and_delete(told->publisher, 9, 1);
}

Test(ipc_follow, starts_over_when_a_version_is_reclaimed_between_batches)
{
	struct told told = {
		.publisher = ipc_publish_history(2), .act = outrun_between_batches, .end_at = 6};

	told.subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	RETURNS(follow(&told, (struct asked){0}), DONE, "");
	TOLD(told, "i+rows:0 end1/1 resync i+rows:0 i+rows:9 end101/2 ");
	stele_subscriber_close(told.subscriber);
	stele_publisher_close(told.publisher);
}

/* A pinned version stays between rows and between batches, however far the publisher runs ahead. */
Test(ipc_follow, a_pinned_version_is_not_reclaimed)
{
	struct told told = {.publisher = ipc_publish_history(2),
	                    .act = outrun_in_the_initial_rows,
	                    .end_at = 4};

	put_and_delete(told.publisher, 1, 2);
	told.subscriber = ipc_subscribe(0, NULL);
	RETURNS(follow(&told, (struct asked){0}), DONE, "");
	TOLD(told, "i+rows:0 i+rows:1 end2/2 -rows:1 ");
	stele_subscriber_close(told.subscriber);
	stele_publisher_close(told.publisher);
}

/* ---- a pin that is revoked ---- */

enum { MANY = 24, FEW = 14 };

/* Commits one version in which every row changes. The first version has many rows, the others
 * few. */
static void commit_other_rows(struct stele_publisher *publisher, unsigned round)
{
	static char value[3000];
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	for (unsigned char key = 0; key < (round ? FEW : MANY); key++) {
		memset(value, 'a' + (int)(round + key) % 26, sizeof(value));
		RETURNS(stele_transaction_put(tx, "t", &key, 8, value, sizeof(value)), 1, "");
	}
	for (unsigned char key = FEW; round == 1 && key < MANY; key++)
		RETURNS(stele_transaction_delete(tx, "t", &key, 8), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

static void outrun_the_memory(struct told *told)
{
	if (told->events == 2)
		for (unsigned round = 1; round < 20; round++)
			commit_other_rows(told->publisher, round);
}

/* The versions of few rows fit, but not beside the version of many rows that is being reported. */
Test(ipc_follow, starts_over_when_its_pin_is_revoked)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE,
	                                          .history = 2,
	                                          .maximum_size = 300 << 10,
	                                          .limit_size = 300 << 10};
	struct told told = {.act = outrun_the_memory, .end_at = 2 + 1 + FEW + 1};
	char text[256] = "i+t i+t resync ", name[STELE_NAME_MAX + 1];
	struct stele_transaction *tx;
	struct stele_schema *schema;

	OK(stele_publisher_open(region, &options, &told.publisher));
	OK(stele_schema_parse("t(a: u8 key, b: text)", name, &schema));
	OK(stele_transaction_begin(told.publisher, &tx));
	OK(stele_transaction_create_table(tx, "t", schema));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	commit_other_rows(told.publisher, 0);
	told.subscriber = ipc_subscribe(0, NULL);
	RETURNS(follow(&told, (struct asked){0}), DONE, "");
	cr_expect_gt(ipc_stats(told.publisher).pins_revoked, 0);
	for (int i = 0; i < FEW; i++)
		strcat(text, "i+t ");
	strcat(text, "end21/14 ");
	TOLD(told, text);
	stele_schema_free(schema);
	stele_subscriber_close(told.subscriber);
	stele_publisher_close(told.publisher);
}

/* ---- a copy of the table, against a publisher at full speed ---- */

struct copy {
	struct model rows, model;
	uint64_t batches, resyncs;
	bool whole;
};

static int keep_copy(const struct stele_event *event, void *context)
{
	struct copy *copy = context;
	const struct stele_change *change = &event->change;

	switch (event->kind) {
	case STELE_EVENT_RESYNC:
		memset(copy->rows.numbers, 0, sizeof(copy->rows.numbers));
		copy->whole = false;
		copy->resyncs++;
		return 0;
	case STELE_EVENT_INITIAL:
	case STELE_EVENT_CHANGE: {
		const struct stele_row *row =
			change->kind == STELE_REMOVED ? &change->before : &change->after;
		const struct ipc_value *before = change->before.value, *after = change->after.value;
		uint32_t id = model_id(row);
		CHECK(copy->whole == (event->kind == STELE_EVENT_CHANGE), "row %u", id);
		CHECK(copy->rows.numbers[id] == (change->kind == STELE_ADDED ? 0 : before->number),
		      "row %u has %llu", id, (unsigned long long)copy->rows.numbers[id]);
		CHECK(ipc_whole(row->value, id), "row %u", id);
		copy->rows.numbers[id] = change->kind == STELE_REMOVED ? 0 : after->number;
		return 0;
	}
	case STELE_EVENT_INITIAL_END:
	case STELE_EVENT_APPLIED:
		CHECK(copy->whole == (event->kind == STELE_EVENT_APPLIED), "a wrong end");
		CHECK(!copy->whole || event->version > copy->model.version, "versions only rise");
		copy->whole = true;
		model_reach(&copy->model, event->version);
		CHECK(memcmp(copy->rows.numbers, copy->model.numbers, sizeof(copy->rows.numbers)) ==
		              0,
		      "version %llu", (unsigned long long)event->version);
		copy->batches++;
		ipc_reach(READER, (uint32_t)copy->batches);
		return event->version >= COMMITS ? DONE : 0;
	default:
		return -1;
	}
}

static void follow_at_full_speed(unsigned flags)
{
	struct stele_subscriber *subscriber = ipc_subscribe(flags, NULL);
	static struct copy copy;

	RETURNS(stele_subscriber_follow(subscriber, NULL, STELE_FOREVER, keep_copy, &copy), DONE,
	        "");
	ipc_tell(BATCHES, copy.batches);
	ipc_tell(RESYNCS, copy.resyncs);
	stele_subscriber_close(subscriber);
}

static void run_at_full_speed(unsigned flags)
{
	struct stele_publisher *publisher = ipc_publish_history(2);
	pid_t child = ipc_spawn(follow_at_full_speed, flags);

	/* Faster than the subscriber, but slow enough that it sees more than the first version and
	 * the last. */
	for (uint32_t part = 1; part <= 4; part++) {
		ipc_await(READER, part);
		while (model_commit(publisher) < COMMITS / 4 * part)
			;
	}
	ipc_join(child);
	cr_expect_gt(ipc_told(BATCHES), 2);
	if (flags == 0)
		cr_expect_eq(ipc_told(RESYNCS), 0, "pins were not honoured");
	stele_publisher_close(publisher);
}

Test(ipc_follow, keeps_a_copy)
{
	run_at_full_speed(0);
}

Test(ipc_follow, keeps_a_copy_without_pins)
{
	run_at_full_speed(STELE_UNREGISTERED);
}

/* ---- arguments ---- */

#define REFUSED(part_, ...) RETURNS(follow(&told, (struct asked){__VA_ARGS__}), -EINVAL, part_)

Test(ipc_follow, wrong_arguments_are_refused)
{
	static const struct stele_column columns[] = {STELE_KEY("name", STELE_TEXT)};
	static const struct stele_schema schema = {.columns = columns, .column_count = 1};
	static const struct stele_follow_table twice[] = {
		{.name = "a"}, {.name = "b"}, {.name = "a"}};
	struct stele_follow_options options = {.size = sizeof(options)};
	struct told told = {.publisher = ipc_publish_history(8)};

	told.subscriber = ipc_subscribe(0, NULL);
	options.table_count = 1;
	RETURNS(stele_subscriber_follow(told.subscriber, &options, 0, write_down, &told), -EINVAL,
	        "go together");
	options.tables = twice;
	options.table_count = 3;
	RETURNS(stele_subscriber_follow(told.subscriber, &options, 0, write_down, &told), -EINVAL,
	        "\"a\" is named twice");
	REFUSED("unknown flags", .flags = 1);
	REFUSED("name", .table.name = "a/b");
	REFUSED(".prefix is not set", .table.name = "rows", .table.prefix_bits = 8);
	REFUSED("reserved", .table.name = "rows", .table.reserved_ = {0, 1});
	REFUSED("the maximum is", .table.name = "rows", .table.prefix = "",
	        .table.prefix_bits = STELE_KEY_MAX * 8 + 1);
	REFUSED("UUID", .since.version = 1);
	RETURNS(follow(&told, (struct asked){.table.name = "rows", .table.schema = &schema}),
	        -EMEDIUMTYPE, "another schema");
	TOLD(told, "");
	stele_subscriber_close(told.subscriber);
	stele_publisher_close(told.publisher);
}
