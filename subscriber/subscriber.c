/* SPDX-License-Identifier: MIT
 *
 * Opens and closes a subscriber, and describes how it is attached. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/extensible.h"
#include "lib/base/fork.h"
#include "lib/region/position.h"
#include "lib/storage/owner.h"
#include "subscriber/interest.h"
#include "subscriber/move.h"
#include "subscriber/registration.h"
#include "subscriber/reopen.h"
#include "subscriber/snapshot.h"

/* Copies the caller's options, which may be NULL, and validates the copy. */
static int subscriber_read_options(const struct stele_subscriber_options *options,
                                   struct stele_subscriber_options *ret)
{
	char names[NOTIFIER_NAMES_SIZE];
	int r = extensible_read(stele_subscriber_options, options, ret);

	if (r < 0)
		return r;
	r = error_check_flags("a subscriber", ret->flags,
	                      STELE_UNREGISTERED | STELE_DESCRIPTOR | STELE_NO_SIGBUS_HANDLER |
	                              STELE_ANY_OWNER | STELE_ONE_OWNER);
	if (r < 0)
		return r;
	if (ret->notifier && strcmp(ret->notifier, "auto") == 0)
		ret->notifier = NULL;
	if (ret->notifier && !notifier_of_name(ret->notifier)) {
		notifier_names(names);
		return error_set(EINVAL, "there is no notifier \"%s\"; there are %s", ret->notifier,
		                 names);
	}
	if (ret->spin_ns < 0)
		return error_set(EINVAL,
		                 "invalid .spin_ns of %lld nanoseconds (expected 0 or more)",
		                 (long long)ret->spin_ns);
	if (ret->notifier && ret->flags & STELE_UNREGISTERED)
		return error_set(EINVAL,
		                 ".notifier cannot be used with the flag STELE_UNREGISTERED");
	if (ret->flags & STELE_DESCRIPTOR && ret->flags & STELE_UNREGISTERED)
		return error_set(EINVAL,
		                 "STELE_DESCRIPTOR and STELE_UNREGISTERED exclude each other");
	if (ret->notifier && ret->flags & STELE_DESCRIPTOR &&
	    !notifier_of_name(ret->notifier)->has_descriptor)
		return error_set(EINVAL,
		                 "the notifier \"%s\" has no descriptor, so it cannot be used with "
		                 "the flag STELE_DESCRIPTOR",
		                 ret->notifier);
	if (ret->label && strlen(ret->label) > STELE_LABEL_MAX)
		return error_set(EINVAL, "the label \"%.64s\" is too long (at most %u bytes)",
		                 ret->label, STELE_LABEL_MAX);
	return 0;
}

/* Allocates a subscriber. `wanted` is the notifier that the options name, or NULL. Returns NULL if
 * there is no memory. */
static struct stele_subscriber *subscriber_new(const char *wanted)
{
	struct stele_subscriber *subscriber = calloc(1, sizeof(*subscriber));

	if (!subscriber || (wanted && !(subscriber->wanted = strdup(wanted)))) {
		free(subscriber);
		return NULL;
	}
	pthread_mutex_init(&subscriber->lock, NULL);
	return subscriber;
}

/* Registers a subscriber whose region is open. Returns 0 also if it can't be registered, except if
 * the options ask for what it then lacks. */
static int subscriber_register(struct stele_subscriber *subscriber,
                               const struct stele_subscriber_options *options)
{
	int r;

	if (options->flags & STELE_UNREGISTERED) {
		snprintf(subscriber->reason, sizeof(subscriber->reason),
		         "it was opened with STELE_UNREGISTERED");
		return 0;
	}
	subscriber->registers = !subscriber->names.saved;
	if (subscriber->registers)
		r = registration_open(subscriber);
	else
		r = error_set(ENOTSUP,
		              "%s is a saved file, which has no publisher and no subscribers",
		              subscriber->names.data);
	if (r < 0)
		registration_keep_reason(subscriber);
	return r < 0 && (options->notifier || options->flags & STELE_DESCRIPTOR) ? r : 0;
}

/* Returns the time until which the open waits for the region. */
static int64_t subscriber_deadline(const struct stele_subscriber_options *options)
{
	int64_t now = clock_monotonic();

	if (options->wait_ns <= 0)
		return 0;
	return options->wait_ns < INT64_MAX - now ? now + options->wait_ns : STELE_FOREVER;
}

int stele_subscriber_open(const char *region, const struct stele_subscriber_options *options,
                          struct stele_subscriber **ret)
{
	struct stele_subscriber_options read = {0};
	struct stele_subscriber *subscriber;
	struct owner_rule rule;
	int r = subscriber_read_options(options, &read);

	if (r == 0)
		r = owner_rule_make(read.flags, read.owner, &rule);
	if (r < 0)
		return r;
	subscriber = subscriber_new(read.notifier);
	if (!subscriber)
		return error_set(ENOMEM, "no memory for a subscriber");
	subscriber->spin = read.spin_ns;
	subscriber->descriptor = read.flags & STELE_DESCRIPTOR;
	if (read.label)
		memcpy(subscriber->label, read.label, strlen(read.label));
	subscriber->forks = fork_count();
	subscriber->guarded = !(read.flags & STELE_NO_SIGBUS_HANDLER);
	subscriber->any_owner = read.flags & STELE_ANY_OWNER;
	subscriber->epoll = subscriber->timer = subscriber->arrival.fd = -1;
	subscriber->checked_at = subscriber->idle_since = clock_monotonic();
	r = interest_init(&subscriber->interest, read.tables);
	if (r == 0)
		r = reopen_first(region, &rule, subscriber->guarded, subscriber_deadline(&read),
		                 &subscriber->names, &subscriber->region);
	if (r < 0)
		goto failed;
	r = subscriber_register(subscriber, &read);
	if (r < 0) {
		region_unshare(subscriber->region);
		goto failed;
	}
	*ret = subscriber;
	return 0;

failed:
	interest_fini(&subscriber->interest);
	free(subscriber->wanted);
	free(subscriber);
	return r;
}

struct stele_subscriber *stele_subscriber_close(struct stele_subscriber *subscriber)
{
	bool lent = false;

	if (!subscriber)
		return NULL;
	while (subscriber->snapshots)
		stele_snapshot_close(subscriber->snapshots);
	if (subscriber->lends) {
		bool forked = subscriber->forks != fork_count();

		/* Take the lock even if no snapshot is lent any more: the thread that released the
		 * last one may still hold it. A child made by fork() has no other threads. */
		if (!forked)
			pthread_mutex_lock(&subscriber->lock);
		subscriber->closed = true;
		lent = subscriber->lent != NULL;
		if (!forked)
			pthread_mutex_unlock(&subscriber->lock);
	}
	if (!lent)
		registration_dispose(subscriber);
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

int stele_subscriber_position(struct stele_subscriber *subscriber, struct stele_position *ret)
{
	uint64_t version;
	int r = stele_subscriber_version(subscriber, &version);

	if (r == 0)
		position_fill(subscriber->region->uuid, version, ret);
	return r;
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
	struct stele_subscriber_state state;
	uint64_t since = 0;
	bool attached;
	int r = subscriber_check(subscriber);

	if (r == 0)
		r = extensible_check(stele_subscriber_state, ret);
	if (r < 0)
		return r;
	subscriber_newest(subscriber);
	attached = region_is_published(subscriber->region, &since);
	state = (struct stele_subscriber_state){
		.registered = subscriber->registered,
		.notifier = subscriber->notifier ? subscriber->notifier->name : "poll",
		.reason = subscriber->reason,
		.publisher_attached = attached,
		.truncation_handled = subscriber->guarded && mapping_has_handler(),
		.publisher_since = since,
		.owner = subscriber->region->status.st_uid,
		.owner_trusted =
			owner_is_trusted(&subscriber->names, subscriber->region->status.st_uid),
	};
	extensible_write(stele_subscriber_state, &state, ret);
	return 0;
}
