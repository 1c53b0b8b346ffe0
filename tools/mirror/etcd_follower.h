/* SPDX-License-Identifier: MIT
 * What stele mirror --from knows while it runs. Used by etcd_follow.c and etcd_read.c. */
#ifndef TOOLS_MIRROR_ETCD_FOLLOWER_H
#define TOOLS_MIRROR_ETCD_FOLLOWER_H

#include <stdbool.h>
#include <stdint.h>
#include "tools/base/text.h"
#include "tools/etcd/etcd_backoff.h"
#include "tools/mirror/etcd_batch.h"
#include "tools/mirror/etcd_follow.h"
#include "tools/mirror/etcd_head.h"
#include "tools/etcd/etcd_http.h"
#include "tools/mirror/etcd_region.h"

enum { ETCD_MESSAGE = 640 }; /* size of the message of a version */

struct etcd_follower {
	const struct etcd_follow_options *options;
	const char *prefix;
	size_t prefix_length;
	struct etcd_http *http;
	struct etcd_region region;
	struct etcd_batch batch;
	struct text body; /* of requests */

	/* Where the tables are. Ahead of the status of the region after revisions that changed no
	 * row. */
	uint64_t cluster;
	int64_t revision;
	uint64_t digest; /* of the events of this revision; 0: not known */
	int64_t keys;    /* under the prefix at this revision */
	bool must_read;  /* all rows, as the changes since then are not known */

	/* The watch. */
	struct etcd_answer answer; /* the last one */
	bool created, canceled, overflow;
	bool verified;  /* the events of `revision` have come again, with the same digest */
	bool confirmed; /* the tables are up to date */
	uint64_t created_cluster;
	int64_t created_revision;
	int64_t heard; /* when the last answer came, on CLOCK_MONOTONIC */
	size_t behind; /* failures in a row because etcd lacks the revision */

	unsigned told; /* kinds of failures that the status has told since it was current: bits */
	struct etcd_backoff backoff;
	char error[1100]; /* why the last try failed */
	char said[1100];  /* the error that was printed last */
};

void etcd_follower_init(struct etcd_follower *follower);
void etcd_follower_fini(struct etcd_follower *follower);

/* Sets follower->error, and returns `result`. */
enum etcd_result etcd_follower_fail(struct etcd_follower *follower, enum etcd_result result,
                                    const char *why);
/* Does so after an error of etcd_http_call() or etcd_http_wait(), and of a function of
 * etcd_region.h. */
enum etcd_result etcd_follower_fail_http(struct etcd_follower *follower, enum etcd_result result);
enum etcd_result etcd_follower_fail_region(struct etcd_follower *follower);

/* Sets the status that the region's transaction will commit: up to date at this revision. */
void etcd_follower_set_status(struct etcd_follower *follower);

#endif
