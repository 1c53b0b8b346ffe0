/* SPDX-License-Identifier: MIT
 * stele route: walks the kernel's rules and routes, as the kernel publisher mirrors them, for one
 * packet. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/netlink/kernel_words.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/region/given.h"
#include "tools/region/mirror.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"
#include "tools/route/route_text.h"
#include "tools/route/route_walk.h"

static const char route_doc[] =
	"Examples:\n"
	"  stele route net 10.1.2.3\n"
	"  stele route net 10.1.2.3 --iif eth0 --from 192.0.2.7\n"
	"  stele route net 2001:db8::1 --mark 0x10 --all --format json\n"
	"\n"
	"Prints the rules by which the kernel chooses a route to ADDRESS, and what each leads to, "
	"down to the route that is taken. REGION is one that 'stele publish --kernel-routes' "
	"fills. If no route is taken, the exit status is 1."
	"\v"
	"The packet has no TOS, IP protocol, ports and outgoing interface; rules for these do not "
	"hold for it. Without --iif, it is made on this machine. Routing tables have the names of "
	"/etc/iproute2/rt_tables.\n";

struct route {
	struct options_reading reading;
	struct route_packet packet;
	const char *mark, *from;
	bool all; /* print rules whose conditions do not hold, too */
	/* While walking: */
	bool wide;
	const struct route_tables *tables;
	struct output *output;
	size_t steps;
	enum status written;
	struct route_step last; /* without the entry */
	uint8_t last_type;      /* of the route of the last step */
};

/* ---- output ---- */

enum {
	COLUMN_PRIORITY,
	COLUMN_RULE,
	COLUMN_ACTION,
	COLUMN_RESULT,
	COLUMN_TABLE,
	COLUMN_PREFIX,
	COLUMN_TYPE,
	COLUMN_METRIC,
	COLUMN_HOPS,
	ROUTE_COLUMNS
};
enum { HOP_GATEWAY, HOP_INTERFACE, HOP_WEIGHT, HOP_DEAD, HOP_ENCAP, HOP_COLUMNS };

static const struct output_column route_columns[ROUTE_COLUMNS] = {
	[COLUMN_PRIORITY] = {"priority", true}, [COLUMN_RULE] = {"rule", false},
	[COLUMN_ACTION] = {"action", false},    [COLUMN_RESULT] = {"result", false},
	[COLUMN_TABLE] = {"table", false},      [COLUMN_PREFIX] = {"prefix", false},
	[COLUMN_TYPE] = {"type", false},        [COLUMN_METRIC] = {"metric", true},
	[COLUMN_HOPS] = {"hops", false},
};
static const struct output_column route_hop_columns[HOP_COLUMNS] = {
	[HOP_GATEWAY] = {"gateway", false}, [HOP_INTERFACE] = {"interface", false},
	[HOP_WEIGHT] = {"weight", true},    [HOP_DEAD] = {"dead", false},
	[HOP_ENCAP] = {"encap", false},
};

static const char *const route_results[] = {
	[ROUTE_SKIPPED] = "skipped", [ROUTE_UNKNOWN] = "unknown",
	[ROUTE_JUMPED] = "jumped",   [ROUTE_NO_TARGET] = "no-target",
	[ROUTE_NOTHING] = "nothing", [ROUTE_NONE] = "no-route",
	[ROUTE_THROWN] = "throw",    [ROUTE_SUPPRESSED] = "suppressed",
	[ROUTE_TAKEN] = "taken",     [ROUTE_REJECTED] = "rejected",
};

/* The texts of the cells of one next hop. */
struct route_hop_text {
	char gateway[INET6_ADDRSTRLEN], interface[24], weight[DESCRIBED_MAX];
};

static int route_make_hop(const struct route *route, const struct kernel_hop *hop,
                          struct route_hop_text *text, struct cell cells[HOP_COLUMNS])
{
	struct kernel_link link;
	int r = route_link(route->tables, hop->ifindex, &link);

	if (r < 0)
		return r;
	if (r == 1)
		snprintf(text->interface, sizeof(text->interface), "%.16s", link.name);
	else
		snprintf(text->interface, sizeof(text->interface), "#%u", hop->ifindex);
	if (hop->family)
		inet_ntop(hop->family == 4 ? AF_INET : AF_INET6, hop->gateway, text->gateway,
		          sizeof(text->gateway));
	cells[HOP_GATEWAY] =
		hop->family ? cell_text(text->gateway) : (struct cell){.kind = CELL_NONE};
	cells[HOP_INTERFACE] = cell_text(text->interface);
	cells[HOP_WEIGHT] = cell_number(hop->weight, text->weight);
	cells[HOP_DEAD] = cell_literal(hop->dead ? "true" : "false");
	cells[HOP_ENCAP] = cell_text(kernel_encap_word(hop->encap));
	/* Tables leave out what most hops have. */
	cells[HOP_WEIGHT].unchanged = hop->weight == 1;
	cells[HOP_DEAD].unchanged = !hop->dead;
	cells[HOP_ENCAP].unchanged = hop->encap == 0;
	return 0;
}

/* The next hops of a route, as cells. */
struct route_hops {
	struct cell *cells;
	struct route_hop_text *texts;
};

/* Makes the cells of the next hops of a route: its own, or those of its next-hop object. The caller
 * frees both members of `ret`. Returns the number of hops or a negative errno. */
static int route_make_hops(const struct route *route, const struct kernel_entry *entry,
                           struct route_hops *ret)
{
	const struct kernel_hop *hops = kernel_entry_hops(entry);
	int r = 0, count = (int)entry->hops;
	struct kernel_hop *found = NULL;

	if (count == 0 && entry->value->nexthop_id) {
		count = route_nexthops(route->tables, entry->value->nexthop_id, &found);
		if (count < 0)
			return count;
		hops = found;
	}
	ret->cells = heap_realloc(NULL, ((size_t)count + 1) * HOP_COLUMNS * sizeof(*ret->cells));
	ret->texts = heap_realloc(NULL, ((size_t)count + 1) * sizeof(*ret->texts));
	for (int i = 0; i < count && r >= 0; i++)
		r = route_make_hop(route, &hops[i], &ret->texts[i], ret->cells + i * HOP_COLUMNS);
	free(found);
	return r < 0 ? r : count;
}

/* Prints a step; route_step_f. */
static int route_print_step(void *context, const struct route_step *step)
{
	char priority[DESCRIBED_MAX], metric[DESCRIBED_MAX], table[KERNEL_WORD_TABLE_MAX];
	char rule[ROUTE_TEXT_MAX], action[ROUTE_TEXT_MAX], prefix[ROUTE_TEXT_MAX];
	struct route *route = context;
	const struct kernel_entry *entry = &step->entry;
	struct cell cells[ROUTE_COLUMNS] = {0};
	struct route_hops hops = {0};
	int count = 0;

	route->steps++;
	route->last = *step;
	route->last_type = entry->value ? entry->value->type : RTN_UNSPEC;
	if (step->result == ROUTE_SKIPPED && !route->all)
		return 0;
	route_text_conditions(step->rule, route->wide, rule);
	route_text_action(step->rule, action);
	cells[COLUMN_PRIORITY] = cell_number(step->priority, priority);
	cells[COLUMN_RULE] = cell_text(rule);
	cells[COLUMN_ACTION] = cell_text(action);
	cells[COLUMN_RESULT] = cell_text(route_results[step->result]);
	if (step->table) {
		kernel_word_table(step->table, table);
		cells[COLUMN_TABLE] = cell_text(table);
	}
	if (entry->value) {
		route_text_prefix(step->prefix.address, step->prefix.length, route->wide, prefix);
		cells[COLUMN_PREFIX] = cell_text(prefix);
		cells[COLUMN_TYPE] = cell_text(kernel_type_word(entry->value->type));
		cells[COLUMN_METRIC] = cell_number(entry->metric, metric);
		count = route_make_hops(route, entry, &hops);
		cells[COLUMN_HOPS] = (struct cell){
			.kind = CELL_LIST,
			.columns = route_hop_columns,
			.cells = hops.cells,
			.column_count = HOP_COLUMNS,
			.row_count = (size_t)(count < 0 ? 0 : count),
		};
	}
	if (count >= 0 && route->written == STATUS_DONE)
		route->written = output_row(route->output, cells);
	free(hops.cells);
	free(hops.texts);
	return count < 0 ? count : 0;
}

/* ---- the command ---- */

/* Returns true if the region, and not a saved file, was read at its newest version, and the mirror
 * that filled it has died. */
static bool route_is_orphan(const struct route *route, const struct reader *reader,
                            const struct kernel_status *status)
{
	struct stele_region_info info = {.size = sizeof(info)};

	return !given_is_set(&route->reading.version) && !place_is_path(reader->region) &&
	       stele_region_describe(place_path(reader->place, reader->region), &info) == 0 &&
	       !mirror_runs(status, &info, MIRROR_PATIENCE_MS);
}

/* Says on standard error if the tables may differ from the kernel's state. */
static void route_warn(const struct route *route, const struct reader *reader)
{
	const struct kernel_status *status;
	struct stele_row row;

	if (stele_snapshot_get(reader->snapshot, kernel_table_names[KERNEL_STATUS],
	                       kernel_schemas[KERNEL_STATUS], "", 8, &row) != 1)
		return;
	status = row.value;
	if (!status->synced)
		note("region \"%s\" may differ from the kernel's state: %.48s", reader->region,
		     status->doubt);
	else if (route_is_orphan(route, reader, status))
		note("region \"%s\" may differ from the kernel's state: the mirror died; start "
		     "'stele publish %s' again, with --kernel-routes or --fpm",
		     reader->region, reader->region);
}

/* Reports why no route is taken. */
static enum status route_fail(const struct route *route, const char *address)
{
	const struct route_step *last = &route->last;
	char table[KERNEL_WORD_TABLE_MAX];

	kernel_word_table(last->table, table);
	if (route->steps == 0)
		return fail(STATUS_NOT_THERE, "no route to %s: there are no rules", address);
	if (last->result != ROUTE_REJECTED)
		return fail(STATUS_NOT_THERE, "no route to %s: no rule leads to a route", address);
	if (route->last_type != RTN_UNSPEC)
		return fail(STATUS_NOT_THERE, "no route to %s: the route in table %s is of type %s",
		            address, table, kernel_type_word(route->last_type));
	return fail(STATUS_NOT_THERE, "no route to %s: rule %u rejects the packet", address,
	            last->priority);
}

static enum status route_run_walk(struct route *route, struct reader *reader, const char *address)
{
	struct route_tables tables;
	enum status status;
	int r = route_tables_open(&tables, reader->snapshot, route->wide);

	if (r == -ENXIO)
		return fail(STATUS_NO_TABLE,
		            "%s; 'stele publish --kernel-routes' makes the tables that this "
		            "command reads",
		            stele_last_error());
	if (r < 0)
		return fail_library(r);
	r = route_packet_arrive(&route->packet, &tables);
	if (r == 0)
		return fail(STATUS_INPUT, "--iif: there is no link \"%s\" in region \"%s\"",
		            route->packet.iif, reader->region);
	if (r < 0)
		return fail_library(r);
	route_warn(route, reader);
	route->tables = &tables;
	route->output =
		output_open(route->reading.format, SHAPE_ROWS, route_columns, ROUTE_COLUMNS);
	r = route_walk(&tables, &route->packet, route_print_step, route);
	if (r >= 0) {
		int checked = stele_snapshot_check(reader->snapshot);

		r = checked < 0 ? checked : r;
	}
	status = r < 0 ? fail_library(r) : route->written;
	status = output_end(route->output, status);
	return status == STATUS_DONE && r == 0 ? route_fail(route, address) : status;
}

static bool route_parse_address(const char *text, bool *ret_wide, uint8_t ret[16])
{
	*ret_wide = strchr(text, ':') != NULL;
	return inet_pton(*ret_wide ? AF_INET6 : AF_INET, text, ret) == 1;
}

/* Parses the operand ADDRESS and the options. */
static enum status route_parse_packet(struct route *route, const char *address)
{
	struct route_packet *packet = &route->packet;
	bool wide;

	if (!route_parse_address(address, &route->wide, packet->to))
		return fail_usage("route",
		                  "invalid address \"%s\" (expected 192.0.2.1 or "
		                  "2001:db8::1)",
		                  address);
	if (route->from && !route_parse_address(route->from, &wide, packet->from))
		return fail_usage("route", "--from: invalid address \"%s\"", route->from);
	if (route->from && wide != route->wide)
		return fail_usage("route", "--from: \"%s\" and \"%s\" are of different families",
		                  route->from, address);
	packet->has_from = route->from;
	if (route->mark) {
		unsigned long mark;
		char *end;

		errno = 0;
		mark = strtoul(route->mark, &end, 0);
		if (errno || *end || !*route->mark || *route->mark == '-' || mark > UINT32_MAX)
			return fail_usage("route",
			                  "--mark: invalid value \"%s\" (expected a number up to "
			                  "0xffffffff)",
			                  route->mark);
		packet->mark = (uint32_t)mark;
	}
	return STATUS_DONE;
}

/* Keys of options that have no short form. */
enum { OPTION_IIF = OPTION_OTHERS, OPTION_MARK, OPTION_FROM };

static error_t route_parse(int key, char *argument, struct argp_state *state)
{
	struct route *route = state->input;

	switch (key) {
	case OPTION_IIF:
		route->packet.iif = argument;
		return 0;
	case OPTION_MARK:
		route->mark = argument;
		return 0;
	case OPTION_FROM:
		route->from = argument;
		return 0;
	case 'A':
		route->all = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static enum status route_run(int argc, char **argv)
{
	struct route route = {.packet = {.iif = "lo"}};
	struct reader reader;
	enum status status;
	struct call call;

	if (options_parse(&command_route, argc, argv, &route, &call) != 2)
		return fail_usage("route", "expected REGION and ADDRESS");
	kernel_words_load(KERNEL_WORDS_ETC, KERNEL_WORDS_VENDOR);
	status = route_parse_packet(&route, call.operands[1]);
	if (status == STATUS_DONE)
		status = target_check_source(call.operands[0]);
	if (status == STATUS_DONE)
		status = reader_open(&reader, &call.place, call.operands[0], READER_PINNED);
	if (status != STATUS_DONE)
		return status;
	status = reader_open_table(&reader, kernel_table_names[KERNEL_LINKS],
	                           &route.reading.version);
	if (status == STATUS_DONE)
		status = route_run_walk(&route, &reader, call.operands[1]);
	reader_close(&reader);
	return status;
}

const struct command command_route = {
	.name = "route",
	.summary = "print the route that the kernel takes, and why",
	.usage = "REGION|FILE ADDRESS",
	.doc = route_doc,
	.options =
		(const struct argp_option[]){
			{"iif", OPTION_IIF, "INTERFACE", 0, "The packet comes in by INTERFACE", 0},
			{"mark", OPTION_MARK, "NUMBER", 0, "The packet has this mark (fwmark)", 0},
			{"from", OPTION_FROM, "ADDRESS", 0, "The packet comes from ADDRESS", 0},
			{"all", 'A', NULL, 0, "Print rules that are not for the packet, too", 0},
			{0},
		},
	.parse = route_parse,
	.common = &options_reading,
	.common_at = offsetof(struct route, reading),
	.reads = true,
	.run = route_run,
};
