/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/heap.h"
#include "tools/region/mirror.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/top/top_sample.h"
#include "tools/top/top_series.h"
#include "tools/top/top_subscribers.h"

/* Maximum number of commits that one sample reads, so that its cost is bounded however fast the
 * publisher is. */
#define RECORDS_MAX 64u

void sample_free(struct top_region *region)
{
	char name[sizeof(region->name)];

	memcpy(name, region->name, sizeof(name));
	free(region->tables);
	free(region->subscribers);
	*region = (struct top_region){0};
	memcpy(region->name, name, sizeof(name));
}

/* ---- tables ---- */

/* The tables of a sample, while they are read. */
struct tables {
	struct top_table *table;
	size_t count;
	uint64_t rows;
};

static int sample_add_table(void *context, const char *name, const struct stele_table *table)
{
	struct tables *tables = context;
	struct top_table *added;

	tables->table = heap_realloc(tables->table, (tables->count + 1) * sizeof(*tables->table));
	added = &tables->table[tables->count++];
	*added = (struct top_table){.rows = stele_table_rows(table),
	                            .version = stele_table_version(table)};
	snprintf(added->name, sizeof(added->name), "%s", name);
	tables->rows += added->rows;
	return 0;
}

static int sample_read_tables(struct stele_subscriber *subscriber, struct tables *tables)
{
	int result = -ESTALE;

	for (int i = 0; i < READ_TRIES && result == -ESTALE; i++) {
		tables->count = 0;
		tables->rows = 0;
		result = reader_each_table(subscriber, sample_add_table, tables, NULL);
	}
	return result;
}

/* Replaces the tables by those just read, and moves the series of the old ones to them. Both lists
 * are in the order of names. */
static void sample_take_tables(struct top_region *region, const struct tables *tables)
{
	size_t old = 0;

	for (size_t i = 0; i < tables->count; i++) {
		struct top_table *table = &tables->table[i];

		while (old < region->table_count &&
		       strcmp(region->tables[old].name, table->name) < 0)
			old++;
		if (old < region->table_count && strcmp(region->tables[old].name, table->name) == 0)
			table->changes = region->tables[old].changes;
	}
	free(region->tables);
	region->tables = tables->table;
	region->table_count = tables->count;
	region->rows = tables->rows;
}

/* ---- rates ---- */

static int sample_compare_names(const void *name, const void *table)
{
	return strcmp(name, ((const struct top_table *)table)->name);
}

/* Adds the rows that a commit changed to the counters of its tables. Returns their sum, or a
 * negative errno. */
static int64_t sample_count_commit(struct top_region *region, struct stele_subscriber *subscriber,
                                   uint64_t version)
{
	struct stele_commit_table changed;
	struct stele_snapshot *snapshot;
	int64_t rows = 0;
	int result;

	result = stele_snapshot_open(subscriber, version, &snapshot);
	if (result < 0)
		return result;
	for (unsigned i = 0; (result = stele_snapshot_commit_table(snapshot, i, &changed)) == 1;
	     i++) {
		uint64_t sum = changed.added + changed.changed + changed.removed;
		struct top_table *table = bsearch(changed.name, region->tables, region->table_count,
		                                  sizeof(*region->tables), sample_compare_names);

		if (table)
			table->counted += sum;
		rows += (int64_t)sum;
	}
	stele_snapshot_close(snapshot);
	return result < 0 ? result : rows;
}

/* Computes the rates of the versions after `since`. Reads the newest of them, as many as history
 * holds but at most RECORDS_MAX, and extrapolates from them to the others. */
static void sample_rate(struct top_region *region, struct stele_subscriber *subscriber,
                        uint64_t since, double seconds)
{
	uint64_t made = region->info.version - since, rows = 0, read = 0;
	double scale;

	while (read < made && read < RECORDS_MAX) {
		int64_t counted =
			sample_count_commit(region, subscriber, region->info.version - read);

		if (counted < 0)
			break;
		rows += (uint64_t)counted;
		read++;
	}
	scale = read ? (double)made / (double)read / seconds : 0;
	region->commits = (double)made / seconds;
	region->changed = (double)rows * scale;
	region->estimated = read < made;
	for (size_t i = 0; i < region->table_count; i++) {
		struct top_table *table = &region->tables[i];

		table->changed = (double)table->counted * scale;
		series_add(&table->changes, table->changed);
	}
	series_add(&region->commit_series, region->commits);
	series_add(&region->changed_series, region->changed);
	region->has_rates = true;
}

/* ---- subscribers ---- */

/* Replaces the subscribers by those read now, and moves the series of the old ones to them. A
 * subscriber is identified by its slot and its UUID. Both lists are in the order of slots. */
static void sample_take_subscribers(struct top_region *region)
{
	struct top_subscriber *subscribers;
	size_t count, old = 0;

	region->subscribers_unknown = subscribers_read(region, &subscribers, &count) < 0;
	if (region->subscribers_unknown) {
		subscribers = NULL;
		count = 0;
	}
	for (size_t i = 0; i < count; i++) {
		struct top_subscriber *subscriber = &subscribers[i];

		while (old < region->subscriber_count &&
		       region->subscribers[old].slot < subscriber->slot)
			old++;
		if (old < region->subscriber_count &&
		    region->subscribers[old].slot == subscriber->slot &&
		    memcmp(region->subscribers[old].uuid, subscriber->uuid, 16) == 0)
			subscriber->lags = region->subscribers[old].lags;
		series_add(&subscriber->lags, (double)subscriber->lag);
	}
	free(region->subscribers);
	region->subscribers = subscribers;
	region->subscriber_count = count;
}

/* ---- a sample ---- */

/* Reads the tables, and computes the rates since the last sample. */
static int sample_read(const struct place *place, struct top_region *region,
                       const struct stele_region_info *before, int64_t sampled_before)
{
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .flags = STELE_UNREGISTERED | STELE_ANY_OWNER};
	struct stele_subscriber *subscriber;
	struct tables tables = {0};
	int result;

	result = stele_subscriber_open(place_path(place, region->name), &options, &subscriber);
	if (result < 0)
		return result;
	result = sample_read_tables(subscriber, &tables);
	if (result < 0) {
		free(tables.table);
	} else {
		sample_take_tables(region, &tables);
		region->mirrors = mirror_read(subscriber, &region->mirror);
		region->mirror_runs =
			region->mirrors && mirror_runs(&region->mirror, &region->info, 0);
		if (sampled_before && region->info.version >= before->version)
			sample_rate(region, subscriber, before->version,
			            (double)(region->sampled - sampled_before) /
			                    (double)NSEC_PER_SEC);
	}
	stele_subscriber_close(subscriber);
	return result;
}

static int sample_refresh(const struct place *place, struct top_region *region)
{
	struct stele_region_info before = region->info, info = {.size = sizeof(info)};
	int64_t sampled_before = region->sampled;
	int result = stele_region_describe(place_path(place, region->name), &info);

	if (result < 0)
		return result;
	if (sampled_before && memcmp(info.uuid, before.uuid, sizeof(info.uuid)) != 0) {
		sample_free(region);
		region->replaced = clock_wall();
		sampled_before = 0;
	}
	region->info = info;
	region->sampled = clock_now();
	result = sample_read(place, region, &before, sampled_before);
	if (result < 0)
		return result;
	sample_take_subscribers(region);
	series_add(&region->memory_series, (double)info.file_size);
	return 0;
}

void sample_region(const struct place *place, struct top_region *region)
{
	region->error = sample_refresh(place, region);
	if (region->error == 0) {
		region->error_since = 0;
		return;
	}
	snprintf(region->message, sizeof(region->message), "%s", stele_last_error());
	if (!region->error_since)
		region->error_since = clock_wall();
}
