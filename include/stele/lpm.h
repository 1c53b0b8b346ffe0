/* SPDX-License-Identifier: MIT
 *
 * An index for longest-prefix match at packet rates. A lookup in a table of the region walks a
 * trie, which costs a few cache misses. A lookup in an index costs two loads (IPv4) or a few
 * comparisons (IPv6).
 *
 *     uint8_t addresses[32][4];
 *     uint32_t next_hops[32];
 *     size_t count;
 *
 *     stele_snapshot_open(subscriber, 0, &snapshot);
 *     stele_table_open(snapshot, "routes", &route_schema, &routes);
 *     stele_lpm_open(&routes, "next_hop", 0, &index);
 *     while ((count = receive(addresses, 32)) > 0) {
 *             version = stele_lpm_version(index);
 *             if (stele_subscriber_wait(subscriber, version, 0, &version) == 1) {
 *                     stele_snapshot_open(subscriber, 0, &newer);
 *                     stele_table_open(newer, "routes", &route_schema, &routes);
 *                     stele_lpm_move(index, &routes);
 *                     stele_snapshot_close(snapshot);
 *                     snapshot = newer;
 *             }
 *             stele_lpm_match_many(index, addresses, count, next_hops);
 *             forward(addresses, next_hops, count);
 *     }
 *
 * MODEL. The index is private memory of the subscriber. It is built from a snapshot, and moved to
 * a newer snapshot at a cost that depends on what changed. The publisher and other readers are
 * not involved.
 *
 * A lookup returns a number of 32 bits for an address: the value of one column of the row with
 * the longest matching prefix; or, in an index without a column, a number that stele_lpm_row()
 * turns into the row. A lookup reads no row. It reads the region only to check that the version
 * is still valid.
 *
 * MEMORY. IPv4: 8 MiB for a full routing table, and half of that for a small one. IPv6: 4.6 MiB
 * for a full routing table. IPv6 prefixes longer than 64 bits, which are rare in routing tables,
 * take 2 KiB for each /64 that has any.
 *
 * OWNERSHIP. The caller owns the index, and closes it with stele_lpm_close(). The index reads
 * through the snapshot of its table. Keep that snapshot open until the index has been moved to
 * another snapshot or closed.
 *
 * THREADS. Any number of threads may match at the same time. While one thread moves or closes the
 * index, no other thread may be in a call on it. Threads that cannot be stopped for a move need
 * an index each. Opening and moving count as reading the snapshot.
 *
 * GUARANTEES. All answers of a call belong to one version: the one that the index was opened on
 * or last moved to. If the publisher reclaims that version, calls return -ESTALE; then move the
 * index to a newer version. Truncating the region's file does not affect answers: only opening,
 * moving and stele_lpm_row() read rows.
 */
#ifndef STELE_LPM_H
#define STELE_LPM_H

#include <stddef.h>
#include <stdint.h>
#include <stele/error.h>
#include <stele/subscriber.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stele_lpm;

/* Builds the index of a table whose only key column is an ipv4net or an ipv6net. The cost is a
 * scan of the table.
 *
 * `column` names the value column whose values are the answers. Its type is u8, u16, u32, i32,
 * bool or ipv4; an ipv4 answer has its four bytes in the same order as in the row. `none` is the
 * answer if no prefix matches. If `column` is NULL, the answers stand for rows, and the answer is
 * 0 if no prefix matches.
 *
 * Returns 0. Errors: -EINVAL (`column` can't be the name of a column), -ENXIO (no such column),
 * -EMEDIUMTYPE (the table has other keys, or the type of the column is not in the list), -ESTALE,
 * -EBADMSG, -ENOMEM, -ECHILD. */
STELE_API int stele_lpm_open(const struct stele_table *table, const char *column, uint32_t none,
                             struct stele_lpm **ret);

/* Builds an index like stele_lpm_open(), of a table whose key has columns before the prefix: the
 * index holds the rows in which these columns have one value. `key` is that value, encoded as in
 * the keys of the table, in `key_bits` bits. A lookup takes addresses, without this value. An
 * example is one routing table of a table with the key columns `table: u32, prefix: ipv4net`:
 *
 *     stele_lpm_open_under(&routes, (uint8_t[]){0, 0, 0, 254}, 32, NULL, 0, &index);
 *
 * Moving the index also costs a walk over what has changed under other values. The return values
 * and errors are those of stele_lpm_open(). -EMEDIUMTYPE is also returned if the columns before
 * the prefix take another number of bits, and -EINVAL if `key_bits` is not a multiple of 8, or more
 * than 512. */
STELE_API int stele_lpm_open_under(const struct stele_table *table, const void *key,
                                   unsigned key_bits, const char *column, uint32_t none,
                                   struct stele_lpm **ret);

/* Closes the index. Returns NULL. */
STELE_API struct stele_lpm *stele_lpm_close(struct stele_lpm *index);

/* Moves the index to the same table of another snapshot, usually a newer one. On success, only
 * the new snapshot needs to stay open.
 *
 * The cost depends on the difference: each prefix that was added, changed or removed costs a
 * microsecond, and a walk over the rows inside that prefix. A short IPv4 prefix also costs some
 * nanoseconds for each /18 inside it; the default route has 262,144 of them. A move costs as much
 * as opening if the region's file was replaced in between (because the region grew), if columns
 * were appended to the table, if the snapshot belongs to another subscriber, or if the publisher
 * reclaimed the version that the index was at. A renamed column is found by its former names.
 *
 * Returns 0. Errors that leave the index unchanged: -ENXIO and -EMEDIUMTYPE (as stele_lpm_open();
 * also, an index of IPv4 prefixes can't be moved to a table of IPv6 prefixes), -ECHILD.
 * Errors after which matching returns -ESTALE until a move succeeds: -ESTALE (the publisher
 * reclaimed the new version), -EBADMSG, -ENOMEM. After these, neither snapshot needs to stay
 * open. */
STELE_API int stele_lpm_move(struct stele_lpm *index, const struct stele_table *table);

/* Finds the longest prefix that matches an address, which is 4 or 16 bytes in network order. Sets
 * `*ret` to the answer. Returns 1, or 0 if the answer is `none`: no prefix matches, or the value
 * of the matching prefix is `none` itself. Errors: -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_lpm_match(const struct stele_lpm *index, const void *address, uint32_t *ret);

/* Matches `count` addresses, which follow each other in memory at `addresses`. Sets ret[i] to the
 * answer for address i. Works best with 16 addresses or more, which the processor then handles in
 * parallel. Returns 0. Errors are those of stele_lpm_match(); then the contents of `ret` are
 * undefined. */
STELE_API int stele_lpm_match_many(const struct stele_lpm *index, const void *addresses,
                                   size_t count, uint32_t *ret);

/* Finds the row of an answer, in an index without a column. The answer must belong to the version
 * that the index is at. Returns 1 and fills `*ret`, as stele_table_match() does, or returns 0 for
 * the answer 0. Errors: -EINVAL (the index has a column), -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_lpm_row(const struct stele_lpm *index, uint32_t answer, struct stele_row *ret);

/* Returns the version that the index is at, or 0 after a move that failed. */
STELE_API uint64_t stele_lpm_version(const struct stele_lpm *index);

/* Returns the memory that the index uses, in bytes. */
STELE_API size_t stele_lpm_memory(const struct stele_lpm *index);

#ifdef __cplusplus
}
#endif

#endif
