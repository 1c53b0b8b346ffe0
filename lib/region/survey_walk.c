/* SPDX-License-Identifier: MIT
 * Walking one version: see survey_walk.h. Nothing that is read is believed: the walk ends because
 * each unit of the arena is met once. */
#include "lib/region/survey_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/trie/catalog.h"
#include "lib/base/error.h"
#include "lib/trie/node_check.h"
#include "lib/trie/record.h"

#define BAD UINT32_MAX /* in `known`: something is wrong there, and was told of */

#define PROGRESS 16384u /* objects between two reports */

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
	return error_set(ENOMEM, "no memory to look at region \"%s\": that takes %llu bytes",
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
	return error_set(ENOMEM, "no memory to look at region \"%s\"", walk->region->names.region);
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

/* ---- what is met ---- */

static uint32_t *walk_known(const struct walk *walk, ref_t ref)
{
	return &walk->known[ref - walk->view.start / LAYOUT_UNIT];
}

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

/* An object that only kept versions reach is held by those from this one down to the oldest that is
 * not older than it. */
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

static void walk_count_held(struct walk *walk, const struct walk_met *met, bool more)
{
	struct survey_kept *kept = walk->survey->kept;
	uint64_t bytes = (uint64_t)met->units * LAYOUT_UNIT;

	kept[walk->kept_index].held += more ? bytes : -bytes;
	if (met->kept_end < walk->survey->kept_count)
		kept[met->kept_end].held -= more ? bytes : -bytes;
}

/* Counts an object that no newer version reaches. `bytes` is where it counts in the newest. */
static bool walk_meet(struct walk *walk, ref_t ref, uint64_t made, size_t size, uint64_t *bytes)
{
	struct stele_region_use *use = &walk->survey->use;
	struct walk_met met = {ref, (uint32_t)(size / LAYOUT_UNIT), 0};

	if (walk_is_covered(walk, ref, met.units)) {
		walk_damage(walk, (uint64_t)ref * LAYOUT_UNIT, "it lies where another object is");
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
		walk->options->progress(walk->options->context, use->objects);
	return true;
}

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
			walk->options->found(walk->options->context, &damage);
	}
	walk->survey->use.damages += walk->damages;
	return 0;
}

/* ---- tries ---- */

/* A node whose references are being followed. */
struct walk_level {
	struct node node;
	ref_t ref;
	unsigned place, depth; /* bytes of key up to its branching */
	uint64_t made;
	uint32_t rows;
	bool bad;
};

struct walk_path {
	const struct row_layout *layout;
	void (*visit)(struct walk *walk, ref_t row, uint64_t made);
	unsigned top;
	struct walk_level levels[STELE_KEY_MAX + 2];
	unsigned char
		key[STELE_KEY_MAX + 1]; /* up to the branching of the topmost level, and one */
};

/* Where the walk stands: what a reference leads to has a key that starts with these bits, or is
 * them. */
struct walk_step {
	ref_t ref;
	unsigned bits;
	bool ends;     /* it is a row with this very key */
	uint64_t made; /* by the newest version that can have made it */
};

static uint32_t walk_damaged(struct walk *walk, ref_t ref, const char *what)
{
	walk_damage(walk, (uint64_t)ref * LAYOUT_UNIT, what);
	return BAD;
}

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

/* An object that a newer version reaches, and so was checked, is where it belongs in this one
 * too. */
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

/* Checks a row's key and value by its schema. */
static const char *walk_row_fault(struct walk *walk, const struct row_parts *row)
{
	if (!walk->schema)
		return NULL;
	data_copy_out(walk->value, row->key, (row->key_bits + 7) / 8);
	if (stele_key_check(walk->schema, walk->value, row->key_bits) < 0)
		return "the row's key is none of its table";
	data_copy_out(walk->value, row->value, row->value_size);
	if (stele_value_check(walk->schema, walk->value, row->value_size) < 0)
		return "the row's value is none of its table";
	return NULL;
}

static uint32_t walk_row(struct walk *walk, struct walk_path *path, const struct walk_step *step)
{
	struct stele_region_use *use = &walk->survey->use;
	struct row_parts row;
	const char *fault;
	size_t size;

	if (row_parse_ref(&walk->view, path->layout, step->ref, &row) < 0)
		return walk_damaged(walk, step->ref, "it is no row of its table");
	size = row_size(path->layout, row.value_size, row.key_bits);
	if ((uint64_t)step->ref * LAYOUT_UNIT + size > walk->view.limit)
		return walk_damaged(walk, step->ref, "the row does not end inside the arena");
	if (!walk_key_is_on_path(path, step, &row))
		return walk_damaged(walk, step->ref,
		                    "the row's key is not the one that leads to it");
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

/* The rows are all over memory: ask for them all before the first is needed. */
static void walk_prefetch(const struct walk *walk, const struct node *node)
{
	const unsigned char *refs = node_refs(node);
	unsigned count = node_ref_count(node);

	for (unsigned i = 0; i < count; i++)
		prefetch(walk->view.base + (uint64_t)data_load_32(refs + i * 4) * LAYOUT_UNIT);
}

/* Enters a node: 0, and it is the topmost level, or BAD. */
static uint32_t walk_enter(struct walk *walk, struct walk_path *path, const struct walk_step *step,
                           uint64_t made)
{
	const unsigned char *at = view_object(&walk->view, step->ref);
	struct stele_region_use *use = &walk->survey->use;
	struct node node = node_at(at);
	const char *fault = node_fault(&walk->view, path->layout, &node);
	unsigned depth = step->bits / 8;

	if (!fault && step->ends)
		fault = "a node stands where a row belongs";
	if (!fault && depth + node.skip > STELE_KEY_MAX)
		fault = "the keys below it are longer than any can be";
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

/* Follows a reference: how many rows there are, or BAD; or 0: it leads to a node, entered now. */
static uint32_t walk_follow(struct walk *walk, struct walk_path *path, const struct walk_step *step)
{
	const unsigned char *at = view_object(&walk->view, step->ref);
	uint64_t first, made;
	uint32_t known;

	if (!at)
		return walk_damaged(walk, step->ref, "a reference leads out of the arena");
	first = data_load(at);
	made = first & ~LAYOUT_NODE;
	if (made == 0 || made > step->made)
		return walk_damaged(walk, step->ref,
		                    "it was made by a later version than what leads to it");
	known = *walk_known(walk, step->ref);
	if (known == BAD)
		return BAD;
	if (known) {
		if (!walk_is_in_place(walk, path, step))
			return walk_damaged(walk, step->ref,
			                    "another version has it in another place");
		return known - 1;
	}
	return first & LAYOUT_NODE ? walk_enter(walk, path, step, made)
	                           : walk_row(walk, path, step);
}

/* The next reference of the topmost level: false if there is none. */
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

/* Walks a trie whose root the version `made` can have made: how many rows it has, or BAD. */
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
			                              "a key below it is too long")
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

/* Checks a blob by itself: its bytes, or NULL. A newer version may have it as well. */
static bool walk_blob(struct walk *walk, ref_t ref, uint64_t made)
{
	struct stele_region_use *use = &walk->survey->use;
	const unsigned char *bytes;
	size_t size;
	uint64_t first;

	if (view_blob(&walk->view, ref, &bytes, &size) < 0 ||
	    (uint64_t)ref * LAYOUT_UNIT + 16 + size > walk->view.limit) {
		walk_damage(walk, (uint64_t)ref * LAYOUT_UNIT, "a reference leads to no object");
		return false;
	}
	first = data_load(bytes - 16);
	if (first == 0 || first > made) {
		walk_damaged(walk, ref, "it was made by a later version than what leads to it");
		return false;
	}
	if (*walk_known(walk, ref))
		return *walk_known(walk, ref) != BAD;
	if (!walk_meet(walk, ref, first, (16 + size + 7) & ~(size_t)7, &use->other_bytes))
		return false;
	*walk_known(walk, ref) = 1;
	return true;
}

static void walk_table(struct walk *walk, ref_t row, uint64_t made)
{
	struct walk_path path = {.layout = NULL};
	struct catalog_table table;
	struct stele_schema *schema;
	struct row_layout layout;
	uint32_t rows;
	int r = catalog_row(&walk->view, row, walk->table, &table);

	if (walk->kind == WALK_HEAD)
		walk->survey->use.tables++;
	if (r < 0 || stele_name_check("table", walk->table) < 0) {
		walk->table[0] = '\0';
		walk_damaged(walk, row, "the name of a table is none");
	} else if (table.id == 0 || table.id > made) {
		walk_damaged(walk, row, "a table is older than the version that made it");
	} else if (walk_blob(walk, table.schema, made)) {
		r = catalog_schema(&walk->view, table.schema, &schema);
		if (r == -ENOMEM) {
			walk->no_memory = true;
		} else if (r < 0) {
			walk_damaged(walk, table.schema, "the schema of a table is none");
		} else {
			row_layout_of(schema, &layout);
			path.layout = &layout;
			walk->schema = schema;
			rows = walk_trie(walk, &path, table.root, made);
			walk->schema = NULL;
			if (rows != BAD && rows != table.rows)
				walk_damaged(walk, row, "a table has not as many rows as it says");
			stele_schema_free(schema);
		}
	}
	walk->table[0] = '\0';
}

/* A commit's record, and whether its sums are those of its tables. */
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
		walk_damaged(walk, ref, "the record of the commit is none");
	/* One with more tables than a record can name leaves some out. */
	else if (i < 512 &&
	         (added != commit.added || changed != commit.changed || removed != commit.removed))
		walk_damaged(walk, ref,
		             "the sums in the record of the commit are not those of its tables");
}

void walk_version(struct walk *walk, ref_t catalog, ref_t record)
{
	struct walk_path path = {.layout = &catalog_layout, .visit = walk_table};

	if (record)
		walk_record(walk, record);
	walk_trie(walk, &path, catalog, walk->version);
}
