/* SPDX-License-Identifier: MIT
 *
 * stele_difference_*(): the rows that differ between two versions, in all tables or in some, also
 * if the tables were altered, created again or dropped in between, and backwards. */
#include "tests/support/ipc/ipc.h"
#include "tests/support/ipc/route.h"

TestSuite(alter_difference, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static const struct stele_column name_columns[] = {STELE_KEY("name", STELE_TEXT)};
static const struct stele_schema name_schema = {.columns = name_columns, .column_count = 1};

/* The tables at version 1 to 4:
 *
 *   1  routes, of which route 0 is the first
 *   2  names, with the row "x"
 *   3  routes altered: the column zone, by default "eu"
 *   4  route 1 has the zone "us"; names created again, as routes; also a table "also" */
static struct stele_publisher *publish_versions(void)
{
	struct stele_publisher *publisher = route_publish(3);
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "names", &name_schema));
	OK(stele_transaction_put(tx, "names", "x", 8, NULL, 0));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	cr_expect_eq(route_alter(publisher, &route_new_schema), 3);
	OK(stele_transaction_begin(publisher, &tx));
	route_put_new(tx, 1, 1001, "us", 0);
	OK(stele_transaction_drop_table(tx, "names"));
	OK(stele_transaction_create_table(tx, "names", &ipc_schema));
	OK(stele_transaction_create_table(tx, "also", &name_schema));
	OK(stele_transaction_put(tx, "also", "y", 8, NULL, 0));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	return publisher;
}

/* Writes down each change: a sign, the table, and the row as CSV; and each event of a table. */
static void write_down(const struct stele_event *event, char *text)
{
	static const char signs[] = " +~-"; /* in the order of enum stele_change_kind */
	const struct stele_change *change = &event->change;
	char row[256];

	if (event->kind != STELE_EVENT_CHANGE) {
		sprintf(text + strlen(text), "%s %s, %zu columns\n",
		        event->kind == STELE_EVENT_CREATED   ? "created"
		        : event->kind == STELE_EVENT_ALTERED ? "altered"
		        : event->kind == STELE_EVENT_DROPPED ? "dropped"
		                                             : "?",
		        event->table, event->schema->column_count);
		return;
	}
	sprintf(text + strlen(text), "%c%s", signs[change->kind], event->table);
	if (change->kind != STELE_ADDED) {
		cr_assert_gt(stele_row_format_csv(event->schema, &change->before, row, sizeof(row)),
		             0, "%s", stele_last_error());
		sprintf(text + strlen(text), " -%s", row);
	}
	if (change->kind != STELE_REMOVED) {
		cr_assert_gt(stele_row_format_csv(event->schema, &change->after, row, sizeof(row)),
		             0, "%s", stele_last_error());
		sprintf(text + strlen(text), " +%s", row);
	}
	strcat(text, "\n");
}

/* The flags of the differences that are written down. */
static unsigned difference_flags;

/* Returns the difference between two snapshots, as text. */
static const char *difference_between(const struct stele_snapshot *before,
                                      const struct stele_snapshot *after,
                                      const struct stele_follow_table *tables, size_t count)
{
	struct stele_difference *difference;
	struct stele_event event = {0};
	static char text[4096];
	int r;

	text[0] = '\0';
	OK(stele_difference_open(before, after, tables, count, &difference));
	OK(stele_difference_set_flags(difference, difference_flags));
	while ((r = stele_difference_next(difference, &event)) == 1) {
		cr_expect_eq(event.version, stele_snapshot_version(after));
		write_down(&event, text);
	}
	RETURNS(r, 0, "");
	cr_expect_null(stele_difference_close(difference));
	return text;
}

/* Returns the difference from version `from` (0: none) to version `to`, as text. */
static const char *difference(struct stele_subscriber *subscriber, uint64_t from, uint64_t to,
                              const struct stele_follow_table *tables, size_t count)
{
	struct stele_snapshot *before = NULL, *after;
	const char *text;

	if (from > 0)
		OK(stele_snapshot_open(subscriber, from, &before));
	OK(stele_snapshot_open(subscriber, to, &after));
	text = difference_between(before, after, tables, count);
	stele_snapshot_close(before);
	stele_snapshot_close(after);
	return text;
}

Test(alter_difference, has_all_tables_in_both_directions)
{
	struct stele_publisher *publisher = publish_versions();
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);

	cr_expect_str_eq(difference(subscriber, 1, 2, NULL, 0), "+names +x\n");
	cr_expect_str_eq(difference(subscriber, 2, 1, NULL, 0), "-names -x\n");
	cr_expect_str_eq(difference(subscriber, 2, 2, NULL, 0), "");
	cr_expect_str_eq(difference(subscriber, 2, 3, NULL, 0), "", "an alter changes no row");
	cr_expect_str_eq(difference(subscriber, 2, 4, NULL, 0),
	                 "+also +y\n-names -x\n~routes -10.0.1.0/24,1001,1,eu,100 "
	                 "+10.0.1.0/24,1001,1,us,0\n");
	/* Rows have the columns of version 2, in which route 1 does not differ. */
	cr_expect_str_eq(difference(subscriber, 4, 2, NULL, 0), "-also -y\n+names +x\n");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Creates the region with the row "x" or "y", at version 1, beside the row "both". */
static void publish_name(const char *name)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "names", &name_schema));
	OK(stele_transaction_put(tx, "names", name, 8, NULL, 0));
	OK(stele_transaction_put(tx, "names", "both", 32, NULL, 0));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_publisher_close(publisher);
}

Test(alter_difference, has_the_rows_of_two_regions)
{
	struct stele_subscriber *subscriber;
	struct stele_snapshot *first, *second;

	publish_name("x");
	subscriber = ipc_subscribe(0, NULL);
	OK(stele_snapshot_open(subscriber, 0, &first));
	OK(stele_region_remove(region));
	publish_name("y");
	OK(stele_subscriber_reopen(subscriber, 0));
	OK(stele_snapshot_open(subscriber, 0, &second));
	cr_expect_eq(stele_snapshot_version(first), stele_snapshot_version(second));
	cr_expect_str_eq(difference_between(first, second, NULL, 0), "-names -x\n+names +y\n");
	cr_expect_str_eq(difference_between(second, first, NULL, 0), "+names +x\n-names -y\n");
	cr_expect_str_eq(difference_between(second, second, NULL, 0), "");
	stele_snapshot_close(first);
	stele_snapshot_close(second);
	stele_subscriber_close(subscriber);
}

Test(alter_difference, has_the_tables_that_were_named)
{
	const struct stele_follow_table tables[] = {
		{.name = "routes",
	         .schema = &route_old_schema,
	         .prefix = "\12\0\1",
	         .prefix_bits = 24},
		{.name = "also"},
		{.name = "never"},
	};
	struct stele_publisher *publisher = publish_versions();
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);

	cr_expect_str_eq(difference(subscriber, 2, 4, tables, 3),
	                 "+also +y\n~routes -10.0.1.0/24,1001,1,eu,100 "
	                 "+10.0.1.0/24,1001,1,us,0\n");
	cr_expect_str_eq(difference(subscriber, 0, 1, tables, 3), "+routes +10.0.1.0/24,1001,1\n");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Tables without rows have their events, too; a dropped one after its rows. */
Test(alter_difference, has_the_events_of_tables_if_asked_for)
{
	static const struct stele_follow_table names = {.name = "names"};
	struct stele_publisher *publisher = publish_versions();
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_drop_table(tx, "names"));
	OK(stele_transaction_create_table(tx, "empty", &name_schema));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	difference_flags = STELE_TABLE_EVENTS;
	cr_expect_str_eq(difference(subscriber, 1, 2, NULL, 0),
	                 "created names, 1 columns\n+names +x\n");
	cr_expect_str_eq(difference(subscriber, 2, 1, NULL, 0),
	                 "-names -x\ndropped names, 1 columns\n");
	cr_expect_str_eq(difference(subscriber, 2, 3, NULL, 0), "altered routes, 5 columns\n");
	cr_expect_str_eq(difference(subscriber, 2, 4, &names, 1),
	                 "-names -x\ndropped names, 1 columns\ncreated names, 4 columns\n");
	cr_expect_str_eq(difference(subscriber, 4, 5, NULL, 0),
	                 "created empty, 1 columns\ndropped names, 4 columns\n");
	cr_expect_str_eq(difference(subscriber, 0, 5, &names, 1), "");
	cr_expect_str_eq(difference(subscriber, 0, 4, &names, 1), "created names, 4 columns\n");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(alter_difference, refuses_what_it_cannot_compare)
{
	const struct stele_follow_table wrong = {.name = "routes", .schema = &name_schema};
	struct stele_publisher *publisher = publish_versions();
	struct stele_subscriber *one = ipc_subscribe(0, NULL), *other = ipc_subscribe(0, NULL);
	struct stele_difference *difference;
	struct stele_snapshot *before, *after;
	struct stele_event event;

	OK(stele_snapshot_open(one, 1, &before));
	OK(stele_snapshot_open(other, 4, &after));
	RETURNS(stele_difference_open(before, after, NULL, 0, &difference), -EINVAL,
	        "two subscribers");
	RETURNS(stele_difference_open(NULL, after, NULL, 1, &difference), -EINVAL, "go together");
	OK(stele_difference_open(NULL, after, &wrong, 1, &difference));
	RETURNS(stele_difference_set_flags(difference, STELE_ONE_REGION), -EINVAL, "difference");
	RETURNS(stele_difference_next(difference, &event), -EMEDIUMTYPE, "another schema");
	stele_difference_close(difference);
	stele_difference_close(NULL);
	stele_subscriber_close(one);
	stele_subscriber_close(other);
	stele_publisher_close(publisher);
}
