/* SPDX-License-Identifier: MIT
 *
 * Implements survey.h: finds the versions to walk, and adds up the memory after all walks.
 * survey_walk.c walks a single version. */
#include "lib/region/survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/checksum.h"
#include "lib/base/popcount.h"
#include "lib/region/survey_walk.h"

/* ---- the header's mutable part ---- */

static void survey_check_header(struct walk *walk)
{
	const struct region *region = walk->region;
	const struct layout_header *header = region->header;
	uint64_t head = head_version(load_acquire(&header->head));
	uint64_t reclaimed = load_acquire(&header->reclaimed);
	uint64_t oldest = load_acquire(&header->oldest);
	uint64_t end = load_acquire(&header->arena_end);

	if (end < region->arena_offset || end % LAYOUT_PAGE != 0 || end > region->maximum_size)
		walk_damage(walk, 0, "the header's end of the arena is impossible");
	/* The size is read after `end`: a publisher makes the file grow before it moves the end. */
	else if (end + LAYOUT_GUARD > region->memory->size(region))
		walk_damage(walk, 0, "the file is shorter than its header says");
	if (load_relaxed(&header->kept_used) > region->kept_entries)
		walk_damage(walk, 0,
		            "the header counts more kept versions than its table can hold");
	/* A publisher that commits at the same time changes the words one by one: a changed head
	 * shows that. */
	fence_acquire();
	if (head_version(load_acquire(&header->head)) != head)
		return;
	if (reclaimed > oldest || oldest > head)
		walk_damage(walk, 0, "the header's versions are out of order");
	else if (head - reclaimed >= region->ring_entries)
		walk_damage(walk, 0,
		            "the header's history has more versions than the commit ring can "
		            "hold");
}

/* Checks that one of the two durable records is valid, if the region syncs each commit to the
 * disk. The publisher writes the records in turn, so one of them is valid at any time. */
static void survey_check_durable(struct walk *walk)
{
	const struct region *region = walk->region;
	unsigned consistent = 0;

	if (region->durability != LAYOUT_DURABLE_COMMIT || region->names.saved)
		return;
	for (uint64_t i = 0; i < 2; i++) {
		struct layout_durable record;
		data_copy_out(&record, region->mapping.base + LAYOUT_DURABLE_OFFSET(i),
		              sizeof(record));
		consistent += record.sequence != 0 &&
		              record.checksum == checksum_durable(&record, region->uuid);
	}
	if (consistent == 0)
		walk_damage(walk, 0, "neither of the two durable records has a valid checksum");
}

/* Checks the checksum of a saved file's contents. Only this check detects changed bytes in the
 * values of rows. */
static void survey_check_contents(struct walk *walk)
{
	walk->survey->use.checksummed = data_load(&walk->region->header->contents) != 0;
	if (!region_contents_match(walk->region))
		walk_damage(walk, 0,
		            "the contents have another checksum than when they were saved");
}

/* ---- the versions ---- */

/* Walks the newest version or a version of history. Returns as walk_end(). */
static int survey_version(struct walk *walk, uint64_t version, enum walk_kind kind)
{
	struct layout_commit commit = walk->options->newest;
	int r = 0;

	/* The newest version is pinned: it may have left the ring by now and is still readable. */
	if (version != commit.version)
		r = region_commit_live(walk->region, version, &commit);
	walk_begin(walk, version, kind);
	if (r == -ESTALE)
		return r;
	if (r == 0)
		walk_version(walk, commit.catalog, commit.record);
	else
		walk_damage(walk, 0, "the commit ring has another version at its index");
	return walk_end(walk);
}

/* Walks history from the newest version down. Ends at the first version that the publisher has
 * reclaimed in the meantime. */
static int survey_history(struct walk *walk, uint64_t head)
{
	struct stele_region_use *use = &walk->survey->use;
	uint64_t version = head;
	int r;

	use->version = head;
	if (head == 0)
		return 0;
	do {
		r = survey_version(walk, version, version == head ? WALK_HEAD : WALK_HISTORY);
		if (r < 0)
			return r == -ESTALE && version != head ? 0 : r;
		use->versions += walk->damages == 0;
		use->oldest = version;
		version--;
	} while (version > 0 && version >= load_acquire(&walk->region->header->reclaimed) &&
	         head - version < walk->region->ring_entries);
	return 0;
}

/* Counts the versions that were reclaimed during the survey: those from `first` on, the oldest of
 * history when the survey began, that the survey walked neither in history nor among the kept
 * versions. */
static void survey_count_given_up(struct walk *walk, uint64_t first)
{
	const struct survey *survey = walk->survey;
	struct stele_region_use *use = &walk->survey->use;

	if (first == 0)
		first = 1;
	if (use->version - first >= walk->region->ring_entries)
		first = use->oldest;
	if (first >= use->oldest)
		return;
	use->given_up += use->oldest - first;
	for (uint32_t i = 0; i < survey->kept_count; i++)
		if (i == 0 || survey->kept[i].version != survey->kept[i - 1].version)
			use->given_up -= survey->kept[i].version >= first;
}

static int survey_compare_kept(const void *a, const void *b)
{
	uint64_t x = ((const struct survey_kept *)a)->version,
		 y = ((const struct survey_kept *)b)->version;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Finds the kept versions below `below`, which is where the walk of history ended. The publisher
 * may add entries at the same time. */
static int survey_find_kept(struct walk *walk, uint64_t below)
{
	const struct region *region = walk->region;
	struct survey *survey = walk->survey;

	survey->kept = calloc((size_t)region->kept_entries + 1, sizeof(*survey->kept));
	if (!survey->kept)
		return walk_no_memory(walk);
	for (uint32_t i = 0; i < region->kept_entries; i++) {
		const struct layout_kept *entry = &region->kept[i];
		struct survey_kept *kept = &survey->kept[survey->kept_count];
		kept->version = load_acquire(&entry->version);
		kept->catalog = data_load_32(&entry->catalog);
		kept->record = data_load_32(&entry->record);
		if (kept->version != 0 && kept->version < below)
			survey->kept_count++;
	}
	qsort(survey->kept, survey->kept_count, sizeof(*survey->kept), survey_compare_kept);
	return 0;
}

/* Walks the kept versions, and computes how much memory each one holds. */
static int survey_kept_versions(struct walk *walk)
{
	struct survey *survey = walk->survey;
	uint64_t held = 0;
	int r = survey_find_kept(walk, survey->use.oldest);

	for (uint32_t i = 0; i < survey->kept_count && r == 0; i++) {
		const struct survey_kept *kept = &survey->kept[i];
		walk_begin(walk, kept->version, WALK_KEPT);
		walk->kept_index = i;
		if (i > 0 && kept->version == kept[-1].version)
			walk_damage(walk, 0, "the version is kept twice");
		else
			walk_version(walk, kept->catalog, kept->record);
		r = walk_end(walk);
		if (r == -ESTALE) {
			survey->use.given_up++;
			r = 0;
		} else if (r == 0 && walk->damages == 0) {
			survey->use.pinned_versions++;
		}
	}
	/* Until here, `held` contains differences (walk_count_held()): the bytes that a version
	 * holds and the next newer kept version does not, minus the bytes that only the newer
	 * version holds. The running sum of the differences is the result. */
	for (uint32_t i = 0; i < survey->kept_count; i++) {
		held += survey->kept[i].held;
		survey->kept[i].held = held;
	}
	return r;
}

/* ---- memory ---- */

/* Counts the memory that no object uses: free pages, and slack in pages that are used. */
static void survey_count_free(struct walk *walk)
{
	struct stele_region_use *use = &walk->survey->use;
	const unsigned words = LAYOUT_PAGE / LAYOUT_UNIT / 64;
	size_t pages = (size_t)(walk->view.limit - walk->view.start) / LAYOUT_PAGE;

	for (size_t page = 0; page < pages; page++) {
		unsigned used = 0;
		for (size_t i = page * words; i < (page + 1) * words; i++)
			used += popcount(walk->covered[i]);
		if (used == 0)
			use->free_bytes += LAYOUT_PAGE;
		else
			use->slack_bytes += LAYOUT_PAGE - used * LAYOUT_UNIT;
	}
	use->arena_bytes = walk->view.limit - walk->view.start;
}

int survey_region(struct region *region, const struct survey_options *options, struct survey *ret)
{
	struct survey survey = {0};
	struct walk walk = {.region = region, .options = options, .survey = &survey};
	uint64_t head = options->newest.version, first;
	int r;

	if (head == 0)
		head = head_version(load_acquire(&region->header->head));
	first = load_acquire(&region->header->reclaimed);
	region_view(region, &walk.view);
	r = walk_open(&walk);
	if (r < 0)
		return r;
	walk_begin(&walk, 0, WALK_HEAD);
	survey_check_header(&walk);
	survey_check_durable(&walk);
	survey_check_contents(&walk);
	r = walk_end(&walk);
	if (r == 0)
		r = survey_history(&walk, head);
	if (r == 0)
		r = survey_kept_versions(&walk);
	if (r == 0) {
		survey_count_given_up(&walk, first);
		survey_count_free(&walk);
	}
	walk_close(&walk);
	if (r < 0)
		survey_free(&survey);
	else
		*ret = survey;
	return r;
}

void survey_free(struct survey *survey)
{
	free(survey->kept);
	survey->kept = NULL;
}
