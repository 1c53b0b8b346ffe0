/* SPDX-License-Identifier: MIT
 *
 * The table "rows", whose row 0 holds the number of the version: publishing it, committing to
 * it, and reading it with every value checked. Also reads the subscribers file of the test's
 * region.
 */
#ifndef TESTS_SUPPORT_IPC_IPC_ROWS_H
#define TESTS_SUPPORT_IPC_IPC_ROWS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <stele/stele.h>

#include "lib/layout.h"

struct ipc_value {
	uint64_t number;
	uint64_t check; /* made from the number and the key */
	uint8_t bulk[112];
};

extern const struct stele_schema ipc_schema;

/* Scrambles a number: every bit of the result depends on every bit of x. */
uint64_t ipc_mix(uint64_t x);

/* Fills in the value of a row in version `number`. */
void ipc_fill(struct ipc_value *value, uint32_t id, uint64_t number);

/* Whether a value is one that was written whole, for this row. */
bool ipc_whole(const struct ipc_value *value, uint32_t id);

/* Puts row `id` as it is in version `number`. */
void ipc_put(struct stele_transaction *tx, uint32_t id, uint64_t number);

/* Opens a publisher, which must work. The options may be NULL: create the region. */
struct stele_publisher *ipc_attach(const char *name, const struct stele_publisher_options *options);

/* Makes one version more, which is returned. */
uint64_t ipc_commit(struct stele_publisher *publisher);

/* Attaches, and makes the table where it is not yet there. The options may be NULL. */
struct stele_publisher *ipc_publish(const char *name,
                                    const struct stele_publisher_options *options);

/* The same with a history of so many versions. */
struct stele_publisher *ipc_publish_history(uint32_t history);

/* Makes a table, in a transaction of its own; and one that is declared so, by a name of its own. */
void ipc_create_table(struct stele_publisher *publisher, const char *name,
                      const struct stele_schema *schema);

void ipc_declare_table(struct stele_publisher *publisher, const char *declaration,
                       const char *name);

/* The statistics of a publisher, and the state of a subscriber. */
struct stele_publisher_stats ipc_stats(struct stele_publisher *publisher);
struct stele_subscriber_state ipc_describe(struct stele_subscriber *subscriber);

/* Opens a subscriber to a region, or to the test's region. */
struct stele_subscriber *ipc_subscribe_to(const char *name, unsigned flags, const char *notifier);
struct stele_subscriber *ipc_subscribe(unsigned flags, const char *notifier);

/* Reads row 0 in both ways; it must be whole, and of the version that it is said to be. Returns
 * that. */
uint64_t ipc_read(struct stele_subscriber *subscriber);

/* Waits without a deadline for a version after `since` by polling the descriptor; returns that
 * version. */
uint64_t ipc_await_by_descriptor(struct stele_subscriber *subscriber, uint64_t since);

/* A table in the newest version; NULL where that is gone before the table is open, which it can be
 * without a pin. */
struct stele_snapshot *ipc_newest_table(struct stele_subscriber *subscriber, const char *name,
                                        struct stele_table *ret);

/* ---- the subscribers file, as anybody sees it ---- */

/* How many subscribers the test's region has. */
unsigned ipc_registered(void);

/* Opens the subscribers file for writing: a descriptor, or -1. */
int ipc_open_subscribers(void);

/* Copies the slots; how many there are. */
unsigned ipc_slots(struct layout_slot *slots, unsigned max);

/* True when the subscriber that is this process is about to block, or does. */
bool ipc_blocked(pid_t pid);

#endif
