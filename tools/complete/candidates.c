/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/complete/candidates.h"
#include "tools/region/reader.h"
#include "tools/region/tags.h"

/* More are not read, respectively printed: nobody would look through them. */
enum { ROWS_READ_MAX = 100000, KEYS_MAX = 200, VERSIONS_MAX = 50 };

/* Returns true if the text has no bytes that a terminal would obey, or that end a line. */
static bool candidates_is_plain(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			return false;
	return true;
}

void candidates_offer(const struct wanted *wanted, const char *text, const char *description)
{
	char escaped[256];

	if (strncmp(text, wanted->word, strlen(wanted->word)) != 0 || !candidates_is_plain(text))
		return;
	printf("%.*s%s", (int)wanted->lead_length, wanted->lead, text);
	if (description && *description) {
		stele_text_escape(description, strlen(description), escaped, sizeof(escaped));
		printf("\t%s", escaped);
	}
	putchar('\n');
}

/* Offers a name that stands between two other texts. */
static void candidates_offer_between(const struct wanted *wanted, const char *before,
                                     const char *name, const char *after)
{
	struct text text = {0};

	text_append_string(&text, before);
	text_append_string(&text, name);
	text_append(&text, after, strlen(after) + 1);
	candidates_offer(wanted, text.bytes, NULL);
	text_free(&text);
}

/* ---- regions and tables ---- */

/* A list of names, each printed between two texts. */
struct candidates_listing {
	const struct wanted *wanted;
	const char *before, *after;
	bool alone; /* also without the text after it */
};

static int candidates_add_region(const char *name, void *context)
{
	const struct candidates_listing *listing = context;

	candidates_offer_between(listing->wanted, listing->before, name, listing->after);
	if (listing->alone && *listing->after)
		candidates_offer_between(listing->wanted, listing->before, name, "");
	return 0;
}

static int candidates_add_table(void *context, const char *name, const struct stele_table *table)
{
	const struct candidates_listing *listing = context;

	(void)table;
	candidates_offer_between(listing->wanted, listing->before, name, listing->after);
	return 0;
}

static void candidates_each_table(const struct place *place, const char *region,
                                  struct candidates_listing *listing)
{
	struct stele_subscriber *subscriber;

	if (!*region || reader_subscribe(place, region, READER_ONCE, &subscriber) < 0)
		return;
	reader_each_table(subscriber, candidates_add_table, listing, NULL);
	stele_subscriber_close(subscriber);
}

/* The word is a path. */
static void candidates_under(const struct wanted *wanted, bool region, bool table)
{
	const char *slash = strrchr(wanted->word, '/'), *name;
	struct candidates_listing listing = {wanted, NULL, table ? "/" : "", region};
	char before[sizeof(wanted->target.region)], path[sizeof(before)];
	struct place place = {.owner = wanted->place.owner};
	struct stat status;

	if (!slash || (size_t)(slash - wanted->word) + 2 > sizeof(before))
		return;
	snprintf(before, sizeof(before), "%.*s", (int)(slash + 1 - wanted->word), wanted->word);
	snprintf(path, sizeof(path), "%.*s", (int)(slash - wanted->word), wanted->word);
	listing.before = before;
	if (stat(*path ? path : "/", &status) == 0 && S_ISDIR(status.st_mode)) {
		stele_region_each(*path ? path : "/", candidates_add_region, &listing);
		return;
	}
	if (!table)
		return;
	listing.after = "";
	name = path;
	if (stat(path, &status) < 0) {
		name = strrchr(path, '/');
		if (!name)
			return;
		path[name - path] = '\0';
		place.directory = name == path ? "/" : path;
		name++;
	}
	candidates_each_table(&place, name, &listing);
}

void candidates_regions(const struct wanted *wanted, bool region, bool table)
{
	const char *slash = strchr(wanted->word, '/');
	struct candidates_listing listing = {wanted, "", table ? "/" : "", region};
	char before[STELE_NAME_MAX + 2], name[STELE_NAME_MAX + 1];
	size_t length = slash ? (size_t)(slash - wanted->word) : 0;

	if (place_is_path(wanted->word)) {
		candidates_under(wanted, region, table);
		return;
	}
	if (!slash) {
		stele_region_each(wanted->place.directory, candidates_add_region, &listing);
		return;
	}
	if (!table || length > STELE_NAME_MAX)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)length, wanted->word);
	snprintf(before, sizeof(before), "%s/", name);
	listing.before = before;
	listing.after = "";
	candidates_each_table(&wanted->place, name, &listing);
}

void candidates_tables(const struct wanted *wanted, const char *end)
{
	struct candidates_listing listing = {wanted, "", end, false};

	candidates_each_table(&wanted->place, wanted->target.region, &listing);
}

/* ---- in a table ---- */

/* Opens the table of other words. Returns false if there is none. */
static bool candidates_open_table(const struct wanted *wanted, struct reader *reader)
{
	const struct target *target = &wanted->target;

	if (!*target->table ||
	    reader_open(reader, &wanted->place, target->region, READER_ONCE) != STATUS_DONE)
		return false;
	if (reader_open_table(reader, target->table, NULL) == STATUS_DONE)
		return true;
	reader_close(reader);
	return false;
}

void candidates_columns(const struct wanted *wanted, bool values, const char *end)
{
	struct reader reader;

	if (!candidates_open_table(wanted, &reader))
		return;
	for (size_t i = 0; i < reader.schema->column_count; i++) {
		const struct stele_column *column = &reader.schema->columns[i];

		if (!values || !column->key)
			candidates_offer_between(wanted, "", column->name, end);
	}
	reader_close(&reader);
}

void candidates_keys(const struct wanted *wanted)
{
	struct stele_cursor *cursor;
	struct reader reader;
	struct stele_row row;
	char key[4096];
	int offered = 0;

	if (!candidates_open_table(wanted, &reader))
		return;
	if (stele_cursor_open(&reader.table, &cursor) < 0) {
		reader_close(&reader);
		return;
	}
	for (int i = 0; i < ROWS_READ_MAX && offered < KEYS_MAX; i++) {
		int64_t length;

		if (stele_cursor_next(cursor, &row) != 1)
			break;
		length = stele_key_format(reader.schema, row.key, row.key_bits, key, sizeof(key));
		if (stele_snapshot_check(reader.snapshot) < 0)
			break;
		if (length < 0 || (size_t)length >= sizeof(key) ||
		    strncmp(key, wanted->word, strlen(wanted->word)) != 0)
			continue;
		candidates_offer(wanted, key, NULL);
		offered++;
	}
	stele_cursor_close(cursor);
	reader_close(&reader);
}

/* ---- versions ---- */

void candidates_tags(const struct wanted *wanted)
{
	struct tags tags = {0};

	if (*wanted->target.region &&
	    tags_open(&tags, &wanted->place, wanted->target.region) == STATUS_DONE)
		for (size_t i = 0; i < tags.count; i++)
			candidates_offer(wanted, tags.list[i].name, tags.list[i].token);
	tags_close(&tags);
}

/* Offers a version, which its commit describes. Returns false if history has dropped it. */
static bool candidates_add_version(const struct wanted *wanted, struct stele_subscriber *subscriber,
                                   uint64_t version, bool token)
{
	char time[DESCRIBED_MAX], text[DESCRIBED_MAX], description[sizeof(time) + 256];
	struct stele_commit commit = {.time = 0};
	struct stele_snapshot *snapshot;
	uint8_t uuid[16];
	int result;

	if (stele_snapshot_open(subscriber, version, &snapshot) < 0)
		return false;
	result = stele_snapshot_commit(snapshot, &commit);
	stele_snapshot_close(snapshot);
	if (result < 0)
		return false;
	stele_subscriber_region_uuid(subscriber, uuid);
	if (token)
		describe_token_short(version, uuid, text);
	else
		snprintf(text, sizeof(text), "%llu", (unsigned long long)version);
	snprintf(description, sizeof(description), "%s %s", describe_time(commit.time, time),
	         commit.message);
	candidates_offer(wanted, text, description);
	return true;
}

void candidates_versions(const struct wanted *wanted, bool tokens)
{
	struct stele_subscriber *subscriber;
	uint64_t oldest, version;

	if (!*wanted->target.region ||
	    reader_subscribe(&wanted->place, wanted->target.region, READER_ONCE, &subscriber) < 0)
		return;
	if (stele_subscriber_history(subscriber, &oldest, &version) == 0)
		for (int i = 0; i < VERSIONS_MAX && version >= oldest && version > 0; i++)
			if (!candidates_add_version(wanted, subscriber, version--, tokens))
				break;
	stele_subscriber_close(subscriber);
}
