/* SPDX-License-Identifier: MIT */
#include "tests/support/ipc/route.h"

#include "tests/support/ipc/ipc.h"

static const uint16_t default_weight = 100;
const struct stele_column route_columns[] = {
	STELE_KEY("prefix", STELE_IPV4NET),
	STELE_VALUE(struct old_route, next_hop, STELE_U32),
	STELE_VALUE(struct old_route, metric, STELE_U32),
	STELE_VALUE_WITH(struct new_route, zone, STELE_CHAR, .default_value = "eu\0\0\0\0\0"),
	STELE_VALUE_WITH(struct new_route, weight, STELE_U16, .default_value = &default_weight),
};
const struct stele_schema route_old_schema = {
	.columns = route_columns, .column_count = 3, .value_size = sizeof(struct old_route)};
const struct stele_schema route_new_schema = {
	.columns = route_columns, .column_count = 5, .value_size = sizeof(struct new_route)};

/* The old schema with "metric" renamed to "cost". */
const struct stele_column route_renamed_columns[] = {
	STELE_KEY("prefix", STELE_IPV4NET),
	STELE_VALUE(struct old_route, next_hop, STELE_U32),
	{.name = "cost",
         .type = STELE_U32,
         .size = 4,
         .offset = offsetof(struct old_route, metric),
         .former_names = "metric"},
};
const struct stele_schema route_renamed_schema = {.columns = route_renamed_columns,
                                                  .column_count = 3,
                                                  .value_size = sizeof(struct old_route)};

void route_key(unsigned id, uint8_t key[4])
{
	key[0] = 10;
	key[1] = (uint8_t)(id >> 8);
	key[2] = (uint8_t)id;
	key[3] = 0;
}

void route_put_old(struct stele_transaction *tx, unsigned id, uint32_t next_hop)
{
	struct old_route route = {next_hop, id};
	uint8_t key[4];

	route_key(id, key);
	OK(stele_transaction_put(tx, "routes", key, 24, &route, sizeof(route)));
}

void route_put_new(struct stele_transaction *tx, unsigned id, uint32_t next_hop, const char *zone,
                   uint16_t weight)
{
	struct new_route route = {.old = {next_hop, id}, .weight = weight};
	uint8_t key[4];

	memcpy(route.zone, zone, strlen(zone));
	route_key(id, key);
	OK(stele_transaction_put(tx, "routes", key, 24, &route, sizeof(route)));
}

struct stele_publisher *route_publish(unsigned rows)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "routes", &route_old_schema));
	for (unsigned id = 0; id < rows; id++)
		route_put_old(tx, id, 1000 + id);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	return publisher;
}

uint64_t route_alter(struct stele_publisher *publisher, const struct stele_schema *schema)
{
	struct stele_transaction *tx;
	uint64_t version = 0;

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_alter_table(tx, "routes", schema), 1, "");
	RETURNS(stele_transaction_commit(tx, "altered", &version), 1, "");
	return version;
}

uint64_t route_commit_new(struct stele_publisher *publisher, unsigned id, uint32_t next_hop,
                          const char *zone, uint16_t weight)
{
	struct stele_transaction *tx;
	uint64_t version = 0;

	OK(stele_transaction_begin(publisher, &tx));
	route_put_new(tx, id, next_hop, zone, weight);
	RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
	return version;
}

void route_check_all(const struct stele_snapshot *snapshot, const struct stele_schema *expected,
                     size_t value_size)
{
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;
	unsigned count = 0;

	OK(stele_table_open(snapshot, "routes", expected, &table));
	cr_expect_eq(stele_table_rows(&table), ROUTE_ROWS);
	OK(stele_cursor_open(&table, &cursor));
	while (stele_cursor_next(cursor, &row) == 1) {
		const struct new_route *route = row.value;
		unsigned id = count++;
		CHECK(row.value_size == value_size, "row %u: %zu bytes", id, row.value_size);
		CHECK(route->old.next_hop == 1000 + id && route->old.metric == id, "row %u", id);
		if (value_size == sizeof(*route))
			CHECK(strcmp(route->zone, "eu") == 0 && route->weight == 100, "row %u", id);
	}
	cr_expect_eq(count, ROUTE_ROWS);
	stele_cursor_close(cursor);
}
