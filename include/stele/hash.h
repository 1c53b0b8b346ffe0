/* SPDX-License-Identifier: MIT
 *
 * A hash index for exact lookups in large tables. A lookup in a table of the region walks a trie.
 * In a large table whose keys are long and have long common prefixes, the walk can take eight
 * cache misses, each of which waits for the one before. A hash index takes one cache miss to find
 * the row, whatever the keys are, and one to read it.
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
 * MODEL. The index is private memory of the subscriber. It is built from a snapshot, and moved to
 * a newer snapshot at a cost that depends on what changed. The publisher and other readers are
 * not involved. Ordered scans, prefixes and longest-prefix match are not available through the
 * index; use the table.
 *
 * A lookup returns what stele_table_get() or stele_table_get_many() returns for the table that
 * the index was opened on or last moved to, for keys and values of any type. The rows are the
 * same rows in the region's memory, with the same checks and the same rule: call
 * stele_snapshot_check() after the use of a row to learn whether it was consistent.
 *
 * MEMORY. The index holds no keys and no values. It takes about seven bytes for each row, plus
 * 100 KiB. From 300,000 rows on, it grows in steps of 2 MiB.
 *
 * OWNERSHIP. The caller owns the index, and closes it with stele_hash_close(). The index reads
 * through the snapshot of its table. Keep that snapshot open until the index has been moved to
 * another snapshot or closed.
 *
 * THREADS. Any number of threads may look up rows at the same time. While one thread moves or
 * closes the index, no other thread may be in a call on it. Opening, moving and looking up count
 * as reading the snapshot.
 *
 * GUARANTEES. All answers belong to one version: the one that the index was opened on or last
 * moved to. If the publisher reclaims that version, calls return -ESTALE; then move the index to
 * a newer version. Each index has random hash secrets of its own, so that nobody can choose keys
 * that make lookups slow. The hash function is NH of UMAC (Black, Halevi, Krawczyk, Krovetz,
 * Rogaway 1999), with a last step as in wyhash (Wang Yi).
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

/* Builds the index of a table. The cost is a scan of the table and an entry for each row: some
 * tens of milliseconds for a million rows. Returns 0. Errors: -ESTALE, -EBADMSG, -ENOMEM,
 * -ENOTSUP (the system has no random numbers), -ECHILD. */
STELE_API int stele_hash_open(const struct stele_table *table, struct stele_hash **ret);

/* Closes the index. Returns NULL. */
STELE_API struct stele_hash *stele_hash_close(struct stele_hash *hash);

/* Moves the index to the same table of another snapshot, usually a newer one, or to any other
 * table. On success, only the new snapshot needs to stay open.
 *
 * The cost depends on the number of rows that differ. A move costs as much as opening if, since
 * the index was last built, the number of rows has grown or shrunk by much, or most rows were
 * replaced by others. The same holds if the region's file was replaced in between (because the
 * region grew), if columns were appended to the table, if the table was created again, if the
 * snapshot belongs to another subscriber, or if the publisher reclaimed the version that the index
 * was at.
 *
 * Returns 0. Errors that leave the index unchanged: -ECHILD. Errors after which lookups return
 * -ESTALE until a move succeeds: -ESTALE (the publisher reclaimed the new version), -EBADMSG,
 * -ENOMEM. After these, neither snapshot needs to stay open. */
STELE_API int stele_hash_move(struct stele_hash *hash, const struct stele_table *table);

/* Looks up a row by its key. Returns 1 and fills `*ret`, or returns 0 if there is no such row.
 * Errors: -EINVAL (the key does not fit the schema), -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_hash_get(const struct stele_hash *hash, const void *key, unsigned key_bits,
                             struct stele_row *ret);

/* Looks up `count` rows in one call. Their cache misses overlap. Sets ret[i] to the row with
 * keys[i], or to all zeros (.key is NULL) if there is none. Returns the number of rows found.
 * Errors are those of stele_hash_get(); then the contents of `ret` are undefined. */
STELE_API int64_t stele_hash_get_many(const struct stele_hash *hash,
                                      const struct stele_key_ref *keys, size_t count,
                                      struct stele_row *ret);

/* Returns the version that the index is at, or 0 after a move that failed. */
STELE_API uint64_t stele_hash_version(const struct stele_hash *hash);

/* Returns the memory that the index uses, in bytes. */
STELE_API size_t stele_hash_memory(const struct stele_hash *hash);

#ifdef __cplusplus
}
#endif

#endif
