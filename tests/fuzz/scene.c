/* SPDX-License-Identifier: MIT
 * Creates the region that is forged, see forge.h. It is small, because the cost of an execution
 * grows with the memory that it touches. */
#include "tests/fuzz/forge.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stele/stele.h>

const struct scene_table scene_tables[SCENE_TABLES] = {
	{"routes4",
         true,
         {{0},
          {10},
          {10, 1, 2, 3},
          {10, 1, 2, 3},
          {192, 0, 2, 1},
          {10, 1, 6},
          {172, 16},
          {10, 3, 0, 9}},
         {0, 8, 32, 16, 32, 24, 12, 32}},
	{"routes6",
         true,
         {{0x20, 1, 0xd, 0xb8},
          {0x20, 1, 0xd, 0xb8, 0, 5},
          {0xfe, 0x80},
          {0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 1}},
         {32, 48, 10, 72, 0, 128, 64, 128}},
	{"hosts",
         false,
         {"www", "www.example.net", "host-7.example", "host-17.example", "w", "ns", "host-", "zzz"},
         {24, 120, 112, 120, 8, 16, 40, 24}},
	{"notes",
         false,
         {{0, 0, 0x80},
          {0, 1, 0x80, 0, 0, 3},
          {0, 2, 0x7f, 0xff, 0xff, 0xff},
          {0, 0, 0x80, 0, 0, 9}},
         {48, 48, 48, 48, 16, 0, 24, 47}},
	{"dense",
         false,
         {{0, 0}, {0, 1}, {1, 5}, {1, 255}, {0, 255}, {2, 0}, {0, 77}, {1}},
         {16, 16, 16, 16, 16, 16, 16, 8}},
	{"empty", false, {{1}}, {8, 8, 8, 8, 8, 8, 8, 8}},
};

static const char *const declarations[SCENE_TABLES][SCENE_AGES] = {
	{"routes4(prefix: ipv4net key, hop: ipv4, port: char[8])",
         "routes4(prefix: ipv4net key, hop: ipv4)",
         "routes4(prefix: ipv4net key, hop: ipv4, port: char[8], more: u32)"},
	{"routes6(prefix: ipv6net key, port: u16)", "routes6(prefix: ipv6net key)",
         "routes6(prefix: ipv6net key, port: u16, more: u64 @8)"},
	{"hosts(name: text key, number: u64)", "hosts(name: text key)",
         "hosts(name: text key, number: u64, more: text)"},
	{"notes(class: u16 key, id: i32 key, flag: bool, text: text)",
         "notes(class: u16 key, id: i32 key, flag: bool)",
         "notes(class: u16 key, id: i32 key, flag: bool, more: bool, text: text)"},
	{"dense(number: u16 key, value: u8)", "dense(number: u16 key)",
         "dense(number: u16 key, value: u8, more: u8)"},
	{"empty(number: u8 key)", "empty(number: u8 key)", "empty(number: u8 key, more: u8)"},
};

static int must(int result)
{
	FUZZ_CHECK(result >= 0, "%s", stele_last_error());
	return result;
}

const struct stele_schema *scene_schema(unsigned table, enum scene_age age)
{
	static struct stele_schema *schemas[SCENE_TABLES][SCENE_AGES];
	struct stele_schema **schema = &schemas[table % SCENE_TABLES][age];
	char name[STELE_NAME_MAX + 1];

	if (!*schema)
		must(stele_schema_parse(declarations[table % SCENE_TABLES][age], name, schema));
	return *schema;
}

static void put(struct stele_transaction *tx, unsigned table, const void *key, unsigned bits,
                const void *value, size_t size)
{
	must(stele_transaction_put(tx, scene_tables[table].name, key, bits, value, size));
}

static void put_prefixes(struct stele_transaction *tx, unsigned version)
{
	for (unsigned i = 0; i < 40; i++) {
		uint8_t four[4] = {10, (uint8_t)(i % 5), (uint8_t)(i * 2), 0},
			hop[12] = {192, 0, 2};
		uint8_t six[16] = {0x20, 1, 0xd, 0xb8, 0, (uint8_t)(i % 8), 0, 0, (uint8_t)i};
		uint16_t port = (uint16_t)(version * 100 + i);
		hop[3] = (uint8_t)(version % 3);
		hop[4] = 'e';
		if (i % 4 != version % 4 && version > 1)
			continue;
		put(tx, 0, four, i % 5 ? 24 : 16, hop, sizeof(hop));
		put(tx, 0, four, i % 3 ? 32 : 23, hop, sizeof(hop));
		put(tx, 1, six, i % 2 ? 48 : 72, &port, sizeof(port));
	}
	put(tx, 0, "\300\0\2\1", 32, "\300\0\2\2lo\0\0\0\0\0", 12);
	if (version % 2)
		put(tx, 0, "", 0, "\300\0\2\3lo\0\0\0\0\0", 12);
	else
		must(stele_transaction_delete(tx, "routes4", "", 0));
}

static void put_rest(struct stele_transaction *tx, unsigned version)
{
	for (unsigned i = 0; i < 24; i++) {
		uint8_t key[6] = {0, (uint8_t)(i % 3), 0x80, 0, 0, (uint8_t)i};
		uint64_t number = version * 1000 + i;
		char name[32], note[40] = "\1";
		unsigned length = (unsigned)snprintf(name, sizeof(name), "host-%u.example", i);
		if (i % 6 != version % 6 && version > 1)
			continue;
		memset(note + 1, 'a' + (int)version, i);
		put(tx, 2, name, length * 8, &number, sizeof(number));
		put(tx, 3, key, 48, note, 1 + i);
	}
	put(tx, 2, "www", 24, &(uint64_t){version}, 8);
	put(tx, 2, "www.example.net", 120, &(uint64_t){7}, 8);
	for (unsigned i = 0; version == 1 && i < 400; i++) {
		uint8_t key[2] = {(uint8_t)(i / 256), (uint8_t)i};
		put(tx, 4, key, 16, &key[1], 1);
	}
	if (version == 5)
		must(stele_transaction_delete(tx, "hosts", "host-3.example", 112));
}

static void commit(struct stele_publisher *publisher, unsigned version)
{
	struct stele_transaction *tx;

	must(stele_transaction_begin(publisher, &tx));
	for (unsigned i = 0; version == 1 && i < SCENE_TABLES; i++)
		must(stele_transaction_create_table(tx, scene_tables[i].name,
		                                    scene_schema(i, SCENE_SAME)));
	put_prefixes(tx, version);
	put_rest(tx, version);
	must(stele_transaction_commit(tx, version % 2 ? "odd" : NULL, NULL));
}

/* Returns true if the file lists a version below history that is kept for a pin. */
static bool has_kept(const unsigned char *bytes)
{
	struct layout_header header;
	struct layout_kept kept;

	memcpy(&header, bytes, sizeof(header));
	memcpy(&kept, bytes + header.kept_offset, sizeof(kept));
	return kept.version != 0;
}

void scene_make(const char *name, char region[512], struct forge *forge)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE,
	                                                .history = 4,
	                                                .maximum_size = 1 << 20,
	                                                .limit_size = 4 << 20,
	                                                .mode = 0644};
	const struct stele_subscriber_options reader = {.size = sizeof(reader),
	                                                .notifier = "semaphore"};
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	struct stele_snapshot *pinned;
	char path[512];
	unsigned char *bytes;

	snprintf(region, 512, "%s/%s", fuzz_directory(), name);
	snprintf(path, sizeof(path), "%s/stele.%s", fuzz_directory(), name);
	/* An earlier worker that crashed may have left the region. */
	stele_region_remove(region);
	must(stele_publisher_open(region, &options, &publisher));
	for (unsigned version = 1; version <= 3; version++)
		commit(publisher, version);
	must(stele_subscriber_open(region, &reader, &subscriber));
	must(stele_snapshot_open(subscriber, 3, &pinned));
	/* More commits than history holds, so that version 3 is only kept for the pin. */
	for (unsigned version = 4; version <= SCENE_VERSIONS; version++)
		commit(publisher, version);
	forge_open(forge, path);
	FUZZ_CHECK(has_kept(forge->pristine), "no version is kept");
	bytes = malloc(forge->size);
	memcpy(bytes, forge->pristine, forge->size);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
	/* Restores the state before publisher and subscriber were closed, as if they had died. */
	forge_set(forge, bytes, forge->size);
	free(bytes);
}

unsigned scene_key(const struct forge_step *step, unsigned table, uint8_t key[64])
{
	const struct scene_table *from = &scene_tables[table % SCENE_TABLES];
	unsigned which = step->place % 8, bits = from->bits[which];

	memset(key, 0, 64);
	memcpy(key, from->keys[which], sizeof(from->keys[which]));
	if (step->place & 256)
		memcpy(key, &step->value, 8);
	if (step->place & 512)
		key[step->b % 8] ^= (uint8_t)(1u << step->a % 8);
	if (step->place & 1024)
		bits = step->b % 512u;
	return bits;
}
