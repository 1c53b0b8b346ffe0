/* SPDX-License-Identifier: MIT */
#include "tests/support/ipc/versions.h"

#include "tests/support/ipc/ipc.h"
#include "tests/support/random.h"

const char *const versions_names[VERSIONS_TABLES] = {"one", "two", "two-and-a-half"};

static const struct stele_schema *versions_schema(unsigned kind)
{
	static const char *const texts[VERSIONS_KINDS] = {
		"t(id: u32 key, number: u64, text: char[16])",
		"t(name: text key, note: text)",
		"t(prefix: ipv4net key, hop: u32)",
	};
	static struct stele_schema *schemas[VERSIONS_KINDS];
	char name[STELE_NAME_MAX + 1];

	if (!schemas[kind - 1])
		OK(stele_schema_parse(texts[kind - 1], name, &schemas[kind - 1]));
	return schemas[kind - 1];
}

/* Makes a key. Returns its bits. */
static unsigned versions_key(unsigned kind, unsigned which, uint8_t key[64])
{
	uint32_t word = (uint32_t)ipc_mix(which % 7) & 0xffffff00u;

	switch (kind) {
	case 1:
		word |= which;
		break;
	case 2: /* some keys are the beginnings of others */
		memset(key, 'a' + (int)(which % 3), 60);
		return (1 + which / 3) * 8;
	default:
		word = (which < 24 ? 0x0a4d210bu : 0x0bcd1763u) & UINT32_MAX << (24 - which % 24);
		word = __builtin_bswap32(word);
		memcpy(key, &word, 4);
		return 8 + which % 24;
	}
	word = __builtin_bswap32(word);
	memcpy(key, &word, 4);
	return 32;
}

/* Makes a value. Returns its size in bytes. */
static size_t versions_value(unsigned kind, uint32_t number, uint8_t value[256])
{
	uint64_t word = number;
	int length;

	switch (kind) {
	case 1:
		memset(value, 0, 24);
		memcpy(value, &word, 8);
		snprintf((char *)value + 8, 16, "%u", number);
		return 24;
	case 2:
		length = snprintf((char *)value, 256, "%u:%*s", number, (int)(number * 37 % 200),
		                  "");
		return (size_t)length;
	default:
		memcpy(value, &number, 4);
		return 4;
	}
}

/* ---- changes ---- */

static void versions_drop(struct versions_model *model, unsigned table)
{
	model->kind[table] = 0;
	memset(model->rows[table], 0, sizeof(model->rows[table]));
}

static int versions_change_row(struct stele_transaction *tx, struct versions_model *model,
                               unsigned table, unsigned which, uint32_t number)
{
	struct versions_row *row = &model->rows[table][which];
	const char *name = versions_names[table];
	bool changes = row->number != number;
	uint8_t key[64], value[256];
	unsigned bits = versions_key(model->kind[table], which, key);
	int r = changes;

	if (tx && number)
		r = stele_transaction_put(tx, name, key, bits, value,
		                          versions_value(model->kind[table], number, value));
	else if (tx)
		r = stele_transaction_delete(tx, name, key, bits);
	if (r < 0)
		return r;
	CHECK(r == changes, "a change of row %u of table \"%s\" returns %d", which, name, r);
	if (changes)
		*row = (struct versions_row){number, number ? model->version : 0};
	return 0;
}

int versions_change(struct stele_transaction *tx, struct versions_model *model, uint64_t *random)
{
	unsigned count = 1 + (unsigned)(random_from(random) % 12);
	int r = 0;

	for (unsigned i = 0; i < count && r == 0; i++) {
		unsigned table = (unsigned)(random_from(random) % VERSIONS_TABLES);
		unsigned which = (unsigned)(random_from(random) % VERSIONS_KEYS);
		uint64_t choice = random_from(random);
		if (model->kind[table] == 0) {
			unsigned kind = 1 + (unsigned)(choice % VERSIONS_KINDS);
			if (tx)
				r = stele_transaction_create_table(tx, versions_names[table],
				                                   versions_schema(kind));
			if (r == 0)
				model->kind[table] = (uint8_t)kind;
		} else if (choice % 40 == 0) {
			if (tx)
				r = stele_transaction_drop_table(tx, versions_names[table]);
			if (r == 0)
				versions_drop(model, table);
		} else {
			/* Few different numbers, so that rows often return to an earlier value. */
			r = versions_change_row(tx, model, table, which,
			                        (uint32_t)(choice >> 32) % 6);
		}
	}
	return r;
}

void versions_roll_back(struct versions_model *model, const struct versions_model *head,
                        const struct versions_model *older)
{
	uint64_t version = model->version;

	*model = *head;
	model->version = version;
	model->beat = older->beat;
	for (unsigned table = 0; table < VERSIONS_TABLES; table++) {
		if (model->kind[table] != older->kind[table])
			versions_drop(model, table);
		model->kind[table] = older->kind[table];
		for (unsigned which = 0; which < VERSIONS_KEYS; which++) {
			uint32_t number = older->rows[table][which].number;
			if (model->rows[table][which].number != number)
				model->rows[table][which] =
					(struct versions_row){number, number ? version : 0};
		}
	}
}

bool versions_differ(const struct versions_model *a, const struct versions_model *b)
{
	if (a->beat != b->beat)
		return true;
	for (unsigned table = 0; table < VERSIONS_TABLES; table++) {
		if (a->kind[table] != b->kind[table])
			return true;
		for (unsigned which = 0; which < VERSIONS_KEYS; which++)
			if (a->rows[table][which].number != b->rows[table][which].number)
				return true;
	}
	return false;
}

/* ---- snapshots ---- */

static int versions_compare_row(const struct versions_model *model, unsigned table,
                                const struct stele_row *row, char why[256])
{
	unsigned kind = model->kind[table];
	uint8_t key[64], value[256];

	for (unsigned which = 0; which < VERSIONS_KEYS; which++) {
		const struct versions_row *want = &model->rows[table][which];
		if (versions_key(kind, which, key) != row->key_bits ||
		    memcmp(key, row->key, (row->key_bits + 7) / 8) != 0)
			continue;
		if (want->number == 0) {
			snprintf(why, 256, "row %u of table %u should not be there", which, table);
			return 1;
		}
		if (row->value_size != versions_value(kind, want->number, value) ||
		    memcmp(value, row->value, row->value_size) != 0 ||
		    row->version != want->version) {
			snprintf(
				why, 256,
				"row %u of table %u, of version %llu, is not number %u of version %llu",
				which, table, (unsigned long long)row->version, want->number,
				(unsigned long long)want->version);
			return 1;
		}
		return 0;
	}
	snprintf(why, 256, "a row of table %u has a key that was never put", table);
	return 1;
}

static int versions_compare_table(const struct stele_snapshot *snapshot,
                                  const struct versions_model *model, unsigned table, char why[256])
{
	struct stele_cursor *cursor;
	struct stele_table handle;
	struct stele_row row;
	unsigned rows = 0, found = 0;
	int r, wrong = 0;

	r = stele_table_open(snapshot, versions_names[table],
	                     model->kind[table] ? versions_schema(model->kind[table]) : NULL,
	                     &handle);
	if (r == -ENXIO && model->kind[table] == 0)
		return 0;
	if (r < 0)
		return r;
	for (unsigned which = 0; which < VERSIONS_KEYS; which++)
		rows += model->rows[table][which].number != 0;
	OK(stele_cursor_open(&handle, &cursor));
	while ((r = stele_cursor_next(cursor, &row)) == 1) {
		found++;
		wrong |= versions_compare_row(model, table, &row, why);
	}
	stele_cursor_close(cursor);
	if (r == 0)
		r = stele_snapshot_check(snapshot);
	if (r == 0 && !wrong &&
	    (found != rows || stele_table_rows(&handle) != rows || model->kind[table] == 0)) {
		snprintf(why, 256, "table %u has %u rows and says %llu, not %u", table, found,
		         (unsigned long long)stele_table_rows(&handle), rows);
		wrong = 1;
	}
	return r < 0 ? r : wrong;
}

int versions_compare(const struct stele_snapshot *snapshot, const struct versions_model *model,
                     char why[256])
{
	int r = 0;

	for (unsigned table = 0; table < VERSIONS_TABLES && r == 0; table++)
		r = versions_compare_table(snapshot, model, table, why);
	if (r == 0 && stele_snapshot_version(snapshot) != model->version) {
		snprintf(why, 256, "the snapshot is of version %llu",
		         (unsigned long long)stele_snapshot_version(snapshot));
		r = 1;
	}
	return r;
}
