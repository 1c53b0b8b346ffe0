/* SPDX-License-Identifier: MIT
 *
 * Fuzzes a publisher that attaches to a region with a forged file. It must recover the region or
 * refuse it, and must then be able to work on a region that it has recovered. The file is edited
 * before the publisher attaches. After that it is only truncated, because only processes of its own
 * user can change it further.
 */
#include "tests/fuzz/forge.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stele/stele.h>

#define OPERATIONS 16u

struct state {
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	const struct forge_step *step;
	volatile uint8_t sum;
};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
	return forge_mutate(data, size, capacity, seed, OPERATIONS);
}

static bool need_transaction(struct state *state)
{
	if (!state->tx && fuzz_result(stele_transaction_begin(state->publisher, &state->tx)) < 0)
		state->tx = NULL;
	return state->tx;
}

static const char *table_name(const struct state *state)
{
	return scene_tables[state->step->b / 8 % SCENE_TABLES].name;
}

/* Writes a value to `value`, and returns its size: that of the table's rows, or one byte more. */
static size_t make_value(const struct state *state, uint8_t value[64])
{
	static const uint8_t sizes[SCENE_TABLES] = {12, 2, 8, 9, 1, 0};

	memset(value, 0, 64);
	memcpy(value + state->step->a % 8, &state->step->value, 8);
	if (state->step->b / 8 % SCENE_TABLES == 3)
		value[0] &= 1;
	return sizes[state->step->b / 8 % SCENE_TABLES] + (state->step->a % 32 == 31 ? 1u : 0u);
}

static void use_row(struct state *state, const struct stele_row *row)
{
	for (unsigned i = 0; i < (row->key_bits + 7) / 8; i++)
		state->sum = (uint8_t)(state->sum + ((const uint8_t *)row->key)[i]);
	for (size_t i = 0; i < row->value_size; i++)
		state->sum = (uint8_t)(state->sum + ((const uint8_t *)row->value)[i]);
}

static void do_row(struct state *state)
{
	uint8_t key[64], value[64];
	unsigned bits = scene_key(state->step, state->step->b / 8u, key);
	size_t size = make_value(state, value);
	struct stele_row row;

	if (!need_transaction(state))
		return;
	if (state->step->a % 4 == 0)
		fuzz_result(stele_transaction_delete(state->tx, table_name(state), key, bits));
	else if (state->step->a % 4 == 1 &&
	         fuzz_result(stele_transaction_get(state->tx, table_name(state), NULL, key, bits,
	                                           &row)) == 1)
		use_row(state, &row);
	else
		fuzz_result(stele_transaction_put(state->tx, table_name(state), key, bits, value,
		                                  size));
}

static void do_many(struct state *state)
{
	uint8_t keys[16][64], value[64];
	struct stele_row_ref rows[16];
	struct forge_step step = *state->step;
	size_t size = make_value(state, value);

	if (!need_transaction(state))
		return;
	for (unsigned i = 0; i < 16; i++) {
		step.place++;
		step.value = step.value * 7 + 1;
		rows[i] = (struct stele_row_ref){keys[i], scene_key(&step, step.b / 8u, keys[i]),
		                                 value, size};
	}
	fuzz_result(
		stele_transaction_put_many(state->tx, table_name(state), rows, 1 + step.a % 16u));
}

static void do_table(struct state *state)
{
	const struct stele_schema *schema;
	struct stele_writable *table;
	struct stele_schema *made;
	char name[STELE_NAME_MAX + 1];

	if (!need_transaction(state))
		return;
	fuzz_result(stele_transaction_schema(state->tx, table_name(state), &schema));
	switch (state->step->a % 4) {
	case 0:
		fuzz_result(stele_transaction_drop_table(state->tx, table_name(state)));
		break;
	case 1:
		if (stele_schema_parse("dense(number: u16 key, value: u8)", name, &made) == 0) {
			fuzz_result(
				stele_transaction_create_table(state->tx, table_name(state), made));
			stele_schema_free(made);
		}
		break;
	default:
		if (fuzz_result(stele_writable_open(state->tx, table_name(state), NULL, &table)) ==
		            0 &&
		    fuzz_result(stele_writable_replace(table)) == 0)
			fuzz_result(stele_writable_replace_end(table));
	}
}

static void do_walk(struct state *state)
{
	struct stele_writable *table;
	struct stele_cursor *cursor;
	struct stele_changes *changes;
	struct stele_change change;
	struct stele_row row;

	if (!need_transaction(state) ||
	    fuzz_result(stele_writable_open(state->tx, table_name(state), NULL, &table)) < 0)
		return;
	if (state->step->a % 2 && fuzz_result(stele_writable_cursor_open(table, &cursor)) == 0) {
		for (unsigned i = 0; i < 500 && fuzz_result(stele_cursor_next(cursor, &row)) == 1;
		     i++)
			use_row(state, &row);
		stele_cursor_close(cursor);
	} else if (fuzz_result(stele_writable_changes_open(table, &changes)) == 0) {
		for (unsigned i = 0;
		     i < 500 && fuzz_result(stele_changes_next(changes, &change)) == 1; i++)
			use_row(state,
			        change.kind == STELE_REMOVED ? &change.before : &change.after);
		stele_changes_close(changes);
	}
}

static void do_end(struct state *state)
{
	uint64_t version;

	if (!need_transaction(state))
		return;
	if (state->step->a % 8 == 0)
		stele_transaction_abort(state->tx);
	else
		fuzz_result(stele_transaction_commit(state->tx, "fuzz", &version));
	state->tx = NULL;
}

static void do_rollback(struct state *state)
{
	struct stele_position position;

	stele_publisher_position(state->publisher, &position);
	position.version -= state->step->value % 24;
	if (state->step->a % 8 == 0)
		position.version = state->step->value;
	if (need_transaction(state))
		fuzz_result(stele_transaction_rollback(state->tx, &position));
}

static void do_publisher(struct state *state)
{
	struct stele_publisher_stats stats = {.size = sizeof(stats)};

	switch (state->step->a % 4) {
	case 0:
		fuzz_result(stele_publisher_compact(state->publisher));
		break;
	case 1:
		fuzz_result(stele_publisher_reap(state->publisher));
		break;
	default:
		fuzz_result(stele_publisher_describe(state->publisher, &stats));
	}
}

static void (*const operations[OPERATIONS])(struct state *state) = {
	do_row,  do_row,  do_row, do_row, do_row, do_many,     do_many,     do_table,
	do_walk, do_walk, do_end, do_end, do_end, do_rollback, do_rollback, do_publisher,
};

static void run(const char *region, struct forge *forge, const uint8_t *data, size_t size)
{
	static struct forge_step steps[FORGE_STEPS_MAX];
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .attach_timeout_ns = -1};
	struct state state = {0};
	size_t count = forge_steps(data, size, steps), i = 0;

	for (; i < count && steps[i].what < FORGE_EDITS; i++)
		forge_edit(forge, &steps[i]);
	if (count > 0 && data[0] & FORGE_REPAIR)
		forge_repair(forge);
	if (fuzz_result(stele_publisher_open(region, &options, &state.publisher)) == 0) {
		for (; i < count; i++) {
			state.step = &steps[i];
			if (steps[i].what >= FORGE_EDITS)
				operations[(steps[i].what - FORGE_EDITS) % OPERATIONS](&state);
			else if (data[1] % 16 == 1)
				forge_cut(forge, &steps[i]);
		}
		stele_publisher_close(state.publisher);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct forge forge;
	static char region[512];

	if (!forge.base)
		scene_make("fuzz", region, &forge);
	run(region, &forge, data, size);
	forge_changed(&forge);
	forge_restore(&forge);
	return 0;
}
