/* SPDX-License-Identifier: MIT */
#include "tests/support/kernel_state.h"

#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>
#include <stele/stele.h>

#include "tools/kernel/kernel_tables.h"

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
		line_add(links, "%u %s %s %d %d %u %u %s %s", number(link, "ifindex"),
		         text(link, "ifname", ""), strlen(mac) == 17 ? mac : "00:00:00:00:00:00",
		         has_flag(link, "UP"), has_flag(link, "LOWER_UP"), number(link, "mtu"),
		         master_index, state,
		         text(json_object_get(link, "linkinfo"), "info_kind", ""));
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

static void hop_text(const json_t *hop, const char *separator, bool weight, char *path, size_t size)
{
	const json_t *via = json_object_get(hop, "via");
	const char *gateway = via ? text(via, "host", "") : text(hop, "gateway", NULL);
	size_t length = strlen(path);

	snprintf(path + length, size - length, "%s%s%s%s%sdev %s", separator, gateway ? "via " : "",
	         via ? "inet6 " : "", gateway ? gateway : "", gateway ? " " : "",
	         text(hop, "dev", ""));
	length = strlen(path);
	if (weight)
		snprintf(path + length, size - length, " weight %u", number(hop, "weight"));
}

/* Formats the value of a route as one text. */
static void route_text(const json_t *route, bool wide, char *ret, size_t size)
{
	const char *none = wide ? "::" : "0.0.0.0";
	const json_t *hops = json_object_get(route, "nexthops"), *hop;
	const json_t *first = hops ? json_array_get(hops, 0) : route;
	char path[1024] = "";
	size_t i, count_hops = json_array_size(hops);

	if (hops) {
		json_array_foreach((json_t *)hops, i, hop)
			hop_text(hop, i ? ", " : "", true, path, sizeof(path));
	} else if (json_object_get(route, "dev")) {
		hop_text(route, "", false, path, sizeof(path));
		count_hops = 1;
	}
	snprintf(ret, size, "%s %s %s gw %s src %s if %s mtu %u nhid %u hops %zu [%s]",
	         text(route, "type", "unicast"), text(route, "protocol", ""),
	         text(route, "scope", ""), text(first, "gateway", none),
	         text(route, "prefsrc", none), text(first, "dev", ""),
	         number(json_array_get(json_object_get(route, "metrics"), 0), "mtu"),
	         number(route, "nhid"), count_hops, path);
}

static const char *table_number(const char *name)
{
	return strcmp(name, "main") == 0 ? "254" : strcmp(name, "local") == 0 ? "255" : name;
}

/* The best route of a prefix among those read so far. */
struct best {
	char prefix[64], value[1500];
	unsigned metric, alternatives;
};

/* Adds a route of the main table. Routes come in the kernel's order. */
static void best_take(struct best **all, size_t *best_count, const char *prefix, unsigned metric,
                      const char *value)
{
	struct best *best = NULL;

	for (size_t i = *best_count; i > 0 && !best; i--)
		if (strcmp((*all)[i - 1].prefix, prefix) == 0)
			best = &(*all)[i - 1];
	if (best && metric >= best->metric) {
		best->alternatives++;
		return;
	}
	if (!best) {
		*all = realloc(*all, (*best_count + 1) * sizeof(**all));
		best = &(*all)[(*best_count)++];
		best->alternatives = 0;
		snprintf(best->prefix, sizeof(best->prefix), "%s", prefix);
	} else {
		best->alternatives++;
	}
	best->metric = metric;
	snprintf(best->value, sizeof(best->value), "%s", value);
}

static void kernel_routes(bool wide, struct lines *rib, struct lines *lookups)
{
	json_t *all = ip_json(wide ? "-6 route show table all" : "-4 route show table all"), *route;
	char last[256] = "", key[256], prefix[64], value[1500];
	struct best *bests = NULL;
	size_t i, best_count = 0;
	unsigned order = 0;

	json_array_foreach(all, i, route)
	{
		const char *to = text(route, "dst", ""),
			   *table = table_number(text(route, "table", "main"));
		const char *from = text(route, "from", "default");

		if (strcmp(to, "default") == 0)
			to = wide ? "::/0" : "0.0.0.0/0";
		snprintf(prefix, sizeof(prefix), "%s%s", to,
		         strchr(to, '/') ? ""
		         : wide          ? "/128"
		                         : "/32");
		snprintf(key, sizeof(key), "%s %s tos %lu metric %u", table, prefix,
		         strtoul(text(route, "tos", "0"), NULL, 16), number(route, "metric"));
		order = strcmp(key, last) == 0 ? order + 1 : 0;
		snprintf(last, sizeof(last), "%s", key);
		route_text(route, wide, value, sizeof(value));
		line_add(rib, "%s #%u from %s %s", key, order, from, value);
		if (strcmp(table, "254") == 0 && !json_object_get(route, "tos") &&
		    strcmp(from, "default") == 0)
			best_take(&bests, &best_count, prefix, number(route, "metric"), value);
	}
	for (i = 0; i < best_count; i++)
		line_add(lookups, "%s %s metric %u +%u", bests[i].prefix, bests[i].value,
		         bests[i].metric, bests[i].alternatives);
	free(bests);
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

#define ROUTE_TEXT \
	"{type} {protocol} {scope} gw {gateway} src {source} if {interface} mtu {mtu} " \
	"nhid {next_hop_id} hops {next_hops} [{path}]"

static const struct {
	enum kernel_table table;
	const char *format;
} formats[] = {
	{KERNEL_LINKS, "{index} {name} {mac} {up} {carrier} {mtu} {master} {state} {kind}"},
	{KERNEL_ADDRESSES4,
         "{index} {address}/{length} peer {peer} brd {broadcast} {interface} {label} "
         "{scope}{?secondary}{?permanent}{?tentative}{?deprecated}{?temporary}"},
	{KERNEL_ADDRESSES6,
         "{index} {address}/{length} peer {peer} brd {broadcast} {interface} {label} "
         "{scope}{?secondary}{?permanent}{?tentative}{?deprecated}{?temporary}"},
	{KERNEL_RIB4,
         "{table} {prefix} tos {tos} metric {metric} #{order} from default " ROUTE_TEXT},
	{KERNEL_RIB6, "{table} {prefix} tos 0 metric {metric} #{order} from {from} " ROUTE_TEXT},
	{KERNEL_ROUTES4, "{prefix} " ROUTE_TEXT " metric {metric} +{alternatives}"},
	{KERNEL_ROUTES6, "{prefix} " ROUTE_TEXT " metric {metric} +{alternatives}"},
	{KERNEL_NEIGHBOURS4, "{address} {interface} {mac} {state}"},
	{KERNEL_NEIGHBOURS6, "{address} {interface} {mac} {state}"},
};

void kernel_state_read(struct lines of[KERNEL_TABLES])
{
	kernel_links(&of[KERNEL_LINKS], &of[KERNEL_ADDRESSES4]);
	kernel_neighbours(&of[KERNEL_NEIGHBOURS4]);
	kernel_routes(false, &of[KERNEL_RIB4], &of[KERNEL_ROUTES4]);
	kernel_routes(true, &of[KERNEL_RIB6], &of[KERNEL_ROUTES6]);
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
			char *line = all.of[j], *from = strstr(line, "from ::/0"), *end;

			if (from)
				line_add(&of[to], "%.*sfrom default%s", (int)(from - line), line,
				         from + 9);
			else if (to != KERNEL_NEIGHBOURS4)
				line_add(&of[to], "%s", line);
			else if ((end = strstr(line, " permanent")))
				line_add(&of[to], "%.*s", (int)(end - line), line);
		}
		lines_free(&all);
	}
}
