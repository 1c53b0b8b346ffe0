/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stele/stele.h>

#include "tools/kernel/kernel_tables.h"

const char *const kernel_table_names[KERNEL_TABLES] = {
	[KERNEL_LINKS] = "links",
	[KERNEL_ADDRESSES4] = "addresses4",
	[KERNEL_ADDRESSES6] = "addresses6",
	[KERNEL_NEIGHBOURS4] = "neighbours4",
	[KERNEL_NEIGHBOURS6] = "neighbours6",
	[KERNEL_RIB4] = "rib4",
	[KERNEL_RIB6] = "rib6",
	[KERNEL_ROUTES4] = "routes4",
	[KERNEL_ROUTES6] = "routes6",
};

static const struct stele_column link_columns[] = {
	STELE_KEY("index", STELE_U32),
	STELE_VALUE(struct kernel_link, name, STELE_CHAR),
	STELE_VALUE(struct kernel_link, mac, STELE_MAC),
	STELE_VALUE(struct kernel_link, up, STELE_BOOL),
	STELE_VALUE(struct kernel_link, carrier, STELE_BOOL),
	STELE_VALUE(struct kernel_link, mtu, STELE_U32),
	STELE_VALUE(struct kernel_link, master, STELE_U32),
	STELE_VALUE(struct kernel_link, state, STELE_CHAR),
	STELE_VALUE(struct kernel_link, kind, STELE_CHAR),
};

/* The peer is part of the key, because an interface may have the same address twice, with different
 * peers. */
static const struct stele_column address4_columns[] = {
	STELE_KEY("index", STELE_U32),
	STELE_KEY("address", STELE_IPV4),
	STELE_KEY("length", STELE_U8),
	STELE_KEY("peer", STELE_IPV4),
	STELE_VALUE(struct kernel_address4, broadcast, STELE_IPV4),
	STELE_VALUE(struct kernel_address4, interface, STELE_CHAR),
	STELE_VALUE(struct kernel_address4, label, STELE_CHAR),
	STELE_VALUE(struct kernel_address4, scope, STELE_CHAR),
	STELE_VALUE(struct kernel_address4, secondary, STELE_BOOL),
	STELE_VALUE(struct kernel_address4, permanent, STELE_BOOL),
	STELE_VALUE(struct kernel_address4, deprecated, STELE_BOOL),
};

static const struct stele_column address6_columns[] = {
	STELE_KEY("index", STELE_U32),
	STELE_KEY("address", STELE_IPV6),
	STELE_KEY("length", STELE_U8),
	STELE_VALUE(struct kernel_address6, peer, STELE_IPV6),
	STELE_VALUE(struct kernel_address6, interface, STELE_CHAR),
	STELE_VALUE(struct kernel_address6, scope, STELE_CHAR),
	STELE_VALUE(struct kernel_address6, permanent, STELE_BOOL),
	STELE_VALUE(struct kernel_address6, tentative, STELE_BOOL),
	STELE_VALUE(struct kernel_address6, deprecated, STELE_BOOL),
	STELE_VALUE(struct kernel_address6, temporary, STELE_BOOL),
};

#define NEIGHBOUR_VALUES \
	STELE_VALUE(struct kernel_neighbour, mac, STELE_MAC), \
		STELE_VALUE(struct kernel_neighbour, interface, STELE_CHAR), \
		STELE_VALUE(struct kernel_neighbour, state, STELE_CHAR)

static const struct stele_column neighbour4_columns[] = {
	STELE_KEY("index", STELE_U32),
	STELE_KEY("address", STELE_IPV4),
	NEIGHBOUR_VALUES,
};

static const struct stele_column neighbour6_columns[] = {
	STELE_KEY("index", STELE_U32),
	STELE_KEY("address", STELE_IPV6),
	NEIGHBOUR_VALUES,
};

/* The columns that the tables of routes and the lookup tables of both families have in common. */
#define ROUTE_VALUES(struct_, address_) \
	STELE_VALUE(struct_, gateway, address_), STELE_VALUE(struct_, source, address_), \
		STELE_VALUE(struct_, interface, STELE_CHAR), \
		STELE_VALUE(struct_, type, STELE_CHAR), \
		STELE_VALUE(struct_, protocol, STELE_CHAR), \
		STELE_VALUE(struct_, scope, STELE_CHAR), STELE_VALUE(struct_, mtu, STELE_U32), \
		STELE_VALUE(struct_, next_hop_id, STELE_U32), \
		STELE_VALUE(struct_, next_hops, STELE_U32)

static const struct stele_column rib4_columns[] = {
	STELE_KEY("table", STELE_U32),
	STELE_KEY("metric", STELE_U32),
	STELE_KEY("tos", STELE_U8),
	STELE_KEY("order", STELE_U16),
	STELE_KEY("prefix", STELE_IPV4NET),
	ROUTE_VALUES(struct kernel_route4, STELE_IPV4),
	STELE_VALUE_VARIABLE(struct kernel_route4, path, STELE_TEXT),
};

static const struct stele_column rib6_columns[] = {
	STELE_KEY("table", STELE_U32),
	STELE_KEY("metric", STELE_U32),
	STELE_KEY("order", STELE_U16),
	STELE_KEY("prefix", STELE_IPV6NET),
	ROUTE_VALUES(struct kernel_route6, STELE_IPV6),
	STELE_VALUE(struct kernel_route6, from, STELE_IPV6NET),
	STELE_VALUE_VARIABLE(struct kernel_route6, path, STELE_TEXT),
};

static const struct stele_column routes4_columns[] = {
	STELE_KEY("prefix", STELE_IPV4NET),
	ROUTE_VALUES(struct kernel_route4, STELE_IPV4),
	STELE_VALUE(struct kernel_route4, metric, STELE_U32),
	STELE_VALUE(struct kernel_route4, alternatives, STELE_U32),
	STELE_VALUE_VARIABLE(struct kernel_route4, path, STELE_TEXT),
};

static const struct stele_column routes6_columns[] = {
	STELE_KEY("prefix", STELE_IPV6NET),
	ROUTE_VALUES(struct kernel_route6, STELE_IPV6),
	STELE_VALUE(struct kernel_route6, metric, STELE_U32),
	STELE_VALUE(struct kernel_route6, alternatives, STELE_U32),
	STELE_VALUE_VARIABLE(struct kernel_route6, path, STELE_TEXT),
};

static const struct stele_schema links = STELE_SCHEMA(struct kernel_link, link_columns);
static const struct stele_schema addresses4 =
	STELE_SCHEMA(struct kernel_address4, address4_columns);
static const struct stele_schema addresses6 =
	STELE_SCHEMA(struct kernel_address6, address6_columns);
static const struct stele_schema neighbours4 =
	STELE_SCHEMA(struct kernel_neighbour, neighbour4_columns);
static const struct stele_schema neighbours6 =
	STELE_SCHEMA(struct kernel_neighbour, neighbour6_columns);
static const struct stele_schema rib4 =
	STELE_SCHEMA_VARIABLE(struct kernel_route4, path, rib4_columns);
static const struct stele_schema rib6 =
	STELE_SCHEMA_VARIABLE(struct kernel_route6, path, rib6_columns);
static const struct stele_schema routes4 =
	STELE_SCHEMA_VARIABLE(struct kernel_route4, path, routes4_columns);
static const struct stele_schema routes6 =
	STELE_SCHEMA_VARIABLE(struct kernel_route6, path, routes6_columns);

const struct stele_schema *const kernel_schemas[KERNEL_TABLES] = {
	[KERNEL_LINKS] = &links,
	[KERNEL_ADDRESSES4] = &addresses4,
	[KERNEL_ADDRESSES6] = &addresses6,
	[KERNEL_NEIGHBOURS4] = &neighbours4,
	[KERNEL_NEIGHBOURS6] = &neighbours6,
	[KERNEL_RIB4] = &rib4,
	[KERNEL_RIB6] = &rib6,
	[KERNEL_ROUTES4] = &routes4,
	[KERNEL_ROUTES6] = &routes6,
};

static int kernel_tables_open_one(struct stele_transaction *tx, enum kernel_table table,
                                  struct stele_writable **ret)
{
	const struct stele_schema *found;
	int r = stele_transaction_schema(tx, kernel_table_names[table], &found);

	if (r == -ENXIO)
		r = stele_transaction_create_table(tx, kernel_table_names[table],
		                                   kernel_schemas[table]);
	else if (r >= 0 && (found->value_size != kernel_schemas[table]->value_size ||
	                    stele_schema_compatible(kernel_schemas[table], found) < 0))
		return -EEXIST;
	if (r < 0)
		return r;
	return stele_writable_open(tx, kernel_table_names[table], NULL, ret);
}

int kernel_tables_open(struct stele_transaction *tx, struct stele_writable *tables[KERNEL_TABLES],
                       const char **ret_failed)
{
	for (int i = 0; i < KERNEL_TABLES; i++) {
		int r = kernel_tables_open_one(tx, (enum kernel_table)i, &tables[i]);

		if (r < 0) {
			*ret_failed = kernel_table_names[i];
			return r;
		}
	}
	return 0;
}
