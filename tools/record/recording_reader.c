/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/heap.h"
#include "tools/record/crc.h"
#include "tools/record/recording.h"
#include "tools/record/recording_reader.h"

/* Keeps the reason why the file can't be read on. Returns 0, for recording_next(). */
static int reader_stop(struct recording_reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int reader_stop(struct recording_reader *reader, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reader->why, sizeof(reader->why), format, arguments);
	va_end(arguments);
	return 0;
}

static int reader_damaged(struct recording_reader *reader, const char *what)
{
	reader->damaged = true;
	return reader_stop(reader, "damaged at byte %llu: %s", (unsigned long long)reader->offset,
	                   what);
}

FILE *recording_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	FILE *file = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) == 0 && !S_ISREG(status.st_mode))
		errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
	else
		file = fdopen(fd, "r");
	if (!file)
		close(fd);
	return file;
}

int recording_open(struct recording_reader *reader, FILE *file)
{
	struct recording_header header = {0};
	size_t size;

	*reader = (struct recording_reader){.file = file};
	size = fread(&header, 1, sizeof(header), file);
	if (ferror(file)) {
		reader_stop(reader, "cannot be read: %s", strerror(errno));
	} else if (size >= sizeof(header.magic) &&
	           memcmp(header.magic, RECORDING_MAGIC, sizeof(header.magic)) != 0) {
		reader_stop(reader, "not a recording of 'stele record'");
	} else if (size < sizeof(header)) {
		reader_stop(reader, "too short for a recording");
	} else if (header.order != RECORDING_ORDER) {
		reader_stop(reader, "recorded on a machine of another byte order");
	} else if (header.format != RECORDING_FORMAT) {
		reader_stop(reader, "a recording of format %u, which this command does not know",
		            header.format);
	} else if (header.crc != crc_add(0, &header, offsetof(struct recording_header, crc)) ||
	           header.region[STELE_NAME_MAX]) {
		reader_stop(reader, "damaged: wrong checksum of the header");
	} else {
		reader->created = header.time;
		memcpy(reader->region, header.region, sizeof(reader->region));
		reader->offset = sizeof(header);
		return 0;
	}
	return -EBADMSG;
}

/* ---- tables ---- */

/* Compares names, which are the first member of a table. */
static int reader_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Returns the table of this name, or NULL. */
static struct recording_table *reader_find(const struct recording_reader *reader, const char *name)
{
	struct recording_table **node = tfind(name, &reader->tables, reader_compare);

	return node ? *node : NULL;
}

static void reader_free_table(void *table)
{
	stele_schema_free(((struct recording_table *)table)->schema);
	free(table);
}

static void reader_remove(struct recording_reader *reader, struct recording_table *table)
{
	tdelete(table, &reader->tables, reader_compare);
	reader_free_table(table);
	reader->table_count--;
}

static void reader_remove_all(struct recording_reader *reader)
{
	tdestroy(reader->tables, reader_free_table);
	reader->tables = NULL;
	reader->table_count = 0;
}

/* Takes over the schema of a table, in place of an earlier one. Returns 1, or 0 if that fails. */
static int reader_define(struct recording_reader *reader, const char *name,
                         struct stele_schema *schema)
{
	struct recording_table *table = reader_find(reader, name);

	if (!table) {
		table = heap_realloc(NULL, sizeof(*table));
		*table = (struct recording_table){0};
		snprintf(table->name, sizeof(table->name), "%s", name);
		if (!tsearch(table, &reader->tables, reader_compare)) {
			free(table);
			stele_schema_free(schema);
			return reader_stop(reader, "cannot be read: %s", strerror(ENOMEM));
		}
		reader->table_count++;
	}
	stele_schema_free(table->schema);
	table->schema = schema;
	reader->current = table;
	return 1;
}

/* ---- frames ---- */

/* Copies the name in the payload to reader->name. Returns false if it is not valid. */
static bool reader_name(struct recording_reader *reader, size_t size)
{
	if (size > STELE_NAME_MAX || memchr(reader->payload, '\0', size))
		return false;
	memcpy(reader->name, reader->payload, size);
	reader->name[size] = '\0';
	return stele_name_check("table", reader->name) == 0;
}

/* Sets the table that the frame is about. */
static int reader_set_table(const struct recording_reader *reader, struct recording_read *ret)
{
	ret->table = reader->current->name;
	ret->schema = reader->current->schema;
	return 1;
}

static int reader_take_begin(struct recording_reader *reader, size_t size,
                             struct recording_read *ret)
{
	if (size != sizeof(ret->begin))
		return reader_damaged(reader, "a group has a wrong start");
	memcpy(&ret->begin, reader->payload, size);
	if (ret->begin.kind != GROUP_SNAPSHOT && ret->begin.kind != GROUP_DELTA)
		return reader_damaged(reader, "a group of an unknown kind");
	if (!reader->any && ret->begin.kind != GROUP_SNAPSHOT)
		return reader_damaged(reader, "a difference without the version before");
	/* The tables of a delta that has no end are not those of the version before. */
	if (reader->in_group && ret->begin.kind != GROUP_SNAPSHOT)
		return reader_damaged(reader, "a difference after a group that has no end");
	reader->snapshot = ret->begin.kind == GROUP_SNAPSHOT;
	if (reader->snapshot)
		reader_remove_all(reader);
	reader->any = reader->in_group = true;
	reader->current = NULL;
	reader->frames = 0;
	return 1;
}

static int reader_take_commit(struct recording_reader *reader, size_t size,
                              struct recording_read *ret)
{
	struct recording_commit from;
	size_t length = size - sizeof(from);

	if (size < sizeof(from) || length > RECORDING_MESSAGE)
		return reader_damaged(reader, "a commit of a wrong size");
	memcpy(&from, reader->payload, sizeof(from));
	ret->commit = (struct stele_commit){
		.version = from.version,
		.time = from.time,
		.pid = from.pid,
		.added = from.added,
		.changed = from.changed,
		.removed = from.removed,
		.user = from.user,
		.user_known = from.user_known,
	};
	memcpy(ret->commit.publisher, from.publisher, sizeof(from.publisher));
	memcpy(ret->commit.command, from.command, sizeof(from.command) - 1);
	memcpy(ret->commit.message, reader->payload + sizeof(from), length);
	return 1;
}

static int reader_take_drop(struct recording_reader *reader, size_t size,
                            struct recording_read *ret)
{
	struct recording_table *table = NULL;

	if (reader_name(reader, size))
		table = reader_find(reader, reader->name);
	if (!table)
		return reader_damaged(reader, "an unknown table is dropped");
	reader_remove(reader, table);
	reader->current = NULL;
	ret->table = reader->name;
	return 1;
}

static int reader_take_table(struct recording_reader *reader, size_t size,
                             struct recording_read *ret)
{
	struct stele_schema *schema;

	/* The buffer has space for the NUL. */
	reader->payload[size] = '\0';
	if (memchr(reader->payload, '\0', size) ||
	    stele_schema_parse((const char *)reader->payload, reader->name, &schema) < 0)
		return reader_damaged(reader, "a table of an unknown form");
	if (reader->table_count >= RECORDING_TABLES_MAX && !reader_find(reader, reader->name)) {
		stele_schema_free(schema);
		return reader_damaged(reader, "too many tables");
	}
	return reader_define(reader, reader->name, schema) && reader_set_table(reader, ret);
}

static int reader_take_rows(struct recording_reader *reader, size_t size,
                            struct recording_read *ret)
{
	reader->current = NULL;
	if (reader_name(reader, size))
		reader->current = reader_find(reader, reader->name);
	if (!reader->current)
		return reader_damaged(reader, "changes of an unknown table");
	return reader_set_table(reader, ret);
}

static int reader_take_put(struct recording_reader *reader, size_t size, struct recording_read *ret)
{
	struct recording_put put;
	size_t rest = size - sizeof(put);

	if (size < sizeof(put) || !reader->current)
		return reader_damaged(reader, "a row without a table");
	memcpy(&put, reader->payload, sizeof(put));
	if (put.value_size > rest || put.key_bits > STELE_KEY_MAX * 8 ||
	    (put.key_bits + 7) / 8 != rest - put.value_size)
		return reader_damaged(reader, "a row of a wrong size");
	ret->row = (struct stele_row){
		.key = reader->payload + sizeof(put) + put.value_size,
		.key_bits = put.key_bits,
		.value = reader->payload + sizeof(put),
		.value_size = put.value_size,
		.version = put.version,
	};
	reader_set_table(reader, ret);
	if (stele_key_check(ret->schema, ret->row.key, ret->row.key_bits) < 0 ||
	    stele_value_check(ret->schema, ret->row.value, ret->row.value_size) < 0)
		return reader_damaged(reader, "a row that does not fit its table");
	return 1;
}

static int reader_take_delete(struct recording_reader *reader, size_t size,
                              struct recording_read *ret)
{
	struct recording_delete removed;

	if (size < sizeof(removed) || !reader->current)
		return reader_damaged(reader, "a row without a table");
	memcpy(&removed, reader->payload, sizeof(removed));
	if (removed.key_bits > STELE_KEY_MAX * 8 ||
	    (removed.key_bits + 7) / 8 != size - sizeof(removed))
		return reader_damaged(reader, "a key of a wrong size");
	ret->row = (struct stele_row){
		.key = reader->payload + sizeof(removed),
		.key_bits = removed.key_bits,
	};
	reader_set_table(reader, ret);
	if (stele_key_check(ret->schema, ret->row.key, ret->row.key_bits) < 0)
		return reader_damaged(reader, "a key that does not fit its table");
	return 1;
}

static int reader_take_end(struct recording_reader *reader, size_t size, struct recording_read *ret)
{
	if (size != sizeof(ret->end))
		return reader_damaged(reader, "a group has a wrong end");
	memcpy(&ret->end, reader->payload, size);
	if (ret->end.frames != reader->frames)
		return reader_damaged(reader, "a group lacks frames");
	reader->in_group = false;
	return 1;
}

static int reader_take_subscriber(struct recording_reader *reader, size_t size,
                                  struct recording_read *ret)
{
	size_t length = size - sizeof(ret->subscriber);

	if (size < sizeof(ret->subscriber) || length > STELE_LABEL_MAX)
		return reader_damaged(reader, "a subscriber of a wrong size");
	memcpy(&ret->subscriber, reader->payload, sizeof(ret->subscriber));
	ret->subscriber.command[sizeof(ret->subscriber.command) - 1] = '\0';
	memcpy(ret->label, reader->payload + sizeof(ret->subscriber), length);
	ret->label[length] = '\0';
	return 1;
}

static int reader_take_gone(struct recording_reader *reader, size_t size,
                            struct recording_read *ret)
{
	if (size != sizeof(ret->gone))
		return reader_damaged(reader, "a frame of a wrong size");
	memcpy(&ret->gone, reader->payload, size);
	return 1;
}

static int reader_take_idle(struct recording_reader *reader, size_t size,
                            struct recording_read *ret)
{
	if (size != sizeof(ret->idle))
		return reader_damaged(reader, "a frame of a wrong size");
	memcpy(&ret->idle, reader->payload, size);
	return 1;
}

/* Checks the payload and fills `*ret` with it. Returns 1, or 0 if the file is damaged. */
static int reader_take(struct recording_reader *reader, size_t size, struct recording_read *ret)
{
	static int (*const take[])(struct recording_reader *, size_t, struct recording_read *) = {
		[FRAME_BEGIN] = reader_take_begin,
		[FRAME_COMMIT] = reader_take_commit,
		[FRAME_DROP] = reader_take_drop,
		[FRAME_TABLE] = reader_take_table,
		[FRAME_ROWS] = reader_take_rows,
		[FRAME_PUT] = reader_take_put,
		[FRAME_DELETE] = reader_take_delete,
		[FRAME_END] = reader_take_end,
		[FRAME_SUBSCRIBER] = reader_take_subscriber,
		[FRAME_GONE] = reader_take_gone,
		[FRAME_IDLE] = reader_take_idle,
	};
	bool inside = ret->type > FRAME_BEGIN && ret->type <= FRAME_END;

	if (ret->type >= sizeof(take) / sizeof(take[0]) || !take[ret->type])
		return reader_damaged(reader, "a frame of an unknown type");
	if (ret->type != FRAME_BEGIN && inside != reader->in_group)
		return reader_damaged(reader, inside ? "a frame outside of a group"
		                                     : "a frame inside of a group");
	if (inside && ret->type != FRAME_END)
		reader->frames++;
	return take[ret->type](reader, size, ret);
}

/* Reads `size` bytes. Returns 1, or 0 if the file has fewer. */
static int reader_read(struct recording_reader *reader, void *ret, size_t size)
{
	size_t got = fread(ret, 1, size, reader->file);

	if (got == size)
		return 1;
	if (ferror(reader->file))
		return reader_stop(reader, "cannot be read: %s", strerror(errno));
	return reader_stop(reader, "ends inside of a frame, at byte %llu",
	                   (unsigned long long)reader->offset);
}

int recording_next(struct recording_reader *reader, struct recording_read *ret)
{
	struct recording_frame frame;
	uint32_t crc;
	int next;

	*reader->why = '\0';
	next = getc(reader->file);
	if (next == EOF && !ferror(reader->file))
		return reader->in_group ? reader_stop(reader, "ends inside of a version") : 0;
	ungetc(next, reader->file);
	if (!reader_read(reader, &frame, sizeof(frame)))
		return 0;
	if (frame.size > RECORDING_PAYLOAD_MAX)
		return reader_damaged(reader, "a frame of an impossible size");
	/* For the NUL of reader_take_table(). malloc() aligns values to 8 bytes. */
	if (frame.size + 1 > reader->capacity) {
		reader->capacity = frame.size + 1 > 4096 ? frame.size + 1 : 4096;
		reader->payload = heap_realloc(reader->payload, reader->capacity);
	}
	if (!reader_read(reader, reader->payload, frame.size))
		return 0;
	crc = crc_add(0, &frame, offsetof(struct recording_frame, crc));
	if (crc_add(crc, reader->payload, frame.size) != frame.crc)
		return reader_damaged(reader, "wrong checksum");
	*ret = (struct recording_read){.type = frame.type};
	if (!reader_take(reader, frame.size, ret))
		return 0;
	reader->offset += sizeof(frame) + frame.size;
	return 1;
}

void recording_reader_close(struct recording_reader *reader)
{
	reader_remove_all(reader);
	free(reader->payload);
	if (reader->file)
		fclose(reader->file);
	*reader = (struct recording_reader){0};
}
