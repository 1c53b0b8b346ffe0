/* SPDX-License-Identifier: MIT */
/* follow.c: counts the routes in the region "example" for ten seconds. */
#include <stdio.h>
#include <time.h>
#include <stele/stele.h>

static int on_event(const struct stele_event *event, void *userdata)
{
	long *routes = userdata;

	switch (event->kind) {
	case STELE_EVENT_RESYNC:
		*routes = 0;
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
	return 0;
}

int main(void)
{
	struct stele_follow_options options = {.size = sizeof(options), .table = "routes"};
	struct stele_subscriber *subscriber;
	struct timespec now;
	long routes = 0;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &now);
	options.deadline_ns = (now.tv_sec + 10) * INT64_C(1000000000) + now.tv_nsec;
	r = stele_subscriber_open("example", NULL, &subscriber);
	if (r == 0) {
		r = stele_subscriber_follow(subscriber, &options, on_event, &routes);
		subscriber = stele_subscriber_close(subscriber);
	}
	if (r < 0)
		fprintf(stderr, "follow: %s\n", stele_last_error());
	return r < 0;
}
