/* SPDX-License-Identifier: MIT
 *
 * Reads the newest version by copying: stele_live_*(). A read loads head, looks the row up, copies
 * it, and re-checks that the version was consistent; if not, it begins again. It stores nothing in
 * shared memory. The handle caches the table's root and the version to which the root belongs, so a
 * read of the same version as before costs one load of head and the lookup.
 */
#include "subscriber/live.h"

#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/types/refuse.h"
#include "lib/schema/schema_compare.h"
#include "lib/schema/schema_value.h"
#include "lib/trie/trie.h"
#include "subscriber/move.h"
#include "subscriber/retry.h"
#include "subscriber/table.h"

/* Maximum number of tries to read without a pin. After these, live_read_pinned() reads. */
#define TRIES 16

/* A value of live_words.copied: values are copied whole. */
#define LIVE_WHOLE UINT32_MAX

/* The private part of struct stele_live, which is stored in its member `words_`. */
struct live_words {
	uint64_t version; /* the version of `root`; 0: none yet */
	uint64_t limit;   /* the limit of the view */
	/* What the table's rows are read as, whatever schema the table gets; NULL: any. Outlives
	 * the handle. */
	const struct stele_schema *expected;
	struct row_layout layout;
	ref_t root;
	/* The schema that was found to fit `expected`. The memory at a reference may hold another
	 * schema later, in another file or made by a later version. */
	ref_t schema;         /* 0: none yet */
	uint64_t schema_made; /* the version that made the stored schema */
	uint32_t moves;       /* subscriber->moves when `root` and `schema` were found */
	/* Maximum number of bytes that are copied of a value: those of the schema that the caller
	 * expects, or LIVE_WHOLE. */
	uint32_t copied;
};

static_assert(sizeof(struct live_words) <= sizeof(((struct stele_live *)0)->words_), "layout");

/* The arguments of a read. */
struct live_request {
	const void *key;
	unsigned key_bits;
	bool match;
	void *buffer;
	size_t *size;
	unsigned *ret_key_bits;
	uint64_t *ret_version;
};

static struct live_words *live_words(struct stele_live *live)
{
	return (struct live_words *)(void *)live->words_;
}

/* Loads the schema of a table in the catalog of `version`, and finds out the layout of its rows.
 * Returns 0 and, if `ret` is not NULL, the schema; -EMEDIUMTYPE; or, without a message, -ESTALE,
 * -EBADMSG or -ENOMEM. */
static int live_load_schema(struct stele_live *live, const struct view *view, uint64_t version,
                            ref_t ref, struct stele_schema **ret)
{
	struct live_words *words = live_words(live);
	struct stele_schema *schema = NULL;
	uint64_t made = table_schema_made(view, ref);
	uint32_t hint = UINT32_MAX;
	int rechecked, r = catalog_schema(view, ref, &schema);

	/* Before the schema is compared and remembered: it may be that of memory in reuse. */
	rechecked = region_recheck(live->subscriber->region, version, &hint);
	if (rechecked < 0)
		r = rechecked;
	if (r == 0)
		r = schema_expect(live->name, schema, words->expected);
	if (r == 0) {
		row_layout_of(schema, view->features, &words->layout);
		words->schema = ref;
		words->schema_made = made;
		words->moves = live->subscriber->moves;
	}
	if (r == 0 && ret)
		*ret = schema;
	else
		stele_schema_free(schema);
	return r;
}

/* Returns true if the schema that was loaded last is the one at `ref`. */
static bool live_knows_schema(const struct stele_live *live, const struct view *view, ref_t ref)
{
	const struct live_words *words = (const struct live_words *)(const void *)live->words_;

	return words->schema_made != 0 && words->schema == ref &&
	       words->moves == live->subscriber->moves &&
	       words->schema_made == table_schema_made(view, ref);
}

static void live_view(const struct stele_live *live, struct view *ret)
{
	const struct region *region = live->subscriber->region;

	ret->base = region->mapping.base;
	ret->start = region->arena_offset;
	ret->limit = ((const struct live_words *)(const void *)live->words_)->limit;
	ret->features = region->features;
}

/* Looks the table up in a version, and caches its root. The caller re-checks. Returns 1 and, if
 * `ret` is not NULL and the schema was loaded, the schema; 0 (no such table); -EMEDIUMTYPE (another
 * schema than the expected one); or -ESTALE, -EBADMSG or -ENOMEM. Sets a message only for
 * -EMEDIUMTYPE. */
static int live_find_table(struct stele_live *live, uint64_t version, struct stele_schema **ret)
{
	struct region *region = live->subscriber->region;
	struct live_words *words = live_words(live);
	struct layout_commit commit;
	struct catalog_table table;
	struct view view;
	int r = region_commit(region, version, &commit);

	if (r < 0)
		return r;
	region_view(region, &view);
	r = catalog_get(&view, commit.catalog, live->name, &table);
	if (r <= 0)
		return r;
	if (!live_knows_schema(live, &view, table.schema)) {
		r = live_load_schema(live, &view, version, table.schema, ret);
		if (r < 0)
			return r;
	}
	words->root = table.root;
	words->limit = view.limit;
	words->version = version;
	return 1;
}

/* Copies a value that fits to the caller's buffer. A NUL follows a value of variable size, if the
 * buffer has room for one. */
static inline void live_copy_value(const struct live_request *request, bool variable,
                                   const void *value, size_t size)
{
	data_copy_out(request->buffer, value, size);
	if (variable && size < *request->size)
		((char *)request->buffer)[size] = '\0';
}

/* Returns how many bytes are copied of a value of `size` bytes. */
static size_t live_copied(const struct live_words *words, size_t size)
{
	return size < words->copied ? size : words->copied;
}

/* Looks the row up and copies its value to the caller's buffer. The caller re-checks. Returns 1, 0,
 * -EMSGSIZE or -EBADMSG. */
static int live_copy_row(const struct stele_live *live, const struct live_request *request,
                         size_t *ret_size, unsigned *ret_key_bits)
{
	const struct live_words *words = (const struct live_words *)(const void *)live->words_;
	struct row_parts parts;
	struct view view;
	int r;

	live_view(live, &view);
	if (request->match)
		r = trie_match(&view, &words->layout, words->root, request->key, request->key_bits,
		               &parts);
	else
		r = trie_get(&view, &words->layout, words->root, request->key, request->key_bits,
		             &parts);
	if (r <= 0)
		return r;
	*ret_size = live_copied(words, parts.value_size);
	*ret_key_bits = parts.key_bits;
	if (*ret_size > *request->size)
		return -EMSGSIZE;
	live_copy_value(request, words->layout.variable && *ret_size == parts.value_size,
	                parts.value, *ret_size);
	return 1;
}

/* Returns 0, or -EINVAL if the key does not fit the table. */
static int live_check_key(const struct stele_live *live, const struct live_request *request)
{
	const struct live_words *words = (const struct live_words *)(const void *)live->words_;
	struct view view;

	if (request->match ? request->key_bits <= words->layout.max_bits
	                   : row_layout_takes_key(&words->layout, request->key, request->key_bits))
		return 0;
	live_view(live, &view);
	return table_key_error(&view, words->schema, request->key, request->key_bits);
}

/* Stores the results of a read that was re-checked, or sets the error message. Returns `r`. */
static inline int live_result(const struct stele_live *live, const struct live_request *request,
                              int r, size_t size, unsigned key_bits, uint64_t version)
{
	if (r == -EMSGSIZE) {
		error_set(EMSGSIZE,
		          "a value of table \"%s\" has %zu bytes, but the buffer has only %zu",
		          live->name, size, *request->size);
		*request->size = size;
		return r;
	}
	if (r == -EBADMSG)
		return region_error(live->subscriber->region, r, version);
	if (r == 1) {
		*request->size = size;
		if (request->ret_key_bits)
			*request->ret_key_bits = key_bits;
	}
	if (request->ret_version)
		*request->ret_version = version;
	return r;
}

/* Tries once to read. Returns the final result, or -ESTALE if the publisher reclaimed the version
 * meanwhile. Sets no message for -ESTALE. */
static int live_try(struct stele_live *live, const struct live_request *request)
{
	uint64_t version = subscriber_newest(live->subscriber);
	const struct region *region = live->subscriber->region;
	uint32_t hint = UINT32_MAX;
	unsigned key_bits = 0;
	size_t size = 0;
	int rechecked, r = 1;

	/* Version 0: no commit yet, or the file was truncated and its head reads as zero. */
	if (version == 0)
		return region_recheck(region, version, &hint) == -EBADMSG
		               ? region_error(region, -EBADMSG, version)
		               : region_table_error(region, live->name, version);
	if (live_words(live)->version != version ||
	    live_words(live)->moves != live->subscriber->moves) {
		r = live_find_table(live, version, NULL);
		if (r == -ESTALE || r == -EMEDIUMTYPE || r == -ENOMEM)
			return r;
	}
	if (r == 1) {
		r = live_check_key(live, request);
		if (r < 0)
			return r;
		r = live_copy_row(live, request, &size, &key_bits);
	} else if (r == 0) {
		r = -ENXIO;
	}
	rechecked = region_recheck(region, version, &hint);
	if (rechecked < 0) {
		live_words(live)->version = 0;
		return rechecked == -ESTALE ? rechecked : region_error(region, rechecked, version);
	}
	return r == -ENXIO ? region_table_error(region, live->name, version)
	                   : live_result(live, request, r, size, key_bits, version);
}

/* Reads from a pinned snapshot, after all tries of live_try() lost the race against the
 * publisher. */
static int live_read_pinned(struct stele_live *live, const struct live_request *request)
{
	struct stele_snapshot *snapshot;
	struct stele_table table;
	struct stele_row row;
	size_t size = 0;
	int r = stele_snapshot_open(live->subscriber, 0, &snapshot);

	if (r < 0)
		return r;
	r = stele_table_open(snapshot, live->name, live_words(live)->expected, &table);
	if (r == 0)
		r = request->match
		            ? stele_table_match(&table, request->key, request->key_bits, &row)
		            : stele_table_get(&table, request->key, request->key_bits, &row);
	if (r == 1) {
		size = live_copied(live_words(live), row.value_size);
		if (size > *request->size)
			r = -EMSGSIZE;
		else
			live_copy_value(request,
			                table_words(&table)->layout.variable &&
			                        size == row.value_size,
			                row.value, size);
		if (stele_snapshot_check(snapshot) < 0)
			r = stele_snapshot_check(snapshot);
	}
	if (r >= 0 || r == -EMSGSIZE)
		r = live_result(live, request, r, size, r == 1 ? row.key_bits : 0,
		                stele_snapshot_version(snapshot));
	stele_snapshot_close(snapshot);
	return r == -ESTALE ? retry_outrun_error(live->subscriber->region) : r;
}

static int live_read(struct stele_live *live, const struct live_request *request)
{
	struct retry retry = {.max_tries = TRIES};
	int r = subscriber_check(live->subscriber);

	if (r < 0)
		return r;
	subscriber_count_read(live->subscriber);
	do {
		r = live_try(live, request);
		if (r != -ESTALE)
			return r == -ENOMEM ? refuse_schema_memory(NULL) : r;
	} while (retry_again(&retry, live->subscriber->region));
	return live_read_pinned(live, request);
}

/* Initializes a handle for a table that has not been looked up yet. */
static int live_start(struct stele_subscriber *subscriber, const char *name,
                      const struct stele_schema *expected, struct stele_live *ret)
{
	struct live_words *words = live_words(ret);
	size_t length = strlen(name);

	if (length > STELE_NAME_MAX)
		return region_table_error(subscriber->region, name, 0);
	ret->subscriber = subscriber;
	memcpy(ret->name, name, length + 1);
	memset(ret->words_, 0, sizeof(ret->words_));
	words->expected = expected;
	words->copied = LIVE_WHOLE;
	if (expected && !schema_value_variable(expected))
		words->copied = (uint32_t)expected->value_size;
	return 0;
}

/* Tries once to find the table of a handle that is being opened. Returns 0 and, if `ret` is not
 * NULL, the table's schema; -ESTALE, without a message; or another error. */
static int live_try_open(struct stele_live *live, struct stele_schema **ret)
{
	const struct region *region = live->subscriber->region;
	uint64_t version = subscriber_newest(live->subscriber);
	uint32_t hint = UINT32_MAX;
	int rechecked, r = version == 0 ? 0 : live_find_table(live, version, ret);

	rechecked = region_recheck(region, version, &hint);
	if (rechecked == -EBADMSG)
		return region_error(region, rechecked, version);
	if (rechecked == -ESTALE && version != 0)
		return rechecked;
	if (r == 0)
		return region_table_error(region, live->name, version);
	if (r == -EBADMSG)
		return region_error(region, r, version);
	if (r == -ENOMEM)
		return refuse_schema_memory(live->name);
	return r < 0 ? r : 0;
}

/* Opens a table, as live_open() does. `ret_schema` may be NULL; else sets it to the schema that the
 * table has, which the caller frees. */
static int live_open_schema(struct stele_subscriber *subscriber, const char *name,
                            const struct stele_schema *expected, struct stele_live *ret,
                            struct stele_schema **ret_schema)
{
	struct retry retry = {.max_tries = TRIES * TRIES};
	int r = subscriber_check(subscriber);

	if (r < 0)
		return r;
	do {
		struct stele_schema *schema = NULL;
		struct stele_live live;
		r = live_start(subscriber, name, expected, &live);
		if (r == 0)
			r = live_try_open(&live, &schema);
		if (r == 0)
			*ret = live;
		if (r == 0 && ret_schema)
			*ret_schema = schema;
		else
			stele_schema_free(schema);
		if (r != -ESTALE)
			return r;
	} while (retry_again(&retry, subscriber->region));
	return retry_error(&retry, subscriber->region, head_version(subscriber_head(subscriber)));
}

int live_open(struct stele_subscriber *subscriber, const char *name,
              const struct stele_schema *expected, struct stele_live *ret)
{
	return live_open_schema(subscriber, name, expected, ret, NULL);
}

int stele_live_open(struct stele_subscriber *subscriber, const char *name,
                    const struct stele_schema *expected, struct stele_live *ret)
{
	const struct stele_schema *kept = NULL;
	struct stele_schema *schema = NULL;
	struct stele_live live;
	int r = subscriber_check(subscriber);

	if (r == 0 && expected)
		r = stele_schema_check(expected);
	if (r < 0)
		return r;
	if (expected) {
		kept = named_schema_keep(&subscriber->schemas, expected);
		if (!kept)
			return refuse_schema_memory(name);
	}
	r = live_open_schema(subscriber, name, kept, &live, &schema);
	/* A caller that expects no schema knows the columns that the table has now. */
	if (r == 0 && !expected) {
		live_words(&live)->expected = named_schema_keep(&subscriber->schemas, schema);
		if (!live_words(&live)->expected)
			r = refuse_schema_memory(name);
	}
	stele_schema_free(schema);
	if (r == 0)
		*ret = live;
	return r;
}

int stele_live_get_copy(struct stele_live *table, const void *key, unsigned key_bits, void *buffer,
                        size_t *size, uint64_t *ret_version)
{
	return live_read(table, &(struct live_request){.key = key,
	                                               .key_bits = key_bits,
	                                               .buffer = buffer,
	                                               .size = size,
	                                               .ret_version = ret_version});
}

int stele_live_match_copy(struct stele_live *table, const void *key, unsigned key_bits,
                          void *buffer, size_t *size, unsigned *ret_key_bits, uint64_t *ret_version)
{
	return live_read(table, &(struct live_request){.key = key,
	                                               .key_bits = key_bits,
	                                               .match = true,
	                                               .buffer = buffer,
	                                               .size = size,
	                                               .ret_key_bits = ret_key_bits,
	                                               .ret_version = ret_version});
}
