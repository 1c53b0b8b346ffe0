/* SPDX-License-Identifier: MIT
 *
 * Decides whether programs that were built with one schema read the rows of another in place.
 * <stele/schema.h> has the rule, docs/schemas.md the reasons. */
#include "lib/schema/schema_compare.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/schema/schema.h"
#include "lib/schema/schema_format.h"
#include "lib/types/type.h"

/* A comparison of two schemas, which gives each difference to the function `each`. */
struct compare {
	const struct stele_schema *older, *newer;
	stele_schema_difference_fn *each;
	void *context;
	int result; /* of `each`; other than 0: the comparison has ended */
};

__attribute__((format(printf, 3, 4))) static void
compare_tell(struct compare *compare, bool compatible, const char *format, ...)
{
	char what[512];
	va_list arguments;

	if (compare->result != 0)
		return;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	compare->result = compare->each(compatible, what, compare->context);
}

/* Formats the type of a column, such as `char[16]`, to `ret`, of COMPARE_TYPE_MAX bytes. */
#define COMPARE_TYPE_MAX 32
static const char *compare_type(const struct stele_column *column, char *ret)
{
	const char *name = stele_type_name(column->type);

	if (column->type == STELE_CHAR)
		snprintf(ret, COMPARE_TYPE_MAX, "%s[%u]", name, column->size);
	else if (column->count > 0)
		snprintf(ret, COMPARE_TYPE_MAX, "%s[%u]", name, column->count);
	else
		snprintf(ret, COMPARE_TYPE_MAX, "%s", name);
	return ret;
}

static void compare_text(struct compare *compare, const char *column, const char *what,
                         const char *older, const char *newer)
{
	older = older ? older : "";
	newer = newer ? newer : "";
	if (strcmp(older, newer) != 0)
		compare_tell(compare, true, "column \"%s\": the %s was %s", column, what,
		             !*older   ? "added"
		             : !*newer ? "removed"
		                       : "changed");
}

static void compare_words(struct compare *compare, const struct stele_column *older,
                          const struct stele_column *newer)
{
	for (size_t i = 0; i < older->word_count; i++) {
		const struct stele_word *word = &older->words[i];
		const struct stele_word *now =
			type_word_named(newer, word->name, strlen(word->name));

		if (!now)
			compare_tell(compare, false, "column \"%s\": word %s=%lld was removed",
			             newer->name, word->name, (long long)word->value);
		else if (now->value != word->value)
			compare_tell(compare, false,
			             "column \"%s\": word %s=%lld was changed to %s=%lld",
			             newer->name, word->name, (long long)word->value, now->name,
			             (long long)now->value);
	}
	for (size_t i = 0; i < newer->word_count; i++)
		if (!type_word_named(older, newer->words[i].name, strlen(newer->words[i].name)))
			compare_tell(compare, true, "column \"%s\": word %s=%lld was added",
			             newer->name, newer->words[i].name,
			             (long long)newer->words[i].value);
}

static void compare_default(struct compare *compare, const struct stele_column *older,
                            const struct stele_column *newer)
{
	const void *a = older->default_value, *b = newer->default_value;
	bool same = a == b;

	if (a && b)
		same = newer->type == STELE_CHAR ? strncmp(a, b, newer->size) == 0
		                                 : memcmp(a, b, type_column_size(newer)) == 0;
	if (!same)
		compare_tell(compare, true, "column \"%s\": the default was %s", newer->name,
		             !a   ? "added"
		             : !b ? "removed"
		                  : "changed");
}

/* Compares two columns at the same place in the key or the value. */
static void compare_column(struct compare *compare, const struct stele_column *older,
                           const struct stele_column *newer)
{
	char before[COMPARE_TYPE_MAX], after[COMPARE_TYPE_MAX];
	bool renamed = strcmp(older->name, newer->name) != 0;

	if (renamed && !schema_had_name(newer, older->name) && !schema_had_name(older, newer->name))
		compare_tell(compare, false,
		             "column \"%s\" was replaced by column \"%s\" (write: was %s, if it "
		             "was renamed)",
		             older->name, newer->name, older->name);
	else if (renamed)
		compare_tell(compare, true, "column \"%s\" was renamed to \"%s\"", older->name,
		             newer->name);
	else
		compare_text(compare, newer->name, "list of former names", older->former_names,
		             newer->former_names);
	if (older->type != newer->type || older->count != newer->count ||
	    type_column_size(older) != type_column_size(newer)) {
		compare_tell(compare, false, "column \"%s\" was changed from %s to %s", newer->name,
		             compare_type(older, before), compare_type(newer, after));
		return;
	}
	if (older->offset != newer->offset)
		compare_tell(compare, false, "column \"%s\" was moved from offset %u to %u",
		             newer->name, older->offset, newer->offset);
	compare_words(compare, older, newer);
	compare_default(compare, older, newer);
	compare_text(compare, newer->name, "unit", older->unit, newer->unit);
	compare_text(compare, newer->name, "description", older->description, newer->description);
	if ((older->flags ^ newer->flags) & STELE_COLUMN_DEPRECATED)
		compare_tell(compare, true, "column \"%s\" is %s deprecated", newer->name,
		             newer->flags & STELE_COLUMN_DEPRECATED ? "now" : "no longer");
}

/* Compares the columns of a part of both schemas, key or value. */
static void compare_part(struct compare *compare, const struct stele_column *older,
                         size_t older_count, const struct stele_column *newer, size_t newer_count)
{
	for (size_t i = 0; i < older_count || i < newer_count; i++) {
		if (i >= newer_count)
			compare_tell(compare, false, "column \"%s\" was removed", older[i].name);
		else if (i < older_count)
			compare_column(compare, &older[i], &newer[i]);
		else if (newer[i].key)
			compare_tell(compare, false, "key column \"%s\" was added", newer[i].name);
		else if (newer[i].offset < compare->older->value_size)
			compare_tell(compare, false,
			             "column \"%s\" was added at offset %u, inside the older value "
			             "of %zu bytes",
			             newer[i].name, newer[i].offset, compare->older->value_size);
		else if (type_variable(newer[i].type) &&
		         newer[i].offset == compare->older->value_size)
			/* Any value of the older schema would be one of the newer, and putting it
			 * would empty the column. */
			compare_tell(compare, false,
			             "column \"%s\" was appended at offset %u, where older values "
			             "end, so that they would count as values with an empty "
			             "column; place it one byte further (@%u)",
			             newer[i].name, newer[i].offset, newer[i].offset + 1);
		else
			compare_tell(compare, true, "column \"%s\" was appended", newer[i].name);
	}
}

int stele_schema_compare(const struct stele_schema *older, const struct stele_schema *newer,
                         stele_schema_difference_fn *each, void *context)
{
	struct compare compare = {older, newer, each, context, 0};
	size_t older_keys = schema_key_columns(older), newer_keys = schema_key_columns(newer);

	compare_part(&compare, older->columns, older_keys, newer->columns, newer_keys);
	compare_part(&compare, older->columns + older_keys, older->column_count - older_keys,
	             newer->columns + newer_keys, newer->column_count - newer_keys);
	if (newer->value_size < older->value_size)
		compare_tell(&compare, false, "the value has %zu bytes instead of %zu",
		             newer->value_size, older->value_size);
	else if (older->column_count == newer->column_count &&
	         newer->value_size > older->value_size)
		compare_tell(&compare, true, "the value has %zu bytes instead of %zu",
		             newer->value_size, older->value_size);
	return compare.result;
}

/* Keeps the first difference that matters: a stele_schema_difference_fn. */
static int compare_keep(bool compatible, const char *what, void *context)
{
	char *kept = context;

	if (compatible)
		return 0;
	snprintf(kept, 512, "%s", what);
	return 1;
}

int stele_schema_compatible(const struct stele_schema *expected, const struct stele_schema *present)
{
	char what[512] = "", is[640], wanted[640];

	if (stele_schema_compare(expected, present, compare_keep, what) != 0) {
		schema_format_layout(present, is, sizeof(is));
		schema_format_layout(expected, wanted, sizeof(wanted));
		return error_set(EMEDIUMTYPE, "%s: the schema is (%s), not (%s)", what, is, wanted);
	}
	return stele_schema_equal(expected, present) ? STELE_SCHEMA_SAME : STELE_SCHEMA_IN_PLACE;
}

int schema_expect(const char *table, const struct stele_schema *present,
                  const struct stele_schema *expected)
{
	char have[768], want[768];
	int r = expected ? stele_schema_check(expected) : 0;

	if (r < 0 || !expected || stele_schema_compatible(expected, present) >= 0)
		return r;
	stele_schema_format(present, have, sizeof(have));
	stele_schema_format(expected, want, sizeof(want));
	if (strcmp(have, want) == 0)
		return error_set(
			EMEDIUMTYPE,
			"table \"%s\" has the expected columns (%s), but in another struct: its values have "
			"%zu bytes, not %zu, or other offsets",
			table, have, present->value_size, expected->value_size);
	return error_set(
		EMEDIUMTYPE,
		"table \"%s\" has another schema than this program expects: (%s), not (%s)", table,
		have, want);
}
