/* SPDX-License-Identifier: MIT */
#include "tests/support/ipc/model.h"

#include "tests/support/ipc/ipc.h"

/* Returns the number that a step of a version puts into a row, 0 if it deletes the row. */
static uint64_t model_step(uint64_t version, unsigned step, uint32_t *ret_id)
{
	uint64_t random = ipc_mix(version * MODEL_STEPS + step);

	*ret_id = (uint32_t)(1 + random % (MODEL_ROWS - 1));
	return (random >> 32) % 4 == 0 ? 0 : version;
}

void model_reach(struct model *model, uint64_t version)
{
	CHECK(model->version <= version, "a model does not go back");
	while (model->version < version) {
		model->version++;
		model->numbers[0] = model->version;
		for (unsigned step = 0; step < MODEL_STEPS && model->version > 1; step++) {
			uint32_t id;
			uint64_t number = model_step(model->version, step, &id);
			model->numbers[id] = number;
		}
	}
}

void model_change(struct stele_transaction *tx, uint64_t next)
{
	ipc_put(tx, 0, next);
	for (unsigned step = 0; step < MODEL_STEPS; step++) {
		uint32_t id;
		uint64_t number = model_step(next, step, &id);
		uint8_t key[4] = {0, 0, (uint8_t)(id >> 8), (uint8_t)id};
		if (number != 0)
			ipc_put(tx, id, number);
		else
			OK(stele_transaction_delete(tx, "rows", key, 32));
	}
}

uint64_t model_commit(struct stele_publisher *publisher)
{
	uint64_t next = stele_publisher_version(publisher) + 1, version;
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	model_change(tx, next);
	RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
	CHECK(version == next, "version %llu, not %llu", (unsigned long long)version,
	      (unsigned long long)next);
	return version;
}

uint32_t model_id(const struct stele_row *row)
{
	const uint8_t *key = row->key;

	CHECK(row->key_bits == 32, "a key of %u bits", row->key_bits);
	return (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
}

int model_compare(const struct stele_snapshot *snapshot, const struct model *model)
{
	struct stele_cursor *cursor = NULL;
	struct stele_table table;
	struct stele_row row;
	uint32_t next = 0, wrong = UINT32_MAX;
	int r;

	CHECK(stele_snapshot_version(snapshot) == model->version,
	      "the model is of another version");
	r = stele_table_open(snapshot, "rows", &ipc_schema, &table);
	if (r == 0)
		r = stele_cursor_open(&table, &cursor);
	while (r == 0 && (r = stele_cursor_next(cursor, &row)) == 1) {
		struct ipc_value value;
		uint32_t id = model_id(&row);
		memcpy(&value, row.value, sizeof(value));
		r = 0;
		while (next < id && next < MODEL_ROWS && model->numbers[next] == 0)
			next++;
		if (next != id || id >= MODEL_ROWS || value.number != model->numbers[id] ||
		    !ipc_whole(&value, id) || row.version != value.number)
			wrong = id;
		next = id + 1;
	}
	stele_cursor_close(cursor);
	while (r == 0 && next < MODEL_ROWS && model->numbers[next] == 0)
		next++;
	if (r == 0)
		r = stele_snapshot_check(snapshot);
	if (r < 0) {
		CHECK(r == -ESTALE, "%d: %s", r, stele_last_error());
		return r;
	}
	CHECK(wrong == UINT32_MAX, "row %u is wrong at version %llu", wrong,
	      (unsigned long long)model->version);
	CHECK(next == MODEL_ROWS, "row %u is missing at version %llu", next,
	      (unsigned long long)model->version);
	return 0;
}
