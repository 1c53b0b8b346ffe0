/* SPDX-License-Identifier: MIT
 *
 * Implements survey_walk.h. The walk trusts nothing that it reads: it validates every object, and
 * ends because it enters each unit of the arena at most once. */
#include "lib/region/survey_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/trie/catalog.h"
#include "lib/trie/node_check.h"
#include "lib/trie/record.h"

/* In `known`: the object is damaged, and the fault was recorded. */
#define BAD UINT32_MAX

/* Number of objects between two calls of options->progress(). */
#define PROGRESS 16384u

static size_t walk_units(const struct walk *walk)
{
	return (size_t)(walk->view.limit - walk->view.start) / LAYOUT_UNIT;
}

int walk_open(struct walk *walk)
{
	size_t units = walk_units(walk);

	walk->known = calloc(units + 1, sizeof(*walk->known));
	walk->covered = calloc(units / 64 + 1, sizeof(*walk->covered));
	walk->value = malloc(STELE_VALUE_MAX + STELE_KEY_MAX);
	if (walk->known && walk->covered && walk->value)
		return 0;
	walk_close(walk);
	return error_set(ENOMEM, "no memory to examine region \"%s\": it takes %llu bytes",
	                 walk->region->names.region, (unsigned long long)units * 4);
}

void walk_close(struct walk *walk)
{
	free(walk->known);
	free(walk->covered);
	free(walk->value);
	free(walk->met);
}

int walk_no_memory(const struct walk *walk)
{
	return error_set(ENOMEM, "no memory to examine region \"%s\"", walk->region->names.region);
}

void walk_damage(struct walk *walk, uint64_t offset, const char *what)
{
	if (walk->damages < WALK_DAMAGES) {
		walk->damage[walk->damages].offset = offset;
		walk->damage[walk->damages].what = what;
		memcpy(walk->damage[walk->damages].table, walk->table, sizeof(walk->table));
	}
	walk->damages++;
}

void walk_begin(struct walk *walk, uint64_t version, enum walk_kind kind)
{
	walk->version = version;
	walk->kind = kind;
	walk->before = walk->survey->use;
	walk->met_count = 0;
	walk->damages = 0;
	walk->table[0] = '\0';
	walk->schema = NULL;
}

/* ---- objects ---- */

/* Returns the entry in `known` of an object. */
static uint32_t *walk_known(const struct walk *walk, ref_t ref)
{
	return &walk->known[ref - walk->view.start / LAYOUT_UNIT];
}

/* Sets or clears the bits in `covered` of an object. */
static void walk_cover(struct walk *walk, ref_t ref, uint32_t units, bool set)
{
	size_t from = (size_t)(ref - walk->view.start / LAYOUT_UNIT);

	for (size_t i = from; i < from + units; i++)
		if (set)
			walk->covered[i / 64] |= UINT64_C(1) << i % 64;
		else
			walk->covered[i / 64] &= ~(UINT64_C(1) << i % 64);
}

static bool walk_is_covered(const struct walk *walk, ref_t ref, uint32_t units)
{
	size_t from = (size_t)(ref - walk->view.start / LAYOUT_UNIT);

	for (size_t i = from; i < from + units; i++)
		if (walk->covered[i / 64] >> i % 64 & 1)
			return true;
	return false;
}

/* Returns the index of the first kept version that does not reach an object created by version
 * `made`. The kept versions from the one that is being walked down to that index hold the
 * object. */
static uint32_t walk_held_until(const struct walk *walk, uint64_t made)
{
	const struct survey *survey = walk->survey;
	uint32_t low = walk->kept_index, high = survey->kept_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (survey->kept[middle].version >= made)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Adds an object's bytes to the kept versions that hold it, or subtracts them. Changes only the
 * entries of the first of these versions and of the first version after them.
 * survey_kept_versions() later turns the entries into sums. */
static void walk_count_held(struct walk *walk, const struct walk_met *met, bool more)
{
	struct survey_kept *kept = walk->survey->kept;
	uint64_t bytes = (uint64_t)met->units * LAYOUT_UNIT;

	kept[walk->kept_index].held += more ? bytes : -bytes;
	if (met->kept_end < walk->survey->kept_count)
		kept[met->kept_end].held -= more ? bytes : -bytes;
}

/* Counts an object that the survey meets for the first time. `bytes` is the counter to use if the
 * object belongs to the newest version. Returns false if the object is damaged or there is no
 * memory. */
static bool walk_meet(struct walk *walk, ref_t ref, uint64_t made, size_t size, uint64_t *bytes)
{
	struct stele_region_use *use = &walk->survey->use;
	struct walk_met met = {ref, (uint32_t)(size / LAYOUT_UNIT), 0};

	if (walk_is_covered(walk, ref, met.units)) {
		walk_damage(walk, (uint64_t)ref * LAYOUT_UNIT,
		            "the object overlaps another object");
		return false;
	}
	if (walk->met_count == walk->met_capacity) {
		size_t capacity = walk->met_capacity ? walk->met_capacity * 2 : 1024;
		struct walk_met *more = realloc(walk->met, capacity * sizeof(*more));
		if (!more) {
			walk->no_memory = true;
			return false;
		}
		walk->met = more;
		walk->met_capacity = capacity;
	}
	walk_cover(walk, ref, met.units, true);
	if (walk->kind == WALK_KEPT) {
		met.kept_end = walk_held_until(walk, made);
		walk_count_held(walk, &met, true);
	}
	walk->met[walk->met_count++] = met;
	*(walk->kind == WALK_HEAD      ? bytes
	  : walk->kind == WALK_HISTORY ? &use->history_bytes
	                               : &use->pinned_bytes) += size;
	use->objects++;
	if (use->objects % PROGRESS == 0 && walk->options->progress)
		walk->options->progress(use->objects, walk->options->context);
	return true;
}

/* Discards all that is known from the walk of a stale version. */
static void walk_forget(struct walk *walk)
{
	for (size_t i = 0; i < walk->met_count; i++) {
		const struct walk_met *met = &walk->met[i];
		*walk_known(walk, met->ref) = 0;
		walk_cover(walk, met->ref, met->units, false);
		if (walk->kind == WALK_KEPT)
			walk_count_held(walk, met, false);
	}
	walk->survey->use = walk->before;
}

int walk_end(struct walk *walk)
{
	uint32_t hint = UINT32_MAX;
	int r = walk->version ? region_recheck(walk->region, walk->version, &hint) : 0;

	if (walk->no_memory)
		return walk_no_memory(walk);
	if (r == -EBADMSG)
		return region_error(walk->region, r, walk->version);
	if (r == -ESTALE) {
		walk_forget(walk);
		return r;
	}
	for (uint64_t i = 0; i < walk->damages && i < WALK_DAMAGES; i++) {
		struct stele_damage damage = {
			.version = walk->version,
			.table = walk->damage[i].table,
			.offset = walk->damage[i].offset,
			.what = walk->damage[i].what,
		};
		if (walk->options->found)
			walk->options->found(&damage, walk->options->context);
	}
	walk->survey->use.damages += walk->damages;
	return 0;
}

/* ---- tries ---- */

/* A node on the current path, whose references are being followed. */
struct walk_level {
	struct node node;
	ref_t ref;
	unsigned place; /* of the next reference (node_next_place()) */
	unsigned depth; /* bytes of the key up to the node's branching byte */
	uint64_t made;  /* version that created the node */
	uint32_t rows;  /* found below the node so far */
	bool bad;       /* an object below is damaged */
};

struct walk_path {
	const struct row_layout *layout;
	void (*visit)(struct walk *walk, ref_t row, uint64_t made); /* for each new row, or NULL */
	unsigned top;                                               /* number of levels */
	struct walk_level levels[STELE_KEY_MAX + 2];
	/* The key up to and including the branching byte of the last level. */
	unsigned char key[STELE_KEY_MAX + 1];
};

/* A reference to follow. All keys below it start with the first `bits` bits of the path's key. */
struct walk_step {
	ref_t ref;
	unsigned bits;
	bool ends;     /* the reference is to a row whose key has exactly these bits */
	uint64_t made; /* newest version that can have created the object */
};

/* Records a fault of the object at `ref`. Returns BAD. */
static uint32_t walk_damaged(struct walk *walk, ref_t ref, const char *what)
{
	walk_damage(walk, (uint64_t)ref * LAYOUT_UNIT, what);
	return BAD;
}

/* Returns true if the row's key agrees with the path that leads to it. */
static bool walk_key_is_on_path(const struct walk_path *path, const struct walk_step *step,
                                const struct row_parts *row)
{
	unsigned char key[STELE_KEY_MAX + 1];

	memcpy(key, path->key, (step->bits + 7) / 8);
	if (step->bits % 8)
		key[step->bits / 8] &= (unsigned char)(0xff00u >> step->bits % 8);
	return row_key_starts_with(row->key, row->key_bits, key, step->bits) &&
	       (!step->ends || row->key_bits == step->bits);
}

/* Returns true if an object that was checked in a newer version is in the right place in this
 * version, too. Checks the key of the first row below the object: its other keys start with the
 * same bits. */
static bool walk_is_in_place(struct walk *walk, const struct walk_path *path,
                             const struct walk_step *step)
{
	struct row_parts row;
	ref_t ref = step->ref;

	for (unsigned i = 0; i <= STELE_KEY_MAX + 1; i++) {
		const unsigned char *at = view_object(&walk->view, ref);
		struct node node;
		unsigned place;
		if (!at)
			return false;
		if (!(data_load(at) & LAYOUT_NODE))
			break;
		if (step->ends)
			return false;
		node = node_at(at);
		place = node_next_place(&node, 0);
		ref = place == PLACE_END ? 0 : node_ref_at(&node, place);
	}
	return row_parse_ref(&walk->view, path->layout, ref, &row) == 0 &&
	       walk_key_is_on_path(path, step, &row);
}

/* Checks a row's key and value against the schema of its table. Returns what is wrong, or NULL. */
static const char *walk_row_fault(struct walk *walk, const struct row_parts *row)
{
	if (!walk->schema)
		return NULL;
	data_copy_out(walk->value, row->key, (row->key_bits + 7) / 8);
	if (stele_key_check(walk->schema, walk->value, row->key_bits) < 0)
		return "the row's key does not fit the schema of its table";
	data_copy_out(walk->value, row->value, row->value_size);
	if (stele_value_check(walk->schema, walk->value, row->value_size) < 0)
		return "the row's value does not fit the schema of its table";
	return NULL;
}

/* Checks and counts a row. Returns 1, the number of rows, or BAD. */
static uint32_t walk_row(struct walk *walk, struct walk_path *path, const struct walk_step *step)
{
	struct stele_region_use *use = &walk->survey->use;
	struct row_parts row;
	const char *fault;
	size_t size;

	if (row_parse_ref(&walk->view, path->layout, step->ref, &row) < 0)
		return walk_damaged(walk, step->ref, "the object is not a row of its table");
	size = row_size(path->layout, row.value_size, row.key_bits);
	if ((uint64_t)step->ref * LAYOUT_UNIT + size > walk->view.limit)
		return walk_damaged(walk, step->ref, "the row extends past the end of the arena");
	if (!walk_key_is_on_path(path, step, &row))
		return walk_damaged(walk, step->ref,
		                    "the row's key does not belong at its place in the trie");
	fault = walk_row_fault(walk, &row);
	if (fault)
		return walk_damaged(walk, step->ref, fault);
	if (!walk_meet(walk, step->ref, row.version, size,
	               walk->schema ? &use->row_bytes : &use->other_bytes))
		return BAD;
	if (walk->kind == WALK_HEAD && walk->schema)
		use->rows++;
	*walk_known(walk, step->ref) = 2;
	if (path->visit)
		path->visit(walk, step->ref, row.version);
	return 1;
}

/* Prefetches all objects that a node refers to: they are scattered over the memory, and their cache
 * misses then overlap. */
static void walk_prefetch(const struct walk *walk, const struct node *node)
{
	const unsigned char *refs = node_refs(node);
	unsigned count = node_ref_count(node);

	for (unsigned i = 0; i < count; i++)
		prefetch(walk->view.base + (uint64_t)data_load_32(refs + i * 4) * LAYOUT_UNIT);
}

/* Checks and counts a node, and adds it to the path as its last level. Returns 0, or BAD. */
static uint32_t walk_enter(struct walk *walk, struct walk_path *path, const struct walk_step *step,
                           uint64_t made)
{
	const unsigned char *at = view_object(&walk->view, step->ref);
	struct stele_region_use *use = &walk->survey->use;
	struct node node = node_at(at);
	const char *fault = node_fault(&walk->view, path->layout, &node);
	unsigned depth = step->bits / 8;

	if (!fault && step->ends)
		fault = "there is a node in the place of a row";
	if (!fault && depth + node.skip > STELE_KEY_MAX)
		fault = "the keys below the node are too long";
	if (fault)
		return walk_damaged(walk, step->ref, fault);
	if (!walk_meet(walk, step->ref, made, node_whole_size(&node),
	               walk->schema ? &use->node_bytes : &use->other_bytes))
		return BAD;
	if (walk->kind == WALK_HEAD && walk->schema)
		use->nodes++;
	data_copy_out(path->key + depth, node_skipped(&node), node.skip);
	path->levels[path->top++] = (struct walk_level){
		.node = node, .ref = step->ref, .depth = depth + node.skip, .made = made};
	walk_prefetch(walk, &node);
	return 0;
}

/* Follows a reference. Returns the number of rows below it, BAD, or 0 if it leads to a node that
 * was added to the path. */
static uint32_t walk_follow(struct walk *walk, struct walk_path *path, const struct walk_step *step)
{
	const unsigned char *at = view_object(&walk->view, step->ref);
	uint64_t first, made;
	uint32_t known;

	if (!at)
		return walk_damaged(walk, step->ref, "a reference points outside the arena");
	first = data_load(at);
	made = first & ~LAYOUT_NODE;
	if (made == 0 || made > step->made)
		return walk_damaged(walk, step->ref,
		                    "the object is of a later version than the reference to it");
	known = *walk_known(walk, step->ref);
	if (known == BAD)
		return BAD;
	if (known) {
		if (!walk_is_in_place(walk, path, step))
			return walk_damaged(walk, step->ref,
			                    "another version has the object in another place");
		return known - 1;
	}
	return first & LAYOUT_NODE ? walk_enter(walk, path, step, made)
	                           : walk_row(walk, path, step);
}

/* Advances the last level to its next reference. Returns false if there is none. */
static bool walk_next_step(struct walk_path *path, struct walk_step *ret)
{
	struct walk_level *level = &path->levels[path->top - 1];
	unsigned place = node_next_place(&level->node, level->place), bits = place & 15u;

	if (place == PLACE_END)
		return false;
	level->place = place + 1;
	path->key[level->depth] = (unsigned char)(place / 16);
	*ret = (struct walk_step){
		.ref = node_ref_at(&level->node, place),
		.bits = level->depth * 8 + bits,
		.ends = !PLACE_IS_CHILD(place),
		.made = level->made,
	};
	return true;
}

/* Walks a trie whose root was created by version `made` at the latest. Returns its number of rows,
 * or BAD. */
static uint32_t walk_trie(struct walk *walk, struct walk_path *path, ref_t root, uint64_t made)
{
	struct walk_step step = {.ref = root, .made = made};
	uint32_t rows = 0;

	path->top = 0;
	if (root)
		rows = walk_follow(walk, path, &step);
	while (path->top > 0) {
		struct walk_level *level = &path->levels[path->top - 1];
		unsigned top = path->top;
		if (walk_next_step(path, &step)) {
			rows = level->depth >= STELE_KEY_MAX && !step.ends
			               ? walk_damaged(walk, level->ref,
			                              "a key below the node is too long")
			               : walk_follow(walk, path, &step);
		} else {
			rows = level->bad ? BAD : level->rows;
			*walk_known(walk, level->ref) = level->bad ? BAD : rows + 1;
			path->top--;
			if (path->top == 0)
				return rows;
			level--;
		}
		if (path->top > top)
			continue;
		level->bad |= rows == BAD;
		level->rows += rows == BAD ? 0 : rows;
	}
	return rows;
}

/* ---- versions ---- */

/* Checks and counts a blob, which a newer version may have as well. Returns false if it is
 * damaged. */
static bool walk_blob(struct walk *walk, ref_t ref, uint64_t made)
{
	struct stele_region_use *use = &walk->survey->use;
	const unsigned char *bytes;
	size_t size;
	uint64_t first;

	if (view_blob(&walk->view, ref, &bytes, &size) < 0 ||
	    (uint64_t)ref * LAYOUT_UNIT + 16 + size > walk->view.limit) {
		walk_damage(walk, (uint64_t)ref * LAYOUT_UNIT,
		            "a reference does not point to an object");
		return false;
	}
	first = data_load(bytes - 16);
	if (first == 0 || first > made) {
		walk_damaged(walk, ref,
		             "the object is of a later version than the reference to it");
		return false;
	}
	if (*walk_known(walk, ref))
		return *walk_known(walk, ref) != BAD;
	if (!walk_meet(walk, ref, first, (16 + size + 7) & ~(size_t)7, &use->other_bytes))
		return false;
	*walk_known(walk, ref) = 1;
	return true;
}

/* Walks the rows of a table. Numbers without a word are no damage: rows keep those that they had
 * before an alter made their column an enumeration. Returns the number of rows, or BAD. */
static uint32_t walk_rows(struct walk *walk, const struct stele_schema *schema, ref_t root,
                          uint64_t made)
{
	struct stele_column columns[STELE_COLUMNS_MAX];
	struct stele_schema numbers = *schema;
	struct row_layout layout;
	struct walk_path path = {.layout = &layout};
	uint32_t rows;

	memcpy(columns, schema->columns, schema->column_count * sizeof(columns[0]));
	for (size_t i = 0; i < schema->column_count; i++)
		columns[i].word_count = 0;
	numbers.columns = columns;
	row_layout_of(schema, walk->region->features, &layout);
	walk->schema = &numbers;
	rows = walk_trie(walk, &path, root, made);
	walk->schema = NULL;
	return rows;
}

/* Checks a table's row in the catalog, its schema and its rows. */
static void walk_table(struct walk *walk, ref_t row, uint64_t made)
{
	struct catalog_table table;
	struct stele_schema *schema;
	uint32_t rows;
	int r = catalog_row(&walk->view, row, walk->table, &table);

	if (walk->kind == WALK_HEAD)
		walk->survey->use.tables++;
	if (r < 0 || stele_name_check("table", walk->table) < 0) {
		walk->table[0] = '\0';
		walk_damaged(walk, row, "the name of a table is not valid");
	} else if (table.id == 0 || table.id > made) {
		walk_damaged(walk, row,
		             "a table was created by a later version than its row in the catalog");
	} else if (walk_blob(walk, table.schema, made)) {
		r = catalog_schema(&walk->view, table.schema, &schema);
		if (r == -ENOMEM) {
			walk->no_memory = true;
		} else if (r < 0) {
			walk_damaged(walk, table.schema, "the schema of a table is not valid");
		} else {
			rows = walk_rows(walk, schema, table.root, made);
			if (rows != BAD && rows != table.rows)
				walk_damaged(walk, row,
				             "a table does not have as many rows as it says");
			stele_schema_free(schema);
		}
	}
	walk->table[0] = '\0';
}

/* Checks a commit's record: its sums must equal the sums over its tables. */
static void walk_record(struct walk *walk, ref_t ref)
{
	struct stele_commit_table table;
	struct stele_commit commit;
	uint64_t added = 0, changed = 0, removed = 0;
	unsigned i = 0;
	int r;

	if (!walk_blob(walk, ref, walk->version))
		return;
	r = record_load(&walk->view, ref, &commit);
	while (r >= 0 && (r = record_table(&walk->view, ref, i, &table)) == 1) {
		added += table.added;
		changed += table.changed;
		removed += table.removed;
		i++;
	}
	if (r < 0)
		walk_damaged(walk, ref, "the record of the commit is not valid");
	/* A record lists at most 512 tables. If a commit changed more, the sums over the listed
	 * tables are smaller. */
	else if (i < 512 &&
	         (added != commit.added || changed != commit.changed || removed != commit.removed))
		walk_damaged(walk, ref,
		             "the sums in the record of the commit do not match its tables");
}

void walk_version(struct walk *walk, ref_t catalog, ref_t record)
{
	struct walk_path path = {.layout = catalog_layout(walk->view.features),
	                         .visit = walk_table};

	if (record)
		walk_record(walk, record);
	walk_trie(walk, &path, catalog, walk->version);
}
