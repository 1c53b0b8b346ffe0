/* SPDX-License-Identifier: MIT
 *
 * The rows that differ between two readings of a table, in the order of keys. There are two ways to
 * find the next pair of rows:
 *
 *   by reference   within one mapping: both tries are walked side by side, and shared nodes are
 *                  skipped (lib/trie/diff.c). The cost depends on the number of differences
 *   by key         between two mappings, whose references cannot be compared, and between rows of
 *                  two sizes, of which an alter has rewritten all: all rows of both sides are
 *                  scanned in order and merged by their keys
 *
 * Both ways may find two different objects with equal values. These pairs are no changes, and are
 * skipped.
 *
 * If an alter, or its rollback, lies between the two sides, rows before are compared and returned
 * with the columns of the side after: a caller that applies `after` to a copy of its own needs
 * those columns and no others.
 */
#include "lib/reading/changes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/reading/key_start.h"
#include "lib/trie/diff.h"
#include "lib/trie/scan.h"

/* One row of a pair. `ref` is 0 if that side has no row. */
struct found {
	ref_t ref;
	struct row_parts parts;
};

/* The state of a merge by key. Arrays of two hold both sides: 0 is before, 1 is after. */
struct merge {
	struct scan scans[2];
	/* The next row of each side, if it has been scanned already. */
	struct found next[2];
	bool ended[2];
};

/* What makes a row before have the columns of the side after. */
enum conversion {
	CONVERT_NOTHING,
	CONVERT_EXTEND, /* adds the defaults of the columns that were appended */
	CONVERT_CUT,    /* leaves out the columns that were taken back */
};

/* Arrays of two hold both sides: 0 is before, 1 is after. */
struct stele_changes {
	struct reading readings[2];
	/* The table exists on this side. */
	bool present[2];
	uint64_t versions[2];
	uint8_t region[16]; /* UUID of the region of versions[1] */
	enum conversion conversion;
	struct extension extension; /* unless CONVERT_NOTHING */
	/* With CONVERT_EXTEND, on the heap: the value before that was returned last. */
	unsigned char *extended;
	void (*release)(const void *context);
	struct key_start under;
	/* Finds the next pair of rows. Returns 1, 0 after the last pair, or -EBADMSG. The result
	 * must be re-checked. */
	int (*step)(struct stele_changes *changes, struct found pair[2]);
	/* By reference: a view that contains all objects of both sides. */
	struct view view;
	union {
		struct diff diff;   /* by reference */
		struct merge merge; /* by key */
	};
};

/* Locates the row at `ref`, which may be 0. Returns 0 or -EBADMSG. */
static int changes_load_row(const struct view *view, const struct row_layout *layout, ref_t ref,
                            struct found *ret)
{
	ret->ref = ref;
	return ref ? row_parse_ref(view, layout, ref, &ret->parts) : 0;
}

/* ---- by reference ---- */

static int changes_step_by_reference(struct stele_changes *changes, struct found pair[2])
{
	const struct row_layout *layout = changes->diff.layout;
	ref_t before, after;
	int r = diff_next(&changes->diff, &before, &after);

	if (r == 1 && (changes_load_row(&changes->view, layout, before, &pair[0]) < 0 ||
	               changes_load_row(&changes->view, layout, after, &pair[1]) < 0))
		r = -EBADMSG;
	return r;
}

static int changes_start_by_reference(struct stele_changes *changes)
{
	const struct reading *before = &changes->readings[0], *after = &changes->readings[1];
	const struct reading *any = changes->present[1] ? after : before;

	/* The longer view contains the objects of both sides. */
	changes->view = any->view;
	if (changes->present[0] && before->view.limit > changes->view.limit)
		changes->view = before->view;
	return diff_start_under(&changes->diff, &changes->view, &any->layout,
	                        changes->present[0] ? before->root : 0,
	                        changes->present[1] ? after->root : 0, changes->under.bytes,
	                        changes->under.bits);
}

/* ---- by key ---- */

/* Scans the next row of a side, unless it has been scanned already. Returns 0 or -EBADMSG. */
static int changes_fill_merge(struct stele_changes *changes, int side)
{
	const struct reading *reading = &changes->readings[side];
	struct merge *merge = &changes->merge;
	int r;

	if (merge->ended[side] || merge->next[side].ref)
		return 0;
	r = scan_next(&merge->scans[side], &merge->next[side].parts);
	if (r == 1)
		merge->next[side].ref =
			row_ref(&reading->view, &reading->layout, &merge->next[side].parts);
	if (r == 1 && key_start_has(&changes->under, &merge->next[side].parts))
		return 0;
	if (r < 0)
		return r;
	merge->next[side].ref = 0;
	merge->ended[side] = true;
	return 0;
}

static int changes_step_by_key(struct stele_changes *changes, struct found pair[2])
{
	struct merge *merge = &changes->merge;
	int order = 0;

	if (changes_fill_merge(changes, 0) < 0 || changes_fill_merge(changes, 1) < 0)
		return -EBADMSG;
	if (merge->ended[0] && merge->ended[1])
		return 0;
	if (merge->ended[0] || merge->ended[1])
		order = merge->ended[0] ? 1 : -1;
	else
		order = row_compare(&merge->next[0].parts, &merge->next[1].parts);
	pair[0].ref = pair[1].ref = 0;
	if (order <= 0) {
		pair[0] = merge->next[0];
		merge->next[0].ref = 0;
	}
	if (order >= 0) {
		pair[1] = merge->next[1];
		merge->next[1].ref = 0;
	}
	return 1;
}

static int changes_start_by_key(struct stele_changes *changes)
{
	const struct key_start *under = &changes->under;
	struct merge *merge = &changes->merge;
	int r = 0;

	for (int side = 0; side < 2 && r == 0; side++) {
		const struct reading *reading = &changes->readings[side];
		merge->next[side].ref = 0;
		merge->ended[side] = false;
		if (under->bits == 0)
			scan_start(&merge->scans[side], &reading->view, &reading->layout,
			           reading->root);
		else
			r = scan_seek(&merge->scans[side], &reading->view, &reading->layout,
			              reading->root, under->bytes, under->bits);
	}
	return r;
}

/* ---- common to both ways ---- */

/* Starts from the first key under the limit. Returns 0 or -EBADMSG. */
static int changes_start(struct stele_changes *changes)
{
	if (changes->step == changes_step_by_key)
		return changes_start_by_key(changes);
	return changes->present[0] || changes->present[1] ? changes_start_by_reference(changes) : 0;
}

int changes_open(const struct reading *before, const struct reading *after,
                 const uint64_t versions[2], const uint8_t region[16], struct stele_changes **ret)
{
	struct stele_changes *changes = malloc(sizeof(*changes));

	if (!changes)
		return error_set(ENOMEM, "no memory for changes");
	changes->present[0] = before != NULL;
	changes->present[1] = after != NULL;
	if (before)
		changes->readings[0] = *before;
	if (after)
		changes->readings[1] = *after;
	changes->versions[0] = versions[0];
	changes->versions[1] = versions[1];
	memcpy(changes->region, region, sizeof(changes->region));
	changes->conversion = CONVERT_NOTHING;
	changes->extension.rest = NULL;
	changes->extended = NULL;
	changes->release = NULL;
	changes->under.bits = 0;
	changes->step = changes_step_by_reference;
	if (before && after &&
	    (before->view.base != after->view.base ||
	     !row_layout_equal(&before->layout, &after->layout)))
		changes->step = changes_step_by_key;
	/* Without a limit, starting has nothing to search for, so it cannot fail. */
	changes_start(changes);
	*ret = changes;
	return 0;
}

int changes_open_extended(const struct reading *before, const struct reading *after,
                          struct extension *extension, const uint64_t versions[2],
                          const uint8_t region[16], struct stele_changes **ret)
{
	bool extend = extension->narrow == 0;
	unsigned char *extended = NULL;
	int r;

	if (!before || !after || !extension->appends)
		return changes_open(before, after, versions, region, ret);
	/* A NUL follows the value, as in a stored row whose last column is text. */
	if (extend)
		extended = calloc(1, extension->wide_size + 1);
	if (extend && !extended)
		return error_set(ENOMEM, "no memory for changes");
	r = changes_open(before, after, versions, region, ret);
	if (r < 0) {
		free(extended);
		return r;
	}
	(*ret)->conversion = extend ? CONVERT_EXTEND : CONVERT_CUT;
	(*ret)->extension = *extension;
	(*ret)->extended = extended;
	extension->rest = NULL;
	return 0;
}

void changes_own(struct stele_changes *changes, void (*release)(const void *context))
{
	changes->release = release;
}

struct stele_changes *stele_changes_close(struct stele_changes *changes)
{
	if (!changes)
		return NULL;
	for (int side = 0; side < 2; side++)
		if (changes->release && changes->present[side])
			changes->release(changes->readings[side].context);
	extension_fini(&changes->extension);
	free(changes->extended);
	free(changes);
	return NULL;
}

void stele_changes_versions(const struct stele_changes *changes, uint64_t *ret_from,
                            uint64_t *ret_to)
{
	if (ret_from)
		*ret_from = changes->versions[0];
	if (ret_to)
		*ret_to = changes->versions[1];
}

void stele_changes_position(const struct stele_changes *changes, struct stele_position *ret)
{
	*ret = (struct stele_position){.version = changes->versions[1]};
	memcpy(ret->region, changes->region, sizeof(ret->region));
}

static int changes_check_readings(const struct stele_changes *changes)
{
	int r = 0;

	for (int side = 0; side < 2 && r == 0; side++)
		if (changes->present[side])
			r = changes->readings[side].owner->check(&changes->readings[side]);
	return r;
}

/* Validates a step that returned `r`, by re-checking both versions. If either version was lost, the
 * step may have skipped equal references to reused memory, whose contents differ. */
static int changes_recheck(const struct stele_changes *changes, int r)
{
	const struct reading *before = &changes->readings[0], *after = &changes->readings[1];
	int rechecked = 0;

	if (!changes->present[1])
		return changes->present[0] ? reading_recheck(before, r) : r;
	if (changes->present[0])
		rechecked = reading_recheck(before, 0);
	return rechecked < 0 ? rechecked : reading_recheck(after, r);
}

int stele_changes_check(const struct stele_changes *changes)
{
	int r = changes_check_readings(changes);

	return r < 0 ? r : changes_recheck(changes, 0);
}

int stele_changes_under(struct stele_changes *changes, const void *key, unsigned key_bits)
{
	int r = changes_check_readings(changes);

	if (r == 0)
		r = key_start_set(&changes->under, key, key_bits);
	return r < 0 ? r : changes_recheck(changes, changes_start(changes));
}

static bool changes_same_bytes(const unsigned char *a, const unsigned char *b, uint32_t size)
{
	uint32_t i = 0;

	for (; i + 8 <= size; i += 8)
		if (data_load_bytes(a + i) != data_load_bytes(b + i))
			return false;
	for (; i < size; i++)
		if (data_load_byte(a + i) != data_load_byte(b + i))
			return false;
	return true;
}

/* Returns true if both rows of a pair have the same value, in the columns of the side after. */
static bool changes_same_row(const struct stele_changes *changes, const struct found pair[2])
{
	const struct row_parts *before = &pair[0].parts, *after = &pair[1].parts;
	uint32_t size;

	if (changes->conversion == CONVERT_EXTEND)
		return extension_equal(&changes->extension, before->value, after->value,
		                       after->value_size);
	size = changes->conversion == CONVERT_CUT ? (uint32_t)changes->extension.narrow_size
	                                          : before->value_size;
	return after->value_size == size && changes_same_bytes(before->value, after->value, size);
}

/* Fills in the row before, with the columns of the side after. */
static void changes_fill_before(struct stele_changes *changes, const struct row_parts *before,
                                struct stele_row *ret)
{
	row_fill(before, ret);
	if (changes->conversion == CONVERT_CUT)
		ret->value_size = changes->extension.narrow_size;
	if (changes->conversion != CONVERT_EXTEND)
		return;
	extension_extend(&changes->extension, before->value, changes->extended);
	ret->value = changes->extended;
	ret->value_size = changes->extension.wide_size;
}

/* Finds the next pair of rows whose values differ. Returns 1 and fills `*ret`, 0 after the last
 * pair, or -EBADMSG. The result must be re-checked. */
static int changes_find_next(struct stele_changes *changes, struct stele_change *ret)
{
	struct found pair[2];
	int r;

	if (!changes->present[0] && !changes->present[1])
		return 0;
	do
		r = changes->step(changes, pair);
	while (r == 1 && pair[0].ref && pair[1].ref && changes_same_row(changes, pair));
	if (r != 1)
		return r;
	*ret = (struct stele_change){.kind = !pair[0].ref   ? STELE_ADDED
	                                     : !pair[1].ref ? STELE_REMOVED
	                                                    : STELE_CHANGED};
	if (pair[0].ref)
		changes_fill_before(changes, &pair[0].parts, &ret->before);
	if (pair[1].ref)
		row_fill(&pair[1].parts, &ret->after);
	return 1;
}

int stele_changes_next(struct stele_changes *changes, struct stele_change *ret)
{
	struct stele_change change;
	int r = changes_check_readings(changes);

	if (r < 0)
		return r;
	r = changes_recheck(changes, changes_find_next(changes, &change));
	if (r == 1)
		*ret = change;
	return r;
}
