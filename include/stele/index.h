/* SPDX-License-Identifier: MIT
 *
 * An index for longest-prefix match, for who routes packets. A table of prefixes in the region
 * answers in a walk, a few cache misses long. An index answers in two loads (IPv4) or a few
 * comparisons (IPv6), from memory of the subscriber's own: 8 MiB for a full IPv4 routing table
 * and half of that for a small one, 4.6 MiB for a full IPv6 table. (IPv6 prefixes longer than 64
 * bits, which routing tables have few of, take 2 KiB for each /64 that they are in.) The region
 * stays the one truth, and its publisher and other readers know nothing of the index. It is built
 * from a snapshot, and moved to a newer one at the cost of what changed.
 *
 *     uint8_t addresses[32][4];
 *     uint32_t next_hops[32];
 *     size_t count;
 *
 *     stele_snapshot_open(subscriber, 0, &snapshot);
 *     stele_table_open(snapshot, "routes", &route_schema, &routes);
 *     stele_index_open(&routes, "next_hop", 0, &index);
 *     while ((count = receive(addresses, 32)) > 0) {
 *             version = stele_index_version(index);
 *             if (stele_subscriber_wait(subscriber, version, 0, &version) == 1) {
 *                     stele_snapshot_open(subscriber, 0, &newer);
 *                     stele_table_open(newer, "routes", &route_schema, &routes);
 *                     stele_index_move(index, &routes);
 *                     stele_snapshot_close(snapshot);
 *                     snapshot = newer;
 *             }
 *             stele_index_match_many(index, addresses, count, next_hops);
 *             forward(addresses, next_hops, count);
 *     }
 *
 * WHAT IT ANSWERS. A number of 32 bits for each address: of the longest prefix that it starts
 * with, the value of one column; or, without a column, a number that stele_index_row() turns into
 * the row. A lookup never touches a row: where the column says all, nothing in the region is read
 * but whether the version is still whole.
 *
 * OWNERSHIP. The index is the caller's: stele_index_close(). It reads through the snapshot that
 * its table was opened in, which must stay open until the index was moved to another one, or
 * closed.
 *
 * THREADS. Any number of threads may match at the same time; no other may be in a call on the
 * index while one moves or closes it. Opening and moving count as reading the snapshot. Who can't
 * stop its threads for a move has an index for each.
 *
 * PROMISES. All answers of a call are those of one version: the one the index was opened on or
 * moved to last. When the publisher took that version back, calls say -ESTALE; move it to a newer
 * one then. What becomes of the region's file is no matter to an answer: only opening, moving and
 * stele_index_row() read rows.
 */
#ifndef STELE_INDEX_H
#define STELE_INDEX_H

#include <stddef.h>
#include <stdint.h>
#include <stele/error.h>
#include <stele/subscriber.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stele_index;

/* Builds the index of a table whose only key column is an ipv4net or an ipv6net. `column` names
 * the value column that it answers with, of type u8, u16, u32, i32, bool or ipv4 (whose four
 * bytes stand in the number as they do in the row), and `none` is the answer where no prefix
 * matches. Without a column (NULL) it answers with rows, and 0 where there is none. Costs a scan
 * of the table. Errors: -EINVAL (the table has other keys; no such column, or of another type),
 * -ESTALE, -EBADMSG, -ENOMEM, -ECHILD. */
STELE_API int stele_index_open(const struct stele_table *table, const char *column, uint32_t none,
                               struct stele_index **ret);
STELE_API struct stele_index *stele_index_close(struct stele_index *index);

/* Moves the index to the same table of another snapshot, usually a newer one. Costs what differs:
 * for each prefix that was added, changed or removed what the table has inside of it, and a
 * microsecond; a short one of IPv4 also some nanoseconds for each /18 inside of it, of which the
 * default route has 262,144; and as much as opening where the region's file was exchanged in
 * between (it grew), the snapshot is another subscriber's, or the version that the index was at was
 * taken back. From then on only the new snapshot need stay open. Errors: -EINVAL (as of _open; then the index
 * stays as it was), -ECHILD, and, after which matching is -ESTALE until the index was moved
 * without an error, and neither snapshot need stay open: -ESTALE (the new version was taken
 * back), -EBADMSG, -ENOMEM. */
STELE_API int stele_index_move(struct stele_index *index, const struct stele_table *table);

/* Finds the longest prefix for an address, which is 4 or 16 bytes in network order: sets `*ret` and
 * returns 1, or 0 where no prefix matches, and then `*ret` is what was given as none; so it is 0,
 * too, for a prefix whose answer is that. Errors: -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_index_match(const struct stele_index *index, const void *address,
                                uint32_t *ret);

/* The same for many addresses, one after the other at `addresses`: all answers, in their order.
 * Best with 16 and more, as then the processor has many of them in flight. Returns 0, or errors
 * as _match, and then `ret` holds nothing. */
STELE_API int stele_index_match_many(const struct stele_index *index, const void *addresses,
                                     size_t count, uint32_t *ret);

/* The row of an answer, of an index without a column: 1 and `*ret`, as of stele_table_match(), or
 * 0 for the answer 0. The answer must be of the version that the index is at. Errors: -EINVAL
 * (the index has a column), -ESTALE, -EBADMSG, -ECHILD. */
STELE_API int stele_index_row(const struct stele_index *index, uint32_t answer,
                              struct stele_row *ret);

/* The version that the index is at; 0 after a move that failed. */
STELE_API uint64_t stele_index_version(const struct stele_index *index);

/* The bytes of memory that the index has taken. */
STELE_API size_t stele_index_memory(const struct stele_index *index);

#ifdef __cplusplus
}
#endif

#endif
