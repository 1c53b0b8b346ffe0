/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/heap.h"
#include "tools/record/subscriber_samples.h"
#include "tools/record/recording.h"
#include "tools/record/recording_writer.h"

/* More slots than any region has; a forged number must not take memory. */
enum { SLOTS_MAX = 1 << 16 };

static void subscriber_samples_write(struct subscriber_samples *samples,
                                     struct recording_subscriber *subscriber, const char *label)
{
	subscriber->time = samples->time;
	recording_append(samples->writer, FRAME_SUBSCRIBER, subscriber, sizeof(*subscriber), label,
	                 strnlen(label, STELE_LABEL_MAX));
}

static void subscriber_samples_write_gone(struct subscriber_samples *samples,
                                          struct subscriber_sample *sample)
{
	struct recording_subscriber subscriber = {.gone = 1};

	memcpy(subscriber.uuid, sample->uuid, sizeof(subscriber.uuid));
	subscriber_samples_write(samples, &subscriber, "");
	sample->present = false;
}

static struct subscriber_sample *subscriber_samples_slot(struct subscriber_samples *samples,
                                                         uint32_t slot)
{
	if (slot >= SLOTS_MAX)
		return NULL;
	if (slot >= samples->count) {
		samples->list = heap_realloc(samples->list, (slot + 1) * sizeof(*samples->list));
		memset(&samples->list[samples->count], 0,
		       (slot + 1 - samples->count) * sizeof(*samples->list));
		samples->count = slot + 1;
	}
	return &samples->list[slot];
}

/* Takes one subscriber of the list into the sample. */
static void subscriber_samples_take(const struct stele_subscriber_info *info, void *context)
{
	struct subscriber_samples *samples = context;
	struct subscriber_sample *sample = subscriber_samples_slot(samples, info->slot);
	struct recording_subscriber subscriber = {
		.applied = info->applied,
		.seen = info->seen,
		.pid = info->pid,
	};
	bool same;

	/* The recorder itself is none of those that people ask about. Its pid alone may be that of
	 * a subscriber in another PID namespace. */
	if (!sample || !info->alive ||
	    (info->pid == (uint32_t)getpid() && strcmp(info->label, "record") == 0))
		return;
	same = sample->present && memcmp(sample->uuid, info->uuid, sizeof(info->uuid)) == 0;
	if (sample->present && !same)
		subscriber_samples_write_gone(samples, sample);
	sample->found = true;
	/* What a subscriber has seen matters only if it does not report what it has applied. */
	if (same && sample->applied == info->applied &&
	    (info->applied || sample->seen == info->seen))
		return;
	*sample = (struct subscriber_sample){
		.applied = info->applied, .seen = info->seen, .present = true, .found = true};
	memcpy(sample->uuid, info->uuid, sizeof(sample->uuid));
	memcpy(subscriber.uuid, info->uuid, sizeof(subscriber.uuid));
	memcpy(subscriber.command, info->command, sizeof(subscriber.command) - 1);
	subscriber_samples_write(samples, &subscriber, info->label);
}

int subscriber_samples_record(struct subscriber_samples *samples, struct recording_writer *writer,
                              const char *path, uint64_t time)
{
	int result;

	samples->writer = writer;
	samples->time = time;
	for (size_t i = 0; i < samples->count; i++)
		samples->list[i].found = false;
	if (stele_region_subscribers(path, subscriber_samples_take, samples) < 0)
		return recording_flush(writer);
	for (size_t i = 0; i < samples->count; i++)
		if (samples->list[i].present && !samples->list[i].found)
			subscriber_samples_write_gone(samples, &samples->list[i]);
	result = recording_flush(writer);
	/* What was not written is written with the next sample. */
	if (result < 0)
		subscriber_samples_free(samples);
	return result;
}

void subscriber_samples_free(struct subscriber_samples *samples)
{
	free(samples->list);
	*samples = (struct subscriber_samples){0};
}
