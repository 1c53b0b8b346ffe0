/* SPDX-License-Identifier: MIT
 *
 * Registers a subscriber: its slot and its notifier. Reading needs neither. A subscriber that can't
 * get them works without, and stele_subscriber_describe() says why. */
#include "subscriber/registration.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/storage/file.h"
#include "lib/units.h"
#include "subscriber/interest.h"
#include "subscriber/move.h"

/* The minimum time between two checks of the files, in nanoseconds. */
#define CHECK_INTERVAL NSEC_PER_SEC

/* While all slots are in use: the first and the longest delay between two tries, in nanoseconds. */
#define BACKOFF_MIN NSEC_PER_SEC
#define BACKOFF_MAX (64 * NSEC_PER_SEC)

void registration_keep_reason(struct stele_subscriber *subscriber)
{
	snprintf(subscriber->reason, sizeof(subscriber->reason), "%s", stele_last_error());
}

/* Fails if the publisher is in another IPC namespace, where it does not see the queues of this
 * process's namespace. */
static int registration_check_namespace(const struct region *region)
{
	uint32_t theirs = data_load_32(&region->header->publisher.ipc_namespace),
		 own = paths_ipc_namespace();

	if (theirs == 0 || own == 0 || theirs == own)
		return 0;
	return error_set(
		EXDEV,
		"%s region \"%s\" is in another IPC namespace, and does not see message queues of this "
		"one; use the notifier \"socket\" or \"futex\"",
		theirs == LAYOUT_NAMESPACES ? "a publisher that shares" : "the publisher of",
		region->names.region);
}

/* Fills in the part of the channel that the notifier reads. */
static void registration_init_channel(struct stele_subscriber *subscriber, const uint8_t uuid[16])
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

/* The most notifiers that are tried, and NULL. */
#define CHOICES 5

/* Lists the notifiers to try, in this order, ended by NULL. If the subscriber does not insist, the
 * last one is the futex, which can always be had. */
static void registration_choices(const struct stele_subscriber *subscriber, bool insists,
                                 const struct notifier *ret[CHOICES])
{
	unsigned count = 0;

	ret[count++] = subscriber->wanted ? notifier_of_name(subscriber->wanted) : &notifier_mq;
	if (subscriber->descriptor && !(subscriber->wanted && insists)) {
		ret[count++] = &notifier_socket;
		ret[count++] = &notifier_fifo;
	}
	if (!insists)
		ret[count++] = &notifier_futex;
	ret[count] = NULL;
}

/* Opens one notifier. The slot names a notifier before its queue, socket... exists: whenever this
 * process dies, a reaper finds what to remove. No publisher looks for the queue in between, because
 * the ticket is even: fanout_notify_slot() passes over such slots, and peer_attach() loads the
 * ticket once more after it loaded the notifier (docs/models/claims.pml, where STALE_TICKET leaves
 * that out and must fail). */
static int registration_try_notifier(struct stele_subscriber *subscriber,
                                     const struct notifier *choice)
{
	int r = choice->of_ipc_namespace ? registration_check_namespace(subscriber->region) : 0;

	subscriber->elsewhere |= r < 0;
	slots_set_notifier(&subscriber->slots, subscriber->slot_index, choice->kind);
	if (r == 0)
		r = choice->open(&subscriber->channel);
	if (r == 0)
		subscriber->notifier = choice;
	return r;
}

/* Opens the first of the choices that can be had. Keeps the reasons why those before it could not.
 * Returns 0 or a negative errno. */
static int registration_open_notifier(struct stele_subscriber *subscriber, bool insists)
{
	const struct notifier *choices[CHOICES];
	char *reason = subscriber->reason;
	size_t size = sizeof(subscriber->reason), length = 0;
	int r = -ENOTSUP;

	registration_choices(subscriber, insists, choices);
	subscriber->elsewhere = false;
	reason[0] = '\0';
	for (int i = 0; r < 0 && choices[i]; i++) {
		r = registration_try_notifier(subscriber, choices[i]);
		if (r == 0)
			break;
		/* An only choice keeps its own error. */
		if (insists && i == 0 && !choices[1])
			return r;
		length += (size_t)snprintf(reason + length, size - length, "%s%s",
		                           length > 0 ? "; " : "", stele_last_error());
		if (length >= size)
			length = size - 1;
	}
	return r == 0 ? 0
	              : error_set(ENOTSUP,
	                          "there is no notifier with a descriptor for this subscriber of "
	                          "region \"%s\": %s",
	                          subscriber->region->names.region, reason);
}

/* Delays the next try to register, as all slots are in use. A search through all slots takes half a
 * millisecond. So the next search comes only after a slot was freed, and the delay doubles each
 * time that other subscribers took all freed slots first. */
static void registration_start_backoff(struct stele_subscriber *subscriber,
                                       struct slots_vacancy vacancy)
{
	int64_t now = clock_monotonic(), wait = subscriber->backoff.wait * 2;

	if (wait < BACKOFF_MIN)
		wait = BACKOFF_MIN;
	if (wait > BACKOFF_MAX)
		wait = BACKOFF_MAX;
	subscriber->backoff.vacancy = vacancy;
	subscriber->backoff.wait = wait;
	subscriber->backoff.until = now + wait;
	subscriber->backoff.forget = now + BACKOFF_MAX;
}

/* Returns true while another try to register would be useless: during the delay, and then until a
 * slot is freed or BACKOFF_MAX is over. */
static bool registration_backs_off(struct stele_subscriber *subscriber)
{
	const struct region *region = subscriber->region;
	int64_t now = clock_monotonic();
	struct slots_vacancy vacancy;

	if (!subscriber->backoff.full || now >= subscriber->backoff.forget)
		return false;
	return now < subscriber->backoff.until ||
	       (slots_vacancy(&region->names, region->uuid, region->status.st_uid, &vacancy) == 0 &&
	        memcmp(&vacancy, &subscriber->backoff.vacancy, sizeof(vacancy)) == 0);
}

/* Returns true if the options demand what may not be had, and the open has to fail then. A
 * subscriber whose caller has the descriptor already gets any notifier: the descriptor stays. */
static bool registration_insists(const struct stele_subscriber *subscriber)
{
	return subscriber->wanted || (subscriber->descriptor && subscriber->epoll < 0);
}

int registration_open(struct stele_subscriber *subscriber)
{
	const struct region *region = subscriber->region;
	const struct notifier *choices[CHOICES];
	struct slot_owner owner = {0};
	struct slots_vacancy vacancy;
	int r = slots_open(&region->names, region->uuid, region->status.st_uid, subscriber->guarded,
	                   &subscriber->slots);

	if (r < 0)
		return r;
	registration_choices(subscriber, registration_insists(subscriber), choices);
	owner.notifier = choices[0]->kind;
	uuid_generate(owner.uuid);
	memcpy(owner.label, subscriber->label, sizeof(owner.label));
	interest_describe(&subscriber->interest, &owner);
	/* Read before the claim, so that a slot freed during the claim changes the vacancy. */
	vacancy = slots_vacancy_of(&subscriber->slots);
	r = slots_claim(&subscriber->slots, &owner, &subscriber->slot_index);
	subscriber->backoff.full = r == -ENOSPC && subscriber->slots.capacity == LAYOUT_SLOTS_MAX;
	if (subscriber->backoff.full)
		registration_start_backoff(subscriber, vacancy);
	if (r == 0) {
		registration_init_channel(subscriber, owner.uuid);
		r = registration_open_notifier(subscriber, registration_insists(subscriber));
		if (r < 0)
			slots_release(&subscriber->slots, subscriber->slot_index);
	}
	if (r < 0) {
		slots_close(&subscriber->slots);
		return r;
	}
	subscriber->slot = &subscriber->slots.slot[subscriber->slot_index];
	subscriber->registered = true;
	subscriber->backoff.wait = 0;
	return 0;
}

/* Disarms the ticket of a subscriber that is about to close its channel. A publisher whose notice
 * then fails finds that the ticket has changed, and knows that nobody needs the notice. */
static void registration_disarm(struct stele_subscriber *subscriber)
{
	uint64_t ticket = load_relaxed(&subscriber->slot->ticket);

	if (ticket % 2 == 1)
		store_release(&subscriber->slot->ticket, ticket + 1);
	/* The ticket is stored before the channel is gone, for fanout_send(). */
	fence_full();
}

void registration_close(struct stele_subscriber *subscriber)
{
	if (!subscriber->registered)
		return;
	subscriber->registered = false;
	registration_disarm(subscriber);
	/* Remove the queue before freeing the slot: a free slot must have no queue (rule B of
	 * slots.h). */
	subscriber->notifier->close(&subscriber->channel);
	subscriber->notifier = NULL;
	slots_release(&subscriber->slots, subscriber->slot_index);
	slots_close(&subscriber->slots);
	subscriber->slot = NULL;
}

/* If the caller has the descriptor of stele_subscriber_fd(), adds the new queue to the descriptor.
 * Closing the old queue has removed the old queue. If the new notifier has no queue to add, only
 * the timer makes the descriptor readable. */
static void registration_add_to_epoll(struct stele_subscriber *subscriber)
{
	if (subscriber->epoll >= 0 && subscriber->channel.fd >= 0)
		epoll_ctl(subscriber->epoll, EPOLL_CTL_ADD, subscriber->channel.fd,
		          &(struct epoll_event){.events = EPOLLIN});
}

/* Chooses the notifier again, and keeps the slot. */
static void registration_choose_again(struct stele_subscriber *subscriber)
{
	uint8_t uuid[16];

	/* The next wait arms again. */
	registration_disarm(subscriber);
	memcpy(uuid, subscriber->channel.uuid, sizeof(uuid));
	subscriber->notifier->close(&subscriber->channel);
	registration_init_channel(subscriber, uuid);
	/* Never fails, because the last choice is the futex. */
	registration_open_notifier(subscriber, false);
	registration_add_to_epoll(subscriber);
}

static void registration_forget_pins(struct stele_snapshot *snapshot)
{
	for (; snapshot; snapshot = snapshot->next)
		snapshot->pin = -1;
}

void registration_lose(struct stele_subscriber *subscriber)
{
	bool locked = subscriber_lock(subscriber);

	registration_close(subscriber);
	registration_forget_pins(subscriber->snapshots);
	registration_forget_pins(subscriber->lent);
	memset(subscriber->pins, 0, sizeof(subscriber->pins));
	subscriber->pins_used = 0;
	subscriber_unlock(subscriber, locked);
}

void registration_again(struct stele_subscriber *subscriber)
{
	if (registration_open(subscriber) < 0)
		registration_keep_reason(subscriber);
	else
		registration_add_to_epoll(subscriber);
}

int registration_need_descriptor(struct stele_subscriber *subscriber)
{
	const char *name = subscriber->region->names.region;

	if (!subscriber->registered)
		return error_set(
			ENOTSUP,
			"a subscriber of region \"%s\" without a slot has no descriptor: %s", name,
			subscriber->reason);
	if (subscriber->channel.fd < 0 && subscriber->wanted &&
	    !notifier_of_name(subscriber->wanted)->has_descriptor)
		return error_set(ENOTSUP,
		                 "the notifier \"%s\" has no descriptor; use stele_subscriber_wait",
		                 subscriber->wanted);
	/* From now on a notifier that is chosen again needs a descriptor, too. */
	subscriber->descriptor = true;
	if (subscriber->channel.fd < 0)
		registration_choose_again(subscriber);
	if (subscriber->channel.fd >= 0)
		return 0;
	subscriber->descriptor = false;
	return error_set(ENOTSUP,
	                 "there is no notifier with a descriptor for this subscriber of region "
	                 "\"%s\": %s",
	                 name, subscriber->reason);
}

/* Returns true if another publisher attached that does not reach this subscriber by its notifier,
 * or that reaches it by a better one again. */
static bool registration_must_choose(struct stele_subscriber *subscriber)
{
	const struct layout_publisher *record = &subscriber->region->header->publisher;
	uint32_t ipc_namespace = data_load_32(&record->ipc_namespace);
	uint64_t attached = data_load(&record->attached);
	bool here;

	/* The number alone does not show that nothing changed: numbers of namespaces are reused. A
	 * record that is half written now differs again at the next check. */
	if (ipc_namespace == subscriber->chosen_namespace &&
	    attached == subscriber->chosen_attached)
		return false;
	subscriber->chosen_namespace = ipc_namespace;
	subscriber->chosen_attached = attached;
	here = registration_check_namespace(subscriber->region) == 0;
	return subscriber->notifier->of_ipc_namespace ? !here : subscriber->elsewhere && here;
}

/* Registers again if the subscribers file was replaced or truncated. Chooses the notifier again if
 * the publisher came back in another IPC namespace. */
static void registration_check(struct stele_subscriber *subscriber)
{
	if (subscriber->registered) {
		if (!mapping_lost(&subscriber->slots.mapping) &&
		    file_has_name(&subscriber->slots.status,
		                  subscriber->region->names.subscribers)) {
			if (registration_must_choose(subscriber))
				registration_choose_again(subscriber);
			return;
		}
		/* The pins are lost with the slot. Snapshots stay readable as long as history holds
		 * their versions. */
		registration_lose(subscriber);
	}
	if (registration_backs_off(subscriber))
		return;
	/* This may fail because the publisher has not made the new file yet. The next check tries
	 * again. */
	registration_again(subscriber);
}

int registration_check_files(struct stele_subscriber *subscriber, int64_t now)
{
	int r;

	if (now - subscriber->checked_at < CHECK_INTERVAL)
		return 0;
	subscriber->checked_at = now;
	if (subscriber->registers)
		registration_check(subscriber);
	/* A publisher and `stele rm` mark head before they delete the data file. If anything else
	 * deleted the file, only this check finds out. -ENOENT is no error: an attached publisher
	 * writes the file anew. A region that was made since then under this name is another
	 * region. */
	if (head_state(subscriber_head(subscriber)) != HEAD_CURRENT)
		return 0;
	if (subscriber->region->memory->gone(subscriber->region))
		return error_set(
			EBADMSG,
			"the memory of region \"%s\" was removed; publish the region again and "
			"open it again",
			subscriber->region->names.region);
	r = subscriber_move(subscriber);
	return r == -ENOENT ? 0 : r;
}

void registration_dispose(struct stele_subscriber *subscriber)
{
	snapshot_free(subscriber->spare);
	named_lives_free(subscriber->lives);
	named_schemas_free(subscriber->schemas);
	if (subscriber->epoll >= 0)
		close(subscriber->epoll);
	if (subscriber->timer >= 0)
		close(subscriber->timer);
	arrival_close(&subscriber->arrival);
	if (subscriber->forks == fork_count()) {
		registration_close(subscriber);
	} else if (subscriber->registered) {
		/* In a child made by fork() the slot and the queue still belong to the parent. */
		subscriber->notifier->abandon(&subscriber->channel);
		slots_close(&subscriber->slots);
	}
	region_unshare(subscriber->region);
	interest_fini(&subscriber->interest);
	free(subscriber->wanted);
	pthread_mutex_destroy(&subscriber->lock);
	free(subscriber);
}
