/* SPDX-License-Identifier: MIT
 *
 * A program that uses every struct with a member `size`. check_compatible.sh builds it against
 * headers of an older and of a newer release (OLDER, NEWER), and runs it with this library.
 *
 * The structs of the older headers lack their last members, so the program uses no last member. In
 * those of the newer headers, a member `newer_` follows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <stele/stele.h>

struct value {
	uint32_t number;
};

static const struct stele_column columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_VALUE(struct value, number, STELE_U32),
};
static const struct stele_schema schema = STELE_SCHEMA(struct value, columns);

static char region[32];

#define CHECK(condition_) \
	do { \
		if (!(condition_)) { \
			fprintf(stderr, "compatible.c:%d: %s: %s\n", __LINE__, #condition_, \
			        stele_last_error()); \
			stele_region_remove(region); \
			exit(1); \
		} \
	} while (0)

/* Expects that a call accepts a newer member that is zero, and refuses one that is set. */
#ifdef NEWER
#define REFUSES_NEWER(options_, call_) \
	do { \
		(options_).newer_ = 1; \
		CHECK((call_) == -E2BIG); \
		CHECK(strstr(stele_last_error(), #options_)); \
		(options_).newer_ = 0; \
	} while (0)
#define IS_FILLED(result_) CHECK((result_).newer_ == 0)
#else
#define REFUSES_NEWER(options_, call_) (void)0
#define IS_FILLED(result_)             (void)0
#endif

#define FILL(object_) \
	do { \
		memset(&(object_), 0xa5, sizeof(object_)); \
		(object_).size = sizeof(object_); \
	} while (0)

static struct stele_publisher *publish(void)
{
	struct stele_publisher_options stele_publisher_options = {
		.size = sizeof(stele_publisher_options), .flags = STELE_CREATE_NEW, .history = 5};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	struct value value = {7};
	struct stele_publisher_stats stele_publisher_stats;

	FILL(stele_publisher_stats);
	REFUSES_NEWER(stele_publisher_options,
	              stele_publisher_open(region, &stele_publisher_options, &publisher));
	CHECK(stele_publisher_open(region, &stele_publisher_options, &publisher) == 0);
	CHECK(stele_transaction_begin(publisher, &tx) == 0);
	CHECK(stele_transaction_create_table(tx, "rows", &schema) == 0);
	CHECK(stele_transaction_put(tx, "rows", "\0\0\0\1", 32, &value, sizeof(value)) == 1);
	CHECK(stele_transaction_commit(tx, "one row", NULL) == 1);
	CHECK(stele_publisher_describe(publisher, &stele_publisher_stats) == 0);
	CHECK(stele_publisher_stats.size == sizeof(stele_publisher_stats));
	CHECK(stele_publisher_stats.commits == 1);
	IS_FILLED(stele_publisher_stats);
	return publisher;
}

static int on_event(const struct stele_event *event, void *context)
{
	const struct value *value = event->change.after.value;
	unsigned *rows = context;

	if (event->kind == STELE_EVENT_INITIAL_END)
		return 1;
	CHECK(event->kind == STELE_EVENT_INITIAL && event->change.kind == STELE_ADDED);
	CHECK(value->number == 7);
	++*rows;
	return 0;
}

static void subscribe(void)
{
	struct stele_subscriber_options stele_subscriber_options = {
		.size = sizeof(stele_subscriber_options), .notifier = "futex"};
	const struct stele_follow_table table = {.name = "rows"};
	struct stele_follow_options stele_follow_options = {
		.size = sizeof(stele_follow_options), .tables = &table, .table_count = 1};
	struct stele_subscriber *subscriber;
	unsigned rows = 0;
	struct stele_subscriber_state stele_subscriber_state;

	FILL(stele_subscriber_state);
	REFUSES_NEWER(stele_subscriber_options,
	              stele_subscriber_open(region, &stele_subscriber_options, &subscriber));
	CHECK(stele_subscriber_open(region, &stele_subscriber_options, &subscriber) == 0);
	CHECK(stele_subscriber_describe(subscriber, &stele_subscriber_state) == 0);
	CHECK(stele_subscriber_state.registered);
	CHECK(strcmp(stele_subscriber_state.notifier, "futex") == 0);
	IS_FILLED(stele_subscriber_state);
	REFUSES_NEWER(stele_follow_options,
	              stele_subscriber_follow(subscriber, &stele_follow_options, STELE_FOREVER,
	                                      on_event, &rows));
	CHECK(stele_subscriber_follow(subscriber, &stele_follow_options, STELE_FOREVER, on_event,
	                              &rows) == 1);
	CHECK(rows == 1);
	stele_subscriber_close(subscriber);
}

static void inspect(void)
{
	struct stele_verify_options stele_verify_options = {.size = sizeof(stele_verify_options),
	                                                    .flags = STELE_ANY_OWNER};
	struct stele_region_use stele_region_use;
	struct stele_region_info stele_region_info;
	struct stele_region_lock stele_region_lock;

	FILL(stele_region_use);
	FILL(stele_region_info);
	FILL(stele_region_lock);
	REFUSES_NEWER(stele_verify_options,
	              stele_region_verify(region, &stele_verify_options, &stele_region_use));
	CHECK(stele_region_verify(region, &stele_verify_options, &stele_region_use) == 1);
	CHECK(stele_region_use.rows == 1 && stele_region_use.tables == 1);
	IS_FILLED(stele_region_use);
	CHECK(stele_region_describe(region, &stele_region_info) == 0);
	CHECK(strcmp(stele_region_info.name, region) == 0 && stele_region_info.version == 1);
	CHECK(stele_region_info.history == 5);
	IS_FILLED(stele_region_info);
	CHECK(stele_region_describe_lock(region, &stele_region_lock) == 0);
	CHECK(stele_region_lock.state == STELE_LOCK_FREE);
	IS_FILLED(stele_region_lock);
}

int main(void)
{
	struct stele_publisher *publisher;

	snprintf(region, sizeof(region), "compatible-%d", (int)getpid());
	publisher = publish();
	subscribe();
	inspect();
	stele_publisher_close(publisher);
	CHECK(stele_region_remove(region) == 0);
	return 0;
}
