/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/region/given.h"
#include "tools/region/writer.h"

enum status writer_position(const struct writer *writer, enum status status, const char *what,
                            const struct given *given, struct stele_position *ret)
{
	struct stele_position present;

	stele_publisher_position(writer->publisher, &present);
	return given_position(status, what, given, present.region, ret);
}

/* Begins a transaction, and holds error messages from then on. If --if-head is given, fails unless
 * the newest version is that of --if-head. */
static enum status writer_begin(struct writer *writer, const struct options_writing *options,
                                const struct given *if_head)
{
	int result = stele_transaction_begin(writer->publisher, &writer->tx);
	struct stele_position position;
	enum status status;

	/* Not before: stele_transaction_begin() may say that it waits, and for whom. */
	fail_hold();
	if (result < 0)
		return fail_library(result);
	if (!options->if_head_given)
		return STATUS_DONE;
	status = writer_position(writer, STATUS_CONDITION, "--if-head", if_head, &position);
	if (status != STATUS_DONE)
		return status;
	result = stele_transaction_expect(writer->tx, &position);
	if (result == -EIDRM)
		return fail(STATUS_CONDITION, "--if-head: %s", stele_last_error());
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

enum status writer_open(struct writer *writer, const struct place *place, const char *region,
                        const struct options_writing *options)
{
	struct stele_publisher_options publisher_options = {
		.size = sizeof(publisher_options),
		.attach_timeout_ns = options->attach_timeout_ns,
		.flags = options->flags,
		.waiting = fail_waiting,
	};
	struct given if_head = options->if_head;
	enum status status;
	int result;

	*writer = (struct writer){.place = place, .region = region};
	status = given_needs_region(place, "--if-head", &if_head, region);
	if (status != STATUS_DONE)
		return status;
	result = stele_publisher_open(place_path(place, region), &publisher_options,
	                              &writer->publisher);
	if (result < 0)
		return fail_region(place, region, result);
	status = writer_begin(writer, options, &if_head);
	if (status != STATUS_DONE)
		writer_close(writer);
	return status;
}

enum status writer_open_table(struct writer *writer, const char *where, const char *table,
                              struct stele_writable **ret_table,
                              const struct stele_schema **ret_schema)
{
	int result;

	result = stele_transaction_schema(writer->tx, table, ret_schema);
	if (result == 0)
		result = stele_writable_open(writer->tx, table, NULL, ret_table);
	if (result == -ENXIO)
		return fail_no_table(writer->place, where, writer->region, table);
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

/* Copies the schema of a table from a transaction. Needed for a region on a disk after a reboot,
 * which subscribers cannot open before a publisher has opened it. */
static enum status writer_schema_locked(const struct place *place, const char *region,
                                        const char *table, const struct options_writing *options,
                                        struct stele_schema **ret)
{
	const struct stele_schema *schema;
	struct stele_writable *writable;
	struct writer writer;
	enum status status;

	status = writer_open(&writer, place, region, options);
	if (status != STATUS_DONE)
		return status;
	status = writer_open_table(&writer, "", table, &writable, &schema);
	if (status == STATUS_DONE) {
		*ret = stele_schema_copy(schema);
		if (!*ret)
			status = fail(STATUS_NO_SPACE, "no memory for the schema of table \"%s\"",
			              table);
	}
	writer_close(&writer);
	return status;
}

/* Copies the schema of a table as a subscriber, without locking the region. */
static enum status writer_schema_unlocked(const struct place *place, const char *region,
                                          const char *table, struct stele_schema **ret)
{
	struct reader reader;
	enum status status;

	status = reader_open(&reader, place, region, READER_ONCE);
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

enum status writer_schema(const struct place *place, const char *region, const char *table,
                          const struct options_writing *options, struct stele_schema **ret_schema,
                          uint64_t *ret_limit)
{
	struct stele_region_info info = {.size = sizeof(info)};
	enum status status;
	int result;

	result = stele_region_describe(place_path(place, region), &info);
	if (result < 0 && result != -EUCLEAN)
		return fail_region(place, region, result);
	if (result == 0)
		status = writer_schema_unlocked(place, region, table, ret_schema);
	else
		status = writer_schema_locked(place, region, table, options, ret_schema);
	if (status == STATUS_DONE && result < 0 &&
	    stele_region_describe(place_path(place, region), &info) < 0)
		info.limit_size = UINT64_MAX;
	*ret_limit = info.limit_size;
	return status;
}

/* Prints the line of writer_commit(), without the counts if `commit` is not that of `version`. */
static void writer_print_commit(const char *what, const char *token, uint64_t version,
                                const struct stele_commit *commit, int64_t rows)
{
	char added[GROUPED_SIZE], changed[GROUPED_SIZE], removed[GROUPED_SIZE], same[GROUPED_SIZE];

	printf("%s: version %s", what, token);
	if (commit->version == version) {
		printf(" (%s added, %s changed, %s removed", describe_grouped(commit->added, added),
		       describe_grouped(commit->changed, changed),
		       describe_grouped(commit->removed, removed));
		if (rows >= 0)
			printf(", %s unchanged",
			       describe_grouped((uint64_t)rows - commit->added - commit->changed,
			                        same));
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
	/* The counts come from the newest commit. If publishers share the region, another one may
	 * have committed since. Then writer_print_commit() leaves the counts out. */
	if (result == 1 &&
	    stele_region_describe(place_path(writer->place, writer->region), &info) < 0)
		info.commit.version = 0;
	/* Close before printing, because a slow reader of the output would delay other
	 * publishers. */
	writer_close(writer);
	describe_token_short(version, uuid, token);
	if (result == 0)
		printf("%s: nothing changed, version %s\n", what, token);
	else
		writer_print_commit(what, token, version, &info.commit, rows);
	return STATUS_DONE;
}

void writer_close(struct writer *writer)
{
	if (writer->publisher)
		stele_publisher_close(writer->publisher);
	*writer = (struct writer){0};
	fail_release();
}
