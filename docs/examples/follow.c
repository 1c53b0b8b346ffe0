/* SPDX-License-Identifier: MIT */
/* follow.c: counts the routes in the region "example", in an event loop. */
#include <stdio.h>
#include <sys/epoll.h>
#include <stele/stele.h>

static const struct stele_follow_table tables[] = {{.name = "routes"}};

static void apply(const struct stele_event *event, long *routes)
{
	switch (event->kind) {
	case STELE_EVENT_RESYNC:
		*routes = 0;
		break;
	case STELE_EVENT_GONE:
		printf("the region was removed\n");
		fflush(stdout);
		break;
	case STELE_EVENT_ALTERED: /* the table has other columns, and the same rows */
		break;
	case STELE_EVENT_INITIAL:
	case STELE_EVENT_CHANGE:
		*routes += event->change.kind == STELE_ADDED;
		*routes -= event->change.kind == STELE_REMOVED;
		break;
	case STELE_EVENT_INITIAL_END:
	case STELE_EVENT_APPLIED:
		printf("version %llu: %ld routes\n", (unsigned long long)event->version, *routes);
		fflush(stdout);
		break;
	}
}

/* Applies all events that there are now. */
static int apply_all(struct stele_follow *follow, long *routes)
{
	struct stele_event event;
	int r;

	while ((r = stele_follow_next(follow, &event)) == 1)
		apply(&event, routes);
	return r;
}

int main(void)
{
	/* Waits for the region, so that the publisher may start later. */
	const struct stele_subscriber_options wait = {.size = sizeof(wait),
	                                              .wait_ns = STELE_FOREVER};
	const struct stele_follow_options options = {
		.size = sizeof(options), .tables = tables, .table_count = 1};
	struct epoll_event ready = {.events = EPOLLIN};
	struct stele_subscriber *subscriber;
	struct stele_follow *follow = NULL;
	int loop = epoll_create1(0), r, fd = -1;
	long routes = 0;

	r = stele_subscriber_open("example", &wait, &subscriber);
	if (r == 0)
		r = stele_follow_open(subscriber, &options, &follow);
	if (r == 0)
		r = fd = stele_subscriber_fd(subscriber);
	if (r >= 0 && epoll_ctl(loop, EPOLL_CTL_ADD, fd, &ready) < 0)
		return 1;
	while (r >= 0) {
		r = apply_all(follow, &routes);
		if (r == 0)
			epoll_wait(loop, &ready, 1, -1);
	}
	fprintf(stderr, "follow: %s\n", stele_last_error());
	return 1;
}
