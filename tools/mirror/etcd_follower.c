/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/clock.h"
#include "tools/mirror/etcd_follower.h"

void etcd_follower_init(struct etcd_follower *follower)
{
	const struct etcd_status *status = &follower->region.status;

	follower->prefix = follower->options->http->url->prefix;
	follower->prefix_length = strlen(follower->prefix);
	follower->http = etcd_http_open(follower->options->http);
	follower->backoff.random = (uint64_t)clock_now() ^ (uint64_t)getpid() << 32;
	follower->must_read = !etcd_region_can_resume(&follower->region, follower->prefix);
	if (!follower->must_read) {
		follower->cluster = status->cluster;
		follower->revision = status->revision;
		follower->digest = status->digest;
		follower->keys = status->keys;
	}
}

void etcd_follower_fini(struct etcd_follower *follower)
{
	etcd_http_close(follower->http);
	etcd_region_close(&follower->region);
	etcd_batch_free(&follower->batch);
	text_free(&follower->body);
}

enum etcd_result etcd_follower_fail(struct etcd_follower *follower, enum etcd_result result,
                                    const char *why)
{
	snprintf(follower->error, sizeof(follower->error), "%s: %s",
	         etcd_http_endpoint(follower->http), why);
	return result;
}

enum etcd_result etcd_follower_fail_http(struct etcd_follower *follower, enum etcd_result result)
{
	if (result != ETCD_DONE && result != ETCD_LOCAL)
		snprintf(follower->error, sizeof(follower->error), "%s",
		         etcd_http_error(follower->http));
	return result;
}

enum etcd_result etcd_follower_fail_region(struct etcd_follower *follower)
{
	snprintf(follower->error, sizeof(follower->error), "%s", stele_last_error());
	etcd_region_abort(&follower->region);
	return ETCD_LOCAL;
}

void etcd_follower_set_status(struct etcd_follower *follower)
{
	struct etcd_status *status = &follower->region.status;

	if (status->state != ETCD_CURRENT || status->since == 0)
		status->since = clock_wall();
	status->state = ETCD_CURRENT;
	status->cluster = follower->cluster;
	status->revision = follower->revision;
	status->digest = follower->digest;
	status->keys = follower->keys;
	memset(status->why, 0, sizeof(status->why));
	memset(status->source, 0, sizeof(status->source));
	snprintf(status->source, sizeof(status->source), "%s", follower->prefix);
}
