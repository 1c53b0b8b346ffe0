/* SPDX-License-Identifier: MIT
 * Reads keys for stele mirror --from: all of the prefix at one revision, or what tells whether
 * something changed. Called by etcd_follow.c. */
#ifndef TOOLS_MIRROR_ETCD_READ_H
#define TOOLS_MIRROR_ETCD_READ_H

#include "tools/mirror/etcd_follower.h"

/* Reads all schemas and rows at a revision, and commits what differs as one version, with this
 * message. `revision` 0: the newest revision that is not inside of a version. The tables are then
 * at this revision. */
enum etcd_result etcd_read(struct etcd_follower *follower, int64_t revision, const char *message);

/* Reads the key of this name under the prefix, at a revision (0: the newest). `ret` may be NULL. */
enum etcd_result etcd_read_key(struct etcd_follower *follower, const char *name, int64_t revision,
                               etcd_kv_fn *kv, void *context, struct etcd_answer *ret);

/* Finds out whether any key under the prefix has changed after follower->revision, up to
 * `*ret_revision`. */
enum etcd_result etcd_read_changed(struct etcd_follower *follower, bool *ret_changed,
                                   int64_t *ret_revision);

#endif
