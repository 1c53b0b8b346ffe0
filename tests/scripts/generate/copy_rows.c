/* SPDX-License-Identifier: MIT
 *
 * tests/cli/generate.c compiles this with generated headers, as C and as C++. Copies the tables
 * "every-type" and "names" from one region to another, and adds a row: the last one, changed.
 *
 * copy_rows FROM TO */
#include <stdio.h>
#include "blobs.h"
#include "every_type.h"
#include "names.h"
#include "routes.h"

static int must(int result)
{
	if (result < 0) {
		fprintf(stderr, "copy_rows: %s\n", stele_last_error());
		exit(1);
	}
	return result;
}

/* Opens a cursor; in C++, as an object. */
#ifdef __cplusplus
#define SCAN(table_, snapshot_)            table_##_scan cursor(snapshot_)
#define NEXT(table_, ret_key_, ret_value_) cursor.next(ret_key_, ret_value_)
#define END(table_)                        (void)0
#else
#define SCAN(table_, snapshot_) \
	struct table_##_cursor cursor; \
	must(table_##_cursor_open(snapshot_, &cursor))
#define NEXT(table_, ret_key_, ret_value_) table_##_cursor_next(&cursor, ret_key_, ret_value_)
#define END(table_)                        table_##_cursor_close(&cursor)
#endif

static void copy_names(const struct stele_snapshot *snapshot, struct stele_transaction *tx)
{
	struct names_key key;
	struct names_value value;
	SCAN(names, snapshot);

	while (must(NEXT(names, &key, &value)) == 1)
		must(names_put(tx, &key));
	END(names);
}

static void copy_every_type(const struct stele_snapshot *snapshot, struct stele_transaction *tx)
{
	struct every_type_key key, last;
	struct every_type_value value;
	struct every_type changed;
	SCAN(every_type, snapshot);

	memset(&last, 0, sizeof(last));
	while (must(NEXT(every_type, &key, &value)) == 1) {
		must(every_type_put(tx, &key, value.columns, value.rest, value.rest_size));
		last = key;
	}
	END(every_type);
	if (must(every_type_get(snapshot, &last, &value)) != 1)
		exit(2);
	memcpy(&changed, value.columns, EVERY_TYPE_VALUE_SIZE);
	last.id = 9;
	last.class_ = EVERY_TYPE_CLASS_DOWN_HARD;
	if (must(every_type_get(snapshot, &last, &value)) != 0)
		exit(3);
	changed.type[1] = 7;
	changed.state = EVERY_TYPE_STATE_NOT_OK;
	changed.macs[1][0] = 2;
	must(every_type_put(tx, &last, &changed, "changed", 7));
}

int main(int argc, char **argv)
{
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	struct stele_transaction *tx;
	struct stele_snapshot *snapshot;

	if (argc != 3)
		return 4;
	must(stele_subscriber_open(argv[1], NULL, &subscriber));
	must(stele_snapshot_open(subscriber, 0, &snapshot));
	must(stele_publisher_open(argv[2], NULL, &publisher));
	must(stele_transaction_begin(publisher, &tx));
	must(every_type_ensure_table(tx));
	must(names_ensure_table(tx));
	copy_every_type(snapshot, tx);
	copy_names(snapshot, tx);
	must(stele_transaction_commit(tx, NULL, NULL));
	stele_publisher_close(publisher);
	stele_subscriber_close(subscriber);
	return 0;
}
