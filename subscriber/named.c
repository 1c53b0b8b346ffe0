/* SPDX-License-Identifier: MIT */
#include "subscriber/named.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/constant.h"
#include "lib/schema/schema.h"

/* The smallest range of addresses that has several objects. */
struct named_range {
	const char *begin, *end;
};

static void named_range_add(struct named_range *range, const void *at, size_t size)
{
	const char *begin = at, *end = begin + size;

	if (!begin)
		return;
	if (!range->begin || begin < range->begin)
		range->begin = begin;
	if (end > range->end)
		range->end = end;
}

static void named_range_add_text(struct named_range *range, const char *text)
{
	named_range_add(range, text, text ? strlen(text) + 1 : 0);
}

/* Returns true if everything that decides whether a table fits the schema is constant. Structs and
 * texts usually are in two different segments, so there are two ranges. */
static bool named_is_constant(const struct stele_schema *schema)
{
	struct named_range structs = {0}, texts = {0};

	named_range_add(&structs, schema, sizeof(*schema));
	named_range_add(&structs, schema->columns, schema->column_count * sizeof(*schema->columns));
	for (size_t i = 0; i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];

		named_range_add_text(&texts, column->name);
		named_range_add_text(&texts, column->former_names);
		named_range_add(&structs, column->words,
		                column->word_count * sizeof(*column->words));
		for (size_t j = 0; j < column->word_count; j++)
			named_range_add_text(&texts, column->words[j].name);
	}
	return constant_memory(structs.begin, (size_t)(structs.end - structs.begin)) &&
	       constant_memory(texts.begin, (size_t)(texts.end - texts.begin));
}

unsigned named_text_hash(const char *name, const struct stele_schema *expected)
{
	uint64_t hash = (uintptr_t)expected;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned)(hash >> 54) % NAMED_HINTS;
}

/* Puts a guess into the first of its two places. A guess of another key that was there moves to the
 * second. */
static void named_hint_set(struct named_hints *hints, unsigned hash, unsigned index)
{
	unsigned guess = named_hint(hints, hash, 0);

	if (guess == index + 1)
		return;
	if (guess > 0)
		__atomic_store_n(&hints->at[hash ^ 1], (uint8_t)guess, __ATOMIC_RELAXED);
	__atomic_store_n(&hints->at[hash], (uint8_t)(index + 1), __ATOMIC_RELAXED);
}

void named_hints_set(struct named_hints *hints, const char *name,
                     const struct stele_schema *expected, unsigned index)
{
	named_hint_set(hints, named_hash(name, expected), index);
	named_hint_set(hints, named_text_hash(name, expected), index);
}

int named_key_set(struct named_key *key, const char *name, const struct stele_schema *expected)
{
	size_t length = strnlen(name, sizeof(key->name));

	if (length == sizeof(key->name))
		return -EINVAL;
	if (expected && !named_is_constant(expected)) {
		key->copy = stele_schema_copy(expected);
		if (!key->copy)
			return -ENOMEM;
		key->number = schema_number(expected);
	}
	key->constant = constant_memory(name, length + 1) ? name : NULL;
	key->expected = expected;
	memcpy(key->name, name, length + 1);
	return 0;
}

bool named_key_is(const struct named_key *key, const char *name,
                  const struct stele_schema *expected)
{
	if (key->name[0] == '\0' || strcmp(key->name, name) != 0)
		return false;
	if (key->copy)
		return expected && stele_schema_equal(key->copy, expected);
	return key->expected == expected;
}

void named_key_clear(struct named_key *key)
{
	stele_schema_free(key->copy);
	*key = (struct named_key){0};
}

const struct stele_schema *named_schema_keep(struct named_schema **list,
                                             const struct stele_schema *schema)
{
	struct named_schema *kept = *list;

	if (named_is_constant(schema))
		return schema;
	while (kept && !stele_schema_equal(kept->copy, schema))
		kept = kept->next;
	if (kept)
		return kept->copy;
	kept = malloc(sizeof(*kept));
	if (!kept)
		return NULL;
	*kept = (struct named_schema){.next = *list, .copy = stele_schema_copy(schema)};
	if (!kept->copy) {
		free(kept);
		return NULL;
	}
	*list = kept;
	return kept->copy;
}

void named_schemas_free(struct named_schema *list)
{
	while (list) {
		struct named_schema *next = list->next;
		stele_schema_free(list->copy);
		free(list);
		list = next;
	}
}

void named_tables_fini(struct named_tables *tables)
{
	for (unsigned i = 0; i < NAMED_MAX && tables->entries[i]; i++) {
		named_key_clear(&tables->entries[i]->key);
		free(tables->entries[i]);
	}
}

void named_lives_free(struct named_lives *lives)
{
	if (!lives)
		return;
	for (unsigned i = 0; i < NAMED_MAX && lives->entries[i]; i++) {
		named_key_clear(&lives->entries[i]->key);
		free(lives->entries[i]);
	}
	free(lives);
}
