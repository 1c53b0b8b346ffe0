/* SPDX-License-Identifier: MIT
 *
 * The publisher of `make demo`: a routing table as large as the Internet's, its neighbours, and a
 * few settings. Routes come, change and go in bursts, as on the Internet, until the process is
 * killed.
 *
 * demo_publisher REGION ROUTES */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <arpa/inet.h>
#include <stele/stele.h>

#include "lib/units.h"
#include "tests/support/random.h"

#define NEIGHBOURS 24u

struct route {
	uint32_t next_hop;
	uint32_t origin_as, metric;
	char interface[12];
};

struct neighbour {
	uint32_t as, routes;
	char state[12];
	uint64_t since;
};

struct setting {
	uint64_t changed;
	char value[48];
};

static const struct stele_column route_columns[] = {
	STELE_KEY("prefix", STELE_IPV4NET),
	STELE_VALUE(struct route, next_hop, STELE_IPV4),
	STELE_VALUE(struct route, interface, STELE_CHAR),
	STELE_VALUE(struct route, origin_as, STELE_U32),
	STELE_VALUE(struct route, metric, STELE_U32),
};
static const struct stele_schema route_schema = STELE_SCHEMA(struct route, route_columns);

static const struct stele_column neighbour_columns[] = {
	STELE_KEY("address", STELE_IPV4),
	STELE_VALUE(struct neighbour, as, STELE_U32),
	STELE_VALUE(struct neighbour, state, STELE_CHAR),
	STELE_VALUE(struct neighbour, routes, STELE_U32),
	STELE_VALUE(struct neighbour, since, STELE_TIME),
};
static const struct stele_schema neighbour_schema =
	STELE_SCHEMA(struct neighbour, neighbour_columns);

static const struct stele_column setting_columns[] = {
	STELE_KEY("name", STELE_TEXT),
	STELE_VALUE(struct setting, value, STELE_CHAR),
	STELE_VALUE(struct setting, changed, STELE_TIME),
};
static const struct stele_schema setting_schema = STELE_SCHEMA(struct setting, setting_columns);

static const struct {
	const char *name, *value;
} settings[] = {
	{"bgp/local-as", "64500"},
	{"bgp/router-id", "192.0.2.1"},
	{"bgp/hold-time", "90"},
	{"dns/resolver", "192.0.2.53"},
	{"firewall/default", "drop"},
	{"log/level", "info"},
	{"snmp/contact", "noc@example.net"},
	{"motd", "Grüße aus dem Rechenzentrum"},
};

struct prefix {
	uint32_t address; /* host byte order */
	unsigned length;
};

static struct prefix *prefixes;
static uint64_t random_state = 42;

static int must(int result)
{
	if (result < 0) {
		fprintf(stderr, "demo: %s\n", stele_last_error());
		exit(1);
	}
	return result;
}

static uint32_t pick(uint32_t below)
{
	return (uint32_t)(random_from(&random_state) % below);
}

static uint64_t time_of_day(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Makes a random prefix. The lengths are about as common as in the real table, where most are
 * /24. */
static struct prefix make_prefix(void)
{
	static const unsigned lengths[] = {24, 24, 24, 24, 24, 24, 23, 22, 22, 21, 20, 19, 18, 16};
	struct prefix prefix = {.length = lengths[pick(sizeof(lengths) / sizeof(lengths[0]))]};

	prefix.address = (1u + pick(223)) << 24 | pick(1u << 24);
	prefix.address &= ~(0xffffffffu >> prefix.length);
	return prefix;
}

static void put_route(struct stele_writable *table, const struct prefix *prefix)
{
	uint32_t key = htonl(prefix->address), neighbour = pick(NEIGHBOURS);
	struct route route = {
		.next_hop = htonl(0xc6336400u + 2 + neighbour),
		.origin_as = 64512 + pick(1000),
		.metric = 10 * (1 + pick(20)),
	};

	snprintf(route.interface, sizeof(route.interface), "eth%u", neighbour % 4);
	must(stele_writable_put(table, &key, prefix->length, &route, sizeof(route)));
}

static void put_neighbour(struct stele_writable *table, uint32_t number, bool up)
{
	uint32_t key = htonl(0xc6336400u + 2 + number);
	struct neighbour neighbour = {.as = 64512 + number * 17,
	                              .routes = up ? 900000 + pick(5000) : 0,
	                              .since = time_of_day()};

	snprintf(neighbour.state, sizeof(neighbour.state), "%s", up ? "established" : "idle");
	must(stele_writable_put(table, &key, 32, &neighbour, sizeof(neighbour)));
}

static void put_setting(struct stele_writable *table, size_t number, const char *value)
{
	struct setting setting = {.changed = time_of_day()};

	snprintf(setting.value, sizeof(setting.value), "%s", value);
	must(stele_writable_put(table, settings[number].name,
	                        8 * (unsigned)strlen(settings[number].name), &setting,
	                        sizeof(setting)));
}

static struct stele_writable *table_of(struct stele_transaction *tx, const char *name)
{
	struct stele_writable *table;

	must(stele_writable_open(tx, name, NULL, &table));
	return table;
}

static void fill(struct stele_publisher *publisher, uint32_t routes)
{
	struct stele_transaction *tx;

	must(stele_transaction_begin(publisher, &tx));
	must(stele_transaction_create_table(tx, "routes", &route_schema));
	must(stele_transaction_create_table(tx, "neighbours", &neighbour_schema));
	must(stele_transaction_create_table(tx, "config", &setting_schema));
	for (uint32_t i = 0; i < routes; i++) {
		prefixes[i] = make_prefix();
		put_route(table_of(tx, "routes"), &prefixes[i]);
	}
	for (uint32_t i = 0; i < NEIGHBOURS; i++)
		put_neighbour(table_of(tx, "neighbours"), i, true);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		put_setting(table_of(tx, "config"), i, settings[i].value);
	must(stele_transaction_commit(tx, "full table", NULL));
}

/* Commits one update of `count` routes: most change, some are withdrawn and announced again
 * later. */
static void update(struct stele_publisher *publisher, uint32_t routes, uint32_t count)
{
	struct stele_transaction *tx;
	struct stele_writable *table;
	char message[64];

	must(stele_transaction_begin(publisher, &tx));
	table = table_of(tx, "routes");
	for (uint32_t i = 0; i < count; i++) {
		const struct prefix *prefix = &prefixes[pick(routes)];
		uint32_t key = htonl(prefix->address);

		if (pick(6) == 0)
			must(stele_writable_delete(table, &key, prefix->length));
		else
			put_route(table, prefix);
	}
	if (pick(40) == 0)
		put_neighbour(table_of(tx, "neighbours"), pick(NEIGHBOURS), pick(4) != 0);
	if (pick(300) == 0)
		put_setting(table_of(tx, "config"), 5, pick(2) ? "info" : "debug");
	snprintf(message, sizeof(message), "update of %u from AS%u", count,
	         64512 + pick(NEIGHBOURS) * 17);
	must(stele_transaction_commit(tx, message, NULL));
}

/* Returns the updates per second at a time: a slow swell, with occasional bursts. */
static double rate_at(double seconds)
{
	double swell = 34 + 26 * sin(seconds / 4.1) * sin(seconds / 11.3);

	return fmod(seconds, 23) < 2.5 ? swell + 130 : swell;
}

int main(int argc, char **argv)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};
	struct stele_publisher *publisher;
	uint32_t routes = argc == 3 ? (uint32_t)atoi(argv[2]) : 0;

	if (routes == 0) {
		fprintf(stderr, "usage: demo_publisher REGION ROUTES\n");
		return 2;
	}
	prefixes = calloc(routes, sizeof(*prefixes));
	if (!prefixes)
		return 1;
	prctl(PR_SET_NAME, "bgpd");
	must(stele_publisher_open(argv[1], &options, &publisher));
	fill(publisher, routes);
	for (double at = 0;;) {
		double gap = 1 / rate_at(at);
		struct timespec pause = {.tv_nsec = (long)(gap * (double)NSEC_PER_SEC)};

		update(publisher, routes, 4 + pick(40));
		nanosleep(&pause, NULL);
		at += gap;
	}
}
