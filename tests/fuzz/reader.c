/* SPDX-License-Identifier: MIT
 *
 * Calls the reading functions of the public interface on a forged file, see reader.h; those that
 * read many rows are in reader_handles.c. Any error that <stele/error.h> lists is right. The
 * library must not crash or hang, and the caller must be able to read all bytes of the rows that it
 * returns. */
#include "tests/fuzz/reader.h"
#include "tests/fuzz/reader_handles.h"

#include <errno.h>
#include <string.h>

#include <stele/stele.h>

/* ---- operations ---- */

static void do_get(struct reader *reader)
{
	const struct stele_schema *expected = expected_schema(reader);
	struct stele_row row;
	uint8_t key[64];
	unsigned bits = make_key(reader, key);
	int r;

	if (!need_snapshot(reader, 0))
		return;
	r = reader->step->a % 2 ? stele_snapshot_get(reader->snapshots[0], table_name(reader),
	                                             expected, key, bits, &row)
	                        : stele_snapshot_match(reader->snapshots[0], table_name(reader),
	                                               expected, key, bits, &row);
	if (r == 1)
		check_expected(expected, &row);
	use_result(reader, r, &row);
	if (!need_table(reader, 0))
		return;
	r = reader->step->a % 2 ? stele_table_get(&reader->tables[0], key, bits, &row)
	                        : stele_table_match(&reader->tables[0], key, bits, &row);
	use_result(reader, r, &row);
}

/* Looks up many keys by the name of the table, or in the open table. */
static int64_t many_rows(struct reader *reader, const struct stele_schema *expected,
                         const struct stele_key_ref *keys, size_t count, struct stele_row *rows)
{
	if (reader->step->a & 64 && reader->step->a & 1)
		return stele_snapshot_get_many(reader->snapshots[0], table_name(reader), expected,
		                               keys, count, rows);
	if (reader->step->a & 64)
		return stele_snapshot_match_many(reader->snapshots[0], table_name(reader), expected,
		                                 keys, count, rows);
	if (reader->step->a & 1)
		return stele_table_get_many(&reader->tables[0], keys, count, rows);
	return stele_table_match_many(&reader->tables[0], keys, count, rows);
}

static void do_many(struct reader *reader)
{
	bool named = reader->step->a & 64;
	const struct stele_schema *expected = named ? expected_schema(reader) : NULL;
	struct stele_key_ref keys[32];
	struct stele_row rows[32];
	uint8_t bytes[32][64];
	size_t count = reader->step->a / 2u % 33u;
	struct forge_step step = *reader->step;

	if (named ? !need_snapshot(reader, 0) : !need_table(reader, 0))
		return;
	for (size_t i = 0; i < count; i++) {
		step.place += (uint32_t)i;
		step.value = step.value * 5 + i;
		keys[i] = (struct stele_key_ref){bytes[i], scene_key(&step, step.b / 8u, bytes[i])};
	}
	if (fuzz_result(many_rows(reader, expected, keys, count, rows)) <= 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (rows[i].key) {
			check_expected(expected, &rows[i]);
			use_row(reader, &rows[i]);
		}
}

static void do_explain(struct reader *reader)
{
	static struct stele_step steps[64];
	uint8_t key[64];
	unsigned bits = make_key(reader, key);
	size_t count;

	if (need_table(reader, 0) &&
	    fuzz_result(stele_table_explain(&reader->tables[0], key, bits, reader->step->a % 2,
	                                    steps, 64, &count)) >= 0)
		for (size_t i = 0; i < count && i < 64; i++)
			if (steps[i].kind == STELE_STEP_ROW)
				use_row(reader, &steps[i].row);
}

static void do_records(struct reader *reader)
{
	struct stele_commit commit;
	struct stele_commit_table table;

	if (!need_snapshot(reader, reader->step->a % 2))
		return;
	if (fuzz_result(stele_snapshot_commit(reader->snapshots[reader->step->a % 2], &commit)) ==
	    0)
		FUZZ_CHECK(strnlen(commit.message, sizeof(commit.message)) <
		                           sizeof(commit.message) &&
		                   strnlen(commit.command, sizeof(commit.command)) <
		                           sizeof(commit.command),
		           "a text without its end");
	for (unsigned i = 0;
	     i < 40 && fuzz_result(stele_snapshot_commit_table(
			       reader->snapshots[reader->step->a % 2], i, &table)) == 1;
	     i++)
		FUZZ_CHECK(strnlen(table.name, sizeof(table.name)) <= STELE_NAME_MAX, "a name");
}

static void do_tables(struct reader *reader)
{
	char name[STELE_NAME_MAX + 1] = "";
	struct stele_schema *schema;
	struct stele_table table;

	if (!need_snapshot(reader, 0))
		return;
	for (unsigned i = 0; i < 20; i++) {
		if (fuzz_result(stele_snapshot_next_table(reader->snapshots[0], name)) != 1)
			return;
		FUZZ_CHECK(strnlen(name, sizeof(name)) <= STELE_NAME_MAX, "a name");
		if (fuzz_result(stele_table_open(reader->snapshots[0], name, NULL, &table)) < 0 ||
		    fuzz_result(stele_table_schema(&table, &schema)) < 0)
			continue;
		FUZZ_CHECK(stele_schema_check(schema) == 0, "%s", stele_last_error());
		stele_schema_free(schema);
	}
}

static void do_state(struct reader *reader)
{
	struct stele_subscriber_state state = {.size = sizeof(state)};
	uint64_t oldest, newest, version;

	if (!need_subscriber(reader))
		return;
	fuzz_result(stele_subscriber_history(reader->subscriber, &oldest, &newest));
	fuzz_result(stele_subscriber_version(reader->subscriber, &version));
	fuzz_result(stele_subscriber_describe(reader->subscriber, &state));
	fuzz_result(stele_subscriber_applied(reader->subscriber, reader->step->value));
	fuzz_result(stele_subscriber_wait(reader->subscriber,
	                                  reader->step->a % 2 ? newest : reader->step->value, 0,
	                                  &version));
	if (reader->snapshots[0])
		fuzz_result(stele_snapshot_check(reader->snapshots[0]));
}

static void do_copy(struct reader *reader)
{
	uint8_t key[64], buffer[256];
	unsigned bits = make_key(reader, key), length;
	size_t size = reader->step->a % 4 ? sizeof(buffer) : reader->step->a / 4u;
	const struct stele_schema *expected = expected_schema(reader);
	uint64_t version;
	int r;

	if (!need_subscriber(reader))
		return;
	if (reader->step->a & 128) {
		if (!reader->live_open)
			reader->live_open =
				fuzz_result(stele_live_open(reader->subscriber, table_name(reader),
			                                    expected, &reader->live)) == 0;
		if (!reader->live_open)
			return;
		r = reader->step->a & 64
		            ? stele_live_get_copy(&reader->live, key, bits, buffer, &size, &version)
		            : stele_live_match_copy(&reader->live, key, bits, buffer, &size,
		                                    &length, &version);
	} else {
		r = reader->step->a & 64
		            ? stele_subscriber_get_copy(reader->subscriber, table_name(reader),
		                                        expected, key, bits, buffer, &size,
		                                        &version)
		            : stele_subscriber_match_copy(reader->subscriber, table_name(reader),
		                                          expected, key, bits, buffer, &size,
		                                          &length, &version);
	}
	if (fuzz_result(r) == 1)
		use(reader, buffer, size);
}

static void do_hash(struct reader *reader)
{
	struct stele_key_ref keys[8];
	struct stele_row rows[8];
	uint8_t bytes[8][64];
	struct forge_step step = *reader->step;

	if (!need_table(reader, 0))
		return;
	if (!reader->hash && fuzz_result(stele_hash_open(&reader->tables[0], &reader->hash)) < 0)
		return;
	if (step.value % 4 == 3 && need_table(reader, 1))
		fuzz_result(stele_hash_move(reader->hash, &reader->tables[step.a % 2]));
	for (unsigned i = 0; i < 8; i++, step.place++)
		keys[i] = (struct stele_key_ref){bytes[i], scene_key(&step, step.b / 8u, bytes[i])};
	use_result(reader, stele_hash_get(reader->hash, bytes[0], keys[0].bits, &rows[0]),
	           &rows[0]);
	if (fuzz_result(stele_hash_get_many(reader->hash, keys, 8, rows)) <= 0)
		return;
	for (unsigned i = 0; i < 8; i++)
		if (rows[i].key)
			use_row(reader, &rows[i]);
}

static void do_index(struct reader *reader)
{
	static const char *const columns[] = {NULL, "hop", "port", "number"};
	uint8_t addresses[16][16];
	uint32_t answers[16];
	struct stele_row row;

	if (!need_table(reader, 0))
		return;
	if (!reader->index && !take_expensive(reader, INDEX))
		return;
	if (!reader->index &&
	    fuzz_result(stele_lpm_open(&reader->tables[0], columns[reader->step->a / 4 % 4],
	                               reader->step->b, &reader->index)) < 0)
		return;
	if (reader->step->value % 4 == 3 && need_table(reader, 1))
		fuzz_result(stele_lpm_move(reader->index, &reader->tables[reader->step->a % 2]));
	for (unsigned i = 0; i < 16; i++) {
		memset(addresses[i], 0, 16);
		memcpy(addresses[i], scene_tables[i / 8].keys[i % 8], 16);
	}
	memcpy(addresses[3], &reader->step->value, 8);
	if (fuzz_result(stele_lpm_match(reader->index, addresses[0], &answers[0])) == 1)
		use_result(reader, stele_lpm_row(reader->index, answers[0], &row), &row);
	if (fuzz_result(stele_lpm_match_many(reader->index, addresses, 16, answers)) == 0)
		for (unsigned i = 0; i < 16; i++)
			use_result(reader, stele_lpm_row(reader->index, answers[i], &row), &row);
}

static void found(const struct stele_damage *damage, void *context)
{
	FUZZ_CHECK(damage->what[0] && damage->table, "damage without a message");
	edit_next(0, context);
}

static void each_subscriber(const struct stele_subscriber_info *info, void *context)
{
	FUZZ_CHECK(strnlen(info->command, sizeof(info->command)) < sizeof(info->command),
	           "a command");
	edit_next(0, context);
}

static void do_region(struct reader *reader)
{
	struct stele_verify_options options = {
		.size = sizeof(options), .found = found, .progress = edit_next, .context = reader};
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_region_lock lock = {.size = sizeof(lock)};
	struct stele_region_use sum = {.size = sizeof(sum)};

	/* The operations with even numbers read the entire region or all slots. */
	if (reader->step->a % 2 == 0 && !take_expensive(reader, SURVEY))
		return;
	switch (reader->step->a % 4) {
	case 0:
		fuzz_result(stele_region_verify(reader->region, &options, &sum));
		break;
	case 1:
		if (fuzz_result(stele_region_describe(reader->region, &info)) == 0)
			FUZZ_CHECK(strnlen(info.commit.message, sizeof(info.commit.message)) <
			                   sizeof(info.commit.message),
			           "a message without its end");
		break;
	case 2:
		fuzz_result(stele_region_subscribers(reader->region, each_subscriber, reader));
		break;
	default:
		fuzz_result(stele_region_describe_lock(reader->region, &lock));
	}
}

static void do_save(struct reader *reader)
{
	static char file[512], other[520];
	uint64_t oldest, newest;

	if (!take_expensive(reader, SAVE))
		return;
	snprintf(file, sizeof(file), "%s/saved-again", fuzz_directory());
	if (fuzz_result(stele_region_save(reader->region, file, STELE_REPLACE, &oldest, &newest)) <
	    0)
		return;
	snprintf(other, sizeof(other), "%s/loaded", fuzz_directory());
	if (reader->step->a % 4 == 0 && fuzz_result(stele_region_load(file, other)) == 0)
		fuzz_result(stele_region_remove(other));
}

static void do_close(struct reader *reader)
{
	if (reader->step->a % 4 == 0)
		close_subscriber(reader);
	else if (reader->step->a % 4 == 1)
		close_walks(reader);
	else
		close_snapshot(reader, reader->step->a % 2);
}

typedef void operation(struct reader *reader);

static operation *const operations[READER_OPERATIONS] = {
	do_get,     do_get,           do_get,     do_get,     do_get,     do_many,
	do_many,    do_many,          do_explain, do_explain, do_cursor,  do_cursor,
	do_cursor,  do_cursor,        do_cursor,  do_changes, do_changes, do_changes,
	do_changes, do_changes_since, do_records, do_records, do_tables,  do_tables,
	do_state,   do_state,         do_copy,    do_copy,    do_copy,    do_hash,
	do_region,  do_region,        do_follow,  do_close,   do_index,   do_save,
};

void reader_run(const char *region, struct forge *forge, const uint8_t *data, size_t size)
{
	static struct forge_step steps[FORGE_STEPS_MAX];
	struct reader reader = {.region = region, .forge = forge};
	size_t count = forge_steps(data, size, steps), i = 0;
	unsigned replaced = 0;

	reader.expensive = count ? data[1] % 64 : 0;
	for (; i < count && steps[i].what < FORGE_EDITS; i++)
		forge_edit(forge, &steps[i]);
	if (count > 0 && data[0] & FORGE_REPAIR)
		forge_repair(forge);
	forge_watch_holes(forge);
	for (; i < count && reader.rows < ROWS_MAX; i++) {
		unsigned which = (steps[i].what - FORGE_EDITS) % READER_OPERATIONS;
		if (steps[i].what < FORGE_EDITS) {
			forge_edit(forge, &steps[i]);
			continue;
		}
		/* A reader of a replaced file waits some time for the next one, so this is only
		 * allowed once. */
		if (forge_replaced(forge) && replaced++ > 0)
			break;
		reader.step = &steps[i];
		reader.left = count - 1 - i;
		operations[which](&reader);
		i = (size_t)(reader.step - steps);
	}
	close_subscriber(&reader);
	forge_check_holes(forge, count);
	forge_restore(forge);
}
