/* SPDX-License-Identifier: MIT
 * The region that `stele mirror --to` writes to etcd: its tables and what changed in them, as
 * operations on keys. Called by etcd_writer.c. */
#ifndef TOOLS_MIRROR_ETCD_SOURCE_H
#define TOOLS_MIRROR_ETCD_SOURCE_H

#include <stdbool.h>
#include <stele/stele.h>
#include "tools/mirror/etcd_ops.h"

struct etcd_source {
	struct stele_subscriber *subscriber;
	const char *const *tables; /* names, ended by NULL; NULL: all tables */
	const char *prefix;
};

/* All functions return 0, or a negative errno of the library (-ESTALE: the version was reclaimed
 * meanwhile). `ops` must be empty, and is sorted. */

/* Puts all schemas and rows of a snapshot. */
int etcd_source_all(const struct etcd_source *source, const struct stele_snapshot *snapshot,
                    struct etcd_ops *ops);

/* Puts and deletes what differs between two snapshots. */
int etcd_source_changes(const struct etcd_source *source, const struct stele_snapshot *before,
                        const struct stele_snapshot *after, struct etcd_ops *ops);

#endif
