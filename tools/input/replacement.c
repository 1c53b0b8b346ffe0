/* SPDX-License-Identifier: MIT */
#include "tools/input/replacement.h"

#include <stdlib.h>
#include <string.h>
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/output/difference.h"

enum status replacement_format(const char *text, enum input_format *ret)
{
	unsigned number;
	enum status status = parse_word("--format", text, REPLACEMENT_FORMATS, &number);

	if (status == STATUS_DONE)
		*ret = INPUT_CSV + number;
	return status;
}

enum status replacement_limit(const char *text, struct removal_limit *ret)
{
	size_t length = strlen(text);
	struct removal_limit limit = {.given = true};
	enum status status;
	char *number;

	limit.percent = length > 0 && text[length - 1] == '%';
	number = strndup(text, length - limit.percent);
	if (!number)
		return fail(STATUS_NO_SPACE, "no memory for an option");
	status = parse_count("--max-removed", number, 0, limit.percent ? 100 : UINT64_MAX,
	                     &limit.count);
	free(number);
	if (status == STATUS_DONE)
		*ret = limit;
	return status;
}

enum status replacement_open(struct replacement *replacement, const struct place *place,
                             struct replacement_options *options,
                             const struct options_writing *writing)
{
	const struct target *target = &replacement->target;
	enum status status;

	status = input_open(&replacement->input, replacement->path, options->format);
	if (status != STATUS_DONE)
		return status;
	replacement->input.lines.refuse_unterminated = !options->allow_unterminated;
	replacement->input.mapping = &options->mapping;
	status = writer_schema(place, target->region, target->table, writing, &replacement->schema,
	                       &replacement->limit);
	if (status == STATUS_DONE)
		mapping_mark(&options->mapping, replacement->schema);
	return status;
}

enum status replacement_read(struct replacement *replacement, uint64_t used)
{
	enum status status = input_start(&replacement->input, replacement->schema);

	if (status != STATUS_DONE)
		return status;
	return batch_read(&replacement->batch, &replacement->input, replacement->target.table,
	                  used < replacement->limit ? replacement->limit - used : 0);
}

static enum status replacement_fail_schema(const struct replacement *replacement)
{
	return fail(STATUS_BUSY,
	            "table \"%s\" was created again with other columns while %s was read; "
	            "nothing was changed",
	            replacement->target.table, replacement->batch.name);
}

static enum status replacement_table(const struct replacement *replacement, struct writer *writer,
                                     struct stele_writable **ret)
{
	const struct stele_schema *schema;
	enum status status;

	status = writer_open_table(writer, "", replacement->target.table, ret, &schema);
	if (status != STATUS_DONE)
		return status;
	if (!stele_schema_equal(schema, replacement->schema))
		return replacement_fail_schema(replacement);
	return STATUS_DONE;
}

enum status replacement_put(const struct replacement *replacement, struct writer *writer)
{
	struct stele_writable *table;
	enum status status = replacement_table(replacement, writer, &table);

	return status == STATUS_DONE ? batch_replace(&replacement->batch, table) : status;
}

/* ---- what is removed ---- */

/* How many rows the transaction adds to a table, and removes from it. */
struct removal {
	uint64_t added, removed;
};

static enum status replacement_count(struct stele_writable *table, struct removal *ret)
{
	struct removal removal = {0};
	struct stele_changes *changes;
	struct stele_change change;
	int result;

	result = stele_writable_changes_open(table, &changes);
	if (result < 0)
		return fail_library(result);
	while ((result = stele_changes_next(changes, &change)) == 1) {
		removal.added += change.kind == STELE_ADDED;
		removal.removed += change.kind == STELE_REMOVED;
	}
	stele_changes_close(changes);
	if (result < 0)
		return fail_library(result);
	*ret = removal;
	return STATUS_DONE;
}

/* Returns true if the limit allows to remove `removed` of `rows` rows. */
static bool replacement_is_allowed(const struct removal_limit *limit, uint64_t removed,
                                   uint64_t rows)
{
	if (!limit->given)
		return true;
	if (!limit->percent)
		return removed <= limit->count;
	/* At most 100 percent of rows that fit in memory. */
	return removed * 100 <= rows * limit->count;
}

static enum status replacement_check(const struct replacement *replacement,
                                     const struct removal *removal,
                                     const struct replacement_options *options)
{
	const struct removal_limit *limit = &options->max_removed;
	uint64_t rows = replacement->batch.count - removal->added + removal->removed;
	char some[GROUPED_SIZE], all[GROUPED_SIZE], allowed[GROUPED_SIZE];

	describe_grouped(removal->removed, some);
	describe_grouped(rows, all);
	if (replacement->batch.count == 0 && removal->removed > 0 && !options->allow_empty)
		return fail(STATUS_INPUT,
		            "%s has no rows, which would remove all %s rows of table \"%s\"; "
		            "--allow-empty accepts it",
		            replacement->batch.name, some, replacement->target.table);
	if (!replacement_is_allowed(limit, removal->removed, rows))
		return fail(STATUS_REFUSED,
		            "%s would remove %s of the %s rows of table \"%s\", but --max-removed "
		            "is %s%s; nothing was changed",
		            replacement->batch.name, some, all, replacement->target.table,
		            describe_grouped(limit->count, allowed), limit->percent ? "%" : "");
	return STATUS_DONE;
}

enum status replacement_guard(const struct replacement *replacement, struct writer *writer,
                              const struct replacement_options *options)
{
	struct stele_writable *table;
	struct removal removal = {0};
	enum status status;

	if (!options->max_removed.given && replacement->batch.count > 0)
		return STATUS_DONE;
	status = replacement_table(replacement, writer, &table);
	if (status == STATUS_DONE)
		status = replacement_count(table, &removal);
	return status == STATUS_DONE ? replacement_check(replacement, &removal, options) : status;
}

/* ---- without a lock ---- */

/* What the changes of a proposal are printed and counted with. */
struct proposal {
	struct difference *difference;
	struct stele_event event; /* what all changes have in common */
	struct removal removal;
};

static enum status replacement_print_change(const struct stele_change *change, void *context)
{
	struct proposal *proposal = context;

	proposal->removal.added += change->kind == STELE_ADDED;
	proposal->removal.removed += change->kind == STELE_REMOVED;
	proposal->event.change = *change;
	return difference_print(proposal->difference, &proposal->event);
}

enum status replacement_propose(const struct replacement *replacement,
                                const struct stele_snapshot *snapshot,
                                struct difference *difference,
                                const struct stele_position *position,
                                const struct replacement_options *options, enum status *ret_guard)
{
	struct proposal proposal = {.difference = difference,
	                            .event = {.kind = STELE_EVENT_CHANGE,
	                                      .version = position->version,
	                                      .region = position->region,
	                                      .table = replacement->target.table,
	                                      .schema = replacement->schema}};
	struct stele_schema *schema;
	struct stele_table table;
	enum status status;
	int result;

	result = stele_table_open(snapshot, replacement->target.table, NULL, &table);
	if (result == -ENXIO)
		return replacement_fail_schema(replacement);
	if (result == 0)
		result = stele_table_schema(&table, &schema);
	if (result < 0)
		return fail_library(result);
	status = stele_schema_equal(schema, replacement->schema)
	                 ? batch_compare(&replacement->batch, &table, replacement_print_change,
	                                 &proposal)
	                 : replacement_fail_schema(replacement);
	stele_schema_free(schema);
	if (status == STATUS_DONE)
		*ret_guard = replacement_check(replacement, &proposal.removal, options);
	return status;
}

void replacement_free(struct replacement *replacement)
{
	input_close(&replacement->input);
	batch_free(&replacement->batch);
	stele_schema_free(replacement->schema);
	replacement->schema = NULL;
}
