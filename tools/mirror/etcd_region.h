/* SPDX-License-Identifier: MIT
 * The region that `stele mirror --from` keeps equal to a prefix of etcd. What its tables hold
 * depends only on what etcd holds, whether it was read at once or followed: a row that does not fit
 * the schema is refused, and is not in its table. Two tables are the mirror's own:
 *
 *     mirror_status     one row: where the mirror is, and whether the tables are up to date
 *     mirror_rejects    a row for each key of etcd that was refused, with the reason
 *
 * Called by etcd_follow.c, etcd_read.c and etcd_writer.c. */
#ifndef TOOLS_MIRROR_ETCD_REGION_H
#define TOOLS_MIRROR_ETCD_REGION_H

#include <stdbool.h>
#include <stdint.h>
#include <stele/stele.h>
#include "tools/base/text.h"
#include "tools/etcd/etcd_json.h"
#include "tools/mirror/etcd_keys.h"

#define ETCD_STATUS_TABLE  "mirror_status"
#define ETCD_REJECTS_TABLE "mirror_rejects"

/* The value of the one row of mirror_status, whose key is 0. */
struct etcd_status {
	uint32_t state;   /* enum etcd_state */
	uint32_t rejects; /* rows of mirror_rejects */
	uint64_t since;   /* when the state began, in nanoseconds since 1970 */
	uint64_t cluster; /* ID of the etcd cluster */
	int64_t revision; /* of etcd, up to which everything is in the tables */
	uint64_t digest;  /* of the changes at this revision; 0: not known */
	int64_t keys;     /* keys under the prefix at this revision */
	char source[256]; /* the prefix */
	char why[128];    /* of ETCD_STALE */
};

enum etcd_state { ETCD_CURRENT, ETCD_STALE };

struct etcd_table {
	char name[STELE_NAME_MAX + 1];
	struct stele_writable *writable;
	const struct stele_schema *schema;
};

struct etcd_region {
	char path[STELE_NAME_MAX + 512];
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	struct etcd_table *tables; /* opened in the transaction */
	size_t table_count;
	struct stele_writable *rejects; /* opened in the transaction */
	bool whole;                     /* the transaction replaces all rows */
	struct etcd_status status;      /* as it will be committed */
	struct etcd_status committed;
	bool untouched; /* the last version when the region was opened is one of the mirror */
	struct text text, value; /* buffers */
};

/* All functions return 0 or more, or a negative errno of the library, whose message is
 * stele_last_error(). */

/* Attaches to the region, which `options` may create, and reads its status. */
int etcd_region_open(struct etcd_region *region, const char *path,
                     const struct stele_publisher_options *options);
void etcd_region_close(struct etcd_region *region);

/* Returns true if the region has been mirrored from this prefix, and nobody has changed it since:
 * the mirror may go on from region->status.revision. */
bool etcd_region_can_resume(const struct etcd_region *region, const char *source);

/* Copies the prefix that a region is or was mirrored from. Returns false if there is none. */
bool etcd_region_source(struct stele_subscriber *subscriber, char *source, size_t size);

/* Begins a transaction. `whole`: all schemas and then all rows follow, and tables and rows that do
 * not follow are gone. */
int etcd_region_begin(struct etcd_region *region, bool whole);

/* Takes the declaration of a table; only in a whole transaction. */
int etcd_region_define(struct etcd_region *region, const struct etcd_key *key,
                       const struct etcd_kv *kv, const char *name, size_t name_length);

/* Takes a row, or the deletion of a row. `name` is the key without the prefix. */
int etcd_region_change(struct etcd_region *region, const struct etcd_key *key,
                       const struct etcd_kv *kv, const char *name, size_t name_length);

/* Commits the transaction, with region->status. Returns 1, or 0 if nothing changed. */
int etcd_region_commit(struct etcd_region *region, const char *message);
void etcd_region_abort(struct etcd_region *region);

#endif
