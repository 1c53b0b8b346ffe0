/* SPDX-License-Identifier: MIT
 * Open, close, registration. Nothing that registration needs is needed to read: where it can't be
 * had, the subscriber does without, and says so when asked. */
#include "subscriber/subscriber.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "lib/units.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/fork.h"
#include "lib/storage/file.h"
#include "lib/storage/owner.h"

#define OWNER_FLAGS   (STELE_ANY_OWNER | STELE_ONE_OWNER)
#define LOOK_INTERVAL NSEC_PER_SEC

/* While all slots are in use: how long after a try in vain the next one is, at first and at
 * most. */
#define EXCESS_FIRST NSEC_PER_SEC
#define EXCESS_MOST  (64 * NSEC_PER_SEC)

static void keep_reason(struct stele_subscriber *subscriber)
{
	snprintf(subscriber->reason, sizeof(subscriber->reason), "%s", stele_last_error());
}

/* A queue made here is not seen by a publisher in another IPC namespace. */
static int check_namespace(const struct region *region)
{
	uint32_t theirs = data_load_32(&region->header->publisher.ipc_namespace),
		 own = paths_ipc_namespace();

	if (theirs == 0 || own == 0 || theirs == own)
		return 0;
	return error_set(
		EXDEV,
		"the publisher of region \"%s\" is in another IPC namespace, where it does not see message queues "
		"of this one; the notifier futex works",
		region->names.region);
}

/* Fills in what a notifier has to know of this subscriber. */
static void prepare_channel(struct stele_subscriber *subscriber, const uint8_t uuid[16])
{
	const struct region *region = subscriber->region;

	subscriber->channel = (struct channel){
		.names = &subscriber->names,
		.head = &region->header->head,
		.slot = &subscriber->slots.slot[subscriber->slot_index],
		.index = subscriber->slot_index,
		.owner = region->status.st_uid,
		.group = region->status.st_gid,
		.futex_mask = interest_futex_mask(&subscriber->interest),
		.fd = -1,
	};
	memcpy(subscriber->channel.uuid, uuid, 16);
	memcpy(subscriber->channel.region_uuid, region->uuid, 16);
}

/* Opens the notifier that the slot names, or, where none was asked for, what can be had. */
static int open_notifier(struct stele_subscriber *subscriber, const struct notifier *choice)
{
	int r = choice->of_ipc_namespace ? check_namespace(subscriber->region) : 0;

	if (r == 0)
		r = choice->open(&subscriber->channel);
	if (r < 0 && subscriber->wanted)
		return r;
	if (r < 0) {
		keep_reason(subscriber);
		choice = &notifier_futex;
		slots_set_notifier(&subscriber->slots, subscriber->slot_index, choice->kind);
		choice->open(&subscriber->channel);
	}
	subscriber->notifier = choice;
	return 0;
}

/* All slots are in use. To look through them takes half a millisecond, so it is done again only
 * when one was freed, and later each time that another subscriber was faster. */
static void excess_begin(struct stele_subscriber *subscriber, struct slots_vacancy vacancy)
{
	int64_t now = clock_monotonic(), wait = subscriber->excess.wait * 2;

	if (wait < EXCESS_FIRST)
		wait = EXCESS_FIRST;
	if (wait > EXCESS_MOST)
		wait = EXCESS_MOST;
	subscriber->excess.vacancy = vacancy;
	subscriber->excess.wait = wait;
	subscriber->excess.until = now + wait;
	subscriber->excess.forget = now + EXCESS_MOST;
}

/* Whether it is no use to try to register now. */
static bool excess_waits(struct stele_subscriber *subscriber)
{
	const struct region *region = subscriber->region;
	int64_t now = clock_monotonic();
	struct slots_vacancy vacancy;

	if (!subscriber->excess.full || now >= subscriber->excess.forget)
		return false;
	return now < subscriber->excess.until ||
	       (slots_vacancy(&region->names, region->uuid, region->status.st_uid, &vacancy) == 0 &&
	        memcmp(&vacancy, &subscriber->excess.vacancy, sizeof(vacancy)) == 0);
}

int subscriber_register(struct stele_subscriber *subscriber)
{
	const struct region *region = subscriber->region;
	const struct notifier *choice =
		subscriber->wanted ? notifier_of_name(subscriber->wanted) : &notifier_mq;
	struct slot_owner owner = {.notifier = choice->kind};
	struct slots_vacancy vacancy;
	int r = slots_open(&region->names, region->uuid, region->status.st_uid, subscriber->guarded,
	                   &subscriber->slots);

	if (r < 0)
		return r;
	subscriber->reason[0] = '\0';
	uuid_generate(owner.uuid);
	interest_describe(&subscriber->interest, &owner);
	/* Read before: a slot that is freed during the claim is seen later. */
	vacancy = slots_vacancy_of(&subscriber->slots);
	r = slots_claim(&subscriber->slots, &owner, &subscriber->slot_index);
	subscriber->excess.full = r == -ENOSPC && subscriber->slots.capacity == LAYOUT_SLOTS_MAX;
	if (subscriber->excess.full)
		excess_begin(subscriber, vacancy);
	if (r == 0) {
		prepare_channel(subscriber, owner.uuid);
		r = open_notifier(subscriber, choice);
		if (r < 0)
			slots_release(&subscriber->slots, subscriber->slot_index);
	}
	if (r < 0) {
		slots_close(&subscriber->slots);
		return r;
	}
	subscriber->slot = &subscriber->slots.slot[subscriber->slot_index];
	subscriber->registered = true;
	subscriber->excess.wait = 0;
	return 0;
}

void subscriber_unregister(struct stele_subscriber *subscriber)
{
	if (!subscriber->registered)
		return;
	subscriber->registered = false;
	/* The queue before the slot: a free slot has none. */
	subscriber->notifier->close(&subscriber->channel);
	subscriber->notifier = NULL;
	slots_release(&subscriber->slots, subscriber->slot_index);
	slots_close(&subscriber->slots);
	subscriber->slot = NULL;
}

/* A descriptor that was handed out goes on with the new queue; the old one left it when it was closed.
 * Where there is none, it is readable once a second. */
static void add_to_descriptor(struct stele_subscriber *subscriber)
{
	if (subscriber->epoll >= 0 && subscriber->channel.fd >= 0)
		epoll_ctl(subscriber->epoll, EPOLL_CTL_ADD, subscriber->channel.fd,
		          &(struct epoll_event){.events = EPOLLIN});
}

/* Chooses another notifier, for the same slot: the publisher that is attached now is in another IPC
 * namespace, and does not see what this subscriber waits on. A descriptor that was handed out stays
 * one, if the folder lets there be a socket. */
static void choose_again(struct stele_subscriber *subscriber)
{
	const struct notifier *choice = subscriber->epoll >= 0 ? &notifier_socket : &notifier_futex;
	uint64_t ticket = load_relaxed(&subscriber->slot->ticket);
	uint8_t uuid[16];

	keep_reason(subscriber);
	/* Nobody sends to a subscriber that is not armed. The wait takes a new ticket. */
	if (ticket % 2 == 1)
		store_release(&subscriber->slot->ticket, ticket + 1);
	memcpy(uuid, subscriber->channel.uuid, sizeof(uuid));
	subscriber->notifier->close(&subscriber->channel);
	prepare_channel(subscriber, uuid);
	slots_set_notifier(&subscriber->slots, subscriber->slot_index, choice->kind);
	if (choice->open(&subscriber->channel) < 0) {
		choice = &notifier_futex;
		slots_set_notifier(&subscriber->slots, subscriber->slot_index, choice->kind);
		choice->open(&subscriber->channel);
	}
	subscriber->notifier = choice;
	add_to_descriptor(subscriber);
}

/* Registers again where the subscribers file is another now, or was lost. */
static void look_for_registration(struct stele_subscriber *subscriber)
{
	if (subscriber->registered) {
		if (!mapping_lost(&subscriber->slots.mapping) &&
		    file_is_named(subscriber->slots.lock.fd,
		                  subscriber->region->names.subscribers)) {
			if (subscriber->notifier->of_ipc_namespace &&
			    check_namespace(subscriber->region) < 0)
				choose_again(subscriber);
			return;
		}
		/* Its pins count as revoked: snapshots that history still holds go on without. */
		subscriber_unregister(subscriber);
		for (struct stele_snapshot *snapshot = subscriber->snapshots; snapshot;
		     snapshot = snapshot->next)
			snapshot->pin = -1;
		memset(subscriber->pins, 0, sizeof(subscriber->pins));
	}
	if (excess_waits(subscriber))
		return;
	/* Where that fails, the publisher may not have made the new file yet: the next look tries
	 * again. */
	if (subscriber_register(subscriber) < 0)
		keep_reason(subscriber);
	else
		add_to_descriptor(subscriber);
}

int subscriber_look(struct stele_subscriber *subscriber, int64_t now)
{
	int r;

	if (now - subscriber->looked_at < LOOK_INTERVAL)
		return 0;
	subscriber->looked_at = now;
	if (subscriber->registers)
		look_for_registration(subscriber);
	/* Somebody else than a publisher or `rm` took the file away, so there is no mark. Its publisher
	 * writes it anew, if there is one; a region that was made since is another one. */
	if (head_state(subscriber_head(subscriber)) != HEAD_CURRENT)
		return 0;
	if (subscriber->region->memory->gone(subscriber->region))
		return error_set(
			EBADMSG,
			"the memory of region \"%s\" was removed; publish the region again and "
			"open it anew",
			subscriber->region->names.region);
	r = subscriber_move(subscriber);
	return r == -ENOENT ? 0 : r;
}

static int options_read(const struct stele_subscriber_options *options,
                        struct stele_subscriber_options *ret)
{
	char names[NOTIFIER_NAMES_SIZE];

	*ret = (struct stele_subscriber_options){.size = sizeof(*ret)};
	if (options) {
		if (options->size != sizeof(*options))
			return error_set(
				EINVAL,
				"options of %zu bytes; set .size to sizeof(struct stele_subscriber_options)",
				options->size);
		*ret = *options;
	}
	if (ret->flags & ~(STELE_UNREGISTERED | STELE_NO_SIGBUS_HANDLER | OWNER_FLAGS))
		return error_set(EINVAL, "unknown flags 0x%x for a subscriber", ret->flags);
	if ((ret->flags & OWNER_FLAGS) == OWNER_FLAGS)
		return error_set(EINVAL, "STELE_ANY_OWNER and STELE_ONE_OWNER exclude each other");
	if (ret->owner != 0 && !(ret->flags & STELE_ONE_OWNER))
		return error_set(EINVAL, "an owner is given without STELE_ONE_OWNER");
	if (ret->notifier && strcmp(ret->notifier, "auto") == 0)
		ret->notifier = NULL;
	if (ret->notifier && !notifier_of_name(ret->notifier)) {
		notifier_names(names);
		return error_set(EINVAL, "there is no notifier \"%s\"; there are %s", ret->notifier,
		                 names);
	}
	if (ret->spin < 0)
		return error_set(EINVAL, "spinning for %lld nanoseconds", (long long)ret->spin);
	if (ret->notifier && ret->flags & STELE_UNREGISTERED)
		return error_set(EINVAL, "a subscriber that does not register has no notifier");
	return 0;
}

static struct owner_rule owner_rule(const struct stele_subscriber_options *options)
{
	if (options->flags & STELE_ONE_OWNER)
		return (struct owner_rule){OWNER_ONE, options->owner};
	if (options->flags & STELE_ANY_OWNER || geteuid() != 0)
		return (struct owner_rule){.rule = OWNER_ANY};
	return (struct owner_rule){.rule = OWNER_TRUSTED};
}

int stele_subscriber_open(const char *region, const struct stele_subscriber_options *options,
                          struct stele_subscriber **ret)
{
	struct stele_subscriber_options read = {0};
	struct stele_subscriber *subscriber;
	struct region_paths names;
	int r = paths_make_readable(region, &names);

	if (r == 0)
		r = options_read(options, &read);
	if (r < 0)
		return r;
	subscriber = calloc(1, sizeof(*subscriber));
	if (!subscriber || (read.notifier && !(subscriber->wanted = strdup(read.notifier)))) {
		free(subscriber);
		return error_set(ENOMEM, "no memory for a subscriber");
	}
	names.owner = owner_rule(&read);
	subscriber->names = names;
	subscriber->spin = read.spin;
	subscriber->forks = fork_count();
	subscriber->guarded = !(read.flags & STELE_NO_SIGBUS_HANDLER);
	subscriber->epoll = subscriber->timer = -1;
	subscriber->looked_at = clock_monotonic();
	r = interest_init(&subscriber->interest, read.tables);
	if (r == 0)
		r = region_open_shared(&names, subscriber->guarded, &subscriber->region);
	if (r < 0)
		goto failed;
	if (read.flags & STELE_UNREGISTERED) {
		snprintf(subscriber->reason, sizeof(subscriber->reason),
		         "it was opened with STELE_UNREGISTERED");
	} else if (names.saved) {
		r = error_set(ENOTSUP, "%s is a file, which has no publisher and no subscribers",
		              names.data);
		if (read.notifier)
			goto failed_open;
		keep_reason(subscriber);
		r = 0;
	} else {
		subscriber->registers = true;
		r = subscriber_register(subscriber);
		if (r < 0 && read.notifier)
			goto failed_open;
		if (r < 0)
			keep_reason(subscriber);
	}
	*ret = subscriber;
	return 0;

failed_open:
	region_unshare(subscriber->region);
failed:
	interest_finish(&subscriber->interest);
	free(subscriber->wanted);
	free(subscriber);
	return r;
}

struct stele_subscriber *stele_subscriber_close(struct stele_subscriber *subscriber)
{
	if (!subscriber)
		return NULL;
	while (subscriber->snapshots)
		stele_snapshot_close(subscriber->snapshots);
	free(subscriber->spare);
	if (subscriber->epoll >= 0)
		close(subscriber->epoll);
	if (subscriber->timer >= 0)
		close(subscriber->timer);
	if (subscriber->forks == fork_count()) {
		subscriber_unregister(subscriber);
	} else if (subscriber->registered) {
		/* The slot and the queue are the parent's. */
		subscriber->notifier->abandon(&subscriber->channel);
		slots_close(&subscriber->slots);
	}
	region_unshare(subscriber->region);
	interest_finish(&subscriber->interest);
	free(subscriber->wanted);
	free(subscriber);
	return NULL;
}

void stele_subscriber_region_uuid(const struct stele_subscriber *subscriber, uint8_t *ret_uuid)
{
	memcpy(ret_uuid, subscriber->region->uuid, 16);
}

int stele_subscriber_version(struct stele_subscriber *subscriber, uint64_t *ret_version)
{
	uint64_t head;
	int r = subscriber_check(subscriber);

	if (r < 0)
		return r;
	head = subscriber_newest(subscriber);
	fence_acquire();
	if (region_lost(subscriber->region))
		return region_error(subscriber->region, -EBADMSG, head);
	*ret_version = head;
	return 0;
}

int stele_subscriber_applied(struct stele_subscriber *subscriber, uint64_t version)
{
	int r = subscriber_check(subscriber);

	if (r < 0)
		return r;
	if (!subscriber->registered)
		return error_set(ENOTSUP, "this subscriber of region \"%s\" is not registered: %s",
		                 subscriber->region->names.region, subscriber->reason);
	store_release(&subscriber->slot->applied, version);
	return 0;
}

int stele_subscriber_describe(struct stele_subscriber *subscriber,
                              struct stele_subscriber_state *ret)
{
	uint64_t since = 0;
	bool attached;
	int r = subscriber_check(subscriber);

	if (r < 0)
		return r;
	if (ret->size != sizeof(*ret))
		return error_set(
			EINVAL,
			"a state of %zu bytes; set .size to sizeof(struct stele_subscriber_state)",
			ret->size);
	subscriber_newest(subscriber);
	attached = region_is_published(subscriber->region, &since);
	*ret = (struct stele_subscriber_state){
		.size = sizeof(*ret),
		.registered = subscriber->registered,
		.notifier = subscriber->notifier ? subscriber->notifier->name : "poll",
		.reason = subscriber->reason,
		.publisher_attached = attached,
		.publisher_since = since,
		.owner = subscriber->region->status.st_uid,
		.owner_trusted =
			owner_is_trusted(&subscriber->names, subscriber->region->status.st_uid),
	};
	return 0;
}
