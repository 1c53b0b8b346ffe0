/* SPDX-License-Identifier: MIT */
#include "tests/support/kernel_state.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <jansson.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>
#include <stele/stele.h>

#include "tools/fib/kernel_list.h"
#include "tools/fib/kernel_tables.h"

/* ---- rows as lines of text ---- */

static void __attribute__((format(printf, 2, 3)))
line_add(struct lines *lines, const char *format, ...)
{
	va_list list;
	char *line;

	va_start(list, format);
	cr_assert(vasprintf(&line, format, list) >= 0);
	va_end(list);
	lines->of = realloc(lines->of, (lines->count + 1) * sizeof(*lines->of));
	lines->of[lines->count++] = line;
}

void lines_free(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->of[i]);
	free(lines->of);
	*lines = (struct lines){0};
}

static int line_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void lines_sort(struct lines *lines)
{
	if (lines->count > 0)
		qsort(lines->of, lines->count, sizeof(*lines->of), line_compare);
}

const char *lines_differ(struct lines *region_has, struct lines *kernel_has)
{
	static char difference[1024];
	size_t i;

	lines_sort(region_has);
	lines_sort(kernel_has);
	for (i = 0; i < region_has->count && i < kernel_has->count; i++)
		if (strcmp(region_has->of[i], kernel_has->of[i]) != 0)
			break;
	if (i == region_has->count && i == kernel_has->count)
		return NULL;
	snprintf(difference, sizeof(difference), "\nregion: %s\nkernel: %s",
	         i < region_has->count ? region_has->of[i] : "(end)",
	         i < kernel_has->count ? kernel_has->of[i] : "(end)");
	return difference;
}

/* ---- the kernel's tables, read with ip(8) ---- */

static json_t *ip_json(const char *arguments)
{
	char command[128];
	json_error_t error;
	json_t *found;
	FILE *pipe;

	snprintf(command, sizeof(command), "ip -json -details %s", arguments);
	pipe = popen(command, "r");
	cr_assert(pipe);
	found = json_loadf(pipe, 0, &error);
	/* Some versions print nothing for an empty list. */
	if (!found)
		found = json_array();
	pclose(pipe);
	return found;
}

static const char *text(const json_t *object, const char *member, const char *otherwise)
{
	const json_t *value = json_object_get(object, member);

	return value ? json_string_value(value) : otherwise;
}

static unsigned number(const json_t *object, const char *member)
{
	return (unsigned)json_integer_value(json_object_get(object, member));
}

static bool truth(const json_t *object, const char *member)
{
	return json_is_true(json_object_get(object, member));
}

static bool has_flag(const json_t *object, const char *flag)
{
	json_t *value;
	size_t i;

	json_array_foreach(json_object_get(object, "flags"), i,
	                   value) if (strcmp(json_string_value(value), flag) == 0) return true;
	return false;
}

static void kernel_links(struct lines *links, struct lines *addresses)
{
	json_t *all = ip_json("address show"), *link, *other, *address;
	size_t i, j;

	json_array_foreach(all, i, link)
	{
		const char *mac = text(link, "address", "");
		const char *master = text(link, "master", NULL);
		char state[32];
		unsigned master_index = 0;

		json_array_foreach(
			all, j, other) if (master && strcmp(text(other, "ifname", ""), master) == 0)
			master_index = number(other, "ifindex");
		snprintf(state, sizeof(state), "%s", text(link, "operstate", ""));
		for (char *c = state; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		line_add(links, "%u %s %s %d %d %u %u %s %s group %lu", number(link, "ifindex"),
		         text(link, "ifname", ""), strlen(mac) == 17 ? mac : "00:00:00:00:00:00",
		         has_flag(link, "UP"), has_flag(link, "LOWER_UP"), number(link, "mtu"),
		         master_index, state,
		         text(json_object_get(link, "linkinfo"), "info_kind", ""),
		         strtoul(text(link, "group", "0"), NULL, 10));
		json_array_foreach(json_object_get(link, "addr_info"), j, address)
		{
			const char *local = text(address, "local", "");
			bool wide = strcmp(text(address, "family", ""), "inet6") == 0;

			line_add(addresses, "%u %s/%u peer %s brd %s %s %s %s%s%s%s%s%s",
			         number(link, "ifindex"), local, number(address, "prefixlen"),
			         text(address, "address", local),
			         text(address, "broadcast", wide ? "" : "0.0.0.0"),
			         text(link, "ifname", ""), text(address, "label", ""),
			         text(address, "scope", ""),
			         truth(address, "secondary") ? " secondary" : "",
			         truth(address, "dynamic") ? "" : " permanent",
			         truth(address, "tentative") ? " tentative" : "",
			         truth(address, "deprecated") ? " deprecated" : "",
			         truth(address, "temporary") ? " temporary" : "");
		}
	}
	json_decref(all);
}

static void kernel_neighbours(struct lines *neighbours)
{
	json_t *all = ip_json("neighbour show nud permanent"), *neighbour;
	size_t i;

	json_array_foreach(all, i, neighbour)
		line_add(neighbours, "%s %s %s", text(neighbour, "dst", ""),
	                 text(neighbour, "dev", ""), text(neighbour, "lladdr", ""));
	json_decref(all);
}

/* Formats a next hop that ip(8) prints: " via GATEWAY dev LINK weight N flags". */
static void hop_text(const json_t *hop, char *to, size_t size)
{
	static const char *const flags[] = {"dead", "linkdown", "onlink"};
	const json_t *via = json_object_get(hop, "via");
	const char *gateway = via ? text(via, "host", "") : text(hop, "gateway", NULL);
	size_t length = strlen(to);
	const char *weight = json_object_get(hop, "weight") ? "weight" : NULL;

	snprintf(to + length, size - length, " [%s%s%sdev %s weight %u", gateway ? "via " : "",
	         gateway ? gateway : "", gateway ? " " : "", text(hop, "dev", ""),
	         weight ? number(hop, weight) : 1);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (has_flag(hop, flags[i])) {
			length = strlen(to);
			snprintf(to + length, size - length, " %s", flags[i]);
		}
	length = strlen(to);
	snprintf(to + length, size - length, "]");
}

/* Formats the value of a route as one text. */
static void route_text(const json_t *route, bool wide, char *ret, size_t size)
{
	const json_t *hops = json_object_get(route, "nexthops"), *hop;
	const char *source = text(route, "prefsrc", wide ? "::" : "0.0.0.0");
	const char *preference = text(route, "pref", "medium");
	size_t i;

	snprintf(ret, size, "%s %s %s src %s mtu %u nhid %u pref %s%s",
	         text(route, "type", "unicast"), text(route, "protocol", ""),
	         text(route, "scope", ""), source,
	         number(json_array_get(json_object_get(route, "metrics"), 0), "mtu"),
	         number(route, "nhid"), preference,
	         json_object_get(route, "expires") ? " expires" : "");
	if (!hops && json_object_get(route, "dev"))
		hop_text(route, ret, size);
	json_array_foreach((json_t *)hops, i, hop) hop_text(hop, ret, size);
}

static const char *table_number(const char *name)
{
	return strcmp(name, "main") == 0      ? "254"
	       : strcmp(name, "local") == 0   ? "255"
	       : strcmp(name, "default") == 0 ? "253"
	                                      : name;
}

static void kernel_routes(bool wide, struct lines *routes)
{
	json_t *all = ip_json(wide ? "-6 route show table all" : "-4 route show table all"), *route;
	char last[256] = "", key[256], prefix[64], value[8192];
	size_t i;
	unsigned order = 0;

	json_array_foreach(all, i, route)
	{
		const char *to = text(route, "dst", ""),
			   *table = table_number(text(route, "table", "main"));
		const char *from = text(route, "from", "::/0");

		if (strcmp(to, "default") == 0)
			to = wide ? "::/0" : "0.0.0.0/0";
		snprintf(prefix, sizeof(prefix), "%s%s", to,
		         strchr(to, '/') ? ""
		         : wide          ? "/128"
		                         : "/32");
		snprintf(key, sizeof(key), "%s %s from %s%s tos %lu metric %u", table, prefix, from,
		         strchr(from, '/') ? "" : "/128",
		         strtoul(text(route, "tos", "0"), NULL, 16), number(route, "metric"));
		order = strcmp(key, last) == 0 ? order + 1 : 0;
		snprintf(last, sizeof(last), "%s", key);
		route_text(route, wide, value, sizeof(value));
		line_add(routes, "%s #%u %s", key, order, value);
	}
	json_decref(all);
}

/* Without /etc/protocols, ip(8) prints ipproto-6. */
static unsigned protocol_number(const char *name)
{
	const struct protoent *found = getprotobyname(name);

	if (strncmp(name, "ipproto-", 8) == 0)
		name += 8;
	return found ? (unsigned)found->p_proto : (unsigned)strtoul(name, NULL, 10);
}

/* Formats a prefix of a rule. */
static const char *rule_prefix(const json_t *rule, bool wide, const char *name, char ret[64])
{
	const char *address = text(rule, name, "all");
	char length[16];

	snprintf(length, sizeof(length), "%slen", name);
	if (strcmp(address, "all") == 0)
		return wide ? "::/0" : "0.0.0.0/0";
	snprintf(ret, 64, "%s/%u", address,
	         json_object_get(rule, length) ? number(rule, length)
	         : wide                        ? 128
	                                       : 32);
	return ret;
}

/* Formats the ports of a rule: the member `name`, or `name`_start and `name`_end. */
static void rule_ports(const json_t *rule, const char *name, char *ret, size_t size)
{
	char start[16], end[16];

	snprintf(start, sizeof(start), "%s_start", name);
	snprintf(end, sizeof(end), "%s_end", name);
	if (json_object_get(rule, name))
		snprintf(start, sizeof(start), "%s", name), snprintf(end, sizeof(end), "%s", name);
	snprintf(ret, size, " %s %u-%u", name, number(rule, start), number(rule, end));
}

static void kernel_rules(bool wide, struct lines *rules)
{
	json_t *all = ip_json(wide ? "-6 rule show" : "-4 rule show"), *rule;
	unsigned last = 0, order = 0;
	size_t i;

	json_array_foreach(all, i, rule)
	{
		const json_t *prefixlength = json_object_get(rule, "suppress_prefixlen"),
			     *target = json_object_get(rule, "goto");
		const char *mark = text(rule, "fwmark", NULL),
			   *group = text(rule, "suppress_ifgroup", "-1");
		char from[64], to[64], sport[40], dport[40];

		order = i > 0 && number(rule, "priority") == last ? order + 1 : 0;
		last = number(rule, "priority");
		rule_ports(rule, "sport", sport, sizeof(sport));
		rule_ports(rule, "dport", dport, sizeof(dport));
		line_add(rules,
		         "%u #%u from %s to %s iif %s oif %s mark %lu/%lu tos %lu protocol %u%s%s "
		         "uid %u-%lld %s table %s to %u suppress %lld/%s by %s%s%s",
		         last, order, rule_prefix(rule, wide, "src", from),
		         rule_prefix(rule, wide, "dst", to), text(rule, "iif", ""),
		         text(rule, "oif", ""), mark ? strtoul(mark, NULL, 16) : 0,
		         strtoul(text(rule, "fwmask", mark ? "0xffffffff" : "0"), NULL, 16),
		         strtoul(text(rule, "tos", "0"), NULL, 16),
		         protocol_number(text(rule, "ipproto", "0")), sport, dport,
		         number(rule, "uid_start"),
		         json_object_get(rule, "uid_end") ? (long long)number(rule, "uid_end")
		                                          : 4294967295,
		         target                         ? "goto"
		         : json_object_get(rule, "nop") ? "nop"
		                                        : text(rule, "action", "lookup"),
		         table_number(text(rule, "table", "0")), number(rule, "goto"),
		         prefixlength ? json_integer_value(prefixlength) : -1,
		         strcmp(group, "default") == 0 ? "0" : group, text(rule, "protocol", ""),
		         json_object_get(rule, "not") ? " invert" : "",
		         json_object_get(rule, "l3mdev") ? " l3mdev" : "");
	}
	json_decref(all);
}

/* ---- the region's tables ---- */

static const char *column_text(const struct stele_schema *schema, const char *name,
                               const struct stele_row *row, char *buffer, size_t size)
{
	int column = stele_schema_column(schema, name);
	const void *value;
	size_t value_size;
	uint8_t decoded[64];
	int r;

	buffer[0] = '\0';
	if (column < 0)
		return buffer;
	if (schema->columns[column].key)
		r = stele_key_column(schema, (size_t)column, row->key, row->key_bits, decoded,
		                     sizeof(decoded), &value, &value_size);
	else
		r = stele_value_column(schema, (size_t)column, row->value, row->value_size, &value,
		                       &value_size);
	cr_assert_eq(r, 0, "%s", stele_last_error());
	stele_value_format(&schema->columns[column], value, value_size, buffer, size);
	return buffer;
}

/* Appends one {column} of a format: its text, or 1 or 0 for a bool. A {?column} appends " column"
 * if the value is true, and nothing else. Returns the new length. */
static size_t column_append(const struct stele_schema *schema, const char *column,
                            const struct stele_row *row, char *line, size_t length)
{
	char buffer[1500], name[32];
	bool flag = column[0] == '?';

	sscanf(column + flag, "%31[^}]", name);
	column_text(schema, name, row, buffer, sizeof(buffer));
	if (flag)
		return length + (size_t)sprintf(line + length, "%s%s", buffer[0] == 't' ? " " : "",
		                                buffer[0] == 't' ? name : "");
	if (strcmp(buffer, "true") == 0 || strcmp(buffer, "false") == 0)
		return length + (size_t)sprintf(line + length, "%d", buffer[0] == 't');
	return length + (size_t)sprintf(line + length, "%s", buffer);
}

/* Adds a line for each row of a table: `format` with each {column} replaced. */
static void region_lines(const struct stele_snapshot *snapshot, enum kernel_table which,
                         const char *format, struct lines *lines)
{
	const struct stele_schema *schema = kernel_schemas[which];
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;

	cr_assert_eq(stele_table_open(snapshot, kernel_table_names[which], schema, &table), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_cursor_open(&table, &cursor), 0, "%s", stele_last_error());
	while (stele_cursor_next(cursor, &row) == 1) {
		char line[4096];
		size_t length = 0;

		for (const char *c = format; *c; c++) {
			if (*c == '{') {
				length = column_append(schema, c + 1, &row, line, length);
				c = strchr(c, '}');
			} else {
				line[length++] = *c;
			}
		}
		line_add(lines, "%.*s", (int)length, line);
	}
	cursor = stele_cursor_close(cursor);
}

#define RULE_FORMAT \
	"{priority} #{order} from {from} to {to} iif {iif} oif {oif} mark {mark}/{mask} " \
	"tos {tos} protocol {ip_protocol} sport {sport_first}-{sport_last} " \
	"dport {dport_first}-{dport_last} uid {uid_first}-{uid_last} {action} table {table} " \
	"to {target} suppress {suppress_prefixlength}/{suppress_ifgroup} by {protocol}" \
	"{?invert}{?other}{?l3mdev}"

static const struct {
	enum kernel_table table;
	const char *format;
} formats[] = {
	{KERNEL_LINKS,
         "{index} {name} {mac} {up} {carrier} {mtu} {master} {state} {kind} group {group}"},
	{KERNEL_ADDRESSES4,
         "{index} {address}/{length} peer {peer} brd {broadcast} {interface} {label} "
         "{scope}{?secondary}{?permanent}{?tentative}{?deprecated}{?temporary}"},
	{KERNEL_ADDRESSES6,
         "{index} {address}/{length} peer {peer} brd {broadcast} {interface} {label} "
         "{scope}{?secondary}{?permanent}{?tentative}{?deprecated}{?temporary}"},
	{KERNEL_NEIGHBOURS4, "{address} {interface} {mac} {state}"},
	{KERNEL_RULES4, RULE_FORMAT},
	{KERNEL_RULES6, RULE_FORMAT},
	{KERNEL_NEIGHBOURS6, "{address} {interface} {mac} {state}"},
};

/* ---- the region's routes ---- */

/* Returns the name of a link. The lines of the table `links` begin with the number and the name. */
static const char *link_name(const struct lines *links, uint32_t ifindex, char ret[20])
{
	for (size_t i = 0; i < links->count; i++) {
		unsigned index;

		if (sscanf(links->of[i], "%u %15s", &index, ret) == 2 && index == ifindex)
			return ret;
	}
	snprintf(ret, 20, "#%u", ifindex);
	return ret;
}

static void region_hop(const struct lines *links, const struct kernel_hop *hop, char *to,
                       size_t size)
{
	char gateway[INET6_ADDRSTRLEN] = "", name[20];
	size_t length = strlen(to);

	if (hop->family)
		inet_ntop(hop->family == 4 ? AF_INET : AF_INET6, hop->gateway, gateway,
		          sizeof(gateway));
	snprintf(to + length, size - length, " [%s%s%sdev %s weight %u%s%s%s]",
	         hop->family ? "via " : "", gateway, hop->family ? " " : "",
	         link_name(links, hop->ifindex, name), hop->weight, hop->dead ? " dead" : "",
	         hop->linkdown ? " linkdown" : "", hop->onlink ? " onlink" : "");
}

/* Adds the line of a row. Checks that the columns agree with the first hop that is not dead. */
static void region_route(enum kernel_table table, const struct stele_row *row,
                         const struct lines *links, struct lines *routes)
{
	bool wide = table == KERNEL_FIB6 || table == KERNEL_ALTERNATIVES6;
	struct kernel_prefix prefix;
	struct kernel_entry entry;
	char address[INET6_ADDRSTRLEN], from[INET6_ADDRSTRLEN], source[INET6_ADDRSTRLEN];
	char hops[8192] = "", name[20], type[32];
	const struct kernel_hop *ignored;
	struct kernel_route value;
	uint8_t source_bytes[16];
	uint16_t order;

	kernel_route_read(wide, row, &value, &ignored);
	order = value.order;
	cr_assert_eq(kernel_list_decode(table, row, &prefix, &entry), 0);
	if (table == KERNEL_ALTERNATIVES4 || table == KERNEL_ALTERNATIVES6) {
		memcpy(&order, (const uint8_t *)row->key + row->key_bits / 8 - 2, 2);
		order = ntohs(order);
	}
	for (unsigned i = 0; i < entry.hops; i++)
		region_hop(links, &kernel_entry_hops(&entry)[i], hops, sizeof(hops));
	/* While a region is full, the row of the link may have come later than the route. */
	if (value.ifindex && strcmp(value.interface, link_name(links, value.ifindex, name)) != 0)
		snprintf(hops + strlen(hops), sizeof(hops) - strlen(hops), " named %.16s",
		         value.interface);
	inet_ntop(wide ? AF_INET6 : AF_INET, prefix.address, address, sizeof(address));
	inet_ntop(AF_INET6, prefix.from, from, sizeof(from));
	kernel_route_source(&value, source_bytes);
	inet_ntop(wide ? AF_INET6 : AF_INET, source_bytes, source, sizeof(source));
	stele_value_format(
		&kernel_schemas[table]->columns[stele_schema_column(kernel_schemas[table], "type")],
		&value.type, 1, type, sizeof(type));
	line_add(
		routes,
		"%u %s/%u from %s/%u tos %u metric %u #%u %s %s %s src %s mtu %u nhid %u pref %s%s%s",
		prefix.table, address, prefix.length, from, prefix.from_length, entry.tos,
		entry.metric, order, type, value.protocol, value.scope, source, value.mtu,
		value.nexthop_id,
		value.preference == 1   ? "high"
		: value.preference == 3 ? "low"
					: "medium",
		value.expires ? " expires" : "", hops);
	free(entry.value);
}

static void region_routes(const struct stele_snapshot *snapshot, enum kernel_table which,
                          const struct lines *links, struct lines *routes)
{
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;

	cr_assert_eq(stele_table_open(snapshot, kernel_table_names[which], kernel_schemas[which],
	                              &table),
	             0, "%s", stele_last_error());
	cr_assert_eq(stele_cursor_open(&table, &cursor), 0, "%s", stele_last_error());
	while (stele_cursor_next(cursor, &row) == 1)
		region_route(which, &row, links, routes);
	cursor = stele_cursor_close(cursor);
}

/* Returns the length of the part of a line that is equal for all routes of a prefix and metric. */
static size_t group_length(const char *line)
{
	return (size_t)(strchr(line, '#') - line);
}

/* Removes IPv6 routes without a router that come after one with several, of the same prefix and
 * metric, and numbers the others again. The kernel has such routes, but leaves those out of a dump
 * that come before the last router was added (fib6_dump_node() in net/ipv6/ip6_fib.c). */
static void forget_hidden(struct lines *routes)
{
	bool several = false;
	size_t kept = 0;
	unsigned order = 0;

	lines_sort(routes);
	for (size_t i = 0; i < routes->count; i++) {
		char *line = routes->of[i], *hop = strstr(line, " [");
		size_t length = group_length(line);
		bool same = kept > 0 && group_length(routes->of[kept - 1]) == length &&
		            strncmp(routes->of[kept - 1], line, length) == 0;

		if (!same)
			order = 0;
		several &= same;
		if (several && !strstr(line, " [via")) {
			free(line);
			continue;
		}
		several |= hop && strstr(line, "nhid 0") && strstr(hop + 1, " [");
		line[length + 1] = (char)('0' + order++);
		routes->of[kept++] = line;
	}
	routes->count = kept;
}

void kernel_state_read(struct lines of[KERNEL_TABLES])
{
	kernel_links(&of[KERNEL_LINKS], &of[KERNEL_ADDRESSES4]);
	kernel_neighbours(&of[KERNEL_NEIGHBOURS4]);
	kernel_rules(false, &of[KERNEL_RULES4]);
	kernel_rules(true, &of[KERNEL_RULES6]);
	kernel_routes(false, &of[KERNEL_FIB4]);
	kernel_routes(true, &of[KERNEL_FIB6]);
	forget_hidden(&of[KERNEL_FIB6]);
}

void kernel_state_of_region(const struct stele_snapshot *snapshot, struct lines of[KERNEL_TABLES])
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		enum kernel_table to = formats[i].table;
		struct lines all = {0};

		if (to == KERNEL_ADDRESSES6 || to == KERNEL_NEIGHBOURS6)
			to = (enum kernel_table)(to - 1);
		region_lines(snapshot, formats[i].table, formats[i].format, &all);
		for (size_t j = 0; j < all.count; j++) {
			char *line = all.of[j], *end;

			if (to != KERNEL_NEIGHBOURS4)
				line_add(&of[to], "%s", line);
			else if ((end = strstr(line, " permanent")))
				line_add(&of[to], "%.*s", (int)(end - line), line);
		}
		lines_free(&all);
	}
	region_routes(snapshot, KERNEL_FIB4, &of[KERNEL_LINKS], &of[KERNEL_FIB4]);
	region_routes(snapshot, KERNEL_ALTERNATIVES4, &of[KERNEL_LINKS], &of[KERNEL_FIB4]);
	region_routes(snapshot, KERNEL_FIB6, &of[KERNEL_LINKS], &of[KERNEL_FIB6]);
	region_routes(snapshot, KERNEL_ALTERNATIVES6, &of[KERNEL_LINKS], &of[KERNEL_FIB6]);
	forget_hidden(&of[KERNEL_FIB6]);
}
