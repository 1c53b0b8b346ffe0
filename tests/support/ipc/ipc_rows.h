/* SPDX-License-Identifier: MIT
 *
 * The table "rows", whose row 0 holds the number of the version: publishing it, committing to it,
 * and reading it with every value checked. Also reads the subscribers file of the test's region. */
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

/* Returns whether a value is consistent and belongs to this row. */
bool ipc_whole(const struct ipc_value *value, uint32_t id);

/* Puts row `id` with its value in version `number`. */
void ipc_put(struct stele_transaction *tx, uint32_t id, uint64_t number);

/* Opens a publisher, which must succeed. Without options it creates the region. */
struct stele_publisher *ipc_attach(const char *name, const struct stele_publisher_options *options);

/* Commits one version. Returns the version. */
uint64_t ipc_commit(struct stele_publisher *publisher);

/* Attaches, and creates the table if it does not exist. `options` may be NULL. */
struct stele_publisher *ipc_publish(const char *name,
                                    const struct stele_publisher_options *options);

/* Like ipc_publish(), with a history of this many versions. */
struct stele_publisher *ipc_publish_history(uint32_t history);

/* Create a table in a transaction of their own: from a schema, or from a declaration, under
 * `name`. */
void ipc_create_table(struct stele_publisher *publisher, const char *name,
                      const struct stele_schema *schema);

void ipc_declare_table(struct stele_publisher *publisher, const char *declaration,
                       const char *name);

/* Return the statistics of a publisher, and the state of a subscriber. */
struct stele_publisher_stats ipc_stats(struct stele_publisher *publisher);
struct stele_subscriber_state ipc_describe(struct stele_subscriber *subscriber);

/* Open a subscriber to a region, or to the test's region. */
struct stele_subscriber *ipc_subscribe_to(const char *name, unsigned flags, const char *notifier);
struct stele_subscriber *ipc_subscribe(unsigned flags, const char *notifier);

/* Reads row 0 by stele_subscriber_get_copy() and from a snapshot. The row must be consistent, and
 * hold the number of the version that it is read from. Returns that version. */
uint64_t ipc_read(struct stele_subscriber *subscriber);

/* Waits without a deadline for a version after `since` by polling the descriptor. Returns that
 * version. */
uint64_t ipc_await_by_descriptor(struct stele_subscriber *subscriber, uint64_t since);

/* Opens a table in the newest version. Returns NULL if the version is reclaimed before the table is
 * open, which can happen without a pin. */
struct stele_snapshot *ipc_newest_table(struct stele_subscriber *subscriber, const char *name,
                                        struct stele_table *ret);

/* ---- the subscribers file, as any process sees it ---- */

/* Returns how many subscribers the test's region has. */
unsigned ipc_registered(void);

/* Opens the subscribers file for writing. Returns a descriptor, or -1. */
int ipc_open_subscribers(void);

/* Copies the slots. Returns how many there are. */
unsigned ipc_slots(struct layout_slot *slots, unsigned max);

/* Returns whether the subscriber in process `pid` blocks or is about to block: its ticket is armed,
 * and the process sleeps. */
bool ipc_blocked(pid_t pid);

#endif
