/* SPDX-License-Identifier: MIT
 * Forges the file of a region, see forge.h. */
#include "tests/fuzz/forge.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/checksum.h"
#include "lib/region/region.h"

#define PAGE 4096u
/* Bytes of address space for the file, which is its maximum size. */
#define MAP_SIZE ((size_t)8 << 20)

/* ---- the file ---- */

static void must(bool condition, const char *what)
{
	FUZZ_CHECK(condition, "%s: %s", what, strerror(errno));
}

/* Opens the file and maps it, at the address of an earlier mapping if there was one. */
static void attach(struct forge *forge)
{
	void *at = forge->base ? forge->base : NULL;

	forge->fd = open(forge->path, O_RDWR | O_CLOEXEC);
	must(forge->fd >= 0, forge->path);
	forge->base = mmap(at, forge->capacity, PROT_READ | PROT_WRITE,
	                   MAP_SHARED | (at ? MAP_FIXED : 0), forge->fd, 0);
	must(forge->base != MAP_FAILED, "mmap");
}

/* Returns true if the open file still has its name. */
static bool is_named(const struct forge *forge)
{
	struct stat open_file, named;

	return fstat(forge->fd, &open_file) == 0 && stat(forge->path, &named) == 0 &&
	       open_file.st_ino == named.st_ino;
}

/* Marks the pages of a range as dirty, for forge_restore(). */
static void mark(struct forge *forge, size_t at, size_t size)
{
	for (size_t page = at / PAGE; page * PAGE < at + size; page++)
		forge->dirty[page / 64] |= UINT64_C(1) << page % 64;
}

/* Stores bytes at an offset in the file. Does nothing past the end of the file. */
static void store(struct forge *forge, size_t at, const void *bytes, size_t size)
{
	if (at > forge->size_now || size > forge->size_now - at)
		return;
	mark(forge, at, size);
	memcpy(forge->base + at, bytes, size);
}

static uint64_t load(const struct forge *forge, size_t at)
{
	uint64_t word = 0;

	if (forge->size_now >= 8 && at <= forge->size_now - 8)
		memcpy(&word, forge->base + at, 8);
	return word;
}

bool forge_replaced(const struct forge *forge)
{
	return head_state(load(forge, offsetof(struct layout_header, head))) != HEAD_CURRENT;
}

void forge_restore(struct forge *forge)
{
	struct stat status;

	if (!is_named(forge)) {
		unlink(forge->path);
		close(forge->fd);
		close(open(forge->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
		chmod(forge->path, 0644);
		attach(forge);
		memset(forge->dirty, 0xff, MAP_SIZE / PAGE / 8);
	}
	must(fstat(forge->fd, &status) == 0, "fstat");
	if ((size_t)status.st_size != forge->size)
		must(ftruncate(forge->fd, (off_t)forge->size) == 0, "ftruncate");
	/* The part that was truncated has zeroes or a hole now. */
	if (forge->min_size < forge->size)
		mark(forge, forge->min_size, forge->size - forge->min_size);
	for (size_t page = 0; page * PAGE < forge->size; page++) {
		size_t at = page * PAGE, size = forge->size - at < PAGE ? forge->size - at : PAGE;
		if (forge->dirty[page / 64] >> page % 64 & 1)
			memcpy(forge->base + at, forge->pristine + at, size);
	}
	memset(forge->dirty, 0, MAP_SIZE / PAGE / 8);
	forge->size_now = forge->min_size = forge->size;
	forge->holes = false;
}

/* ---- objects in the file ---- */

static void add(uint32_t **list, size_t *count, size_t value)
{
	if (*count % 1024 == 0)
		*list = realloc(*list, (*count + 1024) * sizeof(**list));
	(*list)[(*count)++] = (uint32_t)value;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_object(const struct forge *forge, uint32_t reference)
{
	uint32_t offset = reference * LAYOUT_UNIT;

	return reference < forge->size / LAYOUT_UNIT &&
	       bsearch(&offset, forge->objects, forge->object_count, sizeof(offset), compare);
}

/* Finds objects and references by a heuristic: a word that could be a version begins an object, and
 * a word that could be the reference of such an object is a reference. Wrong guesses do no harm,
 * because an edit there is as good as any other. */
static void find_objects(struct forge *forge)
{
	struct layout_header header;

	memcpy(&header, forge->pristine, sizeof(header));
	for (size_t at = header.arena_offset; at + 8 <= forge->size; at += 8) {
		uint64_t word;
		memcpy(&word, forge->pristine + at, 8);
		word &= ~LAYOUT_NODE;
		if (word > 0 && word <= head_version(header.head))
			add(&forge->objects, &forge->object_count, at);
	}
	for (size_t at = header.ring_offset; at + 4 <= forge->size; at += 4) {
		uint32_t word;
		memcpy(&word, forge->pristine + at, 4);
		if (word != 0 && is_object(forge, word))
			add(&forge->references, &forge->reference_count, at);
	}
	for (size_t i = 0; i < forge->object_count; i++) {
		struct layout_table table;
		size_t at = forge->objects[i] + 8u;
		if (at + sizeof(table) > forge->size)
			break;
		memcpy(&table, forge->pristine + at, sizeof(table));
		if (table.id == 0 || table.id > head_version(header.head) ||
		    !is_object(forge, table.root) || !is_object(forge, table.schema))
			continue;
		add(&forge->tables, &forge->table_count, at);
		add(&forge->schemas, &forge->schema_count, table.schema * (size_t)LAYOUT_UNIT);
	}
}

void forge_open(struct forge *forge, const char *path)
{
	struct stat status;

	*forge = (struct forge){.capacity = MAP_SIZE, .fd = -1};
	snprintf(forge->path, sizeof(forge->path), "%s", path);
	attach(forge);
	must(fstat(forge->fd, &status) == 0, "fstat");
	forge->size = forge->size_now = forge->min_size = (size_t)status.st_size;
	forge->dirty = calloc(MAP_SIZE / PAGE / 64, 8);
	forge->pristine = malloc(forge->size);
	memcpy(forge->pristine, forge->base, forge->size);
	find_objects(forge);
}

void forge_set(struct forge *forge, const void *bytes, size_t size)
{
	FUZZ_CHECK(size <= forge->capacity, "%zu bytes", size);
	forge->pristine = realloc(forge->pristine, size);
	memcpy(forge->pristine, bytes, size);
	forge->size = size;
	forge->min_size = 0;
	forge->object_count = forge->reference_count = forge->table_count = 0;
	forge->schema_count = 0;
	find_objects(forge);
	forge_restore(forge);
}

/* Returns the entry of the ring that a step edits: mostly that of the newest version. */
static uint64_t ring_index(const struct forge *forge, uint32_t place)
{
	struct layout_header header;

	memcpy(&header, forge->pristine, sizeof(header));
	return (place % 4 ? head_version(header.head) : place / 4) % header.ring_entries;
}

/* Returns the offset of the record of the entry that ring_index() returns. */
static size_t record_at(const struct forge *forge, uint32_t place)
{
	struct layout_header header;
	struct layout_commit commit;

	memcpy(&header, forge->pristine, sizeof(header));
	memcpy(&commit,
	       forge->pristine + header.ring_offset + ring_index(forge, place) * sizeof(commit),
	       sizeof(commit));
	return commit.record * (size_t)LAYOUT_UNIT;
}

/* ---- edits ---- */

void forge_repair(struct forge *forge)
{
	struct layout_header header;

	if (forge->size_now < sizeof(header))
		return;
	memcpy(&header, forge->base, sizeof(header));
	if (forge->contents) {
		/* The checksum reads the holes, and so fills them. */
		forge->watched = false;
		header.contents =
			checksum_contents(forge->base, forge->size_now, header.incompatible);
	}
	header.checksum = checksum_header(&header);
	store(forge, 0, &header, sizeof(header));
}

/* The fields of the header, and the fields of the words after it. */
static const struct {
	uint16_t at, size;
} fields[] =
	{
#define FIELD(member) \
	{ \
		offsetof(struct layout_header, member), \
			sizeof(((struct layout_header *)0)->member) \
	}
		FIELD(limit_size),   FIELD(maximum_size),   FIELD(ring_offset),
		FIELD(kept_offset),  FIELD(arena_offset),   FIELD(ring_entries),
		FIELD(kept_entries), FIELD(history),        FIELD(history_bytes),
		FIELD(memory),       FIELD(generation),     FIELD(durability),
		FIELD(mode),         FIELD(segment),        FIELD(segment_namespace),
		FIELD(contents),     FIELD(layout_version), FIELD(byte_order),
		FIELD(created),      FIELD(magic),          FIELD(checksum),
		FIELD(incompatible), FIELD(compatible),     FIELD(read_only_compatible),
		FIELD(name),
},
  words[] = {
	  FIELD(head),
	  FIELD(arena_end),
	  FIELD(oldest),
	  FIELD(reclaimed),
	  FIELD(kept_used),
	  FIELD(boot_id),
	  FIELD(publisher.detached),
	  FIELD(publisher.pid),
};
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static size_t pick(const uint32_t *list, size_t count, uint64_t number)
{
	return count ? list[number % count] : 0;
}

static uint32_t reference_to(const struct forge *forge, uint64_t number)
{
	return (uint32_t)(pick(forge->objects, forge->object_count, number) / LAYOUT_UNIT);
}

static void store_bits(struct forge *forge, size_t at, unsigned from, unsigned bits, uint64_t value)
{
	uint64_t mask = ((UINT64_C(1) << bits) - 1) << from;
	uint64_t word = (load(forge, at) & ~mask) | (value << from & mask);

	store(forge, at, &word, 8);
}

static void edit_word(struct forge *forge, const struct forge_step *step)
{
	size_t at = step->place % forge->size;
	uint64_t flipped;

	switch (step->what) {
	case EDIT_64:
		store(forge, at & ~(size_t)7, &step->value, 8);
		break;
	case EDIT_32:
		store(forge, at & ~(size_t)3, &step->value, 4);
		break;
	case EDIT_8:
		store(forge, at, &step->value, 1);
		break;
	default:
		flipped = load(forge, at & ~(size_t)7) ^ UINT64_C(1) << step->a % 64;
		store(forge, at & ~(size_t)7, &flipped, 8);
	}
}

static void edit_header(struct forge *forge, const struct forge_step *step)
{
	static const uint8_t offsets[] = {0, 8, 16, 20};
	struct layout_header header;
	uint64_t value = step->value;
	size_t at;

	memcpy(&header, forge->pristine, sizeof(header));
	switch (step->what) {
	case EDIT_HEADER:
		at = step->a % COUNT(fields);
		store(forge, fields[at].at, &step->value,
		      fields[at].size < 8 ? fields[at].size : 8);
		break;
	case EDIT_HEAD_WORDS:
		at = step->a % COUNT(words);
		if (words[at].at == offsetof(struct layout_header, head) && step->b % 8)
			value = head_make(value, step->b / 8 % 16
			                                 ? HEAD_CURRENT
			                                 : (enum head_state)(step->b / 128 % 4));
		store(forge, words[at].at, &value, words[at].size < 8 ? words[at].size : 8);
		break;
	case EDIT_RING:
		at = header.ring_offset +
		     ring_index(forge, step->place) * sizeof(struct layout_commit) +
		     offsets[step->a % 4];
		store(forge, at, &step->value, step->a % 4 < 2 ? 8 : 4);
		break;
	default:
		at = header.kept_offset + step->place % 16 * sizeof(struct layout_kept);
		store(forge, at + (step->a % 3 ? 4 + step->a % 3 * 4u : 0), &step->value,
		      step->a % 3 ? 4 : 8);
	}
}

static void edit_object(struct forge *forge, const struct forge_step *step)
{
	static const struct {
		uint8_t from, bits;
	} info[] = {{0, 8},  {8, 8},   {16, 8}, {24, 8}, {32, 8},
	            {40, 8}, {48, 10}, {58, 1}, {59, 1}, {60, 2}};
	size_t at = pick(forge->objects, forge->object_count, step->place);
	unsigned which = step->a % (unsigned)COUNT(info);
	uint64_t word;

	switch (step->what) {
	case EDIT_OBJECT:
		store(forge, at + step->a % 32 * 4u, &step->value, step->b % 2 ? 4 : 8);
		break;
	case EDIT_OBJECT_BIT:
		word = load(forge, at + step->b / 64 % 32 * 8u) ^ UINT64_C(1) << step->b % 64;
		store(forge, at + step->b / 64 % 32 * 8u, &word, 8);
		break;
	case EDIT_INFO:
		store_bits(forge, at + 8, info[which].from, info[which].bits, step->value);
		break;
	default: /* Adds or removes one child or prefix, with or without correcting the count. */
		word = load(forge, at + 16 + step->a % 8 * 8u) ^ UINT64_C(1) << step->b % 64;
		store(forge, at + 16 + step->a % 8 * 8u, &word, 8);
		if (step->value % 2)
			store_bits(forge, at + 8, 0, 8,
			           load(forge, at + 8) + (word >> step->b % 64 & 1) * 2 - 1);
	}
}

static void edit_reference(struct forge *forge, const struct forge_step *step)
{
	size_t at = pick(forge->references, forge->reference_count, step->place);
	size_t other = pick(forge->references, forge->reference_count, step->value);
	uint32_t reference = (uint32_t)step->value, swapped;

	if (step->what == EDIT_REFERENCE)
		reference = reference_to(forge, step->value);
	if (step->what == EDIT_SWAP) {
		swapped = (uint32_t)load(forge, at);
		reference = (uint32_t)load(forge, other);
		store(forge, other, &swapped, 4);
	}
	store(forge, at, &reference, 4);
}

static void edit_range(struct forge *forge, const struct forge_step *step)
{
	size_t from = step->value % forge->size & ~(size_t)7,
	       to = step->place % forge->size & ~(size_t)7;
	size_t size = 8u * (1 + step->b % 64u);
	unsigned char bytes[512] = {0};

	if (step->what == EDIT_COPY_OBJECT) {
		from = pick(forge->objects, forge->object_count, step->value);
		to = pick(forge->objects, forge->object_count, step->place);
	}
	if (step->what != EDIT_ZERO && from + size <= forge->size_now)
		memcpy(bytes, forge->base + from, size);
	store(forge, to, bytes, size);
}

static void edit_other(struct forge *forge, const struct forge_step *step)
{
	static const uint8_t at_table[] = {0, 8, 16, 20};
	/* Offsets in the blob of the record: its size, the command, the size of the message, the
	 * tables, and what follows. */
	static const uint8_t at_record[] = {8, 16, 36, 44, 48, 52, 52, 52, 56, 64, 88, 112, 136};
	size_t at = pick(forge->tables, forge->table_count, step->place) + at_table[step->a % 4];
	struct layout_durable record = {1 + step->a % 3, step->value, step->place % 16, 0, 0};
	uint32_t reference = reference_to(forge, step->value);

	switch (step->what) {
	case EDIT_TABLE:
		if (step->a % 4 >= 2 && step->b % 2)
			store(forge, at, &reference, 4);
		else
			store(forge, at, &step->value, step->a % 4 < 2 ? 8 : 4);
		break;
	case EDIT_RECORD:
		at = record_at(forge, step->place) + at_record[step->a % COUNT(at_record)];
		store(forge, at, &step->value, step->b % 4 ? 4 : 8);
		break;
	case EDIT_SCHEMA:
		at = pick(forge->schemas, forge->schema_count, step->place);
		/* Overwrites the size of the blob, a word in the head of the schema, or any
		 * byte. */
		if (step->a % 2)
			store(forge, at + 8 + step->b % 8 * 4u, &step->value, 4);
		else
			store(forge, at + step->b % 160, &step->value, 1);
		break;
	default:
		if (forge->size_now < PAGE)
			break;
		record.arena_end = load(forge, offsetof(struct layout_header, arena_end));
		record.checksum = checksum_durable(
			&record, forge->base + offsetof(struct layout_header, uuid));
		store(forge, LAYOUT_DURABLE_OFFSET(record.sequence), &record, sizeof(record));
	}
}

static void edit_size(struct forge *forge, const struct forge_step *step)
{
	size_t size = step->place % (forge->size + PAGE);

	forge->watched = false;
	if (step->what == EDIT_HOLE) {
		forge->holes = true;
		mark(forge, size, PAGE * 8);
		fallocate(forge->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		          (off_t)(size / PAGE * PAGE), (off_t)(PAGE * (1 + step->b % 8u)));
		return;
	}
	if (step->what == EDIT_GROW)
		size = step->value % ((uint64_t)forge->size * 16);
	else if (step->a % 2)
		size &= ~(size_t)(PAGE - 1);
	if (size > forge->capacity)
		size = forge->capacity;
	forge->holes |= size > forge->size_now;
	if (size < forge->min_size)
		forge->min_size = size;
	must(ftruncate(forge->fd, (off_t)size) == 0, "ftruncate");
	forge->size_now = size;
}

void forge_edit(struct forge *forge, const struct forge_step *step)
{
	struct forge_step edit = *step;

	edit.what = step->what % EDITS;
	if (edit.what <= EDIT_BIT)
		edit_word(forge, &edit);
	else if (edit.what <= EDIT_KEPT)
		edit_header(forge, &edit);
	else if (edit.what <= EDIT_BITMAP)
		edit_object(forge, &edit);
	else if (edit.what <= EDIT_SWAP)
		edit_reference(forge, &edit);
	else if (edit.what <= EDIT_ZERO)
		edit_range(forge, &edit);
	else if (edit.what <= EDIT_DURABLE)
		edit_other(forge, &edit);
	else if (edit.what == EDIT_REPAIR)
		forge_repair(forge);
	else
		edit_size(forge, &edit);
}

void forge_cut(struct forge *forge, const struct forge_step *step)
{
	struct stat status;
	off_t size = (off_t)(step->place % forge->size);

	if (is_named(forge) && fstat(forge->fd, &status) == 0 && size < status.st_size)
		must(ftruncate(forge->fd, size) == 0, "ftruncate");
	forge->min_size = 0;
}

void forge_changed(struct forge *forge)
{
	memset(forge->dirty, 0xff, MAP_SIZE / PAGE / 8);
}

static long blocks_of(const struct forge *forge)
{
	struct stat status;

	must(fstat(forge->fd, &status) == 0, "fstat");
	return (long)status.st_blocks;
}

void forge_watch_holes(struct forge *forge)
{
	forge->watched = forge->holes;
	if (forge->watched)
		forge->blocks = blocks_of(forge);
}

void forge_check_holes(const struct forge *forge, size_t edits)
{
	if (forge->watched)
		FUZZ_CHECK(blocks_of(forge) <= forge->blocks + (long)edits * 32,
		           "a reader made %ld blocks %ld", forge->blocks, blocks_of(forge));
}
