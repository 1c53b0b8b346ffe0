/* SPDX-License-Identifier: MIT
 *
 * Walks the policy routing rules for a packet, as fib_rules_lookup() of the kernel does: the
 * conditions of a rule, then its action, then what it suppresses. A routing table without a route,
 * and a route of type throw, go on with the next rule. cmd_route.c prints the steps. */
#ifndef TOOLS_ROUTE_ROUTE_WALK_H
#define TOOLS_ROUTE_ROUTE_WALK_H

#include "tools/route/route_lookup.h"

/* A packet. What is zero is not known, and no condition of a rule holds for it. */
struct route_packet {
	uint8_t to[16], from[16]; /* an IPv4 address is in the first 4 bytes */
	bool has_from;
	uint32_t mark;
	const char *iif; /* name of the link that the packet came in by; "lo": made here */
	/* The VRF of that link. */
	uint32_t vrf_table; /* 0: none */
	char vrf[16];
};

/* What became of a rule. */
enum route_result {
	ROUTE_SKIPPED,    /* the conditions do not hold */
	ROUTE_UNKNOWN,    /* skipped, because it has conditions that the tables do not have */
	ROUTE_JUMPED,     /* goes on with the rule of priority `target` */
	ROUTE_NO_TARGET,  /* there is no rule to jump to */
	ROUTE_NOTHING,    /* the action is to do nothing */
	ROUTE_NONE,       /* the routing table has no route */
	ROUTE_THROWN,     /* the route is of type throw */
	ROUTE_SUPPRESSED, /* the rule rejects the route */
	ROUTE_TAKEN,      /* packets take the route */
	ROUTE_REJECTED,   /* the kernel drops the packet: a blackhole, or an error for the sender */
};

struct route_step {
	uint32_t priority;
	const struct kernel_rule *rule;
	enum route_result result;
	uint32_t table; /* looked up; 0: none */
	/* The route that was found; entry.value is NULL if there is none. */
	struct kernel_prefix prefix;
	struct kernel_entry entry;
};

/* Receives a step, which is valid during the call. Returns 0, or a negative errno that
 * route_walk() then returns. */
typedef int route_step_f(void *context, const struct route_step *step);

/* Finds the VRF of the packet's interface. Returns 1, 0 if there is no link of the name
 * packet->iif, or a negative errno. */
int route_packet_arrive(struct route_packet *packet, const struct route_tables *tables);

/* Walks the rules, until a route is taken or the packet is rejected. Returns 1 if a route is taken,
 * 0, or a negative errno of the library. */
int route_walk(const struct route_tables *tables, const struct route_packet *packet,
               route_step_f *each, void *context);

#endif
