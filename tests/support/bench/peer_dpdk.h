/* SPDX-License-Identifier: MIT
 *
 * What the comparisons with DPDK share: starting it without devices, the prefixes, and lookups by
 * several sides that must all give the same answers. */
#ifndef TESTS_SUPPORT_BENCH_PEER_DPDK_H
#define TESTS_SUPPORT_BENCH_PEER_DPDK_H

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_version.h>
#include <stele/stele.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/support/bench/bench.h"
#include "tests/support/random.h"
#include "tests/support/bench/table.h"

#define LOOKUPS (1u << 20)
#define BURST   32u /* addresses given to a bulk call at a time */
/* The answer where no prefix matches; that of a prefix is its number, from 1 on. */
#define NONE 0u

struct route {
	uint32_t number;
	uint32_t interface;
};

/* Tables of DPDK lie in a heap of their own, as what a region's reader has does: in huge pages,
 * where the system gives such to who asks. Its own way to have them needs some that were set
 * aside. */
#define DPDK_HEAP      "bench"
#define DPDK_HEAP_SIZE ((size_t)2 << 30)

/* Where tables are to be made. */
int dpdk_socket(void);

/* Its memory is the process's own, and it leaves nothing behind. */
void dpdk_start(void);

/* Bytes that tables of DPDK take. */
double dpdk_memory(void);

/* ---- ours ---- */

extern struct stele_publisher *publisher;
extern struct stele_table routes;
extern struct stele_index *by_number;

/* The size of the region's file. */
double region_size(void);

/* Creates the region with an empty table of routes. */
void routes_create(const struct stele_schema *schema);

/* Subscribes, and makes the index of the newest version. */
void routes_read(void);

/* Moves the index to the newest version: seconds. */
double routes_move(void);

/* Closes what routes_read() opened. */
void routes_unread(void);

#define FLAPS 21u /* an odd number, for a median */

/* Puts and deletes a prefix, again and again, and leaves it as it was: what moving the index
 * costs each time. */
void bench_flap(const char *name, const void *key, unsigned key_bits);

/* What a matched row answers. */
static inline uint32_t route_answer(int r, const struct stele_row *row)
{
	return r == 1 ? ((const struct route *)row->value)->number : NONE;
}

/* ---- lookups: each side answers all addresses, and all sides the same ----
 *
 * Other work on the machine takes the processor away from a round, and refills its caches. So what
 * counts is time on the processor, and the median of the ratios of many rounds. */

#define LOOKUP_ROUNDS 31u /* an odd number, for a median */

struct lookup {
	const char *name;
	void (*run)(uint32_t *answers);
	double reach; /* as of struct side */
};

/* Prints how many lookups a second each side makes, and the ratios. */
void lookups(const char *work, const struct lookup *sides, size_t count);

#endif
