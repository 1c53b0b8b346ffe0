/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "tools/base/attach.h"
#include "tools/output/describe.h"

static enum status reader_opened(struct reader *reader, const char *region, int result)
{
	if (result < 0)
		return fail_region(region, result);
	owner_tell(region, reader->subscriber);
	return STATUS_DONE;
}

enum status reader_open(struct reader *reader, const char *region, enum reader_kind kind)
{
	struct stele_subscriber_options options = {.size = sizeof(options)};
	int result = -1;

	*reader = (struct reader){.region = region};
	owner_ask(&options);
	if (kind == READER_ONCE)
		options.flags |= STELE_UNREGISTERED;
	/* A queue's name outlives a process that is killed; who never waits does without. */
	if (kind == READER_PINNED) {
		options.notifier = "futex";
		result = stele_subscriber_open(located(region), &options, &reader->subscriber);
		options.notifier = NULL;
	}
	if (result < 0)
		result = stele_subscriber_open(located(region), &options, &reader->subscriber);
	return reader_opened(reader, region, result);
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
	owner_ask(&options);
	result = stele_subscriber_open(located(region), &options, &reader->subscriber);
	return reader_opened(reader, region, result);
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

enum status reader_check_token(const struct reader *reader, const char *what,
                               const struct token *token)
{
	uint8_t uuid[16];

	stele_subscriber_region_uuid(reader->subscriber, uuid);
	if (token_is_of(token, uuid))
		return STATUS_DONE;
	return fail_other_region(STATUS_NO_TABLE, what, token, reader->region, uuid);
}

enum status reader_open_table(struct reader *reader, const char *table, const struct token *version)
{
	enum status status = STATUS_DONE;
	int result = -ESTALE;

	if (version)
		status = reader_check_token(reader, "--version", version);
	if (status != STATUS_DONE)
		return status;
	for (int i = 0; i < READ_TRIES && result == -ESTALE; i++)
		result = open_table(reader, table, version ? version->version : 0);
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

enum status writer_check_token(const struct writer *writer, enum status status, const char *what,
                               const struct token *token)
{
	uint8_t uuid[16];

	stele_publisher_region_uuid(writer->publisher, uuid);
	if (token_is_of(token, uuid))
		return STATUS_DONE;
	return fail_other_region(status, what, token, writer->region, uuid);
}

/* Begins a transaction, in which --if-head holds. */
static enum status begin(struct writer *writer, const struct options_writing *options)
{
	enum status status = STATUS_DONE;
	int result = stele_transaction_begin(writer->publisher, &writer->tx);

	if (result < 0)
		return fail_library(result);
	if (!options->if_head_given)
		return STATUS_DONE;
	status = writer_check_token(writer, STATUS_CONDITION, "--if-head", &options->if_head);
	if (status != STATUS_DONE)
		return status;
	result = stele_transaction_expect(writer->tx, options->if_head.version);
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

enum status writer_open(struct writer *writer, const char *region,
                        const struct options_writing *options)
{
	struct stele_publisher_options publisher_options = {
		.size = sizeof(publisher_options),
		.attach_timeout = options->attach_timeout,
		.flags = options->flags,
	};
	enum status status;
	int result;

	*writer = (struct writer){.region = region};
	status = token_needs_region("--if-head", &options->if_head, region);
	if (status != STATUS_DONE)
		return status;
	result = stele_publisher_open(located(region), &publisher_options, &writer->publisher);
	if (result < 0)
		return fail_region(region, result);
	fail_hold();
	status = begin(writer, options);
	if (status != STATUS_DONE)
		writer_close(writer);
	return status;
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

/* A region on a disk can't be read after a reboot before a publisher has opened it. */
static enum status schema_by_writer(const char *region, const char *table,
                                    const struct options_writing *options,
                                    struct stele_schema **ret)
{
	const struct stele_schema *schema;
	struct stele_writable *writable;
	struct writer writer;
	enum status status;

	status = writer_open(&writer, region, options);
	if (status != STATUS_DONE)
		return status;
	status = writer_open_table(&writer, "", table, &writable, &schema);
	if (status == STATUS_DONE) {
		*ret = stele_schema_copy(schema);
		if (!*ret)
			status = fail(STATUS_NO_ROOM, "no memory for the schema of table \"%s\"",
			              table);
	}
	writer_close(&writer);
	return status;
}

static enum status schema_by_reader(const char *region, const char *table,
                                    struct stele_schema **ret)
{
	struct reader reader;
	enum status status;

	status = reader_open(&reader, region, READER_ONCE);
	if (status != STATUS_DONE)
		return status;
	status = reader_open_table(&reader, table, NULL);
	if (status == STATUS_DONE) {
		*ret = reader.schema;
		reader.schema = NULL;
	}
	reader_close(&reader);
	return status;
}

enum status table_schema(const char *region, const char *table,
                         const struct options_writing *options, struct stele_schema **ret_schema,
                         uint64_t *ret_limit)
{
	struct stele_region_info info = {.size = sizeof(info)};
	enum status status;
	int result;

	result = stele_region_describe(located(region), &info);
	if (result < 0 && result != -ESTALE)
		return fail_region(region, result);
	if (result == 0)
		status = schema_by_reader(region, table, ret_schema);
	else
		status = schema_by_writer(region, table, options, ret_schema);
	if (status == STATUS_DONE && result < 0 &&
	    stele_region_describe(located(region), &info) < 0)
		info.limit_size = UINT64_MAX;
	*ret_limit = info.limit_size;
	return status;
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

static void print_commit(const char *what, const char *token, uint64_t version,
                         const struct stele_commit *commit, int64_t rows)
{
	char added[GROUPED_SIZE], changed[GROUPED_SIZE], removed[GROUPED_SIZE], same[GROUPED_SIZE];

	printf("%s: version %s", what, token);
	if (commit->version == version) {
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
	struct stele_region_info info = {.size = sizeof(info)};
	char token[DESCRIBED_MAX];
	uint8_t uuid[16];
	uint64_t version;
	int result;

	stele_publisher_region_uuid(writer->publisher, uuid);
	result = stele_transaction_commit(writer->tx, message, &version);
	writer->tx = NULL;
	if (result < 0)
		return fail_library(result);
	/* While this publisher is attached no other can have made a newer one, unless they share
	 * the region. */
	if (result == 1 && stele_region_describe(located(writer->region), &info) < 0)
		info.commit.version = 0;
	/* Standard output may be slow, and others wait to attach. */
	writer_close(writer);
	describe_token_short(version, uuid, token);
	if (result == 0)
		printf("%s: nothing changed, version %s\n", what, token);
	else
		print_commit(what, token, version, &info.commit, rows);
	return STATUS_DONE;
}

void writer_close(struct writer *writer)
{
	if (writer->publisher)
		stele_publisher_close(writer->publisher);
	*writer = (struct writer){0};
	fail_release();
}
