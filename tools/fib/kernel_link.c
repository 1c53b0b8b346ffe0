/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/subscriber.h>

#include "tools/fib/kernel_fdb.h"
#include "tools/fib/kernel_link.h"
#include "tools/fib/kernel_nexthop.h"
#include "tools/fib/kernel_relink.h"
#include "tools/fib/kernel_rows.h"
#include "tools/netlink/kernel_words.h"

/* The smallest MTU of a link that has IPv6 (RFC 8200). */
#define IPV6_MTU_MIN 1280u

/* What happens to a link. */
enum link_change {
	LINK_DOWN,       /* set down by the administrator */
	LINK_GONE,       /* deleted, or moved to another namespace */
	LINK_BARE,       /* IPv4: has lost its last address */
	LINK_UP,         /* set up, or has one address more */
	LINK_CARRIER,    /* has its carrier again */
	LINK_NO_CARRIER, /* has lost its carrier */
	LINK_MTU,        /* has another MTU */
	LINK_NAME,       /* has another name */
};

/* A change of a link, applied to its routes of one family. */
struct link_rule {
	const struct kernel_follow *follow;
	uint32_t ifindex;
	bool wide;
	enum link_change change;
	struct kernel_link link; /* after the change; zero if the link is gone */
	/* link_read_settings() */
	bool read, ignores, bare;
};

/* Returns true if the link exists and is up. */
static bool link_is_up(struct kernel_store *store, uint32_t ifindex)
{
	const struct kernel_link *link = kernel_store_link(store, ifindex);

	return link && link->up;
}

/* Returns true if the kernel takes a link that is up as ready for packets (IFF_RUNNING). */
static bool link_runs(const struct kernel_link *link)
{
	return strcmp(link->state, "up") == 0 || strcmp(link->state, "unknown") == 0;
}

/* Returns true if the link has routes. Links that had some may count too. */
static bool link_has_routes(struct kernel_store *store, uint32_t ifindex, bool wide)
{
	return kernel_index_find(&store->index[wide], kernel_index_link(ifindex));
}

/* Returns true if the link has an address of the family. */
static bool link_has_address(struct kernel_store *store, uint32_t ifindex, bool wide)
{
	enum kernel_table table = wide ? KERNEL_ADDRESSES6 : KERNEL_ADDRESSES4;
	struct stele_cursor *cursor;
	struct stele_row row;
	int r = stele_writable_cursor_open(store->tables[table], &cursor);

	if (r < 0)
		return false;
	r = stele_cursor_under(cursor, &(uint32_t){htonl(ifindex)}, 32);
	if (r >= 0)
		r = stele_cursor_next(cursor, &row);
	stele_cursor_close(cursor);
	return r == 1;
}

/* Reads a setting of a link, or of all links, which no message reports. Returns 0, 1, or -1 if the
 * setting cannot be read. */
static int link_setting(bool wide, const char *name, const char *setting)
{
	char path[96];
	FILE *file;
	int first;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv%c/conf/%.16s/%s", wide ? '6' : '4', name,
	         setting);
	file = fopen(path, "re");
	if (!file)
		return -1;
	first = getc(file);
	fclose(file);
	return first != '0';
}

/* Reads the settings that say what becomes of the hops of a link, once. */
static void link_read_settings(struct link_rule *rule)
{
	static const char ignore[] = "ignore_routes_with_linkdown";
	const struct kernel_follow *follow = rule->follow;
	int of_link, of_all, disabled;

	if (rule->read)
		return;
	of_link = link_setting(rule->wide, rule->link.name, ignore);
	of_all = rule->wide ? 0 : link_setting(false, "all", ignore);
	disabled = rule->wide ? link_setting(true, rule->link.name, "disable_ipv6") : 0;
	rule->read = true;
	rule->ignores = of_link > 0 || of_all > 0;
	rule->bare =
		rule->wide ? disabled > 0 : !link_has_address(follow->store, rule->ifindex, false);
	if (of_link < 0 || of_all < 0 || disabled < 0)
		follow->doubt(follow->context, rule->ifindex, rule->wide);
}

/* Returns true if the kernel does not take hops of the link while it has no carrier. */
static bool link_ignores(struct link_rule *rule)
{
	link_read_settings(rule);
	return rule->ignores;
}

/* Returns true if the link has no IPv4 address, or no IPv6. */
static bool link_is_bare(struct link_rule *rule)
{
	link_read_settings(rule);
	return rule->bare;
}

/* ---- one next hop ---- */

/* Returns true if the kernel has marked the hop as dead, and does not only ignore it because its
 * link has no carrier. Both look the same in messages. */
static bool link_hop_is_dead(const struct link_rule *rule, const struct kernel_hop *hop)
{
	const struct kernel_follow *follow = rule->follow;

	if (!hop->dead || !link_is_up(follow->store, hop->ifindex))
		return hop->dead;
	/* A link that is up has dead hops if it has no IPv4 address, and if it was not ready for
	 * IPv6 yet. */
	if (rule->wide || !link_has_address(follow->store, hop->ifindex, false))
		follow->doubt(follow->context, hop->ifindex, rule->wide);
	return false;
}

/* Marks a hop whose link is down or has no address. */
static void link_hop_down(const struct link_rule *rule, const struct kernel_entry *entry,
                          struct kernel_hop *hop)
{
	/* An IPv4 route to an address of this host lasts until the last address goes. */
	if (!rule->wide && rule->change == LINK_DOWN &&
	    kernel_word_is_scope(entry->value->scope, RT_SCOPE_HOST))
		return;
	hop->dead = hop->linkdown = true;
}

/* Marks a hop whose link has no carrier. */
static void link_hop_no_carrier(struct link_rule *rule, const struct kernel_entry *entry,
                                struct kernel_hop *hop)
{
	if (!kernel_route_tells_carrier(entry->value, rule->wide))
		return;
	hop->linkdown = true;
	hop->dead |= link_ignores(rule);
}

/* Marks a hop whose link has come up or has its carrier again. */
static void link_hop_up(struct link_rule *rule, struct kernel_hop *hop)
{
	const struct kernel_follow *follow = rule->follow;

	/* The hop may be dead for want of an address; the carrier does not change that. */
	if (hop->dead && rule->change == LINK_CARRIER && link_is_bare(rule))
		follow->doubt(follow->context, rule->ifindex, rule->wide);
	if (rule->link.carrier || link_runs(&rule->link))
		hop->linkdown = false;
	hop->dead = hop->linkdown && link_ignores(rule);
}

/* ---- routes ---- */

/* Removes the hops of a link that is gone from an IPv6 route. Returns true if none is left. */
static bool link_remove_hops(const struct link_rule *rule, struct kernel_entry *entry)
{
	const struct kernel_follow *follow = rule->follow;
	bool first, none = kernel_entry_remove_hops(entry, rule->ifindex, &first);

	if (!none && first)
		follow->doubt(follow->context, kernel_entry_hops(entry)[0].ifindex, true);
	return none;
}

/* Applies the rule to a route of the link. Returns true if the route goes. Routes through next-hop
 * objects change with these. */
static bool link_change_route(struct link_rule *rule, struct kernel_entry *entry)
{
	struct kernel_hop *hops = kernel_entry_hops(entry);
	bool down = rule->change == LINK_DOWN || rule->change == LINK_BARE;
	unsigned dead = 0;

	/* The kernel sets the MTU of a route by the one that the link had for IPv6 before. */
	if (rule->change == LINK_MTU && (entry->value->mtu || rule->link.mtu < IPV6_MTU_MIN))
		rule->follow->doubt(rule->follow->context, rule->ifindex, true);
	if (entry->value->nexthop_id || rule->change == LINK_MTU || rule->change == LINK_NAME)
		return false;
	/* For IPv4, all hops of the route go with the one. */
	if (rule->change == LINK_GONE)
		return !rule->wide || link_remove_hops(rule, entry);
	for (unsigned i = 0; i < entry->hops; i++) {
		if (hops[i].ifindex != rule->ifindex)
			dead += down && link_hop_is_dead(rule, &hops[i]);
		else if (rule->change == LINK_NO_CARRIER)
			link_hop_no_carrier(rule, entry, &hops[i]);
		else if (!down)
			link_hop_up(rule, &hops[i]);
		else
			link_hop_down(rule, entry, &hops[i]);
		dead += down && hops[i].ifindex == rule->ifindex && hops[i].dead;
	}
	return down && dead == entry->hops;
}

/* Applies the rule to the routes of a prefix. */
static int link_change_prefix(struct link_rule *rule, const struct kernel_prefix *prefix,
                              struct kernel_list *list)
{
	int r = kernel_list_read(rule->follow->store, prefix, list);

	for (size_t i = list->count; i > 0 && r >= 0; i--) {
		if (!kernel_entry_uses(&list->of[i - 1], rule->ifindex))
			continue;
		if (link_change_route(rule, &list->of[i - 1]))
			kernel_list_remove(list, i - 1);
		else
			kernel_entry_finish(&list->of[i - 1]);
	}
	if (r >= 0 && rule->change != LINK_MTU)
		r = kernel_list_write(rule->follow->store, list);
	if (r >= 0 && rule->change == LINK_GONE)
		r = kernel_replay_reread(&rule->follow->store->replay, prefix);
	kernel_list_clear(list);
	return r;
}

/* Applies a change to all routes of a link. */
static int link_apply(const struct kernel_follow *follow, uint32_t ifindex, bool wide,
                      enum link_change change)
{
	const struct kernel_wanted wanted = {.ifindex = ifindex};
	const struct kernel_link *row = kernel_store_link(follow->store, ifindex);
	struct link_rule rule = {
		.follow = follow, .ifindex = ifindex, .wide = wide, .change = change};
	struct kernel_prefixes prefixes = {0};
	struct kernel_list list = {0};
	int r;

	if (row)
		rule.link = *row;
	r = kernel_relink_scan(follow->store, wide, &wanted, NULL, NULL, &prefixes);
	for (size_t i = 0; i < prefixes.count && r >= 0; i++)
		r = link_change_prefix(&rule, &prefixes.of[i], &list);
	if (change == LINK_GONE)
		kernel_index_remove(&follow->store->index[wide], kernel_index_link(ifindex));
	kernel_list_free(&list);
	kernel_prefixes_free(&prefixes);
	return r < 0 ? r : 0;
}

/* Applies a change to the routes of a link, or doubts the link. */
static int link_follow(const struct kernel_follow *follow, uint32_t ifindex, bool wide,
                       enum link_change change)
{
	if (!link_has_routes(follow->store, ifindex, wide))
		return 0;
	/* The kernel also removes the next-hop objects of a link, without a message. */
	if (!follow->old && !kernel_nexthop_uses(follow->store, ifindex))
		return link_apply(follow, ifindex, wide, change);
	follow->doubt(follow->context, ifindex, wide);
	return 0;
}

/* ---- links ---- */

/* Follows the carrier of a link that is up. The kernel changes the routes some time after the
 * carrier, together with the state of the link, and then sends a message. */
static int link_follow_carrier(const struct kernel_follow *follow, uint32_t ifindex, bool wide,
                               const struct kernel_link *link)
{
	bool runs = link_runs(link), carrier = link->carrier;

	/* For IPv6, a link that must not send yet has no carrier. */
	if (strcmp(link->state, "dormant") == 0 || strcmp(link->state, "testing") == 0)
		carrier = runs = carrier && !wide;
	if (carrier != runs)
		return 0;
	return link_follow(follow, ifindex, wide, carrier ? LINK_CARRIER : LINK_NO_CARRIER);
}

/* Returns true if a link may be a VRF device. */
static bool link_may_be_vrf(struct kernel_store *store, uint32_t ifindex)
{
	const struct kernel_link *link = kernel_store_link(store, ifindex);

	return ifindex && (!link || strcmp(link->kind, "vrf") == 0);
}

/* Follows a link for one family. */
static int link_follow_family(const struct kernel_follow *follow, uint32_t ifindex, bool wide,
                              const struct kernel_link *before, const struct kernel_link *link,
                              bool disagreed)
{
	bool moved = disagreed || before->up != link->up || before->carrier != link->carrier ||
	             memcmp(before->state, link->state, sizeof(link->state)) != 0;
	int r = 0;

	/* The kernel moves the routes of a link with it from one routing table to another. */
	if (before->master != link->master && link_has_routes(follow->store, ifindex, wide) &&
	    (link_may_be_vrf(follow->store, before->master) ||
	     link_may_be_vrf(follow->store, link->master)))
		follow->doubt(follow->context, ifindex, wide);
	if (memcmp(before->name, link->name, sizeof(link->name)) != 0)
		r = link_follow(follow, ifindex, wide, LINK_NAME);
	if (r >= 0 && before->mtu != link->mtu && wide)
		r = link_follow(follow, ifindex, wide, LINK_MTU);
	if (r < 0)
		return r;
	if (before->up && !link->up)
		return link_follow(follow, ifindex, wide, LINK_DOWN);
	if (!before->up && link->up && !wide)
		return link_follow(follow, ifindex, wide, LINK_UP);
	return link->up && moved ? link_follow_carrier(follow, ifindex, wide, link) : 0;
}

/* Writes the new name of a link into the rows of a table that begin with the link. */
static int link_rename_rows(struct kernel_store *store, enum kernel_table table, size_t offset,
                            uint32_t ifindex, const char name[16])
{
	struct kernel_row *rows = NULL;
	size_t count = 0;
	struct stele_cursor *cursor;
	struct stele_row row;
	int r = stele_writable_cursor_open(store->tables[table], &cursor);

	if (r < 0)
		return r;
	r = stele_cursor_under(cursor, &(uint32_t){htonl(ifindex)}, 32);
	while (r >= 0 && (r = stele_cursor_next(cursor, &row)) == 1) {
		struct kernel_row *larger = realloc(rows, (count + 1) * sizeof(*rows));

		if (!larger) {
			r = -ENOMEM;
			break;
		}
		rows = larger;
		rows[count].key_bits = row.key_bits;
		rows[count].size = row.value_size;
		memcpy(rows[count].key, row.key, (row.key_bits + 7) / 8);
		memcpy(rows[count].value, row.value, row.value_size);
		memcpy(rows[count++].value + offset, name, 16);
	}
	stele_cursor_close(cursor);
	for (size_t i = 0; i < count && r >= 0; i++)
		r = stele_writable_put(store->tables[table], rows[i].key, rows[i].key_bits,
		                       rows[i].value, rows[i].size);
	free(rows);
	return r < 0 ? r : 0;
}

int kernel_link_rename(struct kernel_store *store, uint32_t ifindex, const char name[16])
{
	static const struct {
		enum kernel_table table;
		size_t offset;
	} named[] = {
		{KERNEL_ADDRESSES4, offsetof(struct kernel_address4, interface)},
		{KERNEL_ADDRESSES6, offsetof(struct kernel_address6, interface)},
		{KERNEL_NEIGHBOURS4, offsetof(struct kernel_neighbour, interface)},
		{KERNEL_NEIGHBOURS6, offsetof(struct kernel_neighbour, interface)},
		{KERNEL_PROXIES4, offsetof(struct kernel_proxy, interface)},
		{KERNEL_PROXIES6, offsetof(struct kernel_proxy, interface)},
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]) && r >= 0; i++)
		r = link_rename_rows(store, named[i].table, named[i].offset, ifindex, name);
	return r < 0 ? r : kernel_fdb_rename(store, ifindex, name);
}

int kernel_link_changed(const struct kernel_follow *follow, uint32_t ifindex,
                        const struct kernel_link *before, bool disagreed)
{
	const struct kernel_link *row = kernel_store_link(follow->store, ifindex);
	struct kernel_link link;
	int r = 0;

	if (!row)
		return 0;
	link = *row;
	if (memcmp(before->name, link.name, sizeof(link.name)) != 0)
		r = kernel_link_rename(follow->store, ifindex, link.name);
	if (r >= 0)
		r = link_follow_family(follow, ifindex, false, before, &link, disagreed);
	return r < 0 ? r : link_follow_family(follow, ifindex, true, before, &link, disagreed);
}

int kernel_link_deleted(const struct kernel_follow *follow, uint32_t ifindex)
{
	int r = link_follow(follow, ifindex, false, LINK_GONE);

	return r < 0 ? r : link_follow(follow, ifindex, true, LINK_GONE);
}

int kernel_link_not_found(const struct kernel_follow *follow, uint32_t ifindex, bool wide)
{
	return link_has_routes(follow->store, ifindex, wide)
	               ? link_apply(follow, ifindex, wide, LINK_GONE)
	               : 0;
}

/* ---- addresses ---- */

int kernel_link_address_added(const struct kernel_follow *follow, uint32_t ifindex, bool wide)
{
	/* Next hops that were dead without an address live again. */
	return !wide && link_is_up(follow->store, ifindex)
	               ? link_follow(follow, ifindex, wide, LINK_UP)
	               : 0;
}

int kernel_link_address_deleted(const struct kernel_follow *follow, uint32_t ifindex, bool wide)
{
	if (link_has_address(follow->store, ifindex, wide))
		return 0;
	if (!wide)
		return link_follow(follow, ifindex, wide, LINK_BARE);
	/* IPv6 may have been switched off for the link. */
	if (link_is_up(follow->store, ifindex) && link_has_routes(follow->store, ifindex, wide))
		follow->doubt(follow->context, ifindex, wide);
	return 0;
}

/* Returns true if a route of the link is from a router's advertisement. */
static bool link_has_router(const struct kernel_list *list, uint32_t ifindex)
{
	for (size_t i = 0; i < list->count; i++)
		if (kernel_entry_uses(&list->of[i], ifindex) &&
		    kernel_word_is_protocol(list->of[i].value->protocol, RTPROT_RA))
			return true;
	return false;
}

int kernel_link_heard_router(const struct kernel_follow *follow, uint32_t ifindex)
{
	const struct kernel_wanted wanted = {.ifindex = ifindex};
	struct kernel_prefixes prefixes = {0};
	struct kernel_list list = {0};
	bool router = false;
	int r = kernel_relink_scan(follow->store, true, &wanted, NULL, NULL, &prefixes);

	for (size_t i = 0; i < prefixes.count && r >= 0 && !router; i++) {
		r = kernel_list_read(follow->store, &prefixes.of[i], &list);
		router = r >= 0 && link_has_router(&list, ifindex);
	}
	kernel_list_free(&list);
	kernel_prefixes_free(&prefixes);
	if (router)
		follow->doubt(follow->context, ifindex, true);
	return r < 0 ? r : 0;
}

/* Next hops live again. The kernel also sets metrics of routes from routers before this message. */
int kernel_link_has_ipv6(const struct kernel_follow *follow, uint32_t ifindex)
{
	int r = kernel_link_heard_router(follow, ifindex);

	return r < 0 ? r : link_follow(follow, ifindex, true, LINK_UP);
}

bool kernel_link_lost_routes(struct kernel_store *store, uint32_t ifindex, bool wide)
{
	return !link_is_up(store, ifindex) || (!wide && !link_has_address(store, ifindex, wide));
}
