/* SPDX-License-Identifier: MIT
 *
 * Fuzzes recordings, as `stele replay` and `stele why` read them. The mutator repairs sizes and
 * checksums, so that frames with wrong contents reach what is behind the checksum. */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <stele/stele.h>

#include "tools/output/row_cells.h"
#include "tools/record/crc.h"
#include "tools/record/recording.h"
#include "tools/record/recordings.h"
#include "tools/record/replay.h"
#include "tools/why/lookup_history.h"
#include "tools/why/lookup_recorded.h"

static struct stele_publisher *publisher;

static void must(int result)
{
	FUZZ_CHECK(result >= 0, "%s", stele_last_error());
}

/* Gives each frame a size that the file has, a known type and the right checksum, and the end of a
 * group the right number of frames. */
static void repair(uint8_t *data, size_t size)
{
	struct recording_header header;
	struct recording_frame frame;
	uint64_t frames = 0;
	size_t at = sizeof(header);

	if (size < at)
		return;
	memcpy(&header, data, sizeof(header));
	memcpy(header.magic, RECORDING_MAGIC, sizeof(header.magic));
	header.format = RECORDING_FORMAT;
	header.order = RECORDING_ORDER;
	memset(header.region, 0, sizeof(header.region));
	memcpy(header.region, "net", 3);
	header.crc = crc_add(0, &header, offsetof(struct recording_header, crc));
	memcpy(data, &header, sizeof(header));
	for (; size - at >= sizeof(frame); at += sizeof(frame) + frame.size) {
		memcpy(&frame, data + at, sizeof(frame));
		if (frame.size > size - at - sizeof(frame))
			frame.size = (uint32_t)(size - at - sizeof(frame));
		frame.type %= FRAME_TYPES;
		if (frame.type == FRAME_END && frame.size >= sizeof(frames))
			memcpy(data + at + sizeof(frame), &frames, sizeof(frames));
		frames = frame.type == FRAME_BEGIN ? 0 : frames + 1;
		frame.crc = crc_add(0, &frame, offsetof(struct recording_frame, crc));
		frame.crc = crc_add(frame.crc, data + at + sizeof(frame), frame.size);
		memcpy(data + at, &frame, sizeof(frame));
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
	size = LLVMFuzzerMutate(data, size, capacity);
	if (seed % 4)
		repair(data, size);
	return size;
}

/* Decodes a row, as `stele why` prints it. */
static void print_row(const struct lookup_row *row)
{
	struct row_cells cells;

	if (!row || !row->schema)
		return;
	row_cells_open(&cells, row->schema);
	fuzz_result(row_cells_fill(&cells, row->row.key, row->row.key_bits, row->row.value,
	                           row->row.value_size));
	row_cells_close(&cells);
}

static void tell(char *path, const char *table, const char *key)
{
	char *paths[] = {path, path};
	const struct recordings recordings = {.paths = paths, .count = 2};
	struct lookup_history history;

	lookup_open(&history, table, key, UINT64_MAX / 2);
	if (lookup_recorded(&history, &recordings, "net") == STATUS_DONE) {
		for (size_t i = 0; i < history.rows.count; i++)
			print_row(&history.rows.rows[i]);
		print_row(&history.change.before);
	}
	lookup_close(&history);
}

/* Drops the tables that a replay has left. */
static void drop_all(struct replay *replay)
{
	struct stele_transaction *tx;

	must(stele_transaction_begin(publisher, &tx));
	for (size_t i = 0; i < replay->table_count; i++)
		if (replay->tables[i]->exists)
			must(stele_transaction_drop_table(tx, replay->tables[i]->name));
	must(stele_transaction_commit(tx, NULL, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct stele_publisher_options options = {.size = sizeof(options),
	                                                       .flags = STELE_CREATE,
	                                                       .maximum_size = 4 << 20,
	                                                       .limit_size = 4 << 20};
	struct replay replay = {.until = UINT64_MAX, .stop_fd = -1};
	char path[128];
	int fd;

	if (!publisher) {
		snprintf(path, sizeof(path), "%s/fuzz", fuzz_directory());
		/* An earlier worker that crashed may have left the region. */
		stele_region_remove(path);
		must(stele_publisher_open(path, &options, &publisher));
		fuzz_capture_output();
	}
	fd = memfd_create("recording", MFD_CLOEXEC);
	FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size, "no memory file");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	tell(path, "routes", "10.1.2.3");
	tell(path, "hosts", "www");
	replay.publisher = publisher;
	replay_file(&replay, path);
	drop_all(&replay);
	replay_free(&replay);
	close(fd);
	return 0;
}
