/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/apply/change.h"
#include "tools/apply/json_tree.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/region/given.h"

/* Reads the token of "if_version". Also parses a bare number, so that given_needs_region() can
 * refuse it with the token that was probably meant. */
static enum status change_read_version(const struct change_source *source,
                                       const struct json_tree *version, struct given *ret)
{
	enum status status = STATUS_DONE;
	char what[sizeof(source->where) + 16];

	snprintf(what, sizeof(what), "%s\"if_version\"", source->where);
	if (json_tree_string(version)) {
		status = given_parse_kept(what, json_tree_string(version), 1, ret);
	} else if (json_tree_is(version, JSON_NUMBER) && *version->text != '0' &&
	           strspn(version->text, "0123456789") == version->length) {
		*ret = (struct given){.version = strtoull(version->text, NULL, 10)};
	} else {
		status = fail(STATUS_INPUT, "%s: expected a version such as \"7@3f2a9c1e\"", what);
	}
	return status == STATUS_DONE ? given_needs_region(source->place, what, ret, source->region)
	                             : status;
}

/* Reads the members "if_version" and "if_absent", and refuses all members but these two and the
 * two that every line has. */
static enum status change_read_condition(const struct change_source *source,
                                         const struct json_tree *object, bool deletes,
                                         struct condition *ret)
{
	const struct json_tree *version = json_tree_get(object, "if_version");
	const struct json_tree *absent = json_tree_get(object, "if_absent");
	size_t members = 2u + (version != NULL) + (absent != NULL);
	enum status status = STATUS_DONE;

	*ret = (struct condition){.given = version || absent, .option = "\"if_version\""};
	if (version)
		status = change_read_version(source, version, &ret->version);
	if (status != STATUS_DONE)
		return status;
	if (absent && (!json_tree_is(absent, JSON_TRUE) || deletes || version))
		return fail(STATUS_INPUT,
		            "%s\"if_absent\" must be true, and cannot be used with \"delete\" or "
		            "\"if_version\"",
		            source->where);
	if (object->count != members)
		return fail(STATUS_INPUT,
		            "%sexpected no other members than \"table\", \"%s\", "
		            "\"if_version\"%s",
		            source->where, deletes ? "delete" : "put",
		            deletes ? "" : ", \"if_absent\"");
	return STATUS_DONE;
}

/* Parses a line that must be one JSON object. Returns NULL after an error message. */
static struct json_tree *change_parse_object(const struct change_source *source, const char *line,
                                             size_t length)
{
	struct json_tree_error error;
	struct json_tree *object = json_tree_parse(line, length, &error);

	if (json_tree_is(object, JSON_OBJECT))
		return object;
	if (object)
		fail(STATUS_INPUT, "%sexpected a JSON object, such as {\"table\": NAME, ...}",
		     source->where);
	else
		fail(STATUS_INPUT, "%sexpected one JSON object on the line; column %zu: %s",
		     source->where, error.column, error.what);
	json_tree_free(object);
	return NULL;
}

static bool change_is_row(const struct change *change)
{
	return change->kind <= CHANGE_REMOVED;
}

bool change_is_change(const struct change *change)
{
	return change->kind <= CHANGE_DROP;
}

struct change_word {
	const char *word;
	enum change_kind kind;
};

/* Returns what the member "change" of a line of `stele watch' says; NULL if it is not known. */
static const struct change_word *change_find_word(const char *word)
{
	static const struct change_word words[] = {
		{"added", CHANGE_WHOLE},     {"changed", CHANGE_WHOLE}, {"removed", CHANGE_REMOVED},
		{"initial", CHANGE_START},   {"gap", CHANGE_START},     {"initial_end", CHANGE_END},
		{"end", CHANGE_END},         {"gone", CHANGE_NOTHING},  {"created", CHANGE_DECLARE},
		{"altered", CHANGE_DECLARE}, {"dropped", CHANGE_DROP},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, word) == 0)
			return &words[i];
	return NULL;
}

/* Refuses a line of a later format, whose members may mean something else. */
static enum status change_check_format(const struct change_source *source,
                                       const struct json_tree *line)
{
	const struct json_tree *format = json_tree_get(line, "format");

	if (!format ||
	    (json_tree_is(format, JSON_NUMBER) && format->length == 1 && *format->text == '1'))
		return STATUS_DONE;
	return fail(STATUS_INPUT,
	            "%sthe line has another \"format\" than 1; another version of stele printed it",
	            source->where);
}

/* Tables that a mark may name at most, as each costs time while the region is locked. */
enum { CHANGE_TABLES_MAX = 16384 };

/* Checks what a mark says of the rows that follow: the rows of these tables that do not follow are
 * deleted. So a restriction that is not understood must not be passed over. */
static enum status change_check_scope(const struct change_source *source,
                                      const struct json_tree *scope)
{
	const struct json_tree *tables = json_tree_get(scope, "tables");
	bool good = json_tree_is(tables, JSON_ARRAY) &&
	            !(json_tree_get(scope, "key") && json_tree_get(scope, "prefix"));

	if (json_tree_is(scope, JSON_OBJECT) && scope->count == 1 &&
	    json_tree_is(json_tree_get(scope, "all"), JSON_TRUE))
		return STATUS_DONE;
	if (good && tables->count > CHANGE_TABLES_MAX)
		return fail(STATUS_INPUT, "%sthe mark names more than %d tables", source->where,
		            CHANGE_TABLES_MAX);
	for (const struct json_tree *name = good ? tables->first : NULL; name; name = name->next)
		good = good && json_tree_string(name);
	for (const struct json_tree *member = good ? scope->first : NULL; member;
	     member = member->next)
		good = good && (member == tables || ((strcmp(member->name, "key") == 0 ||
		                                      strcmp(member->name, "prefix") == 0) &&
		                                     json_tree_string(member)));
	if (good)
		return STATUS_DONE;
	return fail(
		STATUS_INPUT,
		"%sexpected a \"row\" with \"all\": true, or with \"tables\" and one \"key\" or "
		"\"prefix\" at most, all strings, as 'stele watch' prints it",
		source->where);
}

/* Parses the declaration of a table that was created or altered. */
static enum status change_parse_schema(const struct change_source *source,
                                       const struct json_tree *row, struct change *ret)
{
	const char *declaration = json_tree_string(json_tree_get(row, "schema"));
	char name[STELE_NAME_MAX + 1];
	int result;

	if (!declaration || row->count != 1)
		return fail(STATUS_INPUT,
		            "%sexpected a \"row\" with \"schema\", as 'stele watch' prints it",
		            source->where);
	result = stele_schema_parse(declaration, name, &ret->schema);
	if (result < 0)
		return fail(fail_status(result), "%s\"schema\": %s", source->where,
		            stele_last_error());
	if (strcmp(name, ret->table) != 0)
		return fail(STATUS_INPUT,
		            "%s\"schema\" declares a table \"%s\", and \"table\" is \"%s\"",
		            source->where, name, ret->table);
	return STATUS_DONE;
}

/* Parses a line that `stele watch' or `stele diff' printed. */
static enum status change_parse_printed(const struct change_source *source,
                                        const struct json_tree *word, struct change *ret)
{
	const struct change_word *found =
		json_tree_string(word) ? change_find_word(json_tree_string(word)) : NULL;
	const struct json_tree *table = json_tree_get(ret->line, "table");
	const struct json_tree *row = json_tree_get(ret->line, "row");

	if (!found)
		return fail(STATUS_INPUT,
		            "%s\"change\": expected one of the words that 'stele watch' prints",
		            source->where);
	ret->kind = found->kind;
	ret->token = json_tree_string(json_tree_get(ret->line, "token"));
	if (ret->kind == CHANGE_START && change_check_scope(source, row) != STATUS_DONE)
		return STATUS_INPUT;
	if (change_is_row(ret) && !json_tree_is(row, JSON_OBJECT))
		return fail(STATUS_INPUT, "%sexpected a \"row\", as 'stele watch' prints it",
		            source->where);
	if (change_is_change(ret) && !json_tree_string(table))
		return fail(STATUS_INPUT, "%sexpected the name of a \"table\"", source->where);
	ret->row = row;
	ret->table = change_is_change(ret) ? json_tree_string(table) : NULL;
	if (change_check_format(source, ret->line) != STATUS_DONE)
		return STATUS_INPUT;
	return ret->kind == CHANGE_DECLARE ? change_parse_schema(source, row, ret) : STATUS_DONE;
}

/* Parses a line with "put" or "delete". */
static enum status change_parse_own(const struct change_source *source, struct change *ret)
{
	const struct json_tree *table = json_tree_get(ret->line, "table");
	const struct json_tree *put = json_tree_get(ret->line, "put");
	const struct json_tree *deleted = json_tree_get(ret->line, "delete");

	if (!json_tree_string(table) || !put == !deleted)
		return fail(STATUS_INPUT,
		            "%sexpected {\"table\": NAME, \"put\": {...}} or {\"table\": NAME, "
		            "\"delete\": {...}}",
		            source->where);
	ret->table = json_tree_string(table);
	ret->row = put ? put : deleted;
	ret->kind = deleted ? CHANGE_DELETE : CHANGE_PUT;
	return change_read_condition(source, ret->line, deleted != NULL, &ret->condition);
}

enum status change_parse(const struct change_source *source, const char *line, size_t length,
                         struct change *ret)
{
	const struct json_tree *word;

	*ret = (struct change){.line = change_parse_object(source, line, length)};
	if (!ret->line)
		return STATUS_INPUT;
	word = json_tree_get(ret->line, "change");
	return word ? change_parse_printed(source, word, ret) : change_parse_own(source, ret);
}

void change_free(struct change *change)
{
	stele_schema_free(change->schema);
	json_tree_free(change->line);
}
