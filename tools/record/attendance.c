/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/heap.h"
#include "tools/record/attendance.h"
#include "tools/record/recording.h"
#include "tools/record/recording_writer.h"

/* More slots than any region has; a forged number must not take memory. */
enum { SLOTS_MAX = 1 << 16 };

static void attendance_write(struct attendance *attendance, struct recording_subscriber *subscriber,
                             const char *label)
{
	subscriber->time = attendance->time;
	recording_append(attendance->writer, FRAME_SUBSCRIBER, subscriber, sizeof(*subscriber),
	                 label, strnlen(label, STELE_LABEL_MAX));
}

static void attendance_write_gone(struct attendance *attendance, struct attendant *attendant)
{
	struct recording_subscriber subscriber = {.gone = 1};

	memcpy(subscriber.uuid, attendant->uuid, sizeof(subscriber.uuid));
	attendance_write(attendance, &subscriber, "");
	attendant->present = false;
}

static struct attendant *attendance_slot(struct attendance *attendance, uint32_t slot)
{
	if (slot >= SLOTS_MAX)
		return NULL;
	if (slot >= attendance->count) {
		attendance->attendants = heap_realloc(attendance->attendants,
		                                      (slot + 1) * sizeof(*attendance->attendants));
		memset(&attendance->attendants[attendance->count], 0,
		       (slot + 1 - attendance->count) * sizeof(*attendance->attendants));
		attendance->count = slot + 1;
	}
	return &attendance->attendants[slot];
}

/* Takes one subscriber of the list into the sample. */
static void attendance_take(const struct stele_subscriber_info *info, void *context)
{
	struct attendance *attendance = context;
	struct attendant *attendant = attendance_slot(attendance, info->slot);
	struct recording_subscriber subscriber = {
		.applied = info->applied,
		.seen = info->seen,
		.pid = info->pid,
	};
	bool same;

	/* The recorder itself is none of those that people ask about. */
	if (!attendant || !info->alive || info->pid == (uint32_t)getpid())
		return;
	same = attendant->present && memcmp(attendant->uuid, info->uuid, sizeof(info->uuid)) == 0;
	if (attendant->present && !same)
		attendance_write_gone(attendance, attendant);
	attendant->found = true;
	/* What a subscriber has seen matters only if it does not report what it has applied. */
	if (same && attendant->applied == info->applied &&
	    (info->applied || attendant->seen == info->seen))
		return;
	*attendant = (struct attendant){
		.applied = info->applied, .seen = info->seen, .present = true, .found = true};
	memcpy(attendant->uuid, info->uuid, sizeof(attendant->uuid));
	memcpy(subscriber.uuid, info->uuid, sizeof(subscriber.uuid));
	memcpy(subscriber.command, info->command, sizeof(subscriber.command) - 1);
	attendance_write(attendance, &subscriber, info->label);
}

int attendance_sample(struct attendance *attendance, struct recording_writer *writer,
                      const char *path, uint64_t time)
{
	int result;

	attendance->writer = writer;
	attendance->time = time;
	for (size_t i = 0; i < attendance->count; i++)
		attendance->attendants[i].found = false;
	if (stele_region_subscribers(path, attendance_take, attendance) < 0)
		return recording_flush(writer);
	for (size_t i = 0; i < attendance->count; i++)
		if (attendance->attendants[i].present && !attendance->attendants[i].found)
			attendance_write_gone(attendance, &attendance->attendants[i]);
	result = recording_flush(writer);
	/* What was not written is written with the next sample. */
	if (result < 0)
		attendance_free(attendance);
	return result;
}

void attendance_free(struct attendance *attendance)
{
	free(attendance->attendants);
	*attendance = (struct attendance){0};
}
