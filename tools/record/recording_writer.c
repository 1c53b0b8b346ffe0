/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include "tools/base/text.h"
#include "tools/record/crc.h"
#include "tools/record/recording.h"
#include "tools/record/recording_writer.h"

/* Bytes after which a part of a group is written. */
enum { ENOUGH = 1 << 20 };

/* Writes all bytes at the end of the file. Returns 0 or a negative errno. */
static int recording_write(struct recording_writer *writer)
{
	size_t done = 0;

	while (done < writer->bytes.length) {
		ssize_t written =
			write(writer->fd, writer->bytes.bytes + done, writer->bytes.length - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -ENOSPC;
		done += (size_t)written;
	}
	writer->bytes.length = 0;
	return 0;
}

int recording_create(struct recording_writer *writer, int fd, const char *name, uint64_t time)
{
	struct recording_header header = {
		.magic = RECORDING_MAGIC,
		.format = RECORDING_FORMAT,
		.order = RECORDING_ORDER,
		.time = time,
	};

	*writer = (struct recording_writer){.fd = fd};
	memcpy(header.region, name, strnlen(name, STELE_NAME_MAX));
	header.crc = crc_add(0, &header, offsetof(struct recording_header, crc));
	text_append(&writer->bytes, (const char *)&header, sizeof(header));
	return recording_flush(writer);
}

/* The parts of a payload. */
struct recording_part {
	const void *bytes;
	size_t size;
};

static void recording_append_parts(struct recording_writer *writer, enum recording_type type,
                                   const struct recording_part *parts, size_t count)
{
	struct recording_frame frame = {.type = type};
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += parts[i].size;
	if (!writer->error && size > RECORDING_PAYLOAD_MAX)
		writer->error = -EMSGSIZE;
	if (writer->error)
		return;
	writer->frames = type == FRAME_BEGIN ? 0 : writer->frames + 1;
	frame.size = (uint32_t)size;
	frame.crc = crc_add(0, &frame, offsetof(struct recording_frame, crc));
	for (size_t i = 0; i < count; i++)
		frame.crc = crc_add(frame.crc, parts[i].bytes, parts[i].size);
	text_append(&writer->bytes, (const char *)&frame, sizeof(frame));
	for (size_t i = 0; i < count; i++)
		text_append(&writer->bytes, parts[i].bytes, parts[i].size);
	if (writer->bytes.length >= ENOUGH)
		writer->error = recording_write(writer);
}

void recording_append(struct recording_writer *writer, enum recording_type type, const void *part,
                      size_t part_size, const void *rest, size_t rest_size)
{
	const struct recording_part parts[] = {{part, part_size}, {rest, rest_size}};

	recording_append_parts(writer, type, parts, 2);
}

void recording_append_row(struct recording_writer *writer, const struct recording_put *put,
                          const void *value, const void *key)
{
	const struct recording_part parts[] = {
		{put, sizeof(*put)}, {value, put->value_size}, {key, (put->key_bits + 7) / 8}};

	recording_append_parts(writer, FRAME_PUT, parts, 3);
}

void recording_cancel(struct recording_writer *writer)
{
	writer->bytes.length = 0;
	writer->error = 0;
	/* If this fails, the reader still knows that the group has no end, and reads no further. */
	if (ftruncate(writer->fd, (off_t)writer->size) < 0 ||
	    lseek(writer->fd, (off_t)writer->size, SEEK_SET) < 0)
		writer->broken = true;
}

int recording_flush(struct recording_writer *writer)
{
	int error = writer->error ? writer->error : recording_write(writer);

	if (error) {
		recording_cancel(writer);
		return error;
	}
	writer->size = (uint64_t)lseek(writer->fd, 0, SEEK_CUR);
	return 0;
}

int recording_end(struct recording_writer *writer, uint64_t time)
{
	const struct recording_end end = {.frames = writer->frames, .time = time};

	recording_append(writer, FRAME_END, &end, sizeof(end), NULL, 0);
	return recording_flush(writer);
}

int recording_sync(struct recording_writer *writer)
{
	return fdatasync(writer->fd) < 0 ? -errno : 0;
}

void recording_close(struct recording_writer *writer)
{
	if (writer->fd >= 0) {
		fdatasync(writer->fd);
		close(writer->fd);
	}
	text_free(&writer->bytes);
	*writer = (struct recording_writer){.fd = -1};
}
