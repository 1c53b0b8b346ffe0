/* SPDX-License-Identifier: MIT
 *
 * A hash index for exact lookups, for who looks up single keys in large tables. A get from a table
 * walks its trie; in a large one of long keys that have much in common, that can be eight cache
 * misses, each of which waits for the one before. A hash index finds where the row is in one,
 * whatever the keys; the row is the second. It is in memory of the subscriber's own and holds no
 * keys and no values: about seven bytes a row (from 300,000 rows on in steps of 2 MiB), and 100
 * KiB. The region stays the one truth, and its publisher and other readers know nothing of the
 * index. It is built from a snapshot, and moved to a newer one at the cost of what changed. Order,
 * prefixes and matches stay the table's.
 *
 *     stele_snapshot_open(subscriber, 0, &snapshot);
 *     stele_table_open(snapshot, "sessions", &session_schema, &sessions);
 *     stele_hash_open(&sessions, &hash);
 *     while (receive(id) > 0) {
 *             version = stele_hash_version(hash);
 *             if (stele_subscriber_wait(subscriber, version, 0, &version) == 1) {
 *                     stele_snapshot_open(subscriber, 0, &newer);
 *                     stele_table_open(newer, "sessions", &session_schema, &sessions);
 *                     stele_hash_move(hash, &sessions);
 *                     stele_snapshot_close(snapshot);
 *                     snapshot = newer;
 *             }
 *             if (stele_hash_get(hash, id, 128, &row) == 1)
 *                     serve(row.value);
 *     }
 *
 * WHAT IT ANSWERS. What stele_table_get() and stele_table_get_many() answer for the table that it
 * was opened on or moved to last, of any keys and values, with the same rows in the region's
 * memory, the same checks, and the same promise: a row that was handed out is vouched for by
 * stele_snapshot_check() after its use.
 *
 * OWNERSHIP. The index is the caller's: stele_hash_close(). It reads through the snapshot that its
 * table was opened in, which must stay open until the index was moved to another one, or closed.
 *
 * THREADS. Any number of threads may get at the same time; no other may be in a call on the index
 * while one moves or closes it. Opening, moving and getting count as reading the snapshot.
 *
 * PROMISES. All answers are those of one version: the one that the index was opened on or moved to
 * last. When the publisher took that version back, calls say -ESTALE; move it to a newer one then.
 * Each index hashes in a way of its own, drawn at random when it is opened: who chooses keys can't
 * choose them so that lookups become slow.
 */
#ifndef STELE_HASH_H
#define STELE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <stele/error.h>
#include <stele/subscriber.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stele_hash;

/* Builds the index of a table. Costs a scan of it and an entry for each row: for a million rows,
 * some tens of milliseconds. Errors: -ESTALE, -EBADMSG, -ENOMEM, -ENOSYS (the system has no random
 * numbers), -ECHILD. */
STELE_API int stele_hash_open(const struct stele_table *table, struct stele_hash **ret);
STELE_API struct stele_hash *stele_hash_close(struct stele_hash *hash);

/* Moves the index to the same table of another snapshot, usually a newer one, or to any other
 * table. Costs what differs; and as much as opening where rows became many more or many fewer, or
 * most of them were exchanged for others, since it was built last; and where the region's file was
 * exchanged in between (it grew), the table was made anew, the snapshot is another subscriber's, or
 * the version that the index was at was taken back. From then on only the new snapshot need stay
 * open. Errors: -ECHILD; and, after which getting is -ESTALE until the index was moved without an
 * error, and neither snapshot need stay open: -ESTALE (the new version was taken back), -EBADMSG,
 * -ENOMEM. */
STELE_API int stele_hash_move(struct stele_hash *hash, const struct stele_table *table);

/* Finds a row by its key: 1 and `*ret`, or 0 where there is none. Errors: -EINVAL (the key doesn't
 * fit the schema), -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_hash_get(const struct stele_hash *hash, const void *key, unsigned key_bits,
                             struct stele_row *ret);

/* The same for many keys in one call, which wait for memory together. ret[i] is the row with
 * keys[i], or all zeros (.key is NULL) where there is none. Returns how many were found; or an
 * error as _get, and then `ret` holds nothing. */
STELE_API int64_t stele_hash_get_many(const struct stele_hash *hash,
                                      const struct stele_key_ref *keys, size_t count,
                                      struct stele_row *ret);

/* The version that the index is at; 0 after a move that failed. */
STELE_API uint64_t stele_hash_version(const struct stele_hash *hash);

/* The bytes of memory that the index has taken. */
STELE_API size_t stele_hash_memory(const struct stele_hash *hash);

#ifdef __cplusplus
}
#endif

#endif
