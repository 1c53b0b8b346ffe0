/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "attach.h"

enum status reader_open(struct reader *reader, const char *region, enum reader_kind kind)
{
	struct stele_subscriber_options options = {.size = sizeof(options)};
	int result = -1;

	*reader = (struct reader){.region = region};
	if (kind == READER_ONCE)
		options.flags = STELE_UNREGISTERED;
	/* A queue's name outlives a process that is killed; who never waits does without. */
	if (kind == READER_PINNED) {
		options.notifier = "futex";
		result = stele_subscriber_open(located(region), &options, &reader->subscriber);
		options.notifier = NULL;
	}
	if (result < 0)
		result = stele_subscriber_open(located(region), &options, &reader->subscriber);
	return result < 0 ? fail_region(region, result) : STATUS_DONE;
}

enum status reader_open_notified(struct reader *reader, const char *region, const char *notifier,
                                 const char *table)
{
	const char *const tables[] = {table, NULL};
	struct stele_subscriber_options options = {
		.size = sizeof(options),
		.notifier = notifier,
		.tables = *table ? tables : NULL,
	};
	int result;

	*reader = (struct reader){.region = region};
	result = stele_subscriber_open(located(region), &options, &reader->subscriber);
	return result < 0 ? fail_region(region, result) : STATUS_DONE;
}

static void close_snapshot(struct reader *reader)
{
	reader->schema = stele_schema_free(reader->schema);
	if (reader->snapshot)
		reader->snapshot = stele_snapshot_close(reader->snapshot);
}

static int open_table(struct reader *reader, const char *table, uint64_t version)
{
	int result;

	close_snapshot(reader);
	result = stele_snapshot_open(reader->subscriber, version, &reader->snapshot);
	if (result < 0)
		return result;
	result = stele_table_open(reader->snapshot, table, NULL, &reader->table);
	if (result < 0)
		return result;
	return stele_table_schema(&reader->table, &reader->schema);
}

enum status reader_open_table(struct reader *reader, const char *table, uint64_t version)
{
	int result = -ESTALE;

	for (int i = 0; i < READ_TRIES && result == -ESTALE; i++)
		result = open_table(reader, table, version);
	if (result == -ENOENT && reader->snapshot)
		return fail_no_table("", reader->region, table);
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

void reader_close(struct reader *reader)
{
	close_snapshot(reader);
	if (reader->subscriber)
		stele_subscriber_close(reader->subscriber);
	*reader = (struct reader){0};
}

int each_table(struct stele_subscriber *subscriber, each_table_fn *each, void *context,
               uint64_t *ret_version)
{
	char name[STELE_NAME_MAX + 1] = "";
	struct stele_snapshot *snapshot;
	struct stele_table table;
	int result;

	result = stele_snapshot_open(subscriber, 0, &snapshot);
	if (result < 0)
		return result;
	if (ret_version)
		*ret_version = stele_snapshot_version(snapshot);
	while ((result = stele_snapshot_next_table(snapshot, name)) == 1) {
		result = stele_table_open(snapshot, name, NULL, &table);
		if (result == 0)
			result = each(context, name, &table);
		if (result != 0)
			break;
	}
	if (result == 0)
		result = stele_snapshot_check(snapshot);
	stele_snapshot_close(snapshot);
	return result;
}

enum status writer_open(struct writer *writer, const char *region,
                        const struct options_writing *options)
{
	struct stele_publisher_options publisher_options = {
		.size = sizeof(publisher_options),
		.attach_timeout = options->attach_timeout,
		.flags = options->flags,
	};
	int result;

	*writer = (struct writer){.region = region};
	result = stele_publisher_open(located(region), &publisher_options, &writer->publisher);
	if (result < 0)
		return fail_region(region, result);
	result = stele_transaction_begin(writer->publisher, &writer->tx);
	if (result == 0 && options->if_head_given)
		result = stele_transaction_expect(writer->tx, options->if_head);
	if (result < 0) {
		enum status status = fail_library(result);

		writer_close(writer);
		return status;
	}
	return STATUS_DONE;
}

enum status writer_open_table(struct writer *writer, const char *place, const char *table,
                              struct stele_writable **ret_table,
                              const struct stele_schema **ret_schema)
{
	int result;

	result = stele_transaction_schema(writer->tx, table, ret_schema);
	if (result == 0)
		result = stele_writable_open(writer->tx, table, ret_table);
	if (result == -ENOENT)
		return fail_no_table(place, writer->region, table);
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

const char *grouped(uint64_t number, char *buffer)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
	char *to = buffer;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return buffer;
}

/* The record of the version is read while this publisher is attached, so no other can be newer. */
static void report(const char *region, const char *what, uint64_t version, int64_t rows)
{
	struct stele_region_info info = {.size = sizeof(info)};
	char added[GROUPED_SIZE], changed[GROUPED_SIZE], removed[GROUPED_SIZE], same[GROUPED_SIZE];
	const struct stele_commit *commit = &info.commit;

	printf("%s: version %llu", what, (unsigned long long)version);
	if (stele_region_describe(located(region), &info) == 0 && commit->version == version) {
		printf(" (%s added, %s changed, %s removed", grouped(commit->added, added),
		       grouped(commit->changed, changed), grouped(commit->removed, removed));
		if (rows >= 0)
			printf(", %s as before",
			       grouped((uint64_t)rows - commit->added - commit->changed, same));
		putchar(')');
	}
	putchar('\n');
}

enum status writer_commit(struct writer *writer, const char *what, const char *message,
                          int64_t rows)
{
	uint64_t version;
	int result;

	result = stele_transaction_commit(writer->tx, message, &version);
	writer->tx = NULL;
	if (result < 0)
		return fail_library(result);
	if (result == 0)
		printf("%s: nothing changed, version %llu\n", what, (unsigned long long)version);
	else
		report(writer->region, what, version, rows);
	return STATUS_DONE;
}

void writer_close(struct writer *writer)
{
	if (writer->publisher)
		stele_publisher_close(writer->publisher);
	*writer = (struct writer){0};
}
