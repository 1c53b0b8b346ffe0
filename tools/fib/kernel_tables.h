/* SPDX-License-Identifier: MIT
 *
 * The tables of the kernel publisher: their names, keys and values. The structs are the values that
 * subscribers read. kernel_region.c opens the tables; the other files of this folder fill in the
 * keys and values.
 *
 * ROUTES. The kernel may have many routes to a prefix in one routing table. fib4 and fib6 have one
 * row for each prefix of each routing table: the route that the kernel takes. All other routes are
 * in alternatives4 and alternatives6, so each route is stored once. A prefix without a route that
 * the kernel can take has no row in fib4 or fib6: a lookup finds the next shorter prefix, as in the
 * kernel. docs/design/kernel.md explains which route the kernel takes.
 *
 * Routes of the same table, prefix, metric and TOS are in the kernel's order, which is the column
 * `order`, from 0. */
#ifndef TOOLS_FIB_KERNEL_TABLES_H
#define TOOLS_FIB_KERNEL_TABLES_H

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
	KERNEL_PROXIES4,
	KERNEL_PROXIES6,
	KERNEL_FDB,
	KERNEL_FIB4,
	KERNEL_FIB6,
	KERNEL_ALTERNATIVES4,
	KERNEL_ALTERNATIVES6,
	KERNEL_NEXTHOPS,
	KERNEL_BUCKETS,
	KERNEL_RULES4,
	KERNEL_RULES6,
	KERNEL_STATUS,
	KERNEL_TABLES,
};

struct kernel_link {
	char name[16];
	uint8_t mac[6]; /* zero if the link has no address of 6 bytes */
	bool up;        /* set up by the administrator */
	bool carrier;
	uint32_t mtu;
	uint32_t master; /* index of the bridge, bond or VRF of the link; 0: none */
	uint32_t group;  /* 0 is the default group */
	uint32_t table;  /* routing table of a VRF; 0: the link is no VRF */
	char state[16];  /* RFC 2863: up, down, lowerlayerdown, dormant, unknown ... */
	char kind[16];   /* veth, vlan, bridge ...; empty for hardware */
};

struct kernel_address4 {
	uint8_t broadcast[4];
	char interface[16];
	char label[16];
	char scope[8];
	bool secondary;
	bool permanent;
	bool deprecated;
};

struct kernel_address6 {
	uint8_t peer[16]; /* the other end of a point-to-point link, or the address itself */
	char interface[16];
	char scope[8];
	bool permanent;
	bool tentative; /* duplicate address detection has not ended, or has failed */
	bool deprecated;
	bool temporary;
};

struct kernel_neighbour {
	uint8_t mac[6];
	bool router;       /* IPv6: the neighbour says that it is a router */
	bool extern_learn; /* a program learnt it from elsewhere, as EVPN does */
	char interface[16];
	/* resolved: the kernel has the MAC address, and sends packets to it. Includes the kernel's
	 * states reachable, stale, delay and probe, because not all changes between these have a
	 * message. permanent, noarp: a program has set the MAC address. failed: the last attempt to
	 * find the MAC address has failed. */
	char state[12];
	char protocol[12]; /* the program that made the entry, as for routes; empty: not set */
};

/* An address that the host answers for, in place of another one (`ip neigh add proxy'). */
struct kernel_proxy {
	bool router; /* IPv6: the answers say that the address is a router's */
	char interface[16];
	char protocol[12]; /* as for neighbours */
};

enum { KERNEL_FDB_DYNAMIC, KERNEL_FDB_STATIC, KERNEL_FDB_PERMANENT };

/* Where a bridge or a VXLAN interface sends the frames to a MAC address (`bridge fdb'). */
struct kernel_fdb {
	uint8_t dst6[16]; /* VXLAN: the address of the tunnel's other end; zero: none */
	uint8_t dst4[4];
	/* Bridge: the port, or the bridge itself if frames to the address are for the host. */
	uint32_t ifindex;
	uint32_t vni; /* VXLAN: if it is not the one of the interface; otherwise 0 */
	uint32_t via; /* VXLAN: the link to send by; 0: as the routes say */
	uint32_t nexthop_id;
	uint16_t port; /* VXLAN: of UDP, if it is not the one of the interface; otherwise 0 */
	uint8_t state; /* dynamic: goes after some time without frames. static: remains. permanent:
	                * an address of a bridge's port, or of a VXLAN interface: remains. */
	bool self;     /* the entry is of a VXLAN interface, not of a bridge */
	bool extern_learn; /* a program learnt it from elsewhere, as EVPN does */
	bool offload;      /* the entry is in hardware */
	bool sticky;       /* does not move to another port */
	bool locked;       /* the port is not authorized to forward */
	char interface[16];
};

/* A next hop: an element of the column `hops`. */
struct kernel_hop {
	uint8_t gateway[16]; /* zero if there is none; an IPv4 address is in the first 4 bytes */
	uint32_t ifindex;
	uint16_t weight;
	uint8_t family; /* of the gateway: 4, 6, or 0 if there is none */
	uint8_t encap;  /* kind of encapsulation, as in struct kernel_route */
	bool dead;      /* the kernel does not take this hop */
	bool linkdown;  /* the link has no carrier */
	bool onlink;
	bool offload;
};

/* A route, in all four tables of routes. A column that is zero is not set.
 *
 * A full table has a million of these, so they are kept small. The value of an IPv6 route is the
 * whole struct; that of an IPv4 route is the part from KERNEL_ROUTE4_AT on, without the members in
 * front that only IPv6 routes have. kernel_route_read() reads both.
 *
 * A route with one next hop has it in the columns, and `hops` is empty. A route with several has
 * all of them in `hops`, an array of struct kernel_hop, and the first that is not dead in the
 * columns too. A router with an IPv6 address is in `gateway6`, also in fib4 (RFC 5549).
 *
 * In fib4 and fib6, `metric` and `order` are columns of the value, and `tos` is 0. In the tables of
 * alternatives they are columns of the key. */
struct kernel_route {
	/* IPv6 only: */
	uint8_t source6[16]; /* preferred source address */
	uint8_t preference;  /* of the router: 0 medium, 1 high, 3 low */
	bool expires;        /* the route has a lifetime */
	uint8_t unused[2];
	/* IPv4 only: */
	uint8_t source4[4];
	uint8_t gateway4[4];
	/* Both: */
	uint8_t gateway6[16];
	uint32_t ifindex;
	uint32_t metric;
	uint32_t nexthop_id; /* number of the next-hop object */
	uint32_t mtu;
	/* Checksum of the attributes that have no column: other metrics, realms, encapsulations.
	 * 0: there are none. */
	uint32_t attributes;
	uint16_t alternatives; /* number of other routes of the same table to this prefix */
	uint16_t order;
	uint16_t next_hops; /* number of next hops */
	uint8_t type;       /* RTN_UNICAST ... */
	uint8_t encap;      /* LWTUNNEL_ENCAP_MPLS ...; 0: packets are sent as they are */
	bool dead;          /* the kernel takes no next hop of this route */
	bool linkdown;      /* the link has no carrier */
	bool onlink;
	bool offload; /* the route is in hardware */
	char interface[16];
	char protocol[12]; /* kernel, static, bird ... as in /etc/iproute2/rt_protos */
	char scope[8];
	uint8_t hops[];
};

/* Where the value of an IPv4 route begins in struct kernel_route. */
#define KERNEL_ROUTE4_AT offsetof(struct kernel_route, source4)

/* A next-hop object, which routes refer to by `nexthop_id`. A group has a row for each member. */
struct kernel_nexthop {
	uint8_t gateway6[16];
	uint8_t gateway4[4];
	uint32_t ifindex;
	uint32_t member; /* in a row of a group: the number of the object that is a member */
	uint16_t weight;
	uint16_t buckets; /* of a resilient group: the kernel hashes flows to these */
	uint8_t encap;    /* as in struct kernel_route */
	bool blackhole;
	bool bridge; /* for forwarding entries of bridges, not for routes */
	bool resilient;
	bool dead;
	bool linkdown;
	bool onlink;
	char protocol[12];
	char scope[8];
};

/* A bucket of a resilient group: a flow takes the next-hop object of the bucket that its hash
 * names. The key is the number of the group, and the number of the bucket from 0. */
struct kernel_bucket {
	uint32_t member; /* the next-hop object */
};

/* A policy routing rule (`ip rule'). The key is the priority and the number of the rule among those
 * of its priority, from 0: the order in which the kernel tries rules. A condition that is not set
 * holds for all packets. The kernel takes a rule if all of its conditions hold, or with `invert` if
 * not all do.
 *
 * `suppress_prefixlength` and `suppress_ifgroup` reject the route that was found in the table of
 * the rule, if its prefix has this length or a smaller one, or if its link is in this group. */
struct kernel_rule {
	uint8_t from[17]; /* struct stele_ipv4net or struct stele_ipv6net; of length 0: not set */
	uint8_t to[17];
	uint8_t tos;         /* 0: not set */
	uint8_t ip_protocol; /* IPPROTO_TCP ...; 0: not set */
	uint8_t action;      /* FR_ACT_TO_TBL ... */
	bool l3mdev;         /* the table is the one of the VRF of the packet's interface */
	bool invert;
	bool other;      /* the rule has conditions that have no column */
	uint32_t table;  /* to look up; 0: none */
	uint32_t target; /* of the action goto: the priority of the rule to go on with */
	uint32_t mark;
	uint32_t mask; /* bits of the packet's mark that `mark` is compared with; 0: not set */
	int32_t suppress_prefixlength; /* -1: not set */
	int32_t suppress_ifgroup;      /* -1: not set */
	uint16_t sport_first;          /* 0: not set */
	uint16_t sport_last;
	uint16_t dport_first; /* 0: not set */
	uint16_t dport_last;
	uint32_t uid_first; /* 0 to UINT32_MAX: not set */
	uint32_t uid_last;
	char iif[16]; /* name of the interface, which need not exist; empty: not set */
	char oif[16];
	char protocol[12]; /* the program that made the rule, as for routes */
};

/* One row: whether the tables are the kernel's state. Counters are those of the present
 * publisher. */
struct kernel_status {
	/* True if all other rows are those of the kernel, but for messages under way. */
	bool synced;
	uint64_t since;  /* time of the last change of `synced`, in nanoseconds since 1970 */
	uint64_t losses; /* times the kernel lost messages, or the connection to FRR ended */
	/* Dumps of all objects of a kind, but for proxies and buckets, and syncs with FRR. */
	uint64_t dumps;
	uint64_t reads;    /* dumps of the routes of one link */
	uint64_t messages; /* messages of the kernel; brought up to date about once a second */
	uint64_t refused;  /* rows that the region had no space for, since the last dump */
	uint64_t lock;     /* byte that the mirror keeps locked while it runs (kernel_claim.h) */
	char doubt[48];    /* why the rows may differ from the kernel's state, or "" */
};

/* Which routes are mirrored. Zero: all. */
#define KERNEL_FILTER_MAX 32u
struct kernel_filter {
	uint8_t family;                     /* AF_INET or AF_INET6; 0: both */
	size_t table_count, protocol_count; /* 0: all */
	uint32_t tables[KERNEL_FILTER_MAX];
	uint8_t protocols[KERNEL_FILTER_MAX];
};

extern const char *const kernel_table_names[KERNEL_TABLES];
extern const struct stele_schema *const kernel_schemas[KERNEL_TABLES];

/* Return the word of a type of route, or of a kind of encapsulation, as in the tables. */
const char *kernel_type_word(uint8_t type);
const char *kernel_encap_word(uint8_t encap);

/* Opens all tables in a transaction, and creates those that are missing. Returns 1 if there was
 * such a table, 0 if not, or an error of stele_transaction_ensure_table() with its error
 * message. */
int kernel_tables_open(struct stele_transaction *tx, struct stele_writable *tables[KERNEL_TABLES]);

/* Opens all tables, which exist and have the right schemas. Comparing the schemas takes more time
 * than a change of one route. Returns 0, or an error of stele_writable_open() with its error
 * message. */
int kernel_tables_find(struct stele_transaction *tx, struct stele_writable *tables[KERNEL_TABLES]);

/* Reads the value of a row of a table of routes. Returns the number of elements of the column
 * `hops`, and points `*ret_hops` to them, in the row. */
size_t kernel_route_read(bool wide, const struct stele_row *row, struct kernel_route *ret,
                         const struct kernel_hop **ret_hops);

/* Returns the value that a row of a table of routes has, and its bytes, without the column
 * `hops`. */
const void *kernel_route_value(bool wide, const struct kernel_route *route, size_t *ret_size);

/* Writes the preferred source address: an IPv4 address to the first 4 bytes. */
void kernel_route_source(const struct kernel_route *route, uint8_t ret[16]);

/* The space that rows take of the region.
 *
 * A transaction needs memory of its own: for deletions, for the tables' nodes, and for the commit.
 * A region that is filled to its last byte with rows could not be changed any more. So once a
 * transaction has failed for lack of memory, rows are refused above a budget that leaves some
 * free. */
struct kernel_space {
	struct stele_publisher *publisher;
	uint64_t budget;    /* maximum bytes in use when a row is put; 0: no maximum */
	uint64_t refused;   /* rows that had no space, since the last dump of all objects */
	unsigned unchecked; /* rows that may be put before the next look at the memory */
	bool full;          /* the last look found more in use than the budget */
	bool failed;        /* the budget was lowered since it was last raised */
	/* Bytes in use when the region itself first refused a row since the last attempt to take
	 * more; 0: never. */
	uint64_t denied;
	/* When to try a larger budget, the time until then, and when kernel_space_may_fit() has
	 * last looked; in nanoseconds on CLOCK_MONOTONIC. */
	int64_t retry_at, retry_ns, looked_at;
};

/* Puts a row, as stele_writable_put() does. Returns -ENOSPC if it has refused the row, and counts
 * it. */
int kernel_space_put(struct kernel_space *space, struct stele_writable *table, const void *key,
                     unsigned key_bits, const void *value, size_t size);

/* Lowers the budget, and compacts the region, after a transaction has failed for lack of memory and
 * was aborted. */
void kernel_space_shrink(struct kernel_space *space);

/* Returns true if rows were refused, and there may be space for them now: because rows were
 * deleted; or, at growing intervals, because the file system of the region may have space again.
 * Then the budget is larger. Not called while rows are read that were to be taken before. */
bool kernel_space_may_fit(struct kernel_space *space);

/* Returns the time, in nanoseconds on CLOCK_MONOTONIC. */
int64_t kernel_now(void);

#endif
