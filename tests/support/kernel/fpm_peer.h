/* SPDX-License-Identifier: MIT
 *
 * A peer of `stele publish --fpm' that a test plays: it makes messages as FRR does, and sends them.
 * Also waits for rows and for the row of the table `status`. */
#ifndef TESTS_SUPPORT_KERNEL_FPM_PEER_H
#define TESTS_SUPPORT_KERNEL_FPM_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stele/stele.h>

#include "tools/fib/kernel_tables.h"
#include "tools/kernel/kernel.h"

/* Messages, one after another. */
struct fpm_batch {
	uint8_t bytes[1 << 21];
	size_t size;
};

/* A route. Members that are zero are not sent. */
struct fpm_route {
	const char *prefix; /* such as 10.0.0.0/8 or fd00::/64 */
	const char *gateway[4];
	uint32_t ifindex[4]; /* of each next hop */
	uint8_t weight[4];   /* 0: 1 */
	uint32_t nexthop_id;
	uint32_t table;   /* 0: 254 */
	uint8_t protocol; /* 0: RTPROT_BGP */
	uint8_t type;     /* 0: RTN_UNICAST */
};

/* Add a message. */
void fpm_add_route(struct fpm_batch *batch, const struct fpm_route *route);
/* A route with one next hop. */
void fpm_add_via(struct fpm_batch *batch, const char *prefix, const char *gateway,
                 uint32_t ifindex);
/* A deletion names only the prefix, as FRR's. */
void fpm_delete_route(struct fpm_batch *batch, const char *prefix);
/* A replacement of FRR: a deletion and a route in one message. */
void fpm_update_route(struct fpm_batch *batch, const struct fpm_route *route);
/* An object without `gateway` and `ifindex` is a blackhole. */
void fpm_add_nexthop(struct fpm_batch *batch, uint32_t id, const char *gateway, uint32_t ifindex);
void fpm_add_group(struct fpm_batch *batch, uint32_t id, const uint32_t *members, size_t count);
void fpm_delete_nexthop(struct fpm_batch *batch, uint32_t id);
/* Adds routes to 10.X.Y.0/24 from number `from` to before `to`. */
void fpm_add_many(struct fpm_batch *batch, unsigned from, unsigned to, const char *gateway,
                  uint32_t ifindex);

/* Returns the options for 127.0.0.1 port 2620, with these times in seconds. */
struct kernel_fpm_options fpm_options(double quiet, double hold);

/* Connects to this address, port 2620, as soon as the publisher listens there. Returns the
 * descriptor. */
int fpm_connect(const char *address);
/* Sends all bytes. Returns false if the publisher has closed the connection. */
bool fpm_send_bytes(int fd, const void *bytes, size_t size);
/* Sends the messages, and empties the batch. */
void fpm_send(int fd, struct fpm_batch *batch);
/* Waits until the publisher closes the connection. */
void fpm_wait_closed(int fd);

/* Waits until the row of fib4 or fib6 of this prefix in the main table is as described: "TYPE
 * PROTOCOL INTERFACE GATEWAY", and for a list of next hops " [GATEWAY INTERFACE WEIGHT]" for each;
 * "" if there is no row. Returns the version. */
uint64_t fpm_expect(struct stele_subscriber *subscriber, const char *prefix, const char *row);

/* Waits until `status` has this value of `synced`, and a `doubt` that begins so. Returns the
 * version. */
uint64_t fpm_expect_status(struct stele_subscriber *subscriber, bool synced, const char *doubt);

/* Passes on the routes of the main table in fib4 or fib6 of the newest version: "PREFIX", then "
 * GATEWAY INTERFACE" for each next hop. */
void fpm_each(struct stele_subscriber *subscriber, bool wide,
              void (*take)(void *context, const char *route), void *context);

/* Returns the number of lines that `stele diff` prints about a table of the region with this sign:
 * +, ~ or -. */
int fpm_differences(const char *region, const char *table, uint64_t from, uint64_t to, char sign);

/* Returns the number of rows of a table in the newest version. */
uint64_t fpm_count(struct stele_subscriber *subscriber, const char *table);

/* Returns the number of rows of addresses6 or neighbours4 whose column `interface` is `name`. */
unsigned fpm_names(struct stele_subscriber *subscriber, enum kernel_table table, const char *name);

#endif
