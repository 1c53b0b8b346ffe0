/* SPDX-License-Identifier: MIT
 *
 * What readers with fewer columns read across an alter: changes, live tables, followers, indexes.
 * Readers at full speed beside a publisher that alters are tested in alter/running.c. */
#include "subscriber/index/hash_state.h"
#include "subscriber/table.h"
#include "tests/support/ipc/ipc.h"
#include "tests/support/ipc/route.h"
#include "tests/support/position.h"

TestSuite(alter_readers, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* ---- readers across an alter ---- */

/* Opens the changes of the table between two versions. */
static struct stele_changes *changes_between(struct stele_snapshot *from, struct stele_snapshot *to)
{
	struct stele_changes *changes;
	struct stele_table before, after;

	OK(stele_table_open(from, "routes", NULL, &before));
	OK(stele_table_open(to, "routes", NULL, &after));
	OK(stele_changes_open(&before, &after, &changes));
	return changes;
}

Test(alter_readers, changes_compare_rows_with_the_defaults)
{
	struct stele_publisher *publisher = route_publish(ROUTE_ROWS);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *first, *altered, *last;
	struct stele_changes *changes;
	struct stele_change change;
	const struct new_route *route;
	struct stele_position position;

	OK(stele_snapshot_open(subscriber, 0, &first));
	route_alter(publisher, &route_new_schema);
	OK(stele_snapshot_open(subscriber, 0, &altered));
	changes = changes_between(first, altered);
	RETURNS(stele_changes_next(changes, &change), 0, "");
	stele_changes_close(changes);
	changes = changes_between(altered, first);
	RETURNS(stele_changes_next(changes, &change), 0, "");
	stele_changes_close(changes);
	/* Row 3 is put with another zone, row 5 with another next hop, row 7 as it was. */
	route_commit_new(publisher, 3, 1003, "us", 100);
	route_commit_new(publisher, 5, 5, "eu", 100);
	route_commit_new(publisher, 7, 7, "eu", 100);
	route_commit_new(publisher, 7, 1007, "eu", 100);
	OK(stele_snapshot_open(subscriber, 0, &last));
	changes = changes_between(first, last);
	RETURNS(stele_changes_next(changes, &change), 1, "");
	route = change.before.value;
	cr_assert(change.kind == STELE_CHANGED && change.before.value_size == sizeof(*route));
	cr_expect(route->old.metric == 3 && strcmp(route->zone, "eu") == 0 && route->weight == 100);
	cr_expect_str_eq(((const struct new_route *)change.after.value)->zone, "us");
	RETURNS(stele_changes_next(changes, &change), 1, "");
	cr_expect_eq(((const struct new_route *)change.before.value)->old.next_hop, 1005);
	cr_expect_eq(((const struct new_route *)change.after.value)->old.next_hop, 5);
	RETURNS(stele_changes_next(changes, &change), 0, "");
	stele_changes_close(changes);
	/* A program of the new columns can go on from where one of the old columns stopped. */
	position = position_at(subscriber, 1);
	RETURNS(stele_changes_since(subscriber, "routes", &route_new_schema, &position, &changes),
	        0, "");
	RETURNS(stele_changes_next(changes, &change), 1, "");
	RETURNS(stele_changes_next(changes, &change), 1, "");
	RETURNS(stele_changes_next(changes, &change), 0, "");
	stele_changes_close(changes);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* In a forged region a schema may change between the opening of a table and that of changes. */
Test(alter_readers, changes_refuse_a_table_whose_layout_changed)
{
	struct stele_publisher *publisher = route_publish(10);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *first, *altered;
	struct stele_table before, after;
	struct table_words *words = (void *)before.words_;
	struct stele_changes *changes;

	OK(stele_snapshot_open(subscriber, 0, &first));
	route_alter(publisher, &route_new_schema);
	OK(stele_snapshot_open(subscriber, 0, &altered));
	OK(stele_table_open(first, "routes", NULL, &before));
	OK(stele_table_open(altered, "routes", NULL, &after));
	words->layout.variable = true;
	RETURNS(stele_changes_open(&before, &after, &changes), -EBADMSG, "damaged");
	RETURNS(stele_changes_open(&after, &before, &changes), -EBADMSG, "damaged");
	words->layout.variable = false;
	words->layout.value_size++;
	RETURNS(stele_changes_open(&before, &after, &changes), -EBADMSG, "damaged");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* Appends the column "area", where route_new_schema has "zone". */
static void alter_to_area(struct stele_publisher *publisher)
{
	route_alter(publisher, &(struct stele_schema){.columns =
	                                                      (struct stele_column[]){
								      route_renamed_columns[0],
								      route_renamed_columns[1],
								      route_renamed_columns[2],
								      {.name = "area",
	                                                               .type = STELE_CHAR,
	                                                               .size = 8,
	                                                               .offset = 8},
								      route_columns[4],
							      },
	                                              .column_count = 5,
	                                              .value_size = sizeof(struct new_route)});
}

Test(alter_readers, live_tables_copy_the_expected_struct)
{
	struct stele_publisher *publisher = route_publish(ROUTE_ROWS);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_live old_live, any_live, new_live;
	struct stele_transaction *tx;
	struct new_route route = {0};
	struct old_route old;
	size_t size = sizeof(old);

	OK(stele_live_open(subscriber, "routes", &route_old_schema, &old_live));
	OK(stele_live_open(subscriber, "routes", NULL, &any_live));
	RETURNS(stele_live_open(subscriber, "routes", &route_new_schema, &new_live), -EMEDIUMTYPE,
	        "zone");
	RETURNS(stele_live_get_copy(&old_live, "\12\0\7", 24, &old, &size, NULL), 1, "");
	route_alter(publisher, &route_new_schema);
	route_commit_new(publisher, 7, 77, "us", 3);
	old = (struct old_route){0};
	RETURNS(stele_live_get_copy(&old_live, "\12\0\7", 24, &old, &size, NULL), 1, "");
	cr_expect(size == sizeof(old) && old.next_hop == 77 && old.metric == 7);
	RETURNS(stele_live_match_copy(&old_live, "\12\0\7\1", 32, &old, &size, NULL, NULL), 1, "");
	/* Without a schema the whole value is copied. */
	RETURNS(stele_live_get_copy(&any_live, "\12\0\7", 24, &old, &size, NULL), -EMSGSIZE, "");
	cr_expect_eq(size, sizeof(route));
	RETURNS(stele_live_get_copy(&any_live, "\12\0\7", 24, &route, &size, NULL), 1, "");
	cr_expect(strcmp(route.zone, "us") == 0 && route.weight == 3);
	OK(stele_live_open(subscriber, "routes", &route_new_schema, &new_live));
	/* A rollback to the time before the alter takes the columns away again. */
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_rollback(tx, POSITION(tx, 1)));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	size = sizeof(old);
	RETURNS(stele_live_get_copy(&old_live, "\12\0\7", 24, &old, &size, NULL), 1, "");
	cr_expect_eq(old.next_hop, 1007);
	size = sizeof(route);
	RETURNS(stele_live_get_copy(&new_live, "\12\0\7", 24, &route, &size, NULL), -EMEDIUMTYPE,
	        "another schema");
	/* Other columns in their place are not those that the program knows. */
	route_alter(publisher, &route_renamed_schema);
	RETURNS(stele_live_get_copy(&new_live, "\12\0\7", 24, &route, &size, NULL), -EMEDIUMTYPE,
	        "");
	RETURNS(stele_live_get_copy(&old_live, "\12\0\7", 24, &old, &size, NULL), 1, "");
	alter_to_area(publisher);
	RETURNS(stele_live_get_copy(&new_live, "\12\0\7", 24, &route, &size, NULL), -EMEDIUMTYPE,
	        "");
	RETURNS(stele_live_get_copy(&old_live, "\12\0\7", 24, &old, &size, NULL), 1, "");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- following ---- */

struct followed {
	unsigned initial, altered, changes, applied, resyncs;
	struct stele_publisher *publisher;
	size_t columns; /* of the schema of the last change */
	struct new_route before, after;
};

static int on_event(const struct stele_event *event, void *context)
{
	struct followed *followed = context;

	switch (event->kind) {
	case STELE_EVENT_INITIAL:
		followed->initial++;
		break;
	case STELE_EVENT_INITIAL_END:
		route_alter(followed->publisher, &route_new_schema);
		break;
	case STELE_EVENT_ALTERED:
		CHECK(followed->changes == 0 && ++followed->altered == 1, "a change came first");
		break;
	case STELE_EVENT_CHANGE:
		followed->changes++;
		followed->columns = event->schema->column_count;
		CHECK(event->change.kind == STELE_CHANGED, "%d", event->change.kind);
		CHECK(event->change.before.value_size == sizeof(struct new_route), "%zu",
		      event->change.before.value_size);
		memcpy(&followed->before, event->change.before.value, sizeof(followed->before));
		memcpy(&followed->after, event->change.after.value, sizeof(followed->after));
		break;
	case STELE_EVENT_APPLIED:
		if (++followed->applied == 1)
			route_commit_new(followed->publisher, 9, 1009, "us", 100);
		return followed->applied == 2;
	default:
		followed->resyncs++;
	}
	return 0;
}

Test(alter_readers, followers_go_on)
{
	struct stele_subscriber *subscriber;
	const struct stele_follow_table table = {.name = "routes", .schema = &route_old_schema};
	struct stele_follow_options options = {.size = sizeof(options)};

	for (int pass = 0; pass < 2; pass++) {
		struct followed followed = {.publisher = route_publish(ROUTE_ROWS)};
		subscriber = ipc_subscribe(0, NULL);
		/* Once with the schema of an old program, once with any, of all tables. */
		options.tables = pass == 0 ? &table : NULL;
		options.table_count = pass == 0;
		RETURNS(stele_subscriber_follow(subscriber, &options, STELE_FOREVER, on_event,
		                                &followed),
		        1, "");
		cr_expect(followed.initial == ROUTE_ROWS && followed.altered == 1 &&
		                  followed.changes == 1 && followed.resyncs == 0,
		          "%u rows, %u changes, %u resyncs", followed.initial, followed.changes,
		          followed.resyncs);
		cr_expect_eq(followed.columns, 5);
		cr_expect_str_eq(followed.before.zone, "eu");
		cr_expect_eq(followed.before.weight, 100);
		cr_expect_str_eq(followed.after.zone, "us");
		stele_subscriber_close(subscriber);
		stele_publisher_close(followed.publisher);
		OK(stele_region_remove(region));
	}
}

/* Takes the events that there are, and writes down what they are: "alter TABLE FORMER>NOW",
 * "create TABLE NOW" and "drop TABLE FORMER", with numbers of columns; "change"; "end". */
static void write_down(struct stele_follow *follow, char *text)
{
	struct stele_event event;
	int r;

	text[0] = '\0';
	while ((r = stele_follow_next(follow, &event)) == 1) {
		char *end = text + strlen(text);
		switch (event.kind) {
		case STELE_EVENT_ALTERED:
			cr_expect(event.change.kind == 0 && event.change.after.key == NULL);
			sprintf(end, "alter %s %zu>%zu; ", event.table,
			        event.former_schema->column_count, event.schema->column_count);
			break;
		case STELE_EVENT_CREATED:
		case STELE_EVENT_DROPPED:
			cr_expect(event.change.kind == 0 && event.change.after.key == NULL);
			sprintf(end, "%s %s %zu; ",
			        event.kind == STELE_EVENT_CREATED ? "create" : "drop", event.table,
			        event.schema->column_count);
			break;
		case STELE_EVENT_CHANGE:
			cr_expect_null(event.former_schema);
			strcpy(end, "change; ");
			break;
		case STELE_EVENT_INITIAL:
			break;
		case STELE_EVENT_RESYNC:
			strcpy(end, "resync; ");
			break;
		default:
			sprintf(end, "end %llu; ", (unsigned long long)event.count);
		}
	}
	RETURNS(r, 0, "");
}

/* Gives the table the schema, either by an alter or by making it again, with row 3. */
static void make_routes_again(struct stele_publisher *publisher, const struct stele_schema *schema,
                              uint32_t next_hop)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_drop_table(tx, "routes"));
	OK(stele_transaction_create_table(tx, "routes", schema));
	route_put_old(tx, 3, next_hop);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
}

#define FOLLOWED(text_) \
	do { \
		write_down(follow, text); \
		cr_expect_str_eq(text, text_, "%s", text); \
	} while (0)

Test(alter_readers, followers_are_told_of_an_alter)
{
	const char *const interest[] = {"routes", NULL};
	const struct stele_subscriber_options named = {.size = sizeof(named), .tables = interest};
	struct stele_follow_options options = {.size = sizeof(options)};
	struct stele_publisher *publisher = route_publish(10);
	struct stele_subscriber *subscriber;
	struct stele_follow *follow;
	struct stele_transaction *tx;
	char text[1024];

	OK(stele_subscriber_open(region, &named, &subscriber));
	OK(stele_follow_open(subscriber, NULL, &follow));
	FOLLOWED("end 10; ");
	/* An alter that changes no row, and one that appends columns, with a change after it. */
	route_alter(publisher, &route_renamed_schema);
	FOLLOWED("alter routes 3>3; end 0; ");
	FOLLOWED("");
	make_routes_again(publisher, &route_old_schema, 1003);
	FOLLOWED("alter routes 3>3; change; change; change; change; change; change; change; "
	         "change; change; end 9; ");
	stele_follow_position(follow, &options.since);
	route_alter(publisher, &route_new_schema);
	route_commit_new(publisher, 3, 5, "us", 7);
	FOLLOWED("alter routes 3>5; change; end 1; ");
	stele_follow_close(follow);
	/* A follow that resumes from before the alter. */
	OK(stele_follow_open(subscriber, &options, &follow));
	FOLLOWED("alter routes 3>5; change; end 1; ");
	/* A rollback takes the columns back. */
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_rollback(tx, POSITION(tx, options.since.version)));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	FOLLOWED("alter routes 5>3; change; end 1; ");
	/* A table that was made again with the same schema, and with other columns. */
	make_routes_again(publisher, &route_old_schema, 6);
	FOLLOWED("change; end 1; ");
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_drop_table(tx, "routes"));
	OK(stele_transaction_create_table(tx, "routes", &ipc_schema));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	FOLLOWED("change; end 1; ");
	stele_follow_close(follow);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* A table of the start, a table without rows, and one that is made again with other columns. */
Test(alter_readers, followers_are_told_of_tables_if_they_ask)
{
	const struct stele_follow_options options = {.size = sizeof(options),
	                                             .flags = STELE_TABLE_EVENTS};
	struct stele_publisher *publisher = route_publish(10);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_follow *follow;
	struct stele_transaction *tx;
	char text[1024];

	OK(stele_follow_open(subscriber, &options, &follow));
	FOLLOWED("create routes 3; end 10; ");
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "empty", &ipc_schema));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	FOLLOWED("create empty 4; end 0; ");
	make_routes_again(publisher, &route_old_schema, 6);
	FOLLOWED("change; change; change; change; change; change; change; change; change; change; "
	         "end 10; ");
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_drop_table(tx, "routes"));
	OK(stele_transaction_create_table(tx, "routes", &ipc_schema));
	OK(stele_transaction_drop_table(tx, "empty"));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	FOLLOWED("drop empty 4; change; drop routes 3; create routes 4; end 1; ");
	stele_follow_close(follow);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

#define NEXT(follow_, kind_) \
	do { \
		RETURNS(stele_follow_next(follow_, &event), 1, ""); \
		cr_expect_eq(event.kind, kind_, "event %u", event.kind); \
	} while (0)

/* Fails twice, as nothing of the batch was delivered: the position stays. */
static void fail_twice(struct stele_follow *follow, uint64_t version)
{
	struct stele_position position;
	struct stele_event event;

	for (int i = 0; i < 2; i++) {
		RETURNS(stele_follow_next(follow, &event), -EMEDIUMTYPE, "another schema");
		stele_follow_position(follow, &position);
		cr_expect_eq(position.version, version);
	}
}

Test(alter_readers, a_follow_goes_on_after_an_error)
{
	const struct stele_follow_table tables[] = {
		{.name = "also"}, {.name = "routes", .schema = &route_new_schema}};
	struct stele_follow_options options = {
		.size = sizeof(options), .tables = tables, .table_count = 2};
	struct stele_publisher *publisher = route_publish(3);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_follow *both, *routes;
	struct stele_position position;
	struct stele_transaction *tx;
	struct stele_event event;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "also", &route_old_schema));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	options.since = position_at(subscriber, 2);
	OK(stele_follow_open(subscriber, &options, &both));
	options.tables++;
	options.table_count--;
	OK(stele_follow_open(subscriber, &options, &routes));
	OK(stele_transaction_begin(publisher, &tx));
	route_put_old(tx, 1, 7);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	fail_twice(both, 2);
	fail_twice(routes, 2);
	/* An _ALTERED is a part of a batch. */
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_alter_table(tx, "also", &route_new_schema), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	NEXT(both, STELE_EVENT_ALTERED);
	RETURNS(stele_follow_next(both, &event), -EMEDIUMTYPE, "another schema");
	NEXT(both, STELE_EVENT_RESYNC);
	stele_follow_position(both, &position);
	cr_expect_eq(position.version, 0);
	/* After the _RESYNC the caller has nothing, and is not told so again. */
	fail_twice(both, 0);
	route_alter(publisher, &route_new_schema);
	for (int i = 0; i < 3; i++)
		NEXT(both, STELE_EVENT_INITIAL);
	NEXT(both, STELE_EVENT_INITIAL_END);
	NEXT(routes, STELE_EVENT_ALTERED);
	NEXT(routes, STELE_EVENT_CHANGE);
	NEXT(routes, STELE_EVENT_APPLIED);
	cr_expect_eq(event.count, 1);
	stele_follow_close(both);
	stele_follow_close(routes);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- indexes ---- */

Test(alter_readers, indexes_move_across)
{
	struct stele_publisher *publisher = route_publish(ROUTE_ROWS);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_table table;
	struct stele_lpm *column, *rows;
	struct stele_hash *hash;
	struct stele_row row;
	const void *buckets;
	uint32_t answer;

	ipc_newest_table(subscriber, "routes", &table);
	OK(stele_lpm_open(&table, "metric", 0, &column));
	OK(stele_lpm_open(&table, NULL, 0, &rows));
	OK(stele_hash_open(&table, &hash));
	/* A renamed column is found by its old name, and the index is not built again. */
	route_alter(publisher, &route_renamed_schema);
	ipc_newest_table(subscriber, "routes", &table);
	buckets = hash->rows.buckets;
	OK(stele_hash_move(hash, &table));
	cr_expect_eq(hash->rows.buckets, buckets, "the hash index was built again");
	OK(stele_lpm_move(column, &table));
	OK(stele_lpm_move(rows, &table));
	RETURNS(stele_lpm_match(column, "\12\0\7\1", &answer), 1, "");
	cr_expect_eq(answer, 7);
	/* Appended columns: the rows are others. */
	route_alter(publisher, &(struct stele_schema){.columns =
	                                                      (struct stele_column[]){
								      route_renamed_columns[0],
								      route_renamed_columns[1],
								      route_renamed_columns[2],
								      route_columns[3],
								      route_columns[4],
							      },
	                                              .column_count = 5,
	                                              .value_size = sizeof(struct new_route)});
	ipc_newest_table(subscriber, "routes", &table);
	OK(stele_hash_move(hash, &table));
	OK(stele_lpm_move(column, &table));
	OK(stele_lpm_move(rows, &table));
	for (unsigned id = 0; id < ROUTE_ROWS; id++) {
		uint8_t key[4];
		route_key(id, key);
		OK(stele_lpm_match(column, key, &answer));
		cr_expect_eq(answer, id);
		RETURNS(stele_lpm_match(rows, key, &answer), 1, "");
		RETURNS(stele_lpm_row(rows, answer, &row), 1, "");
		cr_expect(row.value_size == sizeof(struct new_route) &&
		          ((const struct new_route *)row.value)->old.metric == id);
		RETURNS(stele_hash_get(hash, key, 24, &row), 1, "");
		cr_expect(row.value_size == sizeof(struct new_route) &&
		          ((const struct new_route *)row.value)->old.metric == id);
	}
	stele_hash_close(hash);
	stele_lpm_close(column);
	stele_lpm_close(rows);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}
