/* SPDX-License-Identifier: MIT
 *
 * A damaged region never harms the process that opens it. The tests flip every single bit of its
 * file, one at a time, and many bits at once; after each change the whole public interface walks
 * over the region. Each call returns an error or an answer, does not crash, and ends. The same
 * holds for recovery. */
#include "lib/base/checksum.h"
#include "tests/support/crash/crash.h"
#include "tests/support/random.h"

#include "lib/region/region.h"
#include "lib/trie/catalog.h"
#include "lib/trie/trie.h"
#include "lib/trie/trie_node.h"

/* More rows than fit in a region of this size: a walk that returns more goes in circles. */
#define ROWS_MAX 8192u

struct damage {
	char name[STELE_NAME_MAX + 1];
	unsigned char *file; /* mapped */
	size_t size;
	unsigned char *pristine;
	size_t used; /* bytes up to the end of the arena's contents */
	uint64_t answers, errors;
};

/* ---- a region with tables of different kinds ---- */

static const struct stele_column route_columns[] = {
	STELE_KEY("prefix", STELE_IPV4NET),
	{.name = "hop", .type = STELE_U32},
};
static const struct stele_schema route_schema = {
	.columns = route_columns, .column_count = 2, .value_size = 4};
static const struct stele_column host_columns[] = {
	STELE_KEY("name", STELE_TEXT),
	{.name = "number", .type = STELE_U64},
};
static const struct stele_schema host_schema = {
	.columns = host_columns, .column_count = 2, .value_size = 8};
static const struct stele_column note_columns[] = {
	STELE_KEY("class", STELE_U16),
	STELE_KEY("id", STELE_I32),
	{.name = "flag", .type = STELE_BOOL},
	{.name = "text", .type = STELE_TEXT, .offset = 1},
};
static const struct stele_schema note_schema = {
	.columns = note_columns, .column_count = 4, .value_size = 1};

static const char *const hosts[] = {"www.example.net", "www.example.org", "ns.example.net", "w",
                                    "www"};

static void put(struct stele_transaction *tx, const char *table, const void *key, unsigned bits,
                const void *value, size_t size)
{
	cr_assert_geq(stele_transaction_put(tx, table, key, bits, value, size), 0, "%s",
	              stele_last_error());
}

static void put_version(struct stele_transaction *tx, unsigned version)
{
	static const struct {
		unsigned char address[4];
		unsigned bits;
	} routes[] = {{{0}, 0}, {{10}, 8}, {{10, 1}, 16}, {{10, 1, 2}, 23}, {{192, 0, 2, 1}, 32}};

	for (unsigned i = 0; i < 5; i++) {
		unsigned char note_key[6] = {0, (unsigned char)(i % 2), 0x80, 0,
		                             0, (unsigned char)i};
		char note[24] = "\1note ";
		uint32_t hop = version * 10 + i;
		uint64_t number = hop;
		if (i == 4 && version == 3)
			continue;
		memset(note + 6, 'a' + (int)version, i * 3);
		put(tx, "routes", routes[i].address, routes[i].bits, &hop, sizeof(hop));
		put(tx, "hosts", hosts[i], (unsigned)strlen(hosts[i]) * 8, &number, sizeof(number));
		put(tx, "notes", note_key, 48, note, 6 + i * 3);
	}
}

static void damage_start(struct damage *damage, const char *suffix)
{
	struct stele_publisher *publisher;
	struct stele_transaction *tx;

	memset(damage, 0, sizeof(*damage));
	strcpy(damage->name, crash_name(suffix));
	publisher = crash_publisher(damage->name, 2, 1 << 20);
	for (unsigned version = 1; version <= 3; version++) {
		cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
		if (version == 1) {
			cr_assert_eq(stele_transaction_create_table(tx, "routes", &route_schema), 0,
			             "%s", stele_last_error());
			cr_assert_eq(stele_transaction_create_table(tx, "hosts", &host_schema), 0,
			             "%s", stele_last_error());
			cr_assert_eq(stele_transaction_create_table(tx, "notes", &note_schema), 0,
			             "%s", stele_last_error());
		}
		put_version(tx, version);
		cr_assert_eq(stele_transaction_commit(tx, "damage", NULL), 1, "%s",
		             stele_last_error());
	}
	stele_publisher_close(publisher);
	damage->file = crash_map(damage->name, "", &damage->size);
	damage->pristine = malloc(damage->size);
	cr_assert_not_null(damage->pristine);
	memcpy(damage->pristine, damage->file, damage->size);
	for (damage->used = damage->size; damage->file[damage->used - 1] == 0; damage->used--)
		;
}

static void damage_end(struct damage *damage)
{
	munmap(damage->file, damage->size);
	free(damage->pristine);
	cr_assert_eq(stele_region_remove(damage->name), 0, "%s", stele_last_error());
}

/* ---- the walk: any error is allowed, but the process must live, and finish ---- */

/* Reads every byte of a row, and counts the answers. */
static void use(struct damage *damage, int r, const struct stele_row *row)
{
	volatile unsigned char sum = 0;

	if (r < 0) {
		cr_assert(r == -EBADMSG || r == -ESTALE || r == -ETIME || r == -ENODATA ||
		                  r == -ENXIO || r == -EINVAL || r == -EMEDIUMTYPE,
		          "error %d: %s", r, stele_last_error());
		cr_assert_neq(stele_last_error()[0], '\0');
		damage->errors++;
		return;
	}
	damage->answers++;
	if (r == 0)
		return;
	cr_assert_leq(row->key_bits, STELE_KEY_MAX * 8);
	cr_assert_leq(row->value_size, STELE_VALUE_MAX);
	for (unsigned i = 0; i < (row->key_bits + 7) / 8; i++)
		sum = (unsigned char)(sum + ((const unsigned char *)row->key)[i]);
	for (size_t i = 0; i < row->value_size; i++)
		sum = (unsigned char)(sum + ((const unsigned char *)row->value)[i]);
}

static void walk_many(struct damage *damage, struct stele_cursor *cursor)
{
	struct stele_row taken[40] = {0};
	int64_t count, rows = 0;

	while ((count = stele_cursor_next_many(cursor, taken, 40)) > 0) {
		for (int64_t i = 0; i < count; i++)
			use(damage, 1, &taken[i]);
		rows += count;
		cr_assert_lt(rows, ROWS_MAX, "many rows of a cursor go in circles");
	}
	use(damage, (int)count, taken);
}

static void walk_rows(struct damage *damage, const struct stele_table *table)
{
	struct stele_cursor *cursor;
	struct stele_row row = {0};
	unsigned rows = 0;
	int r = stele_cursor_open(table, &cursor);

	use(damage, r, &row);
	if (r < 0)
		return;
	while ((r = stele_cursor_next(cursor, &row)) == 1) {
		use(damage, r, &row);
		cr_assert_lt(rows++, ROWS_MAX, "a cursor goes in circles");
	}
	use(damage, r, &row);
	r = stele_cursor_seek(cursor, "ww", 16);
	if (r == 0)
		r = stele_cursor_next(cursor, &row);
	use(damage, r, &row);
	r = stele_cursor_under(cursor, "\12\1", 16);
	if (r == 0)
		r = stele_cursor_next(cursor, &row);
	use(damage, r, &row);
	r = stele_cursor_under(cursor, NULL, 0);
	if (r == 0)
		walk_many(damage, cursor);
	if (r == 0)
		r = stele_cursor_last(cursor);
	use(damage, r, &row);
	rows = 0;
	while (r >= 0 && (r = stele_cursor_previous(cursor, &row)) == 1) {
		use(damage, r, &row);
		cr_assert_lt(rows++, ROWS_MAX, "a cursor goes backward in circles");
	}
	use(damage, r, &row);
	r = stele_cursor_seek(cursor, "ww", 16);
	if (r == 0)
		r = stele_cursor_previous(cursor, &row);
	use(damage, r, &row);
	stele_cursor_close(cursor);
}

static void walk_table(struct damage *damage, const struct stele_table *table)
{
	static const unsigned char note_key[6] = {0, 1, 0x80, 0, 0, 3};
	struct stele_schema *schema;
	struct stele_row row = {0};
	char text[2048];
	int r = stele_table_schema(table, &schema);

	use(damage, r < 0 ? r : 0, &row);
	if (r == 0) {
		stele_schema_format(schema, text, sizeof(text));
		stele_schema_free(schema);
	}
	use(damage, stele_table_get(table, "\12\1\2", 23, &row), &row);
	use(damage, stele_table_get(table, hosts[0], (unsigned)strlen(hosts[0]) * 8, &row), &row);
	use(damage, stele_table_get(table, note_key, 48, &row), &row);
	use(damage, stele_table_match(table, "\12\1\3\4", 32, &row), &row);
	walk_rows(damage, table);
}

static void walk_changes(struct damage *damage, const struct stele_snapshot *before,
                         const struct stele_snapshot *after, const char *name)
{
	struct stele_table a, b;
	struct stele_changes *changes;
	struct stele_change change = {0};
	unsigned count = 0;
	int r = stele_table_open(before, name, NULL, &a);

	if (r == 0)
		r = stele_table_open(after, name, NULL, &b);
	if (r == 0)
		r = stele_changes_open(&a, &b, &changes);
	use(damage, r < 0 ? r : 0, NULL);
	if (r < 0)
		return;
	while ((r = stele_changes_next(changes, &change)) == 1) {
		if (change.kind != STELE_ADDED)
			use(damage, 1, &change.before);
		if (change.kind != STELE_REMOVED)
			use(damage, 1, &change.after);
		cr_assert_lt(count++, 4 * ROWS_MAX, "the changes go in circles");
	}
	use(damage, r, NULL);
	stele_changes_close(changes);
}

static void walk_snapshot(struct damage *damage, const struct stele_snapshot *snapshot)
{
	char name[STELE_NAME_MAX + 1] = "";
	struct stele_table table;
	unsigned tables = 0;
	int r;

	while ((r = stele_snapshot_next_table(snapshot, name)) == 1) {
		cr_assert_lt(tables++, 64, "the tables go in circles");
		r = stele_table_open(snapshot, name, NULL, &table);
		use(damage, r < 0 ? r : 0, NULL);
		if (r == 0)
			walk_table(damage, &table);
	}
	use(damage, r, NULL);
}

static void walk(struct damage *damage, struct stele_subscriber *subscriber)
{
	struct stele_snapshot *snapshots[2] = {NULL};
	unsigned char buffer[64];
	size_t size = sizeof(buffer);
	uint64_t version;
	int r = stele_snapshot_open(subscriber, 0, &snapshots[0]);

	use(damage, r < 0 ? r : 0, NULL);
	if (r == 0)
		walk_snapshot(damage, snapshots[0]);
	if (r == 0 && stele_snapshot_open(subscriber, 2, &snapshots[1]) == 0) {
		walk_changes(damage, snapshots[1], snapshots[0], "routes");
		walk_changes(damage, snapshots[1], snapshots[0], "hosts");
		walk_changes(damage, snapshots[1], snapshots[0], "notes");
	}
	stele_snapshot_close(snapshots[1]);
	stele_snapshot_close(snapshots[0]);
	r = stele_subscriber_match_copy(subscriber, "routes", NULL, "\12\1\2\3", 32, buffer, &size,
	                                NULL, &version);
	use(damage, r < 0 && r != -EMSGSIZE ? r : 0, NULL);
}

static void open_and_walk(struct damage *damage)
{
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .flags = STELE_UNREGISTERED};
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_subscriber *subscriber;
	int r = stele_subscriber_open(damage->name, &options, &subscriber);

	if (r < 0) {
		cr_assert(r == -EBADMSG || r == -EPROTONOSUPPORT || r == -ENOMEM, "error %d: %s", r,
		          stele_last_error());
		damage->errors++;
	} else {
		walk(damage, subscriber);
		stele_subscriber_close(subscriber);
	}
	stele_region_describe(damage->name, &info);
}

/* ---- the damage ---- */

static void flip_bits(struct damage *damage, size_t begin, size_t end, bool reopen)
{
	struct stele_subscriber *subscriber = crash_subscriber(damage->name, false);

	for (size_t bit = begin * 8; bit < end * 8; bit += SANITIZED ? 7 : 1) {
		unsigned char *byte = &damage->file[bit / 8];
		alarm(30);
		*byte ^= (unsigned char)(1u << bit % 8);
		if (reopen)
			open_and_walk(damage);
		else
			walk(damage, subscriber);
		*byte ^= (unsigned char)(1u << bit % 8);
	}
	alarm(0);
	stele_subscriber_close(subscriber);
	cr_assert_eq(memcmp(damage->file, damage->pristine, damage->size), 0,
	             "a reader wrote to the region");
}

Test(crash_damage, crash_14_every_bit_of_the_header_may_flip, .fini = crash_clean, .timeout = 900)
{
	struct damage damage;

	damage_start(&damage, "header");
	flip_bits(&damage, 0, sizeof(struct layout_header), true);
	cr_assert_gt(damage.answers, 1000);
	/* Every bit in the part under the checksum is noticed. */
	cr_assert_geq(damage.errors,
	              offsetof(struct layout_header, head) * 8 / (SANITIZED ? 7 : 1));
	damage_end(&damage);
}

Test(crash_damage, crash_14_every_bit_of_the_rest_may_flip, .fini = crash_clean, .timeout = 900)
{
	struct damage damage;

	damage_start(&damage, "bits");
	open_and_walk(&damage);
	cr_assert_eq(damage.errors, 5,
	             "%llu of %llu answers of the undamaged region are errors: %s",
	             (unsigned long long)damage.errors, (unsigned long long)damage.answers,
	             stele_last_error());
	flip_bits(&damage, sizeof(struct layout_header), damage.size, false);
	cr_assert_gt(damage.errors, 2000);
	damage_end(&damage);
}

/* ---- the header's fields: each has its own error and message ---- */

static void refused(struct damage *damage, int expected, const char *words)
{
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .flags = STELE_UNREGISTERED};
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher;

	cr_assert_eq(stele_subscriber_open(damage->name, &options, &subscriber), expected, "%s",
	             words);
	cr_assert_not_null(strstr(stele_last_error(), words), "\"%s\" does not say \"%s\"",
	                   stele_last_error(), words);
	cr_assert_not_null(strstr(stele_last_error(), damage->name), "\"%s\"", stele_last_error());
	cr_assert_eq(stele_publisher_open(damage->name, NULL, &publisher), expected, "%s", words);
	cr_assert_not_null(strstr(stele_last_error(), words), "\"%s\"", stele_last_error());
	memcpy(damage->file, damage->pristine, damage->size);
}

Test(crash_damage, crash_14_each_header_field_has_its_own_error, .fini = crash_clean)
{
	struct layout_header *header;
	struct damage damage;

	damage_start(&damage, "fields");
	header = (struct layout_header *)damage.file;
	header->magic++;
	refused(&damage, -EBADMSG, "is not a Stele region");
	header->byte_order = 0x04030201;
	refused(&damage, -EBADMSG, "is not a Stele region");
	header->magic = __builtin_bswap64(header->magic);
	refused(&damage, -EPROTONOSUPPORT, "other byte order");
	header->layout_version = LAYOUT_VERSION + 1;
	refused(&damage, -EPROTONOSUPPORT, "layout version 4");
	header->checksum++;
	refused(&damage, -EBADMSG, "checksum");
	header->arena_offset += LAYOUT_PAGE * 100;
	header->checksum = checksum_header(header);
	refused(&damage, -EBADMSG, "does not fit its file");
	header->ring_entries = 63;
	header->checksum = checksum_header(header);
	refused(&damage, -EBADMSG, "does not fit its file");
	header->kept_entries = UINT32_MAX;
	header->checksum = checksum_header(header);
	refused(&damage, -EBADMSG, "does not fit its file");
	header->ring_offset = UINT64_MAX - 7;
	header->checksum = checksum_header(header);
	refused(&damage, -EBADMSG, "does not fit its file");
	header->maximum_size = damage.size - 1;
	header->checksum = checksum_header(header);
	refused(&damage, -EBADMSG, "does not fit its file");
	open_and_walk(&damage);
	cr_assert_gt(damage.answers, 10);
	damage_end(&damage);
}

/* ---- much damage at once: wild references, circles ---- */

/* Returns a place that has a meaning: a word of the arena's used part, of the ring, or of the
 * changing part of the header. */
static size_t random_place(const struct damage *damage, uint64_t *random)
{
	const struct layout_header *header = (const struct layout_header *)damage->pristine;
	uint64_t choice = random_from(random) % 16;

	if (choice == 0)
		return offsetof(struct layout_header, head) + random_from(random) % 20 * 4;
	if (choice == 1)
		return header->ring_offset + sizeof(struct layout_commit) +
		       random_from(random) % 24 * 4;
	for (;;) {
		size_t place =
			header->arena_offset +
			random_from(random) % ((damage->used - header->arena_offset) / 4) * 4;
		uint32_t word;
		memcpy(&word, damage->pristine + place, 4);
		if (word != 0)
			return place;
	}
}

static void damage_once(struct damage *damage, uint64_t *random)
{
	uint32_t word;

	switch (random_from(random) % 5) {
	case 0:
		word = (uint32_t)random_from(random);
		break;
	case 1:
		/* Copies from another place: references to existing objects, lengths of others. */
		memcpy(&word, damage->pristine + random_place(damage, random), 4);
		break;
	case 2:
		word = (uint32_t)(random_place(damage, random) / LAYOUT_UNIT);
		break;
	case 3:
		word = random_from(random) % 2 ? 0 : UINT32_MAX;
		break;
	default:
		word = (uint32_t)((damage->size - LAYOUT_GUARD) / LAYOUT_UNIT -
		                  random_from(random) % 4);
	}
	memcpy(damage->file + random_place(damage, random), &word, 4);
}

Test(crash_damage, crash_14_many_words_may_be_damaged_at_once, .fini = crash_clean, .timeout = 900)
{
	struct stele_subscriber *subscriber;
	struct damage damage;

	damage_start(&damage, "words");
	subscriber = crash_subscriber(damage.name, false);
	for (uint64_t seed = 1; seed <= (SANITIZED ? 5000 : 24000); seed++) {
		uint64_t random = seed, count = 1 + seed % 8;
		alarm(30);
		for (uint64_t i = 0; i < count; i++)
			damage_once(&damage, &random);
		if (seed % 16 == 0)
			open_and_walk(&damage);
		else
			walk(&damage, subscriber);
		memcpy(damage.file, damage.pristine, damage.used);
	}
	alarm(0);
	cr_assert_gt(damage.errors, 2000);
	cr_assert_gt(damage.answers, 2000);
	stele_subscriber_close(subscriber);
	damage_end(&damage);
}

/* ---- few nodes that make many paths: each has two references to the next ---- */

#define RUNGS 40u

/* Puts a ladder of nodes into unused memory of the arena, and makes it a table's root. */
static void put_ladder(struct damage *damage, uint64_t version, const char *table, size_t at)
{
	const struct layout_header *header = (const struct layout_header *)damage->file;
	const struct layout_commit *ring =
		(const struct layout_commit *)(damage->file + header->ring_offset);
	struct view view = {damage->file, header->arena_offset, header->arena_end,
	                    header->incompatible};
	unsigned bits = (unsigned)strlen(table) * 8;
	struct layout_table *entry;
	struct row_parts parts;
	ref_t next;

	cr_assert_eq(trie_get(&view, catalog_layout(view.features), ring[version].catalog,
	                      (const unsigned char *)table, bits, &parts),
	             1);
	entry = (struct layout_table *)(uintptr_t)parts.value;
	/* The ladder ends at a row: the first one of the table. */
	for (next = entry->root;
	     *(const uint64_t *)(const void *)(damage->file + next * 8ull) & LAYOUT_NODE;) {
		struct node node = node_at(damage->file + next * 8ull);
		next = node_ref_at(&node, node_next_place(&node, 0));
	}
	for (unsigned i = 0; i < RUNGS; i++, at += 64) {
		const uint64_t words[] = {LAYOUT_NODE | 1,
		                          2 | 2 << 8 | 2 << 16,
		                          3,
		                          0,
		                          0,
		                          0,
		                          next * UINT64_C(0x100000001)};
		memcpy(damage->file + at, words, sizeof(words));
		next = (ref_t)(at / LAYOUT_UNIT);
	}
	entry->root = next;
}

Test(crash_damage, crash_14_a_ladder_of_nodes_ends_with_an_error, .fini = crash_clean)
{
	static const char *const tables[] = {"hosts", "routes", "notes"};
	struct damage damage;

	damage_start(&damage, "ladder");
	for (unsigned i = 0; i < 3; i++) {
		size_t at = (damage.used + 63) / 64 * 64 + i * 64 * 2 * RUNGS;
		put_ladder(&damage, 2, tables[i], at);
		put_ladder(&damage, 3, tables[i], at + 64 * RUNGS);
	}
	damage.errors = 0;
	alarm(30);
	open_and_walk(&damage);
	alarm(0);
	/* Each cursor, and each difference, ends with an error. */
	cr_assert_geq(damage.errors, 4);
	damage_end(&damage);
}

/* ---- recovery ---- */

static void recover_once(struct damage *damage)
{
	struct stele_publisher *publisher;
	int r = stele_publisher_open(damage->name, NULL, &publisher);

	if (r < 0) {
		/* -EUCLEAN is the answer to a header with the id of another boot: the damage hit
		 * the boot id. */
		cr_assert(r == -EBADMSG || r == -EUCLEAN, "error %d: %s", r, stele_last_error());
		damage->errors++;
	} else {
		damage->answers++;
		stele_publisher_close(publisher);
	}
	memcpy(damage->file, damage->pristine, damage->size);
}

Test(crash_damage, crash_14_recovery_of_a_damaged_region_harms_no_process, .fini = crash_clean,
     .timeout = 900)
{
	struct damage damage;

	damage_start(&damage, "recovery");
	for (uint64_t seed = 1; seed <= 12000; seed++) {
		uint64_t random = seed;
		alarm(30);
		if (seed % 2 == 0) {
			damage.file[random_place(&damage, &random) + seed / 16 % 4] ^=
				(unsigned char)(1u << seed / 2 % 8);
		} else {
			for (uint64_t i = 0; i <= seed % 5; i++)
				damage_once(&damage, &random);
		}
		recover_once(&damage);
	}
	alarm(0);
	cr_assert_gt(damage.errors, 1000);
	cr_assert_gt(damage.answers, 1000);
	damage_end(&damage);
}
