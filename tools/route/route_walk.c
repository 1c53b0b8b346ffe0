/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/heap.h"
#include "tools/route/route_walk.h"

/* ---- conditions ---- */

int route_packet_arrive(struct route_packet *packet, const struct route_tables *tables)
{
	struct kernel_link link, master;
	int r = route_link_named(tables, packet->iif, &link);

	if (r != 1)
		return r;
	/* A packet of a VRF's link comes in by the VRF, too. */
	if (!link.table && link.master && route_link(tables, link.master, &master) == 1 &&
	    master.table)
		link = master;
	if (link.table) {
		packet->vrf_table = link.table;
		memcpy(packet->vrf, link.name, sizeof(packet->vrf));
	}
	return 1;
}

static bool walk_name_is(const char name[16], const char *other)
{
	return strncmp(name, other, 16) == 0;
}

/* Compares an address with a prefix, a struct stele_ipv4net or struct stele_ipv6net. */
static bool walk_is_in(const uint8_t *address, const uint8_t *net, bool wide)
{
	return route_is_in(address, net, net[wide ? 16 : 4]);
}

static bool walk_conditions_hold(const struct kernel_rule *rule, bool wide,
                                 const struct route_packet *packet)
{
	bool from = rule->from[wide ? 16 : 4] > 0;

	if (*rule->iif && !walk_name_is(rule->iif, packet->iif) &&
	    !(*packet->vrf && walk_name_is(rule->iif, packet->vrf)))
		return false;
	/* The packet has no interface yet that it goes out by, no TOS, no protocol and no ports. A
	 * forwarded packet has the user root. */
	if (*rule->oif || rule->tos || rule->ip_protocol || rule->sport_first ||
	    rule->dport_first || rule->uid_first > 0)
		return false;
	if ((rule->mark ^ packet->mark) & rule->mask)
		return false;
	if (rule->l3mdev && !packet->vrf_table)
		return false;
	/* The kernel compares a missing IPv4 address as 0.0.0.0, and a missing IPv6 address not at
	 * all. */
	if (from && ((wide && !packet->has_from) || !walk_is_in(packet->from, rule->from, wide)))
		return false;
	return walk_is_in(packet->to, rule->to, wide);
}

/* ---- actions ---- */

/* Finds the link of the first next hop, dead or not: of the route, or of its next-hop object.
 * Returns 1, 0 if there is none, or a negative errno. */
static int walk_link(const struct route_tables *tables, const struct kernel_entry *entry,
                     struct kernel_link *ret)
{
	struct kernel_hop *found = NULL;
	int r = 0;

	if (entry->hops > 0)
		return route_link(tables, kernel_entry_hops(entry)[0].ifindex, ret);
	if (entry->value->nexthop_id)
		r = route_nexthops(tables, entry->value->nexthop_id, &found);
	if (r > 0)
		r = route_link(tables, found[0].ifindex, ret);
	free(found);
	return r;
}

/* Decides whether the rule rejects the route that was found. Returns 1, 0, or a negative errno. */
static int walk_suppresses(const struct route_tables *tables, const struct route_step *step)
{
	const struct kernel_rule *rule = step->rule;
	struct kernel_link link;
	int r;

	if ((int)step->prefix.length <= rule->suppress_prefixlength)
		return 1;
	if (rule->suppress_ifgroup == -1)
		return 0;
	r = walk_link(tables, &step->entry, &link);
	return r == 1 ? link.group == (uint32_t)rule->suppress_ifgroup : r;
}

/* Looks up the routing table of a rule, and sets what becomes of the rule. */
static int walk_lookup(const struct route_tables *tables, const struct route_packet *packet,
                       struct route_step *step)
{
	int r;

	step->table = step->rule->l3mdev ? packet->vrf_table : step->rule->table;
	step->result = ROUTE_NONE;
	r = route_lookup(tables, step->table, packet->to, packet->from, &step->prefix,
	                 &step->entry);
	if (r <= 0) {
		step->entry.value = NULL;
		return r;
	}
	switch (step->entry.value->type) {
	case RTN_THROW:
		step->result = ROUTE_THROWN;
		return 0;
	case RTN_BLACKHOLE:
	case RTN_UNREACHABLE:
	case RTN_PROHIBIT:
		step->result = ROUTE_REJECTED;
		return 0;
	default:
		r = walk_suppresses(tables, step);
		step->result = r == 1 ? ROUTE_SUPPRESSED : ROUTE_TAKEN;
		return r < 0 ? r : 0;
	}
}

/* ---- the walk ---- */

/* The rules, in the kernel's order. */
struct walk_rules {
	struct walk_rule {
		uint32_t priority;
		struct kernel_rule value;
	} * of;
	size_t count, capacity;
};

static int walk_read_rules(const struct route_tables *tables, struct walk_rules *ret)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	int r = stele_cursor_open(&tables->rules, &cursor);

	if (r < 0)
		return r;
	while ((r = stele_cursor_next(cursor, &row)) == 1) {
		struct walk_rule *rule;
		uint32_t priority;

		if (ret->count == ret->capacity) {
			ret->capacity = ret->capacity ? 2 * ret->capacity : 16;
			ret->of = heap_realloc(ret->of, ret->capacity * sizeof(*ret->of));
		}
		rule = &ret->of[ret->count++];
		memcpy(&priority, row.key, sizeof(priority));
		rule->priority = ntohl(priority);
		memcpy(&rule->value, row.value, sizeof(rule->value));
	}
	stele_cursor_close(cursor);
	return r;
}

/* Finds the rule that the rule number `at` jumps to: the first of that priority, which comes later.
 * Returns its number, or `rules->count` if there is none. */
static size_t walk_target(const struct walk_rules *rules, size_t at)
{
	uint32_t target = rules->of[at].value.target;

	while (at < rules->count && rules->of[at].priority < target)
		at++;
	return at < rules->count && rules->of[at].priority == target ? at : rules->count;
}

/* Takes the step of the rule number `*at`, and sets `*at` to the next rule. Returns 0 or a negative
 * errno. */
static int walk_step(const struct route_tables *tables, const struct route_packet *packet,
                     const struct walk_rules *rules, size_t *at, struct route_step *step)
{
	const struct kernel_rule *rule = &rules->of[*at].value;
	size_t target;

	*step = (struct route_step){.priority = rules->of[*at].priority, .rule = rule};
	++*at;
	if (rule->other) {
		step->result = ROUTE_UNKNOWN;
		return 0;
	}
	if (walk_conditions_hold(rule, tables->wide, packet) == rule->invert) {
		step->result = ROUTE_SKIPPED;
		return 0;
	}
	switch (rule->action) {
	case FR_ACT_TO_TBL:
		return walk_lookup(tables, packet, step);
	case FR_ACT_GOTO:
		target = walk_target(rules, *at - 1);
		step->result = target < rules->count ? ROUTE_JUMPED : ROUTE_NO_TARGET;
		if (target < rules->count && target >= *at)
			*at = target;
		return 0;
	case FR_ACT_NOP:
		step->result = ROUTE_NOTHING;
		return 0;
	default:
		step->result = ROUTE_REJECTED;
		return 0;
	}
}

int route_walk(const struct route_tables *tables, const struct route_packet *packet,
               route_step_f *each, void *context)
{
	struct walk_rules rules = {0};
	struct route_step step = {0};
	int r = walk_read_rules(tables, &rules);
	size_t at = 0;

	while (r >= 0 && at < rules.count && step.result != ROUTE_TAKEN &&
	       step.result != ROUTE_REJECTED) {
		r = walk_step(tables, packet, &rules, &at, &step);
		if (r >= 0)
			r = each(context, &step);
		free(step.entry.value);
		step.entry.value = NULL;
	}
	free(rules.of);
	return r < 0 ? r : step.result == ROUTE_TAKEN;
}
