/* SPDX-License-Identifier: MIT
 *
 * Files of recordings that were cut, changed or forged: what is read is a prefix of what was
 * written, version by version. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stele/stele.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tools/base/heap.c"
#include "tools/base/text.c"
#include "tools/record/crc.c"
#include "tools/record/recording_reader.c"
#include "tools/record/recording_writer.c"

TestSuite(record_files, .timeout = 120);

static const uint8_t uuid[16] = {0x3f, 0x2a, 0x9c, 0x1e};
static unsigned char bytes[1 << 16];
static size_t size;

static void begin_group(struct recording_writer *writer, enum recording_kind kind, uint64_t version)
{
	struct recording_begin begin = {
		.kind = kind,
		.from = kind == GROUP_DELTA ? version - 1 : 0,
		.version = version,
		.time = version,
	};

	memcpy(begin.region, uuid, sizeof(uuid));
	recording_append(writer, FRAME_BEGIN, &begin, sizeof(begin), NULL, 0);
}

static void put(struct recording_writer *writer, uint32_t key, uint64_t value, uint64_t version)
{
	const struct recording_put row = {.version = version, .value_size = 8, .key_bits = 32};

	key = htobe32(key);
	recording_append_row(writer, &row, &value, &key);
}

static void name(struct recording_writer *writer, enum recording_type type, const char *text)
{
	recording_append(writer, type, text, strlen(text), NULL, 0);
}

/* Writes five versions with frames of each type. */
static void write_file(void)
{
	const struct recording_delete removed = {.key_bits = 32};
	const struct recording_subscriber subscriber = {.time = 2, .applied = 1, .pid = 7};
	const struct recording_gone gone = {.time = 5};
	const struct recording_idle idle = {.time = 6};
	const struct recording_commit commit = {.version = 2, .time = 2, .command = "test"};
	struct recording_writer writer;
	uint32_t key = htobe32(1);
	int fd = memfd_create("recording", 0);

	cr_assert(fd >= 0 && recording_create(&writer, fd, "net", 1) == 0);
	begin_group(&writer, GROUP_SNAPSHOT, 1);
	name(&writer, FRAME_TABLE, "t(a: u32 key, b: u64)");
	put(&writer, 1, 1, 1);
	put(&writer, 2, 1, 1);
	cr_assert(recording_end(&writer, 1) == 0);
	recording_append(&writer, FRAME_SUBSCRIBER, &subscriber, sizeof(subscriber), "label", 5);
	cr_assert(recording_flush(&writer) == 0);
	begin_group(&writer, GROUP_DELTA, 2);
	recording_append(&writer, FRAME_COMMIT, &commit, sizeof(commit), "message", 7);
	name(&writer, FRAME_ROWS, "t");
	recording_append(&writer, FRAME_DELETE, &removed, sizeof(removed), &key, 4);
	cr_assert(recording_end(&writer, 2) == 0);
	begin_group(&writer, GROUP_DELTA, 3);
	name(&writer, FRAME_TABLE, "u(a: u32 key, b: u64)");
	put(&writer, 3, 1, 3);
	cr_assert(recording_end(&writer, 3) == 0);
	begin_group(&writer, GROUP_DELTA, 4);
	name(&writer, FRAME_DROP, "u");
	cr_assert(recording_end(&writer, 4) == 0);
	recording_append(&writer, FRAME_GONE, &gone, sizeof(gone), NULL, 0);
	cr_assert(recording_flush(&writer) == 0);
	begin_group(&writer, GROUP_SNAPSHOT, 1);
	cr_assert(recording_end(&writer, 5) == 0);
	recording_append(&writer, FRAME_IDLE, &idle, sizeof(idle), NULL, 0);
	cr_assert(recording_flush(&writer) == 0);
	size = (size_t)writer.size;
	cr_assert(size < sizeof(bytes) && pread(fd, bytes, size, 0) == (ssize_t)size);
	recording_close(&writer);
}

/* What was read of a file. */
struct found {
	int frames, groups;
	bool opened, complete;
	uint64_t seen; /* a checksum of all frames that were read */
};

static struct found read_file(const unsigned char *from, size_t length)
{
	FILE *file = length ? fmemopen((void *)from, length, "r") : fopen("/dev/null", "r");
	struct recording_reader reader;
	struct recording_read read;
	struct found found = {0};

	cr_assert(file);
	found.opened = recording_open(&reader, file) == 0;
	while (found.opened && recording_next(&reader, &read) == 1) {
		found.frames++;
		found.groups += read.type == FRAME_END;
		found.seen = found.seen * 31 + read.type + read.row.version + read.begin.version;
	}
	found.complete = found.opened && !*reader.why;
	recording_reader_close(&reader);
	return found;
}

Test(record_files, a_whole_file_is_read_to_its_end)
{
	struct found found;

	write_file();
	found = read_file(bytes, size);
	cr_expect(found.complete && found.groups == 5 && found.frames == 22, "%d groups, %d frames",
	          found.groups, found.frames);
}

/* A file that is cut anywhere has a prefix of the frames, and never half a frame. */
Test(record_files, a_file_that_is_cut_anywhere_is_read_up_to_there)
{
	int frames = 0, groups = 0;

	write_file();
	for (size_t length = 0; length <= size; length++) {
		unsigned char *copy = malloc(length + 1);
		struct found found;

		memcpy(copy, bytes, length);
		found = read_file(copy, length);
		free(copy);
		cr_expect(found.frames == frames || found.frames == frames + 1);
		cr_expect(found.groups == groups || found.groups == groups + 1);
		cr_expect(found.opened == (length >= sizeof(struct recording_header)));
		frames = found.frames;
		groups = found.groups;
	}
	cr_expect(groups == 5 && frames == 22);
}

/* CRC-32C detects each changed bit. */
Test(record_files, a_changed_bit_ends_the_reading_before_it)
{
	struct found whole;

	write_file();
	whole = read_file(bytes, size);
	for (size_t bit = 0; bit < size * 8; bit++) {
		struct found found;

		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		found = read_file(bytes, size);
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		cr_expect(!found.complete && found.frames < whole.frames, "bit %zu", bit);
		cr_expect(found.opened == (bit >= sizeof(struct recording_header) * 8));
	}
}

Test(record_files, what_a_writer_cancels_is_not_in_the_file)
{
	struct recording_writer writer;
	int fd = memfd_create("recording", 0);
	struct found found;

	cr_assert(fd >= 0 && recording_create(&writer, fd, "net", 1) == 0);
	begin_group(&writer, GROUP_SNAPSHOT, 1);
	name(&writer, FRAME_TABLE, "t(a: u32 key, b: u64)");
	cr_assert(recording_end(&writer, 1) == 0);
	begin_group(&writer, GROUP_DELTA, 2);
	name(&writer, FRAME_ROWS, "t");
	/* More than the writer buffers. */
	for (uint32_t i = 0; i < 100000; i++)
		put(&writer, i, 7, 2);
	cr_expect(lseek(fd, 0, SEEK_END) > 1 << 20);
	recording_cancel(&writer);
	begin_group(&writer, GROUP_DELTA, 2);
	cr_assert(recording_end(&writer, 2) == 0);
	size = (size_t)pread(fd, bytes, sizeof(bytes), 0);
	cr_expect(size == writer.size && size < 1000);
	found = read_file(bytes, size);
	cr_expect(found.complete && found.groups == 2 && found.frames == 5);
	recording_close(&writer);
}

/* The header and frames of a file, with right checksums: what is in them is wrong. */
static void expect_refused(const char *what, void (*write)(struct recording_writer *writer))
{
	struct recording_writer writer;
	struct recording_reader reader;
	struct recording_read read;
	int fd = memfd_create("recording", 0);
	FILE *file;

	cr_assert(fd >= 0 && recording_create(&writer, fd, "net", 1) == 0);
	write(&writer);
	cr_assert(recording_flush(&writer) == 0);
	file = fdopen(dup(fd), "r");
	rewind(file);
	cr_assert(recording_open(&reader, file) == 0);
	while (recording_next(&reader, &read) == 1)
		continue;
	cr_expect(strstr(reader.why, what), "\"%s\" is not in \"%s\"", what, reader.why);
	recording_reader_close(&reader);
	recording_close(&writer);
}

static void write_delta_first(struct recording_writer *writer)
{
	begin_group(writer, GROUP_DELTA, 2);
}

static void write_row_without_group(struct recording_writer *writer)
{
	put(writer, 1, 1, 1);
}

static void write_row_without_table(struct recording_writer *writer)
{
	begin_group(writer, GROUP_SNAPSHOT, 1);
	put(writer, 1, 1, 1);
}

static void write_wrong_row(struct recording_writer *writer)
{
	begin_group(writer, GROUP_SNAPSHOT, 1);
	name(writer, FRAME_TABLE, "t(a: u32 key, b: u32)");
	put(writer, 1, 1, 1);
}

static void write_wrong_key(struct recording_writer *writer)
{
	begin_group(writer, GROUP_SNAPSHOT, 1);
	name(writer, FRAME_TABLE, "t(a: u16 key, b: u64)");
	put(writer, 1, 1, 1);
}

static void write_wrong_table(struct recording_writer *writer)
{
	begin_group(writer, GROUP_SNAPSHOT, 1);
	name(writer, FRAME_TABLE, "t(a: u32, b: u64)");
}

static void write_unknown_table(struct recording_writer *writer)
{
	begin_group(writer, GROUP_SNAPSHOT, 1);
	name(writer, FRAME_ROWS, "t");
}

static void write_unknown_drop(struct recording_writer *writer)
{
	begin_group(writer, GROUP_SNAPSHOT, 1);
	name(writer, FRAME_DROP, "t");
}

static void write_dropped_row(struct recording_writer *writer)
{
	begin_group(writer, GROUP_SNAPSHOT, 1);
	name(writer, FRAME_TABLE, "t(a: u32 key, b: u64)");
	name(writer, FRAME_DROP, "t");
	put(writer, 1, 1, 1);
}

static void write_wrong_count(struct recording_writer *writer)
{
	begin_group(writer, GROUP_SNAPSHOT, 1);
	writer->frames = 3;
	recording_end(writer, 1);
}

static void write_huge_key(struct recording_writer *writer)
{
	const struct recording_put row = {.version = 1, .value_size = 8, .key_bits = UINT32_MAX};

	begin_group(writer, GROUP_SNAPSHOT, 1);
	name(writer, FRAME_TABLE, "t(a: u32 key, b: u64)");
	recording_append(writer, FRAME_PUT, &row, sizeof(row), "01234567", 8);
}

static void write_unknown_type(struct recording_writer *writer)
{
	recording_append(writer, 99, NULL, 0, NULL, 0);
}

static void write_too_many_tables(struct recording_writer *writer)
{
	char text[64];

	begin_group(writer, GROUP_SNAPSHOT, 1);
	for (unsigned i = 0; i <= RECORDING_TABLES_MAX; i++) {
		/* Falling names would be the worst case of a sorted array. */
		snprintf(text, sizeof(text), "t%06u(a: u32 key)", 999999 - i);
		name(writer, FRAME_TABLE, text);
	}
}

static void write_delta_after_half(struct recording_writer *writer)
{
	begin_group(writer, GROUP_SNAPSHOT, 1);
	begin_group(writer, GROUP_DELTA, 2);
}

Test(record_files, forged_frames_are_refused)
{
	expect_refused("a difference without the version before", write_delta_first);
	expect_refused("a frame outside of a group", write_row_without_group);
	expect_refused("a row without a table", write_row_without_table);
	expect_refused("a row that does not fit its table", write_wrong_row);
	expect_refused("a row that does not fit its table", write_wrong_key);
	expect_refused("a table of an unknown form", write_wrong_table);
	expect_refused("changes of an unknown table", write_unknown_table);
	expect_refused("an unknown table is dropped", write_unknown_drop);
	expect_refused("a row without a table", write_dropped_row);
	expect_refused("a group lacks frames", write_wrong_count);
	expect_refused("a row of a wrong size", write_huge_key);
	expect_refused("a frame of an unknown type", write_unknown_type);
	expect_refused("too many tables", write_too_many_tables);
	expect_refused("a difference after a group that has no end", write_delta_after_half);
}

Test(record_files, the_checksum_is_crc_32c)
{
	/* The check value of CRC-32C, in one piece and in two. */
	cr_expect(crc_add(0, "123456789", 9) == 0xe3069283);
	cr_expect(crc_add(crc_add(0, "1234", 4), "56789", 5) == 0xe3069283);
}
