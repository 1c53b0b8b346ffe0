/* SPDX-License-Identifier: MIT
 *
 * Opens and moves an index for longest-prefix match, and answers lookups. An open paints the index
 * from a sweep of all addresses. A move paints the addresses under each prefix whose row changed.
 * Both re-check the snapshot before the index may answer. */
#include "subscriber/index/lpm.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fork.h"
#include "lib/types/type.h"
#include "subscriber/index/build.h"
#include "subscriber/index/lpm_ipv4_match.h"
#include "subscriber/index/lpm_ipv6_match.h"
#include "subscriber/index/lpm_memory.h"
#include "subscriber/index/lpm_validate.h"
#include "subscriber/snapshot.h"
#include "subscriber/table.h"

/* ---- the code path for lookups ---- */

enum lpm_path lpm_best_path(void)
{
#ifdef __x86_64__
	__builtin_cpu_init();
	if (!__builtin_cpu_supports("popcnt") || !__builtin_cpu_supports("bmi2") ||
	    !__builtin_cpu_supports("avx2"))
		return LPM_PORTABLE;
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? LPM_AVX512
	                                                                               : LPM_AVX2;
#else
	return LPM_PORTABLE;
#endif
}

/* Sets the lookup functions of the index to those of a code path. */
static void lpm_choose_path(struct stele_lpm *index, enum lpm_path path)
{
	index->match = index->ipv6 ? ipv6_match_portable : ipv4_match_portable;
	index->match_many = index->ipv6 ? ipv6_match_many_portable : ipv4_match_many_portable;
#ifdef __x86_64__
	if (path == LPM_PORTABLE)
		return;
	/* For IPv4, AVX-512 gathers are no faster than plain loads, whose cache misses overlap,
	 * too. */
	index->match = index->ipv6 ? ipv6_match_avx2 : ipv4_match_popcnt;
	index->match_many = index->ipv6 ? ipv6_match_many_avx2 : ipv4_match_many_popcnt;
	if (path == LPM_AVX512 && index->ipv6) {
		index->match = ipv6_match_avx512;
		index->match_many = ipv6_match_many_avx512;
	}
#else
	(void)path;
#endif
}

/* ---- the source of answers ---- */

/* Returns true if the values of a column can be answers: at most 32 bits, and not part of the
 * key. */
static bool lpm_takes_column(const struct stele_column *column)
{
	switch (column->type) {
	case STELE_U8:
	case STELE_U16:
	case STELE_U32:
	case STELE_I32:
	case STELE_BOOL:
	case STELE_IPV4:
		return !column->key;
	default:
		return false;
	}
}

/* Returns the size of a value, in bytes, of a column that lpm_takes_column() accepts. */
static uint32_t lpm_column_size(const struct stele_column *column)
{
	return column->type == STELE_U8 || column->type == STELE_BOOL ? 1
	       : column->type == STELE_U16                            ? 2
	                                                              : 4;
}

/* Checks that the last key column is a prefix, and that the key columns before it are encoded in
 * `lead_bits` bits. Sets `*ret_ipv6`. Returns 0 or -EMEDIUMTYPE. */
static int lpm_check_key(const struct stele_schema *schema, unsigned lead_bits, bool *ret_ipv6)
{
	size_t last = 0;
	uint64_t bits = 0;

	for (; last + 1 < schema->column_count && schema->columns[last + 1].key; last++)
		bits += (uint64_t)type_column_size(&schema->columns[last]) * 8;
	*ret_ipv6 = schema->columns[last].type == STELE_IPV6NET;
	if (!*ret_ipv6 && schema->columns[last].type != STELE_IPV4NET)
		return error_set(
			EMEDIUMTYPE,
			"an index needs a table whose last key column is of type ipv4net or ipv6net; that "
			"column of this table is \"%s\", of type %s",
			schema->columns[last].name, stele_type_name(schema->columns[last].type));
	if (bits != lead_bits && lead_bits == 0)
		return error_set(
			EMEDIUMTYPE,
			"the prefix is not the only key column: \"%s\" comes before \"%s\"; "
			"stele_lpm_open_under() makes an index for one value of the "
			"columns before the prefix",
			schema->columns[0].name, schema->columns[last].name);
	if (bits != lead_bits)
		return error_set(EMEDIUMTYPE,
		                 "the key columns before \"%s\" take %llu bits, not %u",
		                 schema->columns[last].name, (unsigned long long)bits, lead_bits);
	return 0;
}

/* Sets the members of `source` that depend on the schema. `column` is the name of the column, or ""
 * for rows. Returns 0, -ENXIO or -EMEDIUMTYPE. */
static int lpm_find_source(const struct stele_schema *schema, const char *column,
                           struct lpm_source *source, bool *ret_ipv6)
{
	int at = lpm_check_key(schema, source->lead_bits, ret_ipv6);

	if (at < 0)
		return at;
	source->rows = column[0] == '\0';
	if (source->rows)
		return 0;
	at = stele_schema_column(schema, column);
	if (at < 0)
		return error_set(ENXIO,
		                 "the table has no column \"%s\" for an index to answer with",
		                 column);
	if (!lpm_takes_column(&schema->columns[at]))
		return error_set(
			EMEDIUMTYPE,
			"an index answers with a value column of type u8, u16, u32, i32, bool or ipv4; \"%s\" is "
			"%s%s",
			column, schema->columns[at].key ? "a key column, " : "",
			stele_type_name(schema->columns[at].type));
	source->offset = schema->columns[at].offset;
	source->size = lpm_column_size(&schema->columns[at]);
	return 0;
}

/* Finds the source of answers for an index of `table`, with the lead of index->source, and whether
 * the table has IPv6 prefixes. Returns 0 or an error; on failure the outputs are unchanged. */
static int lpm_open_source(const struct stele_lpm *index, const struct stele_table *table,
                           struct lpm_source *ret, bool *ret_ipv6)
{
	struct lpm_source source = {
		.view = table->snapshot->view,
		.layout = table_words(table)->layout,
		.root = table_words(table)->root,
		.none = index->none,
		.lead_bits = index->source.lead_bits,
	};
	struct stele_schema *schema;
	bool ipv6;
	int r = stele_table_schema(table, &schema);

	if (r < 0)
		return r;
	memcpy(source.lead, index->source.lead, sizeof(source.lead));
	r = lpm_find_source(schema, index->column, &source, &ipv6);
	if (r == 0) {
		*ret = source;
		*ret_ipv6 = ipv6;
	}
	stele_schema_free(schema);
	return r;
}

/* ---- building ---- */

/* Frees the index of one address family. */
static void lpm_fini_form(struct stele_lpm *index)
{
	if (index->ipv6)
		lpm_ipv6_fini(&index->form.ipv6);
	else
		lpm_ipv4_fini(&index->form.ipv4);
}

/* Sets the answers of the addresses under a prefix from the source. Returns 0, -EBADMSG or
 * -ENOMEM. */
static int lpm_paint(struct stele_lpm *index, const struct lpm_key *key)
{
	int r = lpm_sweep_start(&index->sweep, &index->source, key, 0, index->ipv6 ? 64 : 32);

	if (r < 0)
		return r;
	return index->ipv6 ? lpm_ipv6_paint(&index->form.ipv6, &index->sweep, &index->inner)
	                   : lpm_ipv4_paint(&index->form.ipv4, &index->sweep);
}

/* Builds the index from all rows of its table. Returns 0, -EBADMSG or -ENOMEM. */
static int lpm_build(struct stele_lpm *index)
{
	const struct lpm_key all = {.bits = 0};
	uint64_t rows = build_max_rows(&index->source.view, stele_table_rows(&index->table));
	int r;

	lpm_fini_form(index);
	r = index->ipv6 ? lpm_ipv6_init(&index->form.ipv6)
	                : lpm_ipv4_init(&index->form.ipv4, index->none, rows);
	return r < 0 ? r : lpm_paint(index, &all);
}

/* Lets the index answer for the snapshot of its table (`complete`), or for no version. */
static void lpm_set_complete(struct stele_lpm *index, bool complete)
{
	const struct stele_snapshot *snapshot = index->table.snapshot;

	index->complete = complete;
	index->answers = UINT_MAX;
	if (!complete)
		return;
	index->answers = index->forks;
	index->version = snapshot->version;
	index->reclaimed = &snapshot->region->header->reclaimed;
}

int lpm_open(const struct stele_table *table, const void *lead, unsigned lead_bits,
             const char *column, uint32_t none, enum lpm_path path, struct stele_lpm **ret)
{
	struct stele_lpm *index;
	int r = subscriber_check(table->snapshot->subscriber);

	if (r == 0 && column)
		r = stele_name_check("column", column);
	if (r == 0 && (lead_bits > LPM_LEAD_MAX * 8 || lead_bits % 8 != 0))
		r = error_set(EINVAL,
		              "the key columns before the prefix take %u bits; an index takes a "
		              "multiple of 8, at most %u",
		              lead_bits, LPM_LEAD_MAX * 8);
	if (r < 0)
		return r;
	index = lpm_allocate(sizeof(*index));
	if (!index)
		return build_memory_error("an index");
	index->table = *table;
	index->forks = fork_count();
	index->none = column ? none : 0;
	snprintf(index->column, sizeof(index->column), "%s", column ? column : "");
	memset(&index->form, 0, sizeof(index->form));
	memset(&index->source, 0, sizeof(index->source));
	if (lead_bits)
		memcpy(index->source.lead, lead, lead_bits / 8);
	index->source.lead_bits = lead_bits;
	r = lpm_open_source(index, table, &index->source, &index->ipv6);
	if (r == 0) {
		lpm_choose_path(index, path);
		r = build_result(table->snapshot, "an index", lpm_build(index));
		lpm_set_complete(index, r == 0);
		if (r < 0)
			lpm_fini_form(index);
	}
	if (r < 0)
		free(index);
	else
		*ret = index;
	return r;
}

int stele_lpm_open(const struct stele_table *table, const char *column, uint32_t none,
                   struct stele_lpm **ret)
{
	return lpm_open(table, NULL, 0, column, none, lpm_best_path(), ret);
}

int stele_lpm_open_under(const struct stele_table *table, const void *key, unsigned key_bits,
                         const char *column, uint32_t none, struct stele_lpm **ret)
{
	return lpm_open(table, key, key_bits, column, none, lpm_best_path(), ret);
}

struct stele_lpm *stele_lpm_close(struct stele_lpm *index)
{
	if (!index)
		return NULL;
	lpm_fini_form(index);
	free(index);
	return NULL;
}

/* ---- moving ---- */

/* Returns true if a prefix is inside the one that was painted last. No other painted prefix can
 * contain it, because changes come in the order of keys. */
static bool lpm_is_painted(const struct stele_lpm *index, const struct lpm_key *key)
{
	const struct lpm_key *under = &index->sweep.under;

	return key->bits >= under->bits &&
	       row_key_starts_with(key->bytes, key->bits, under->bytes, under->bits);
}

/* Returns the prefix to paint if this row changed, whose key begins with `lead_bits` bits that are
 * not the prefix. */
static struct lpm_key lpm_key_to_paint(const struct row_parts *row, unsigned lead_bits)
{
	/* A change of a prefix longer than 64 bits paints its /64, so that the low tree of the /64
	 * is built again. */
	unsigned bits = row->key_bits - lead_bits;
	struct lpm_key key = {.bits = bits < 64 ? bits : 64};
	unsigned bytes = (key.bits + 7) / 8;

	data_copy_out(key.bytes, row->key + lead_bits / 8, bytes);
	if (key.bits % 8 != 0)
		key.bytes[bytes - 1] &= (unsigned char)(0xff00u >> key.bits % 8);
	return key;
}

/* Paints the prefixes whose answers changed since the trie at `before`, which is in the same
 * mapping. Returns 0, -EBADMSG or -ENOMEM. */
static int lpm_paint_changes(struct stele_lpm *index, const struct view *old_view, ref_t before)
{
	struct lpm_source *source = &index->source;
	/* The longer view covers the objects of both versions. */
	struct view view = old_view->limit > source->view.limit ? *old_view : source->view;
	ref_t refs[2];
	bool any = false;
	int r;

	diff_start(&index->diff, &view, &source->layout, before, source->root);
	while ((r = diff_next(&index->diff, &refs[0], &refs[1])) == 1) {
		struct row_parts rows[2], *row;
		struct lpm_key key;

		for (int side = 0; side < 2; side++)
			if (refs[side] &&
			    row_parse_ref(&view, &source->layout, refs[side], &rows[side]) < 0)
				return -EBADMSG;
		if (refs[0] && refs[1] &&
		    lpm_answer(source, &rows[0]) == lpm_answer(source, &rows[1]))
			continue;
		row = &rows[refs[1] ? 1 : 0];
		if (!row_key_starts_with(row->key, row->key_bits, source->lead, source->lead_bits))
			continue;
		key = lpm_key_to_paint(row, source->lead_bits);
		if (any && lpm_is_painted(index, &key))
			continue;
		any = true;
		r = lpm_paint(index, &key);
		if (r < 0)
			return r;
	}
	if (r == 0 && !index->ipv6)
		r = lpm_ipv4_tidy(&index->form.ipv4);
	return r;
}

/* Returns true if both sources take the same answer from a row. */
static bool lpm_same_source(const struct lpm_source *a, const struct lpm_source *b)
{
	return row_layout_equal(&a->layout, &b->layout) && a->rows == b->rows &&
	       a->offset == b->offset && a->size == b->size;
}

/* Finds the source of answers for a move to `table`. Returns 1 if a difference can be applied,
 * because the rows of both versions are in one mapping and answers are taken from them in the same
 * way, as they are if an alter renamed columns; 0 if the index must be built again; or an error. */
static int lpm_find_next_source(const struct stele_lpm *index, const struct stele_table *table,
                                struct lpm_source *ret)
{
	bool ipv6;
	int r;

	/* While the old version is held, no other schema is stored where its own is. */
	if (index->complete && index->source.view.base == table->snapshot->view.base &&
	    table_words(&index->table)->schema == table_words(table)->schema &&
	    snapshot_recheck(index->table.snapshot) == 0) {
		*ret = index->source;
		ret->view = table->snapshot->view;
		ret->root = table_words(table)->root;
		return 1;
	}
	r = lpm_open_source(index, table, ret, &ipv6);
	if (r == 0 && ipv6 != index->ipv6)
		r = error_set(EMEDIUMTYPE,
		              "this index is for %s prefixes, but the table has %s prefixes; "
		              "open an index of that table",
		              index->ipv6 ? "IPv6" : "IPv4", ipv6 ? "IPv6" : "IPv4");
	if (r < 0)
		return r;
	return index->complete && index->source.view.base == ret->view.base &&
	       lpm_same_source(&index->source, ret);
}

int stele_lpm_move(struct stele_lpm *index, const struct stele_table *table)
{
	const struct stele_table before = index->table;
	const struct view view = index->source.view;
	struct lpm_source source;
	int r = fork_check(index->forks, "index"), update;

	if (r == 0)
		r = subscriber_check(table->snapshot->subscriber);
	if (r < 0)
		return r;
	update = lpm_find_next_source(index, table, &source);
	if (update == -EMEDIUMTYPE || update == -ENXIO)
		return update;
	lpm_set_complete(index, false);
	if (update < 0)
		return update;
	index->table = *table;
	index->source = source;
	if (update) {
		r = lpm_paint_changes(index, &view, table_words(&before)->root);
		/* The difference is only valid if the old version was consistent until now. */
		update = snapshot_recheck(before.snapshot) == 0;
	}
	if (!update)
		r = lpm_build(index);
	r = build_result(table->snapshot, "an index", r);
	lpm_set_complete(index, r == 0);
	return r;
}

/* ---- lookups ---- */

int stele_lpm_match(const struct stele_lpm *index, const void *address, uint32_t *ret)
{
	return index->match(index, address, ret);
}

int stele_lpm_match_many(const struct stele_lpm *index, const void *addresses, size_t count,
                         uint32_t *ret)
{
	int r = lpm_validate(index);

	if (r == 0)
		index->match_many(index, addresses, count, ret);
	return r;
}

int stele_lpm_row(const struct stele_lpm *index, uint32_t answer, struct stele_row *ret)
{
	const struct lpm_source *source = &index->source;
	struct stele_row filled = {0};
	struct row_parts parts;
	int r = lpm_validate(index);

	if (r < 0)
		return r;
	if (!source->rows)
		return error_set(EINVAL,
		                 "the index answers with column \"%s\", not with rows; "
		                 "open an index without a column",
		                 index->column);
	if (answer != 0 && row_parse_ref(&source->view, &source->layout, answer, &parts) < 0) {
		r = -EBADMSG;
	} else if (answer != 0) {
		row_fill(&parts, &filled);
		r = 1;
	}
	r = snapshot_result(index->table.snapshot, r);
	if (r == 1)
		*ret = filled;
	return r;
}

uint64_t stele_lpm_version(const struct stele_lpm *index)
{
	return index->complete ? index->version : 0;
}

size_t stele_lpm_memory(const struct stele_lpm *index)
{
	size_t form = index->ipv6 ? lpm_ipv6_memory(&index->form.ipv6)
	                          : lpm_ipv4_memory(&index->form.ipv4);

	return sizeof(*index) + form;
}
