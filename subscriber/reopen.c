/* SPDX-License-Identifier: MIT */
#include "subscriber/reopen.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/storage/owner.h"
#include "subscriber/interest.h"
#include "subscriber/move.h"
#include "subscriber/registration.h"

static int reopen_try_first(const char *region, const struct owner_rule *rule, bool guarded,
                            struct region_paths *ret_names, struct region **ret)
{
	int r = paths_make_readable(region, ret_names);

	if (r < 0)
		return r;
	ret_names->owner = *rule;
	return region_open_shared(ret_names, guarded, ret);
}

int reopen_first(const char *region, const struct owner_rule *rule, bool guarded, int64_t deadline,
                 struct region_paths *ret_names, struct region **ret)
{
	bool saved = strncmp(region, PATHS_SAVED, strlen(PATHS_SAVED)) == 0;
	struct arrival arrival = {.fd = -1};
	char path[PATH_MAX];
	int r = reopen_try_first(region, rule, guarded, ret_names, ret);

	/* A name without a directory is one in the default directory. */
	snprintf(path, sizeof(path), "%s%s",
	         saved || strchr(region, '/') ? "" : PATHS_DIRECTORY "/",
	         saved ? region + strlen(PATHS_SAVED) : region);
	while (arrival_may_come(r) && clock_monotonic() < deadline) {
		/* The watch comes before the look, so that no file appears unseen in between. */
		arrival_watch(&arrival, path);
		r = reopen_try_first(region, rule, guarded, ret_names, ret);
		if (arrival_may_come(r))
			arrival_wait(&arrival, deadline);
	}
	arrival_close(&arrival);
	return r;
}

/* Registers the subscriber in its new region, as at the open. A failure is no error, as the
 * subscriber can read and wait without a slot. */
static void reopen_register(struct stele_subscriber *subscriber)
{
	memset(&subscriber->backoff, 0, sizeof(subscriber->backoff));
	registration_again(subscriber);
	subscriber->checked_at = clock_monotonic();
}

int reopen_once(struct stele_subscriber *subscriber)
{
	struct region *old = subscriber->region, *fresh;
	struct region_paths names = subscriber->names;
	int r;

	/* Any user can make a region of this name, once it is free. Only the user whose region it
	 * was is followed, unless the caller accepts any. */
	if (!subscriber->any_owner)
		names.owner = (struct owner_rule){OWNER_ONE, old->status.st_uid};
	r = region_open_shared(&names, subscriber->guarded, &fresh);
	if (r < 0)
		return r;
	if (memcmp(fresh->uuid, old->uuid, sizeof(fresh->uuid)) == 0) {
		region_unshare(fresh);
		arrival_close(&subscriber->arrival);
		return subscriber_move(subscriber);
	}
	/* The slot belongs to the old region. Its snapshots stay readable without a pin, as the old
	 * region has no publisher any more. */
	registration_lose(subscriber);
	subscriber->region = fresh;
	subscriber->moves++;
	subscriber->moved_at = 0;
	interest_forget(&subscriber->interest);
	region_unshare(old);
	if (subscriber->registers)
		reopen_register(subscriber);
	arrival_close(&subscriber->arrival);
	return 0;
}

void reopen_add_to_epoll(struct stele_subscriber *subscriber)
{
	if (subscriber->epoll >= 0 && subscriber->arrival.fd >= 0)
		epoll_ctl(subscriber->epoll, EPOLL_CTL_ADD, subscriber->arrival.fd,
		          &(struct epoll_event){.events = EPOLLIN});
}

void reopen_watch(struct stele_subscriber *subscriber)
{
	bool fresh = subscriber->arrival.fd < 0;

	arrival_watch(&subscriber->arrival, subscriber->names.data);
	if (fresh)
		reopen_add_to_epoll(subscriber);
}

int stele_subscriber_reopen(struct stele_subscriber *subscriber, int64_t deadline_ns)
{
	int r = subscriber_check(subscriber);

	if (r == 0)
		r = reopen_once(subscriber);
	while (arrival_may_come(r) && clock_monotonic() < deadline_ns) {
		reopen_watch(subscriber);
		r = reopen_once(subscriber);
		if (arrival_may_come(r))
			arrival_wait(&subscriber->arrival, deadline_ns);
	}
	if (r < 0)
		arrival_close(&subscriber->arrival);
	return r;
}
