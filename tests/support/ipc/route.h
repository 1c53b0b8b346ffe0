/* SPDX-License-Identifier: MIT
 *
 * The table "routes" that tests alter: the struct that an old program was built with, and that of a
 * new program. */
#ifndef TESTS_SUPPORT_IPC_ROUTE_H
#define TESTS_SUPPORT_IPC_ROUTE_H

#include <stele/stele.h>

#define ROUTE_ROWS 300u

/* The struct that a program was built with, and that of a program built after the alter. */
struct old_route {
	uint32_t next_hop;
	uint32_t metric;
};
struct new_route {
	struct old_route old;
	char zone[8];
	uint16_t weight;
};

/* All columns: the old schema has the first three. */
extern const struct stele_column route_columns[5], route_renamed_columns[3];
/* In the renamed schema, "metric" is called "cost". */
extern const struct stele_schema route_old_schema, route_new_schema, route_renamed_schema;

/* Makes the key of a row. */
void route_key(unsigned id, uint8_t key[4]);

/* Put a row with the values of an old program, and with those of a new one. */
void route_put_old(struct stele_transaction *tx, unsigned id, uint32_t next_hop);
void route_put_new(struct stele_transaction *tx, unsigned id, uint32_t next_hop, const char *zone,
                   uint16_t weight);

/* Creates the table, with `rows` rows whose next hop is 1000 plus their id. */
struct stele_publisher *route_publish(unsigned rows);

/* Alters the table in a transaction of its own. Returns the new version. */
uint64_t route_alter(struct stele_publisher *publisher, const struct stele_schema *schema);

/* Puts a row in a transaction of its own. Returns the new version. */
uint64_t route_commit_new(struct stele_publisher *publisher, unsigned id, uint32_t next_hop,
                          const char *zone, uint16_t weight);

/* Checks that a snapshot has all ROUTE_ROWS rows as route_publish() put them, and with the defaults
 * if it has the new columns. */
void route_check_all(const struct stele_snapshot *snapshot, const struct stele_schema *expected,
                     size_t value_size);

#endif
