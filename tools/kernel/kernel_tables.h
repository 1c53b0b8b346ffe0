/* SPDX-License-Identifier: MIT
 *
 * The tables of the kernel publisher: their names, keys and values. The structs are the values that
 * subscribers read. kernel.c opens the tables; kernel_rows.c and kernel_mirror.c fill in the keys
 * and values.
 *
 * The kernel may have several routes with the same table, metric, TOS and prefix: appended routes,
 * routes for different interfaces (fe80::/64), and routes for different source prefixes. The column
 * `order` distinguishes them. It is the place of the route in the kernel's order, from 0. */
#ifndef TOOLS_KERNEL_KERNEL_TABLES_H
#define TOOLS_KERNEL_KERNEL_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stele/publisher.h>

enum kernel_table {
	KERNEL_LINKS,
	KERNEL_ADDRESSES4,
	KERNEL_ADDRESSES6,
	KERNEL_NEIGHBOURS4,
	KERNEL_NEIGHBOURS6,
	KERNEL_RIB4,
	KERNEL_RIB6,
	KERNEL_ROUTES4,
	KERNEL_ROUTES6,
	KERNEL_TABLES,
};

struct kernel_link {
	char name[16];
	uint8_t mac[6]; /* zero if the link has no address of 6 bytes */
	bool up;        /* set up by the administrator */
	bool carrier;
	uint32_t mtu;
	uint32_t master; /* index of the bridge, bond or VRF of the link; 0: none */
	char state[16];  /* RFC 2863: up, down, lowerlayerdown, dormant, unknown ... */
	char kind[16];   /* veth, vlan, bridge ...; empty for hardware */
};

struct kernel_address4 {
	uint8_t broadcast[4];
	char interface[16];
	char label[16];
	char scope[12];
	bool secondary;
	bool permanent;
	bool deprecated;
};

struct kernel_address6 {
	uint8_t peer[16]; /* the other end of a point-to-point link, or the address itself */
	char interface[16];
	char scope[12];
	bool permanent;
	bool tentative; /* duplicate address detection has not ended, or has failed */
	bool deprecated;
	bool temporary;
};

struct kernel_neighbour {
	uint8_t mac[6];
	char interface[16];
	char state[12]; /* reachable, stale, delay, probe, failed, permanent */
};

/* A route, in rib4 and in routes4. A column that is zero is not set. If a route has several next
 * hops, `gateway` and `interface` are those of the first, and `path` has all next hops. `metric`
 * and `alternatives` are columns of routes4 only. */
struct kernel_route4 {
	uint8_t gateway[4];
	uint8_t source[4]; /* preferred source address */
	char interface[16];
	char type[12];     /* unicast, local, broadcast, blackhole ... */
	char protocol[12]; /* kernel, boot, static, bgp ... or a number */
	char scope[12];    /* global, site, link, host, nowhere or a number */
	uint32_t mtu;
	uint32_t next_hop_id; /* number of the next-hop object */
	uint32_t next_hops;   /* number of next hops */
	uint32_t metric;
	uint32_t alternatives; /* number of other routes of the main table to this prefix */
	char path[];           /* "via 10.0.0.1 dev eth0 weight 1, via ..." */
};

/* A route, in rib6 and in routes6, like struct kernel_route4. `from`, the source addresses that the
 * route is for, is a column of rib6 only, because routes6 has only routes for all source
 * addresses. */
struct kernel_route6 {
	uint8_t gateway[16];
	uint8_t source[16];
	char interface[16];
	char type[12];
	char protocol[12];
	char scope[12];
	uint32_t mtu;
	uint32_t next_hop_id;
	uint32_t next_hops;
	uint32_t metric;
	uint32_t alternatives;
	struct stele_ipv6net from;
	char path[];
};

extern const char *const kernel_table_names[KERNEL_TABLES];
extern const struct stele_schema *const kernel_schemas[KERNEL_TABLES];

/* Opens all tables in a transaction, and creates those that are missing. Returns 0 or a negative
 * errno: -EEXIST if the region has a table of that name with another schema, and the errors of
 * stele_transaction_create_table(). After an error, `*ret_failed` is the name of the table, and
 * only the tables before it are open. */
int kernel_tables_open(struct stele_transaction *tx, struct stele_writable *tables[KERNEL_TABLES],
                       const char **ret_failed);

#endif
