/* SPDX-License-Identifier: MIT
 *
 * Shared by the comparisons with DPDK: starting DPDK without devices, the prefixes, and lookups by
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
#define BURST   32u /* addresses per bulk call */
/* The answer if no prefix matches. A prefix's answer is its number, counted from 1. */
#define NONE 0u

struct route {
	uint32_t number;
	uint32_t interface;
};

/* DPDK's tables are in a heap of their own, backed by transparent huge pages where the system
 * provides them, like the memory of a region's reader. DPDK's own way of getting huge pages needs
 * reserved ones. */
#define DPDK_HEAP      "bench"
#define DPDK_HEAP_SIZE ((size_t)2 << 30)

/* Returns the id by which DPDK selects the heap of dpdk_start(): a socket id. */
int dpdk_socket(void);

/* Starts DPDK with private memory only, so that nothing is left behind. */
void dpdk_start(void);

/* Returns how many bytes DPDK's tables take. */
double dpdk_memory(void);

/* ---- Stele ---- */

extern struct stele_publisher *publisher;
extern struct stele_table routes;
extern struct stele_lpm *by_number;

/* Returns the size of the region's file. */
double region_size(void);

/* Creates the region with an empty table of routes. */
void routes_create(const struct stele_schema *schema);

/* Subscribes, and builds the index of the newest version. */
void routes_read(void);

/* Moves the index to the newest version. Returns the seconds taken. */
double routes_move(void);

/* Closes everything that routes_read() opened. */
void routes_unread(void);

#define FLAPS 21u /* an odd number, for a median */

/* Puts and deletes a prefix, again and again, and leaves the table unchanged in the end. Prints the
 * time that moving the index takes. */
void bench_flap(const char *name, const void *key, unsigned key_bits);

/* Returns the answer of a matched row. */
static inline uint32_t route_answer(int r, const struct stele_row *row)
{
	return r == 1 ? ((const struct route *)row->value)->number : NONE;
}

/* ---- lookups: all sides answer the same addresses ----
 *
 * Other work on the machine takes processor time away from a round, and evicts its caches. So the
 * figures are processor time, and the median of the ratios of many rounds. */

#define LOOKUP_ROUNDS 31u /* an odd number, for a median */

struct lookup {
	const char *name;
	void (*run)(uint32_t *answers);
	double reach; /* as in struct side */
};

/* Prints how many lookups a second each side makes, and the ratios. */
void lookups(const char *work, const struct lookup *sides, size_t count);

#endif
